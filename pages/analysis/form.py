"""The form of the Analysis page: widgets whose values outlive a change of page, and, by the address, a reload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages._shared import state


def given(name: str, default: Any) -> dict[str, Any]:
    """Give a widget its key and its value, and keep what it is set to beyond a change of page; its value is
    `values()[name]`.

    The widget takes no default of its own: streamlit knows a widget by its key, and a browser that holds a value for it
        keeps that
    one, whatever default comes later. A choice emptied by a second click shows what is in force.
    """
    form, key = values(), state.key(f"analysis-{name}")

    def keep() -> None:
        if st.session_state[key] is not None:
            form[name] = st.session_state[key]

    form.setdefault(name, default)
    state.get().form_defaults[name] = default
    if st.session_state.get(key) is None:
        st.session_state[key] = form[name]
    return {"key": key, "on_change": keep}


def put(name: str, value: Any) -> None:
    """Set a field of the form from outside its widget; call it from a callback, before the widget is drawn."""
    values()[name] = st.session_state[state.key(f"analysis-{name}")] = value


def select(label: str, name: str, options: Sequence[str] | dict[str, str], *, default: str | None = None) -> str:
    """Draw a select box of the form; `options` maps values to what is shown, or lists them; `default` None is the
    first."""
    names = list(options)
    kept = given(name, default or names[0])
    options_ = options if isinstance(options, dict) else {}
    if st.session_state[kept["key"]] not in names:
        st.session_state[kept["key"]] = names[0]
    return str(st.selectbox(label, names, format_func=lambda option: options_.get(option, option), **kept))


def values() -> dict[str, Any]:
    """Return what the form is set to, by name."""
    return state.get().form
