"""Claim: an edit of a plan for BERT Large is resolved and counted within 100 ms, in numpy, without torch."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass

from benchmarks.models import LARGE, made_up
from benchmarks.timing import at_most, note, seconds
from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.plan import Budget, PruneSpec, count, resolve, uniform

EDITS = 60


@dataclass
class Editor:
    """Somebody at the grid: every call changes one cell and counts the whole model."""

    analysis: Analysis
    prune_spec: PruneSpec
    done: int = 0

    def edit(self) -> Budget:
        layer, component = 1 + self.done % 24, CUTTABLE[self.done % len(CUTTABLE)]
        self.prune_spec = self.prune_spec.with_cells({(layer, component): float(1 + 7 * self.done % 90)})
        self.done += 1
        return count(self.analysis, resolve(self.analysis, self.prune_spec))


def main() -> None:
    analysis = made_up("BERT Large", LARGE)
    editor = Editor(analysis, uniform(50, 24, PruneSpec(first_layer=1)))
    first = seconds(editor.edit)
    times = [seconds(editor.edit) for _ in range(EDITS)]
    budget = editor.edit()
    note(
        "counted", f"{budget.parameters_left:,} of {budget.parameters:,} parameters, {budget.neurons_cut:,} neurons cut"
    )
    note("torch was imported", "yes" if "torch" in sys.modules else "no")
    note("first edit / slowest edit", f"{1000 * first:.1f} / {1000 * max(times):.1f} ms")
    at_most(f"edit to counted sizes, 24 layers cut, median of {EDITS}", 1000 * statistics.median(times), 100, " ms")


if __name__ == "__main__":
    main()
