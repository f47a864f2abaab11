"""Fields of the Launch form. Their values are stored in the state, so they survive a change of page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._shared import state


def values() -> dict[Any, Any]:
    """Return the values of the form by name."""
    return state.get().launch


def kept(name: str, default: Any) -> dict[str, Any]:
    """Return the key and callback of a widget; its value is `values()[name]`, the default until the user changes it."""
    form, key = values(), state.key(f"launch-{name}")

    def keep() -> None:
        if st.session_state[key] is not None:
            form[name] = st.session_state[key]

    proposed = (name, "proposed")
    if name not in form or (key not in st.session_state and form[name] == form.get(proposed)):
        form[name] = form[proposed] = default
    return {"key": key, "on_change": keep}


def text(label: str, name: str, default: str, **more: Any) -> str:
    """Draw a text field of the form, and return its stripped text."""
    outlives = kept(name, default)
    return str(st.text_input(label, values()[name], **more, **outlives)).strip()


def toggle(label: str, name: str, default: bool) -> bool:
    """Draw a toggle of the form, and return its value."""
    outlives = kept(name, default)
    return bool(st.toggle(label, values()[name], **outlives))
