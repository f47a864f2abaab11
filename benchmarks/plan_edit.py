"""Claim: an edit of a plan for BERT Large is resolved and counted within 100 ms, in numpy, without torch."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass

import numpy as np

from benchmarks.timing import at_most, note, seconds
from obce_core.analysis import BASE_COLUMNS, STORED_CRITERIA, Analysis
from obce_core.architectures import FAMILIES
from obce_core.components import COMPONENTS, CUTTABLE
from obce_core.plan import Budget, Intent, count, resolve, uniform

EDITS = 60
CONFIG = {
    "vocab_size": 28_996,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}


def bert_large() -> Analysis:
    """Make an analysis of BERT Large (cased vocabulary) with made-up numbers, in memory."""
    family = FAMILIES["bert"]
    shape = family.shape(CONFIG)
    neurons = shape.layers * sum(shape.width(component) for component in COMPONENTS)
    rng = np.random.default_rng(0)
    columns = {name: rng.random(neurons) + 0.01 for name in dict.fromkeys((*BASE_COLUMNS, *STORED_CRITERIA))}
    columns |= {"mean_cls": rng.normal(size=neurons), "min": -rng.random(neurons)}
    tensors = {name: list(size) for name, size in family.tensors(CONFIG).items()}
    model = {
        "spec": "made-up", "name": "BERT Large", "revision": "", "weights_sha256": "00" * 32, "family": "bert",
        "architecture": "BertModel", "tensors": tensors, "bytes": 0,
        "shape": {name: getattr(shape, name) for name in ("layers", "hidden", "heads", "head_size", "intermediate")},
    }  # fmt: skip
    return Analysis(meta={"format": "obce-analysis/1", "id": "0" * 16, "model": model}, columns=columns)


@dataclass
class Editor:
    """Somebody at the grid: every call changes one cell and counts the whole model."""

    analysis: Analysis
    intent: Intent
    done: int = 0

    def edit(self) -> Budget:
        layer, component = 1 + self.done % 24, CUTTABLE[self.done % len(CUTTABLE)]
        self.intent = self.intent.with_cells({(layer, component): float(1 + 7 * self.done % 90)})
        self.done += 1
        return count(self.analysis, resolve(self.analysis, self.intent))


def main() -> None:
    analysis = bert_large()
    editor = Editor(analysis, uniform(50, 24, Intent(first_layer=1)))
    first = seconds(editor.edit)
    times = [seconds(editor.edit) for _ in range(EDITS)]
    budget = editor.edit()
    note("counted", f"{budget.parameters_left:,} of {budget.parameters:,} parameters, {budget.neurons_cut:,} neurons cut")
    note("torch was imported", "yes" if "torch" in sys.modules else "no")
    note("first edit / slowest edit", f"{1000 * first:.1f} / {1000 * max(times):.1f} ms")
    at_most(f"edit to counted sizes, 24 layers cut, median of {EDITS}", 1000 * statistics.median(times), 100, " ms")


if __name__ == "__main__":
    main()
