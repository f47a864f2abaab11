"""The estimate of a launch: existing evaluations, remaining steps, and the time from earlier measurements."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core.errors import ObceError
from obce_core.glue.evaluation import MODEL, RATE_BY, Evaluation, evaluations_home
from obce_core.glue.head import kept_head
from obce_core.glue.learning_rate import Rate, rate_words
from obce_core.glue.recipe import Recipe
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import Prepared, Unit, prepare, rate_entries, training_steps
from obce_core.models import ModelReport, check_model
from obce_core.models.identity import identity_of
from obce_core.plan.fact import read_fact
from obce_core.storage.digests import digest


@dataclass(frozen=True, kw_only=True)
class Line:
    """One evaluation of a launch. `weights` and `plan` are digests; `steps` are optimizer steps, `examples` those that
    they read, `looks` how often the validation split is scored (after each epoch); `rate` is the learning rate of the
    training, if
    there is one."""

    id: str
    label: str
    task: str
    seed: int
    weights: str
    plan: str | None
    steps: int
    examples: int
    looks: int
    rate: Rate | None


@dataclass(frozen=True, kw_only=True)
class LaunchEstimate:
    """What a launch will take. `seconds` is None where no step of one of the tasks was measured (`unmeasured`);
    `measured` are the examples a second, by task, that it was taken from, `devices` where those were measured;
    `learning_rates` names the learning rates and how they were chosen ("" where nothing is trained)."""

    evaluations: int
    done: int
    steps: int
    steps_left: int
    seconds: float | None
    unmeasured: tuple[str, ...]
    measured: Mapping[str, float]
    devices: tuple[str, ...]
    learning_rates: str


def lay_out(
    units: Sequence[Unit], *, glue_dir: str | Path | None = None, cache: dict[Any, Any] | None = None
) -> tuple[list[Line], list[str]]:
    """Read and check every unit (see `prepare`).

    Args:
        cache: keeps what was read, for the next call.

    Returns:
        The lines, and in words, each once, what cannot be made.
    """
    kept_items: dict[Any, Any] = {} if cache is None else cache
    ready: list[Prepared] = []
    wrong: dict[str, None] = {}
    for unit in units:
        try:
            ready.append(prepare(unit, glue_dir=glue_dir, cache=kept_items))
        except ObceError as error:
            wrong.setdefault(str(error))
    steps = training_steps(ready, trained=lambda name: (evaluations_home() / name / MODEL).is_dir())
    lines = []
    for one in ready:
        unit, found = one.unit, len(one.train) if one.train is not None else 0
        lines.append(
            Line(
                id=one.id,
                label=unit.variant.label,
                task=unit.task,
                seed=unit.seed,
                weights=one.report.source.weights_sha256,
                plan=one.fact.digest if one.fact else None,
                steps=steps[one.id],
                examples=_examples(unit.recipe, steps[one.id], found),
                looks=_looks(unit.recipe, steps[one.id], found),
                rate=unit.recipe.rate(one.report.shape.hidden),
            )
        )
    return lines, list(wrong)


def lay_out_unread(
    units: Sequence[Unit], evaluations: Sequence[Evaluation], *, cache: dict[Any, Any] | None = None
) -> tuple[list[Line], list[str]]:
    """Lay out units by the official counts if the data is on the hub, since an estimate does not download.

    An evaluation counts as there when the identity of the model, cut, order, task, seed, recipe and the names of the
    predicted splits are the same; whether the data is too is seen when the job has it.
    """
    kept_items: dict[Any, Any] = {} if cache is None else cache
    known_values = {_question(one.unit): one.id for one in reversed(evaluations)}
    lines: list[Line] = []
    wrong: dict[str, None] = {}
    trained = {_original(unit) for unit in units if unit.variant.plan is None}
    for unit in units:
        variant, task = unit.variant, TASKS[unit.task]
        try:
            if ("model", variant.model) not in kept_items:
                kept_items["model", variant.model] = check_model(variant.model)
            report: ModelReport = kept_items["model", variant.model]
            fact = read_fact(variant.plan, report.shape, "the plan") if variant.plan is not None else None
            if not unit.recipe.epochs:
                kept_head(report, task)
        except ObceError as error:
            wrong.setdefault(str(error))
            continue
        examples = min(task.counts["train"], unit.recipe.examples or 10**9) if unit.recipe.epochs else 0
        steps = unit.recipe.steps_over(examples)
        if variant.order == "finetune-first":  # its original is trained once, for all that is cut from it
            steps = 0 if _original(unit) in trained else steps
            trained.add(_original(unit))
        identity: dict[str, Any] = {
            "model": report.source.weights_sha256,
            "identity": identity_of(report).plain(),
            "plan": fact.digest if fact else None,
            "order": variant.order if fact else None,
            "control": [variant.control, variant.draw] if variant.control is not None else None,
            "intent": digest(variant.plan["intent"]) if variant.plan and variant.order == "finetune-first" else None,
            "task": unit.task,
            "seed": unit.seed,
            **rate_entries(unit.recipe, report.shape.hidden),
            "splits": [*task.validation, *(task.tests if unit.tests else ())],
        }
        lines.append(
            Line(
                id=known_values.get(_question(identity), _question(identity)),
                label=variant.label,
                task=unit.task,
                seed=unit.seed,
                weights=identity["model"],
                plan=identity["plan"],
                steps=steps,
                examples=_examples(unit.recipe, steps, examples),
                looks=_looks(unit.recipe, steps, examples),
                rate=unit.recipe.rate(report.shape.hidden),
            )
        )
    return lines, list(wrong)


def estimate_launch(
    lines: Sequence[Line],
    done: Collection[str],
    evaluations: Sequence[Evaluation],
    *,
    device: str = "auto",
    workers: int = 1,
) -> LaunchEstimate:
    """Sum up a launch.

    The time of a line is that of its training examples at the rate of an earlier evaluation of the same weights on the
    same task (of the same plan where there is one), and for each look at the validation split what such a look took
    there beside the training.

    Args:
        done: ids of the evaluations that are there.
        evaluations: where speeds are looked up, the newest first.
        device: only speeds of this device count; `auto`: those of the device of the newest evaluation.
        workers: jobs at work at the same time.
    """
    left = list({line.id: line for line in lines if line.id not in done}.values())
    known = _speeds(evaluations, device)
    total, unmeasured = 0.0, dict[str, None]()
    measured: dict[str, float] = {}
    for line in left:
        speed = known.get((line.weights, line.plan, line.task)) or known.get((line.weights, "", line.task))
        if speed is None:
            unmeasured.setdefault(line.task)
        else:
            measured.setdefault(line.task, speed.rate)
            total += line.examples / speed.rate + line.looks * speed.look
    ids = {line.id for line in lines}
    return LaunchEstimate(
        evaluations=len(ids),
        done=len(ids) - len(left),
        steps=sum({line.id: line.steps for line in lines}.values()),
        steps_left=sum(line.steps for line in left),
        seconds=None if unmeasured else total / max(1, min(workers, len(left) or 1)),
        unmeasured=tuple(unmeasured),
        measured=measured,
        devices=tuple(dict.fromkeys(speed.device for speed in known.values())),
        learning_rates=rate_words(line.rate for line in lines if line.rate is not None),
    )


@dataclass(frozen=True)
class _Speed:
    rate: float
    look: float
    device: str


def _speeds(evaluations: Sequence[Evaluation], device: str) -> dict[tuple[str, str | None, str], _Speed]:
    """Return speeds by (weights, plan, task) and, with "" for the plan, of any plan; the newest counts."""
    results: dict[tuple[str, str | None, str], _Speed] = {}
    device_kind = device
    for one in evaluations:
        told, recipe = one.result, Recipe(**one.unit["recipe"])
        rate, trained = told.get("rate"), int(told["examples"].get("train", 0))
        if not rate or not trained or told.get("resumed") or one.unit["order"] == "finetune-first":
            continue
        if device_kind == "auto":
            device_kind = str(told["device"])
        if str(told["device"]) != device_kind:
            continue
        steps = int(told["steps"])
        beside = max(0.0, float(told["seconds"]) - _examples(recipe, steps, trained) / rate)
        speed = _Speed(float(rate), beside / max(1, _looks(recipe, steps, trained)), device_kind)
        for plan in (one.unit["plan"], ""):
            results.setdefault((one.unit["model"], plan, one.task.name), speed)
    return results


def _original(unit: Unit) -> tuple[str, str, int, Recipe]:
    """Name the training of the uncut model that a unit is, or begins with."""
    return unit.variant.model, unit.task, unit.seed, unit.recipe


def _question(unit: Mapping[str, Any]) -> str:
    question = [
        unit.get(name)
        for name in ("model", "identity", "plan", "order", "control", "intent", "task", "seed", "recipe", RATE_BY)
    ]
    return digest([*question, sorted(unit["splits"])])[:24]


def _examples(recipe: Recipe, steps: int, examples: int) -> int:
    """Count the examples that a number of steps reads; the last batch of an epoch is smaller."""
    epoch = math.ceil(examples / recipe.batch_size) or 1
    return steps // epoch * examples + steps % epoch * recipe.batch_size


def _looks(recipe: Recipe, steps: int, examples: int) -> int:
    return max(1, math.ceil(steps / (math.ceil(examples / recipe.batch_size) or 1)))
