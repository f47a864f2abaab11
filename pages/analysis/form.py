"""The form of the Analysis page. Its values survive a change of page and, through the address, a reload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages._shared import state


def given(name: str, default: Any) -> dict[str, Any]:
    """Return the key and callback of a widget, and store its value as `values()[name]` across page changes.

    The widget gets no default of its own: Streamlit identifies a widget by its key, and a browser that holds a value
    for it ignores a later default. A choice that is cleared by a second click shows the current value again.
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
    """Draw a select box; `options` lists values or maps them to their labels; `default` None selects the first."""
    names = list(options)
    widget = given(name, default or names[0])
    titles = options if isinstance(options, dict) else {}
    if st.session_state[widget["key"]] not in names:
        st.session_state[widget["key"]] = names[0]
    return str(st.selectbox(label, names, format_func=lambda option: titles.get(option, option), **widget))


def values() -> dict[str, Any]:
    """Return the values of the form by name."""
    return state.get().form
