"""Fields of the Launch form. Their values are stored in the state, so they are kept when the page changes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._shared import state


def values() -> dict[Any, Any]:
    """Return what the form is set to, by name."""
    return state.get().launch


def kept(name: str, default: Any) -> dict[str, Any]:
    """Give a widget its key, and keep what it is set to; its value is `values()[name]`, the default until somebody
    changes it."""
    form, key = values(), state.key(f"launch-{name}")

    def keep() -> None:
        if st.session_state[key] is not None:
            form[name] = st.session_state[key]

    proposed = (name, "proposed")
    if name not in form or (key not in st.session_state and form[name] == form.get(proposed)):
        form[name] = form[proposed] = default
    return {"key": key, "on_change": keep}


def text(label: str, name: str, default: str, **more: Any) -> str:
    outlives = kept(name, default)
    return str(st.text_input(label, values()[name], **more, **outlives)).strip()


def toggle(label: str, name: str, default: bool) -> bool:
    outlives = kept(name, default)
    return bool(st.toggle(label, values()[name], **outlives))
