"""The one selection that all pages share, in the session and in the address: the only file with session keys.

Widgets lose their values when the page changes, so nothing that matters lives in a widget.
"""

from __future__ import annotations

import uuid
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from obce_core.components import COMPONENTS
from obce_core.plan import Intent

_KEY = "obce"


@dataclass
class State:
    """What one visitor has selected. Ids and plain values only; artefacts are read through `cached`."""

    analysis: str = ""
    layer: int = 0
    component: str = "value"
    neuron: int | None = None
    criterion: str = "r_f"
    aggregate: str = "median"
    edge_length: bool = False
    link_qk: bool = True
    model: str = ""
    intents: dict[str, list[Intent]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    revision: int = 0
    nonces: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    deleted: str = ""

    def nonce(self, form: str) -> str:
        """Return the nonce of a form: pressing Start twice is one job."""
        return self.nonces.setdefault(form, uuid.uuid4().hex[:16])

    def renew(self, form: str) -> None:
        """Give a form a new nonce, for the next job."""
        self.nonces.pop(form, None)


def get() -> State:
    """Return this visitor's state, filled from the address at first sight."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = _from_address(State(), st.query_params)
    return st.session_state[_KEY]


def write_address() -> None:
    """Write the selection into the address, so that a link opens the same view."""
    state = get()
    wanted = {"analysis": state.analysis, "layer": str(state.layer or ""), "component": state.component if state.layer else ""}
    wanted["neuron"] = "" if state.neuron is None else str(state.neuron)
    wanted["model"] = state.model
    wanted = {name: value for name, value in wanted.items() if value}
    if dict(st.query_params) != wanted:
        st.query_params.from_dict(wanted)


def select_analysis(analysis_id: str) -> None:
    """Select an analysis; cell and neuron of another one are forgotten."""
    state = get()
    if state.analysis != analysis_id:
        state.analysis, state.layer, state.neuron = analysis_id, 0, None


def select_cell(layer: int, component: str) -> None:
    """Select a cell; a neuron of another cell is forgotten."""
    state = get()
    if (state.layer, state.component) != (layer, component):
        state.layer, state.component, state.neuron = layer, component, None


def _from_address(state: State, query: MutableMapping[str, Any]) -> State:
    """Read what an address may say; anything odd is ignored."""
    text = {name: str(query.get(name, ""))[:64] for name in ("analysis", "layer", "component", "neuron", "model")}
    if all(c in "0123456789abcdef" for c in text["analysis"]):
        state.analysis = text["analysis"]
    if all(c in "0123456789abcdef" for c in text["model"]):
        state.model = text["model"]
    if text["component"] in COMPONENTS:
        state.component = text["component"]
    if text["layer"].isdigit():
        state.layer = int(text["layer"])
    if text["neuron"].isdigit():
        state.neuron = int(text["neuron"])
    return state
