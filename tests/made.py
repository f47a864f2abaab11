"""Evaluations that were never trained, on disk, as `perform` would leave them: answers are the labels with some of them
wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from obce_core.glue.evaluation import CURVE, FORMAT, RESULT, UNIT, Evaluation, read_evaluation
from obce_core.glue.metrics import score
from obce_core.glue.recipe import Recipe, recipe_of, tier_name
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import rate_entries
from obce_core.storage.atomic import write_json
from obce_core.storage.digests import digest
from obce_core.storage.staging import staged_folder


def make_evaluation(
    home: Path,
    task: str = "cola",
    seed: int = 0,
    *,
    label: str = "original",
    plan: str | None = None,
    wrong: float = 0.2,
    examples: int = 200,
    parameters: int = 22_000,
    encoder: int = 10_000,
    recipe: Recipe | None = None,
    split_digest: str = "",
    labels: np.ndarray | None = None,
    model_name: str = "somebody/tiny",
    asked: float = 1.0,
    width: int = 24,
    told: dict[str, Any] | None = None,
    **result: Any,
) -> Evaluation:
    """Write one evaluation into `home` (the cache's `evaluations`) and return it; `told` is what its document says
    besides."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    known = TASKS[task]
    chosen = recipe or recipe_of("quick")
    rng = np.random.default_rng([int(digest([label, plan, task])[:8], 16), seed])
    splits: dict[str, str] = {}
    scores: dict[str, dict[str, float]] = {}
    tables = {}
    for split in known.validation:
        truth = labels if labels is not None else _labels(known, examples)
        if known.regression:
            answers = np.clip(truth + rng.normal(0, 10 * wrong, len(truth)), 0, 5)
        else:
            answers = np.where(rng.random(len(truth)) < wrong, (truth + 1) % known.classes, truth)
        splits[split] = split_digest or digest([task, split, truth.tolist()])
        scores[split] = score(known, truth, answers)
        outputs = {f"output_{at}": (answers == at).astype(float) for at in range(known.classes)}
        tables[split] = arrow.table({"label": truth, "prediction": answers, **outputs})
    unit = {
        "format": FORMAT,
        "label": label,
        "asked": asked,
        "model_name": model_name,
        "model": "a" * 64,
        "plan": plan,
        "order": "cut-first" if plan else None,
        "intent": None,
        "task": task,
        "train": "t" * 64,
        "splits": splits,
        **rate_entries(chosen, width),
        "tier": tier_name(chosen),
        "seed": seed,
        **(told or {}),
    }
    outcome = {
        "scores": scores,
        "examples": {"train": chosen.examples or 2_000, **dict.fromkeys(splits, examples)},
        "sources": {},
        "epoch": 3.0,
        "steps": chosen.steps_over(2_000),
        "rate": 40.0,
        "resumed": 0,
        "seconds": 160.0,
        "parameters": parameters,
        "encoder": encoder,
        "original_encoder": 10_000,
        "notes": [],
        "device": "cpu",
        "precision": "float32",
        "threads": 1,
        "versions": {"obce": "0.1.0"},
        **result,
    }
    folder = home / digest([unit, outcome])[:24]
    curve = [{"step": step, "epoch": step / 10, "loss": 0.7 - step / 100} for step in range(10, 40, 10)]
    with staged_folder(folder, overwrite=True) as stage:
        write_json(stage / UNIT, unit)
        write_json(stage / RESULT, outcome)
        write_json(stage / CURVE, curve)
        for split, table in tables.items():
            parquet.write_table(table, stage / f"predictions.{split}.parquet")
    return read_evaluation(folder)


def make_board(
    home: Path, tasks: tuple[str, ...] = ("cola", "mrpc"), seeds: tuple[int, ...] = (0, 1)
) -> list[Evaluation]:
    """Write an original, two cuts and a control of the second one, on some tasks with some seeds."""
    models: tuple[tuple[str, str | None, float, int, int], ...] = (
        ("original", None, 0.15, 22_000, 10_000),
        ("P30 by r_f", "b" * 64, 0.17, 19_700, 7_700),
        ("P50 by r_f", "c" * 64, 0.2, 18_400, 6_400),
        ("P50 by r_f, random 0 of the same shape", "d" * 64, 0.3, 18_400, 6_400),
    )
    return [
        make_evaluation(
            home, task, seed, label=label, plan=plan, wrong=wrong, parameters=size, encoder=encoder, asked=float(at)
        )
        for task in tasks
        for seed in seeds
        for at, (label, plan, wrong, size, encoder) in enumerate(models)
    ]


def _labels(task: Any, examples: int) -> np.ndarray:
    rng = np.random.default_rng(len(task.name))
    return (
        np.round(rng.uniform(0, 5, examples), 1)
        if task.regression
        else rng.integers(0, task.classes, examples).astype(float)
    )
