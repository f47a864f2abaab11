"""The form of the Analysis page: widgets whose values outlive a change of page, and, by the address, a reload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages._ui import state


def given(name: str, default: Any) -> dict[str, Any]:
    """Give a widget its key, and keep what it is set to beyond a change of page; its value is `values()[name]`."""
    form, key = values(), state.key(f"analysis-{name}")

    def keep() -> None:
        if st.session_state[key] is not None:
            form[name] = st.session_state[key]

    form.setdefault(name, default)
    state.get().form_defaults[name] = default
    return {"key": key, "on_change": keep}


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
