"""A grid of evaluations: models and plans with their controls, by tasks and seeds, at one recipe.

As a file (YAML or JSON)::

    model: demo
    analysis: 3f2a91c0d4e5b6a7     # of that model; needed for plans
    variants:
      - original
      - {percentile: 30}           # or {preset: paper-scaled}, {plan: my-plan.json}, {model: a-cut-model}
      - {percentile: 50, controls: [random, magnitude, std], draws: 2}
      - {percentile: 50, order: finetune-first}
    tasks: [cola, mrpc]
    tier: quick                    # or recipe: {epochs: 3, ...}, or both; examples or steps: null is no limit
    seeds: [0, 1, 2]
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core.analysis.analysis import Analysis, read_analysis
from obce_core.errors import BadInput, UnknownName, shorten
from obce_core.glue.controls import Control, control_label
from obce_core.glue.recipe import Recipe, recipe_of
from obce_core.glue.tasks import task_of, usual_tasks
from obce_core.glue.unit import ORDERS, Unit, Variant
from obce_core.plan.create import make_plan
from obce_core.plan.matched_control import same_shape
from obce_core.plan.plan import Plan
from obce_core.plan.plan_file import load_document, read_plan, to_document

CONTROLS = ("random", "magnitude", "std")
_KEYS = ("model", "analysis", "variants", "tasks", "tier", "recipe", "seeds", "tests")
_VARIANT_KEYS = (
    "percentile",
    "preset",
    "plan",
    "model",
    "label",
    "criterion",
    "first_layer",
    "controls",
    "draws",
    "order",
    "compensation",
)
_MOST = 5_000
"""Evaluations in one sweep."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The grid of variants x tasks x seeds, seeds outermost, so that early results can be compared."""

    variants: tuple[Variant, ...]
    tasks: tuple[str, ...]
    recipe: Recipe
    seeds: tuple[int, ...]
    tests: bool = False

    @property
    def units(self) -> list[Unit]:
        """List the units in the order in which they are made."""
        return [
            Unit(variant=variant, task=task, seed=seed, recipe=self.recipe, tests=self.tests)
            for seed in self.seeds
            for task in self.tasks
            for variant in self.variants
        ]


def read_sweep(source: str | Path | Mapping[str, Any]) -> Sweep:
    """Read a sweep from its file or plain data and make its plans.

    Raises:
        BadInput: an unknown key, an impossible value, or a plan without an analysis; PlanError from the plans
            themselves.
    """
    home = Path.cwd() if isinstance(source, Mapping) else Path(source).resolve().parent
    data: Mapping[str, Any] = source if isinstance(source, Mapping) else load_document(source)
    _only(data, _KEYS, "the sweep")
    model = _model(home, str(data.get("model", "demo")))
    analysis = read_analysis(_path(home, str(data["analysis"]))) if data.get("analysis") else None
    variants: list[Variant] = []
    for row in _list(data, "variants", ["original"]):
        variants += _variants(row, model, analysis, home)
    labels = [variant.label for variant in variants]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise BadInput(f"The sweep has two variants called {shorten(twice)!r}.", hint="Give one of them another label.")
    recipe = recipe_of(str(data.get("tier", "paper")), **_recipe(data.get("recipe") or {}))
    tasks = tuple(dict.fromkeys(task_of(name).name for name in _list(data, "tasks", list(usual_tasks()))))
    seeds = tuple(dict.fromkeys(_list(data, "seeds", [0])))
    if any(isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32 for seed in seeds):
        raise BadInput(f"seeds are {shorten(seeds)}; expected whole numbers from 0.")
    sweep = Sweep(
        variants=tuple(variants), tasks=tasks, recipe=recipe, seeds=seeds, tests=bool(data.get("tests", False))
    )
    if not sweep.units or len(sweep.units) > _MOST:
        raise BadInput(f"The sweep has {len(sweep.units):,} evaluations; allowed: 1 to {_MOST:,}.")
    return sweep


