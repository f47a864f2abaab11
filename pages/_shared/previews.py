"""The fidelity of plans: read from disk if it was measured before, else requested from the background worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import Cell
from obce_core.compression.result import Fidelity
from obce_core.figures.widgets.plan_grid.data import Closeness
from obce_core.formatting import cosine
from obce_core.measure.preview import not_measured, preview_key, stored_previews
from obce_core.plan import Plan, PruneSpec, prune_spec_document
from obce_core.plan.next_cuts import NextCut
from obce_core.plan.plan import Kept, alone
from pages._shared import background, cached, guards, state

_AUTOMATIC = 30_000_000
"""Encoders with more parameters take seconds per cell: their next steps are measured only on request."""

Question = tuple[str, Mapping[str, Any], int]


@dataclass
class Previews:
    """The fidelity of plans of one analysis, for one run of a page; `asked` lists the pending requests."""

    source: Analysis
    prune_spec: PruneSpec
    reason: str = ""
    asked: list[Question] = field(default_factory=list)
    stored: frozenset[str] = field(default_factory=stored_previews)

    def __post_init__(self) -> None:
        self.reason = not_measured(self.source, self.prune_spec.compensation) or state.get().unmeasured.get(
            self.source.id, ""
        )

    def whole(self, plan: Plan, *, priority: int = 0) -> Fidelity | None:
        """Return the fidelity of a whole plan, or None; `reason` is set if it will not be measured."""
        if not plan.kept:
            return None
        return self._known("preview_plan", plan.kept, plan.prune_spec, None, priority)

    def words(self, fidelity: Fidelity | None) -> str:
        """Return the mean-pooled cosine as text, or its status if it is not known."""
        return cosine(fidelity.pooled) if fidelity else "not measured" if self.reason else "measuring"

    def cells(self, plan: Plan) -> dict[Cell, Closeness]:
        """Return the closeness of every cell of the plan, cut alone; an earlier value stands in for a pending one."""
        closeness: dict[Cell, Closeness] = {}
        earlier = state.get().cosines
        for layer, row in plan.kept.items():
            for component in row:
                place = (self.source.id, layer, component)
                cosine_now = self.alone(plan, [(layer, component)], priority=2)
                if cosine_now is not None:
                    earlier[place] = cosine_now
                    closeness[layer, component] = Closeness(cosine=cosine_now)
                else:
                    closeness[layer, component] = Closeness(
                        cosine=None if self.reason else earlier.get(place), old=True, reason=self.reason
                    )
        return closeness

    def alone(self, plan: Plan, cells: Sequence[Cell], *, priority: int) -> float | None:
        """Return the mean-pooled cosine when these cells alone are cut, or None."""
        kept: dict[int, dict[str, np.ndarray]] = {}
        for layer, component in cells:
            if component in plan.kept.get(layer, {}):
                kept.setdefault(layer, {})[component] = plan.kept[layer][component]
        if not kept:
            return 1.0  # the model as it is
        fidelity = self._known("preview_cell", kept, plan.prune_spec, cells, priority)
        return None if fidelity is None else fidelity.pooled

    def losses(self, cuts: Sequence[NextCut]) -> list[float | None]:
        """Return the loss of each next cut, measured on its cells alone: the cosine before minus the cosine after."""
        losses: list[float | None] = []
        for cut in cuts:
            now, then = (self.alone(plan, cut.cells, priority=3) for plan in (cut.now, cut.then))
            losses.append(None if now is None or then is None else now - then)
        return losses

    def _known(
        self, task: str, kept: Kept, prune_spec: PruneSpec, cells: Sequence[Cell] | None, priority: int
    ) -> Fidelity | None:
        key = preview_key(self.source.id, kept, prune_spec.compensation)
        fidelity = cached.preview(key, self.stored)
        if fidelity is not None or self.reason:
            return fidelity
        arguments: dict[str, Any] = {
            "analysis": self.source.id,
            "intent": prune_spec_document(alone(prune_spec, cells) if cells else prune_spec),
        }
        if cells:
            arguments["cells"] = [list(cell) for cell in cells]
        answer = background.ask(task, arguments, priority=priority)
        if answer.state == "done":
            return cached.remember(key, Fidelity(**answer.value))
        if answer.state == "failed":
            self.reason = state.get().unmeasured[self.source.id] = answer.reason
        else:
            self.asked.append((task, arguments, priority))
        return None


def automatic(encoder: int) -> bool:
    """Return True if the next steps of an encoder with this number of parameters are measured without a request."""
    return encoder <= _AUTOMATIC


def watch(pending: Sequence[Question]) -> None:
    """Poll the pending requests and rerun the page after the first answer; call it last on a page."""
    if pending:
        _watch(list(pending))


@st.fragment(run_every=0.8)
def _watch(pending: list[Question]) -> None:
    with guards.caught():
        answers = [background.ask(task, arguments, priority=priority) for task, arguments, priority in pending]
        if any(answer.state != "waiting" for answer in answers) and not state.get().dialog:  # a rerun would close it
            st.rerun()
