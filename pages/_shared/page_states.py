"""One small dataclass for the shared selection and one for each page; `state.State` inherits from all of them.

Field names are unique across the classes, because the address and the session hold them side by side.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from obce_core.plan import PruneSpec


@dataclass
class SelectionState:
    """The selection that all pages share, and the switches of the sidebar."""

    analysis: str = ""
    analysis_names: dict[str, str] = field(default_factory=dict)
    layer: int = 0
    component: str = "value"
    neuron: int | None = None
    model: str = ""
    edge_length: bool = False
    presentation: bool = False


@dataclass
class FormState:
    """The values of the Analysis and Launch forms, and the jobs that forms have started."""

    form: dict[str, Any] = field(default_factory=dict)
    form_defaults: dict[str, Any] = field(default_factory=dict)
    launch: dict[str, Any] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)

    def nonce(self, form: str) -> str:
        """Return the nonce of a form: pressing Start twice starts one job."""
        return self.nonces.setdefault(form, uuid.uuid4().hex[:16])

    def renew(self, form: str) -> None:
        """Give a form a new nonce, for the next job."""
        self.nonces.pop(form, None)


@dataclass
class AnalysisState:
    """The Analysis page's table of saved analyses: the last deletion, and analyses that other entries still need."""

    deleted: str = ""
    blocked: list[str] = field(default_factory=list)


@dataclass
class ImportanceState:
    """What the Importance page draws."""

    criterion: str = "r_f"
    aggregate: str = "median"
    below: float = 0.001
    scale: str = "log"
    figure: str = "map"
    cell_view: str = "head"
    compare: str = ""
    number: str = "difference"


@dataclass
class NeuronState:
    """What the Neuron page draws."""

    pinned: str = ""
    view: str = ""
    projection: str = ""
    colour: str = ""


@dataclass
class PlanState:
    """The plans under edit, by analysis: their history, their versions, and what was measured of them."""

    link_qk: bool = True
    intents: dict[str, list[PruneSpec]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    compared: tuple[str, str] | None = None
    version_deleted: tuple[str, str] | None = None
    cosines: dict[tuple[str, int, str], float] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    next_requested: set[str] = field(default_factory=set)
    dialog: bool = False
    revision: int = 0


@dataclass
class RunsState:
    """The run that is open on the Runs page, and the part of the list that is shown."""

    run: str = ""
    run_state: str = ""
    run_error: tuple[str, str] = ("", "")
    runs_page: int = 1
    runs_closed: int = 0


@dataclass
class ResultsState:
    """The recipe, task and row that are selected on the Results page."""

    recipe: str = ""
    task: str = ""
    board_row: str = ""


@dataclass
class LessonsState:
    """The lesson that is open, its figures, and the visitor's answers."""

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
