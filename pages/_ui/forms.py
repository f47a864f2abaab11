"""The form of the Analysis page: widgets whose values outlive a change of page, and, by the address, a reload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from obce_core.forms import keep_form
from pages._ui import state

_PASSING = ("asked", "file_id", "pasted")
"""What belongs to this session only; a pasted text is kept as an upload."""


def given(name: str, default: Any) -> dict[str, Any]:
    """Give a widget its key, and keep what it is set to beyond a change of page; its value is `values()[name]`."""
    form = values()

    def keep() -> None:
        if st.session_state[f"analysis-{name}"] is not None:
            form[name] = st.session_state[f"analysis-{name}"]

    form.setdefault(name, default)
    state.get().form_defaults[name] = default
    return {"key": f"analysis-{name}", "on_change": keep}


def select(label: str, name: str, options: Sequence[str] | dict[str, str], *, default: str | None = None) -> str:
    """Draw a select box of the form; `options` maps values to what is shown, or lists them; `default` None is the first."""
    form, names = values(), list(options)
    kept = given(name, default or names[0])
    told = options if isinstance(options, dict) else {}
    at = names.index(form[name]) if form[name] in names else 0
    return str(st.selectbox(label, names, at, format_func=lambda option: told.get(option, option), **kept))


def values() -> dict[str, Any]:
    """Return what the form is set to, by name."""
    return state.get().form


def remember() -> None:
    """Put what differs from the defaults on disk, and its id into the address; call it where the form ends."""
    chosen = state.get()
    changed = {
        name: value for name, value in chosen.form.items() if name not in _PASSING and value != chosen.form_defaults.get(name)
    }  # fmt: skip
    chosen.form_id = keep_form(changed)
