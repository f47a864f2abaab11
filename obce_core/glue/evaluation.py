"""An evaluation: the result of fine-tuning one model on one task with one seed, read from its folder without torch.

| file | holds |
|---|---|
| `unit.json` | what was asked: model, cut, task, data, recipe, seed |
| `result.json` | scores by split, sizes, speed, notes |
| `curve.json` | loss and scores over the steps |
| `predictions.<split>.parquet` | label, prediction and outputs of every example, in the split's order |
| `model/` | the fine-tuned model, when it was to be kept |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from obce_core import settings
from obce_core.errors import BadInput, shorten
from obce_core.glue.learning_rate import Rate
from obce_core.glue.metrics import baseline
from obce_core.glue.recipe import Recipe, title
from obce_core.glue.tasks import TASKS, Task
from obce_core.models.identity import Identity, read_identity
from obce_core.storage.atomic import read_json
from obce_core.storage.staging import check_name, is_complete

FORMAT = "obce-evaluation/1"
UNIT, RESULT, CURVE, MODEL = "unit.json", "result.json", "curve.json", "model"
BASELINE = "baseline"
"""In `result.json`: the scores of the majority-class baseline, by split and metric; absent in older ones."""
BASELINE_SUFFIX = "_majority_class"
"""In `curve.json`: ends the name of a score that is the baseline's."""
RATE_BY = "learning_rate_by"
"""In `unit.json`: the width that chose the learning rate; absent where the rate was given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """One evaluation.

    `unit` and `result` are the plain data of the two files. Scores are shares (0.84, not 84 %), of the split that they
    stand under; none is of a test split, whose labels are not public.
    """

    folder: Path
    unit: Mapping[str, Any]
    result: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def label(self) -> str:
        """What people call the evaluated model, such as "P50 by r_f"."""
        return str(self.unit["label"])

    @cached_property
    def identity(self) -> Identity | None:
        """The identity of the model; None in an evaluation of the older kind, which names the weights only."""
        return read_identity(self.unit.get("identity"))

    @property
    def task(self) -> Task:
        return TASKS[self.unit["task"]]

    @property
    def seed(self) -> int:
        return int(self.unit["seed"])

    @property
    def recipe(self) -> Recipe:
        """The recipe as it was asked for: its learning rate is None where the model's width chose it."""
        resolved = Recipe(**self.unit["recipe"])
        return resolved if self.learning_rate[1] is None else replace(resolved, learning_rate=None)

    @property
    def learning_rate(self) -> Rate:
        """The learning rate, and the width that it was chosen by (None: it was given, or is older than that choice)."""
        width = self.unit.get(RATE_BY, {}).get("width")
        return float(self.unit["recipe"]["learning_rate"]), None if width is None else int(width)

    @property
    def tier(self) -> str:
        """The tier, or the recipe's difference to the nearest tier, as in "quick, but learning rate 2e-05"."""
        return title(self.recipe)

    @property
    def scores(self) -> Mapping[str, Mapping[str, float]]:
        """Scores by split and metric."""
        found: Mapping[str, Mapping[str, float]] = self.result["scores"]
        return found

    @cached_property
    def baseline(self) -> Mapping[str, Mapping[str, float]]:
        """The scores of the majority-class baseline by split and metric (see `metrics.baseline`)."""
        stored = self.result.get(BASELINE)
        if stored is not None:
            return {split: dict(values) for split, values in stored.items()}
        return {split: baseline(self.task, self.predictions(split)["label"]) for split in self.task.validation}

    @property
    def score(self) -> float:
        """The task's first metric on its first validation split."""
        return float(self.scores[self.task.validation[0]][self.task.metric])

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Rows of the curve: step, epoch, and loss or scores."""
        document: list[dict[str, Any]] = read_json(self.folder / CURVE)
        return document

    def predictions(self, split: str) -> dict[str, np.ndarray]:
        """Read `label` (NaN in test splits) and `prediction`, shape (examples,), and `logits` (examples, classes).

        Raises:
            BadInput: this split was not predicted.
        """
        import pyarrow.parquet as parquet

        path = self.folder / f"predictions.{split}.parquet"
        if split not in self.task.files or not path.is_file():
            raise BadInput(f"Evaluation {self.id} has no predictions of {shorten(split)!r}.")
        table = parquet.read_table(path)
        results = {name: table[name].to_numpy().astype(np.float64) for name in ("label", "prediction")}
        outputs = [table[name].to_numpy() for name in table.column_names if name.startswith("output_")]
        return {**results, "logits": np.stack(outputs, axis=1)}


def evaluations_home() -> Path:
    """Return where evaluations lie."""
    return settings.cache_dir() / "evaluations"


def count_evaluations() -> int:
    """Count the complete evaluations of the cache, without reading them."""
    home = evaluations_home()
    return sum(path.name[0] != "." and is_complete(path) for path in home.iterdir()) if home.is_dir() else 0


def read_evaluation(where: str | Path) -> Evaluation:
    """Read an evaluation by its folder or id, or raise BadInput."""
    folder = Path(where)
    if not (folder / UNIT).is_file():
        folder = evaluations_home() / check_name(str(where)) if "/" not in str(where) else folder
    try:
        unit, result = read_json(folder / UNIT), read_json(folder / RESULT)
        if unit["format"] != FORMAT:
            raise BadInput(f"{folder}: format is {shorten(unit['format'])!r}; this version reads {FORMAT}.")
        found = Evaluation(folder=folder, unit=unit, result=result)
        _check_shape(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f"{shorten(where, 200)} does not hold an evaluation.", hint="obce runs list shows what was started."
        ) from None
    return found


_TEXT, _TEXT_OR_NONE, _NUMBER = (str,), (str, type(None)), (int, float)
_NEEDED: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "unit": {
        "label": _TEXT,
        "model": _TEXT,
        "model_name": _TEXT,
        "plan": _TEXT_OR_NONE,
        "order": _TEXT_OR_NONE,
        "intent": _TEXT_OR_NONE,
        "train": _TEXT_OR_NONE,
        "splits": (dict,),
        "recipe": (dict,),
        "tier": _TEXT,
        "seed": (int,),
    },
    "result": {"scores": (dict,), "parameters": (int,), "encoder": (int,)},
}
_OPTIONAL: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "unit": {"asked": _NUMBER, "origin": (dict,), "control": (list,), "control_of": (dict,), "identity": (dict,)},
    "result": {
        "original_encoder": (int, type(None)),
        "examples": (dict,),
        "sources": (dict,),
        "notes": (list,),
        "versions": (dict,),
        "rate": (*_NUMBER, type(None)),
        "seconds": _NUMBER,
        "steps": (int,),
        "epoch": _NUMBER,
        "device": _TEXT,
        "resumed": (int,),
    },
}


def _check_shape(evaluation: Evaluation) -> None:
    """Raise KeyError, TypeError or ValueError if a file of an evaluation lacks a field or has the wrong type."""
    for part, data in (("unit", evaluation.unit), ("result", evaluation.result)):
        for name, kinds in _NEEDED[part].items():
            _check_type(name, data[name], kinds)
        for name, kinds in _OPTIONAL[part].items():
            if name in data:
                _check_type(name, data[name], kinds)
    for split in evaluation.task.validation:
        _check_type(split, evaluation.unit["splits"][split], _TEXT)
        for metric in evaluation.task.metrics:
            _check_type(metric, evaluation.scores[split][metric], _NUMBER)
    origin = evaluation.unit.get("origin")
    if origin is not None:
        _check_type("origin", origin["model"], _TEXT_OR_NONE)
    _ = (evaluation.label, evaluation.task, evaluation.seed, evaluation.score, evaluation.recipe)


def _check_type(name: str, value: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{name} is {shorten(value)}")


def list_evaluations() -> list[Evaluation]:
    """List the complete evaluations of the cache, the newest first; unreadable ones are left out."""
    home = evaluations_home()
    folders = [path for path in home.iterdir() if path.name[0] != "." and is_complete(path)] if home.is_dir() else []
    evaluations = []
    for folder in sorted(folders, key=lambda path: -path.stat().st_mtime):
        try:
            evaluations.append(read_evaluation(folder))
        except BadInput:
            continue
    return evaluations
