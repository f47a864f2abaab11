"""Examples whose answer changed, as a table, with their sentences if the data is available."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from obce_core.glue.examples import Examples
from obce_core.glue.statistics import CLOSE
from obce_core.glue.tasks import Task

CHANGES = {
    "lost": "right before, wrong now",
    "won": "wrong before, right now",
    "moved": "wrong before, wrong in another way now",
}


def right_words(task: Task) -> str:
    """Say what counts as a right answer, where that is not plain."""
    return f"A score counts as right within {CLOSE:g} of the label." if task.regression else ""


def changed_rows(
    found: Mapping[str, np.ndarray], kind: str, task: Task, examples: Examples | None = None, *, limit: int = 500
) -> list[dict[str, Any]]:
    """List the examples that changed in one way (see `CHANGES`), those that changed for most seeds first.

    Args:
        found: what `changes` returned.
        examples: the split's, in its order; None leaves the sentences out.
    """
    counts = found[kind]
    order = sorted(np.flatnonzero(counts), key=lambda at: (-counts[at], at))[:limit]
    seeds = len(found["ours"])
    rows = []
    for at in order:
        texts = (
            {}
            if examples is None
            else {f"sentence {n}": text for n, text in enumerate(examples.sentences[at], start=1)}
        )
        rows.append(
            {
                "example": int(at),
                **texts,
                "right": answer(found["label"][at], task),
                "before": _answers(found["others"][:, at], task),
                "now": _answers(found["ours"][:, at], task),
                "seeds": f"{int(counts[at])} of {seeds}",
            }
        )
    return rows


def answer(value: float, task: Task) -> str:
    """Write a label or an answer in the task's words."""
    if task.regression:
        return f"{value:.2f}"
    return task.words[int(value)] if task.words else str(int(value))


def _answers(values: np.ndarray, task: Task) -> str:
    """Write the answers of all seeds: one where they agree."""
    return " / ".join(dict.fromkeys(answer(value, task) for value in values))
