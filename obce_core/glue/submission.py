"""Predictions of the test splits as the GLUE server takes them: a zip with one TSV a task."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from obce_core.errors import BadInput
from obce_core.glue.evaluation import Evaluation
from obce_core.glue.tasks import Task


def submission(evaluations: Sequence[Evaluation]) -> bytes:
    """Write a zip for the GLUE server from one evaluation a task, of those whose test splits were predicted.

    Each file has a header and a line an example: its index from 0, and the class (written out where the task does so)
        or the
    score, clipped to the task's bounds (STS-B: 0 to 5).

    Raises:
        BadInput: no evaluation has predictions of a test split, or two are of the same task.
    """
    files: dict[str, str] = {}
    for one in evaluations:
        for split, name in one.task.submission.items():
            if split not in one.unit["splits"]:
                continue
            if name in files:
                raise BadInput(
                    f"Two evaluations of {one.task.title}: a submission has one prediction a task.",
                    hint="Choose one seed.",
                )
            answers = one.predictions(split)["prediction"]
            lines = [f"{at}\t{answer_text(value, one.task)}" for at, value in enumerate(answers)]
            files[name] = "index\tprediction\n" + "\n".join(lines) + "\n"
    if not files:
        raise BadInput(
            "No test split was predicted.",
            hint="Evaluate with --test, with the official test files in --glue-dir or online.",
        )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name)  # a fixed date: the same predictions are the same bytes
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return held.getvalue()


def answer_text(value: float, task: Task) -> str:
    """Write an answer as the server expects it."""
    if task.regression:
        low, high = task.bounds or (float("-inf"), float("inf"))
        return f"{min(max(value, low), high):.3f}"
    return task.words[int(value)] if task.words else str(int(value))