def variants_of(
    label: str,
    model: str,
    analysis: Analysis,
    plan: Plan,
    *,
    controls: tuple[str, ...] = (),
    draws: int = 1,
    order: str = "cut-first",
) -> list[Variant]:
    """Return a plan as a variant, and its controls of the same stored shape behind it.

    Args:
        controls: criteria that choose the neurons of the controls; `random` gives one a draw.
    """
    variants = [Variant(label=label, model=model, plan=to_document(plan), order=order)]
    for name in controls:
        if name not in CONTROLS:
            raise UnknownName("control", name, CONTROLS)
        for draw in range(draws if name == "random" else 1):
            said, of = control_label(label, name, draw), Control(plan=plan.digest, criterion=name, draw=draw).plain()
            if order == "finetune-first":
                variants.append(
                    Variant(
                        label=said,
                        model=model,
                        plan=to_document(plan),
                        order=order,
                        control=name,
                        draw=draw,
                        control_of=of,
                    )
                )
            else:
                other = to_document(same_shape(analysis, plan, name, seed=draw))
                variants.append(Variant(label=said, model=model, plan=other, control_of=of))
    return variants


def _variants(row: object, model: str, analysis: Analysis | None, home: Path) -> list[Variant]:
    if row == "original":
        return [Variant(label="original", model=model)]
    if not isinstance(row, Mapping):
        raise BadInput(f"A variant is {shorten(row)}; expected original or an object.")
    _only(row, _VARIANT_KEYS, "a variant")
    if "model" in row:
        where = _model(home, str(row["model"]))
        return [Variant(label=str(row.get("label") or Path(where).name), model=where)]
    if analysis is None:
        raise BadInput("A variant has a plan, but the sweep names no analysis.", hint="Add analysis: ID.")
    if "plan" in row:
        plan, name = read_plan(_path(home, str(row["plan"])), analysis), Path(str(row["plan"])).stem
    else:
        options = {
            key: row[key] for key in ("percentile", "preset", "criterion", "first_layer", "compensation") if key in row
        }
        plan = make_plan(analysis, **options)
        name = str(row.get("preset") or f"P{row.get('percentile', 0):g} by {row.get('criterion', 'r_f')}")
    order = str(row.get("order", "cut-first"))
    if order not in ORDERS:
        raise UnknownName("order", order, ORDERS)
    label = str(row.get("label") or (name if order == "cut-first" else f"{name}, cut after fine-tuning"))
    controls = tuple(str(control) for control in _list(row, "controls", []))
    draws = row.get("draws", 1)
    if isinstance(draws, bool) or not isinstance(draws, int) or not 1 <= draws <= 100:
        raise BadInput(f"draws is {shorten(draws)}; expected a whole number from 1 to 100.")
    return variants_of(label, model, analysis, plan, controls=controls, draws=draws, order=order)


def _recipe(data: object) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise BadInput(f"recipe is {shorten(data)}; expected an object.")
    _only(data, tuple(Recipe().plain()), "the recipe")
    return dict(data)


def _list(data: Mapping[str, Any], key: str, usual: list[Any]) -> list[Any]:
    value = data.get(key, usual)
    if not isinstance(value, (list, tuple)):
        raise BadInput(f"{key} is {shorten(value)}; expected a list.")
    return list(value)


def _only(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    strange = [key for key in data if key not in known]
    if strange:
        raise BadInput(f"{where} has an unknown key {shorten(strange[0])!r}; known: {', '.join(known)}.")


def _model(home: Path, name: str) -> str:
    return name if name == "demo" else _path(home, name)


def _path(home: Path, name: str) -> str:
    """Take a name beside the sweep's file as a path; anything else (an id, a hub model) as it is."""
    where = Path(os.path.normpath(home / Path(name).expanduser()))
    return str(where) if where.exists() else name
