"""The one selection that all pages share, in the session and in the address: the only file with session keys.

Widgets lose their values when the page changes, so nothing that matters lives in a widget.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from obce_core.plan import PruneSpec
from pages._shared import form_address, history

_KEY = "obce"


@dataclass
class State:
    """What one visitor has selected. Ids and plain values only; artefacts are read through `cached`."""

    page: str = ""
    unknown: str = ""
    linked: bool = False
    first_address: str = ""
    returns: int = 0
    analysis: str = ""
    analysis_names: dict[str, str] = field(default_factory=dict)
    layer: int = 0
    component: str = "value"
    neuron: int | None = None
    pinned: str = ""
    view: str = ""
    projection: str = ""
    colour: str = ""
    criterion: str = "r_f"
    aggregate: str = "median"
    below: float = 0.001
    scale: str = "log"
    figure: str = "map"
    cell_view: str = "head"
    compare: str = ""
    number: str = "difference"
    form: dict[str, Any] = field(default_factory=dict)
    form_defaults: dict[str, Any] = field(default_factory=dict)
    edge_length: bool = False
    presentation: bool = False
    link_qk: bool = True
    model: str = ""
    intents: dict[str, list[PruneSpec]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    compared: tuple[str, str] | None = None
    version_deleted: tuple[str, str] | None = None
    cosines: dict[tuple[str, int, str], float] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    next_asked: set[str] = field(default_factory=set)
    dialog: bool = False
    revision: int = 0
    nonces: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    run: str = ""
    run_state: str = ""
    run_wrong: tuple[str, str] = ("", "")
    runs_page: int = 1
    runs_closed: int = 0
    launch: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""
    task: str = ""
    board_row: str = ""
    deleted: str = ""
    blocked: list[str] = field(default_factory=list)
    lesson: int | None = None
    lesson_question: int | None = None
    lesson_open: bool = False
    lesson_complex: str = ""
    lesson_points: str = ""
    lesson_radius: str = ""
    lesson_percent: int | None = None
    lesson_percentile: int | None = None
    lesson_panel: str = ""
    lesson_revision: int = 0
    lesson_table: list[tuple[int, int]] = field(default_factory=list)
    lesson_table_now: tuple[tuple[int, int], ...] = ()
    lesson_table_key: int = 0
    lesson_shown: dict[str, str] = field(default_factory=dict)
    lesson_answers: dict[str, str] = field(default_factory=dict)

    def nonce(self, form: str) -> str:
        """Return the nonce of a form: pressing Start twice is one job."""
        return self.nonces.setdefault(form, uuid.uuid4().hex[:16])

    def renew(self, form: str) -> None:
        """Give a form a new nonce, for the next job."""
        self.nonces.pop(form, None)


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
"""What the address carries: a field of the state, and what its text must look like; anything else is ignored."""

_QUIET = ("criterion", "aggregate", "scale", "figure", "number", "cell_view", "runs_page")
"""Left out of the address while they are what everybody starts with."""


def get() -> State:
    """Return this visitor's state, filled from the address at first sight."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = _from_address(st.query_params)
    return st.session_state[_KEY]


def enter(page: str) -> None:
    """Begin a run of a page; after Back or Forward the selection is that of the address."""
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
    state.runs_closed += 1  # no row is ticked from before
    state.lesson_revision += 1  # the figures take the points of the address


def key(name: str) -> str:
    """Name a widget that starts from the selection: another one after each Back or Forward, which holds no older
    value."""
    returns = get().returns
    return f"{name}-return-{returns}" if returns else name


def write_address() -> None:
    """Write the selection into the address, so that a link opens the same view."""
    state = get()
    address = _address(state)
    if dict(st.query_params) == address:
        return
    if state.linked:
        st.query_params.from_dict(address)
    else:
        history.complete(address)
        state.first_address = urlencode(address)


def take_first_address() -> str:
    """Return the query that completes the entry in which a session began, once; later changes are entries of their
    own."""
    state = get()
    first, state.first_address, state.linked = state.first_address, "", True
    return first


def _address(state: State) -> dict[str, str]:
    """Return the parameters that bring a selection back; what everybody starts with is left out."""
    expected = {name: _text(getattr(state, name)) for name in _ADDRESS}
    expected |= dict.fromkeys((name for name in _QUIET if expected[name] == _text(getattr(State, name))), "")
    expected["link_qk"] = "" if state.link_qk else "0"
    if state.aggregate != "share under":
        expected["below"] = ""
    if not state.layer:
        expected["layer"] = expected["component"] = ""
    expected = {name: value for name, value in expected.items() if value}
    if state.page == "analysis":
        expected |= form_address.write("analysis", _changed(state.form, state.form_defaults))
    if state.page == "launch":
        plain = {name: value for name, value in state.launch.items() if isinstance(name, str)}
        expected |= form_address.write(
            "launch", _changed(plain, {name: state.launch.get((name, "proposed")) for name in plain})
        )
    return expected


def _changed(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the user changed."""
    return {name: value for name, value in values.items() if value != defaults.get(name)}


def select_analysis(analysis_id: str) -> None:
    """Select an analysis; cell and neuron of another one are forgotten."""
    state = get()
    if state.analysis != analysis_id:
        state.analysis, state.layer, state.neuron, state.pinned = analysis_id, 0, None, ""
        state.compare = ""


def select_cell(layer: int, component: str) -> None:
    """Select a cell; a neuron of another cell is forgotten."""
    state = get()
    if (state.layer, state.component) != (layer, component):
        state.layer, state.component, state.neuron = layer, component, None


def _from_address(query: Mapping[str, Any]) -> State:
    """Read what an address may say; anything odd is ignored."""
    state = State()
    for name, pattern in _ADDRESS.items():
        options = str(query.get(name, ""))
        if re.fullmatch(pattern, options):
            kind = type(getattr(state, name))
            setattr(
                state,
                name,
                options == "1"
                if kind is bool
                else options
                if kind is str
                else float(options)
                if kind is float
                else int(options),
            )
    state.form, state.launch = form_address.read("analysis", query), form_address.read("launch", query)
    return state


def _text(value: object) -> str:
    """Write a field into the address; "" is left out."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-")
    return "" if value is None else str(value)
