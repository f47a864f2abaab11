"""The state of a visitor, in the session and in the address. Only this module defines session keys.

Widgets lose their values when the page changes, so every value that must outlive a page is stored here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from obce_core.analysis.ranking import AGGREGATES
from obce_core.components import COMPONENTS
from obce_core.criteria import CRITERIA
from obce_core.figures.difference_map import NUMBERS
from obce_core.glue.tasks import TASKS
from obce_core.jobs import STATES
from pages._shared import form_address, history
from pages._shared.page_states import (
    AnalysisState,
    FormState,
    ImportanceState,
    LessonsState,
    NeuronState,
    PlanState,
    ResultsState,
    RunsState,
    SelectionState,
)

_KEY = "obce"


@dataclass
class State(
    SelectionState,
    FormState,
    ImportanceState,
    NeuronState,
    PlanState,
    RunsState,
    ResultsState,
    AnalysisState,
    LessonsState,
):
    """The state of one visitor: the selection that all pages share, and the state of each page.

    It holds ids and plain values only; artefacts are read through `cached`.
    """

    page: str = ""
    unknown: str = ""
    linked: bool = False
    first_address: str = ""
    returns: int = 0


_ADDRESS: dict[str, str] = {
    "analysis": "[0-9a-f]{1,64}",
    "layer": "[0-9]{1,4}",
    "component": "|".join(COMPONENTS),
    "neuron": "[0-9]{1,7}",
    "pinned": rf"[0-9]{{1,4}}\.({'|'.join(COMPONENTS)})\.[0-9]{{1,7}}",
    "view": "head|component",
    "projection": "umap",
    "colour": r"characters|words|column\..{1,80}",
    "model": "[0-9a-f]{1,64}",
    "run": "[a-z0-9-]{6,64}",
    "run_state": "|".join(STATES),
    "runs_page": "[1-9][0-9]{0,4}",
    "recipe": "[0-9a-f]{8}",
    "task": "|".join(TASKS),
    "board_row": "[0-9a-f]{16}",
    "compare": "[0-9a-f]{1,64}",
    "number": "|".join(NUMBERS),
    "criterion": "|".join(CRITERIA),
    "aggregate": "|".join(AGGREGATES),
    "below": r"[0-9]{1,9}(\.[0-9]{1,20})?",
    "scale": "log|linear",
    "figure": "map|lines",
    "cell_view": "head|rank",
    "edge_length": "1",
    "presentation": "1",
    "link_qk": "0",
    "lesson": "[1-5]",
    "lesson_question": "[1-9]",
    "lesson_open": "1",
    "lesson_complex": "[0-9A-Za-z._~-]{1,1400}",
    "lesson_points": "[0-9a-z._~]{1,700}",
    "lesson_radius": "[0-9.]{1,5}",
    "lesson_percent": "[0-9]{1,3}",
    "lesson_percentile": "[0-9]{1,2}",
    "lesson_panel": "bars|diagram|first|second|points",
}
"""The fields of the state that the address carries, each with the pattern of its text. Other parameters are ignored."""

_QUIET = ("criterion", "aggregate", "scale", "figure", "number", "cell_view", "runs_page")
"""Fields that are left out of the address while they have their default value."""


def get() -> State:
    """Return this visitor's state, read from the address on first access."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = _from_address(st.query_params)
    return st.session_state[_KEY]


def enter(page: str) -> None:
    """Begin a run of a page; after Back or Forward, take the selection from the address."""
    state = get()
    state.page = page
    if not history.is_return():
        return
    earlier = _from_address(st.query_params)
    for name in _ADDRESS:
        setattr(state, name, getattr(earlier, name))
    if page == "analysis":
        passing = {name: state.form[name] for name in ("asked", "file_id") if name in state.form}
        state.form = passing | earlier.form
    if page == "launch":
        state.launch = earlier.launch
    state.returns += 1
    state.runs_closed += 1  # clears the tick of an earlier row
    state.lesson_revision += 1  # the figures take the points of the address


def key(name: str) -> str:
    """Return the key of a widget that starts from the selection.

    The key changes with each Back or Forward, so that the widget does not hold an older value.
    """
    returns = get().returns
    return f"{name}-return-{returns}" if returns else name


def write_address() -> None:
    """Write the selection into the address, so that a link opens the same view."""
    state = get()
    parameters = _address(state)
    if dict(st.query_params) == parameters:
        return
    if state.linked:
        st.query_params.from_dict(parameters)
    else:
        history.complete(parameters)
        state.first_address = urlencode(parameters)


def take_first_address() -> str:
    """Return, once, the query that completes the history entry in which the session began.

    Later changes of the address are history entries of their own.
    """
    state = get()
    first, state.first_address, state.linked = state.first_address, "", True
    return first


def _address(state: State) -> dict[str, str]:
    """Return the parameters that restore a selection; default values are left out."""
    parameters = {name: _text(getattr(state, name)) for name in _ADDRESS}
    parameters |= dict.fromkeys((name for name in _QUIET if parameters[name] == _text(getattr(State, name))), "")
    parameters["link_qk"] = "" if state.link_qk else "0"
    if state.aggregate != "share under":
        parameters["below"] = ""
    if not state.layer:
        parameters["layer"] = parameters["component"] = ""
    parameters = {name: value for name, value in parameters.items() if value}
    if state.page == "analysis":
        parameters |= form_address.write("analysis", _changed(state.form, state.form_defaults))
    if state.page == "launch":
        plain = {name: value for name, value in state.launch.items() if isinstance(name, str)}
        parameters |= form_address.write(
            "launch", _changed(plain, {name: state.launch.get((name, "proposed")) for name in plain})
        )
    return parameters


def _changed(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from the form's defaults."""
    return {name: value for name, value in values.items() if value != defaults.get(name)}


def select_analysis(analysis_id: str) -> None:
    """Select an analysis; clear the cell and neuron of another one."""
    state = get()
    if state.analysis != analysis_id:
        state.analysis, state.layer, state.neuron, state.pinned = analysis_id, 0, None, ""
        state.compare = ""


def select_cell(layer: int, component: str) -> None:
    """Select a cell; clear the neuron of another cell."""
    state = get()
    if (state.layer, state.component) != (layer, component):
        state.layer, state.component, state.neuron = layer, component, None


def _from_address(query: Mapping[str, Any]) -> State:
    """Read the state from an address; values that do not match their pattern are ignored."""
    state = State()
    for name, pattern in _ADDRESS.items():
        text = str(query.get(name, ""))
        if re.fullmatch(pattern, text):
            kind = type(getattr(state, name))
            setattr(
                state,
                name,
                text == "1" if kind is bool else text if kind is str else float(text) if kind is float else int(text),
            )
    state.form, state.launch = form_address.read("analysis", query), form_address.read("launch", query)
    return state


def _text(value: object) -> str:
    """Return a field as text for the address; an empty text is left out."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-")
    return "" if value is None else str(value)
