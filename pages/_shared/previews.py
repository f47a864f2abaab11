"""Fidelity of plans: read from disk if measured before, else requested from the background worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.compression.result import Fidelity
from obce_core.figures.widgets.plan_grid.data import Closeness
from obce_core.formatting import cosine
from obce_core.measure.preview import not_measured, preview_key, stored_previews
from obce_core.plan import Plan, PruneSpec, prune_spec_document
from obce_core.plan.next_cuts import NextCut
from obce_core.plan.plan import Cell, Kept, alone
from pages._shared import background, cached, guards, state

_AUTOMATIC = 30_000_000
"""Larger encoders take seconds per cell: next cuts are measured on request."""

Question = tuple[str, Mapping[str, Any], int]


@dataclass
class Previews:
    """What one run of a page wants to know of an analysis; `asked` collects what is still being measured."""

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
        """Return how close a whole plan stays, or None; `reason` says why it is not going to be measured."""
        if not plan.kept:
            return None
        return self._known("preview_plan", plan.kept, plan.prune_spec, None, priority)

    def words(self, found: Fidelity | None) -> str:
        """Write the mean-pooled cosine, or why there is none yet."""
        return cosine(found.pooled) if found else "not measured" if self.reason else "measuring"

    def cells(self, plan: Plan) -> dict[Cell, Closeness]:
        """Return what is known of every cell of the plan, cut alone; an earlier number stays until the new one is
        there."""
        results: dict[Cell, Closeness] = {}
        selection = state.get().cosines
        for layer, row in plan.kept.items():
            for component in row:
                place = (self.source.id, layer, component)
                known = self.alone(plan, [(layer, component)], priority=2)
                if known is not None:
                    selection[place] = known
                    results[layer, component] = Closeness(cosine=known)
                else:
                    results[layer, component] = Closeness(
                        cosine=None if self.reason else selection.get(place), old=True, reason=self.reason
                    )
        return results

    def alone(self, plan: Plan, cells: Sequence[Cell], *, priority: int) -> float | None:
        """Return the mean-pooled cosine when these cells alone are cut, or None."""
        kept_items: dict[int, dict[str, np.ndarray]] = {}
        for layer, component in cells:
            if component in plan.kept.get(layer, {}):
                kept_items.setdefault(layer, {})[component] = plan.kept[layer][component]
        if not kept_items:
            return 1.0  # the model as it is
        cosines = self._known("preview_cell", kept_items, plan.prune_spec, cells, priority)
        return None if cosines is None else cosines.pooled

    def losses(self, cuts: Sequence[NextCut]) -> list[float | None]:
        """Return what each next cut loses, measured on its cells alone: the cosine now less the one then."""
        results: list[float | None] = []
        for cut in cuts:
            now, then = (self.alone(plan, cut.cells, priority=3) for plan in (cut.now, cut.then))
            results.append(None if now is None or then is None else now - then)
        return results

    def _known(
        self, task: str, kept: Kept, prune_spec: PruneSpec, cells: Sequence[Cell] | None, priority: int
    ) -> Fidelity | None:
        key = preview_key(self.source.id, kept, prune_spec.compensation)
        known = cached.preview(key, self.stored)
        if known is not None or self.reason:
            return known
        arguments: dict[str, Any] = {
            "analysis": self.source.id,
            "intent": prune_spec_document(alone(prune_spec, cells) if cells else prune_spec),
        }
        if cells:
            arguments["cells"] = [list(cell) for cell in cells]
        answer = background.ask(task, arguments, priority=priority)
        if answer.state == "done":
            return cached.learnt(key, Fidelity(**answer.value))
        if answer.state == "failed":
            self.reason = state.get().unmeasured[self.source.id] = answer.reason
        else:
            self.asked.append((task, arguments, priority))
        return None


def automatic(encoder: int) -> bool:
    """Return True if the next cuts of an encoder of this many parameters are measured automatically."""
    return encoder <= _AUTOMATIC


def watch(asked: Sequence[Question]) -> None:
    """Ask again until something was answered, then run the page again; call it last, with what is still being
    measured."""
    if asked:
        _watch(list(asked))


@st.fragment(run_every=0.8)
def _watch(questions: list[Question]) -> None:
    with guards.caught():
        answers = [background.ask(task, arguments, priority=priority) for task, arguments, priority in questions]
        if any(answer.state != "waiting" for answer in answers) and not state.get().dialog:  # a rerun would close it
            st.rerun()
