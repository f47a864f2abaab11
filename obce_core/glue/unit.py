"""The unit of evaluation: one model, cut or not, on one task with one seed. Its id is the digest of everything that
determines its result, so equal units are computed once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from obce_core.analysis.analysis import read_analysis
from obce_core.analysis.original import check_original
from obce_core.errors import BadInput, UnknownName, shorten
from obce_core.glue.evaluation import FORMAT, RATE_BY
from obce_core.glue.examples import Examples, read_examples
from obce_core.glue.head import kept_head
from obce_core.glue.recipe import Recipe, tier_name
from obce_core.glue.tasks import task_of
from obce_core.models import ModelReport, check_model
from obce_core.models.identity import identity_of
from obce_core.plan.fact import PLAN, Fact, read_fact, read_facts
from obce_core.plan.plan_file import from_document, load_document
from obce_core.plan.serialize import parse_prune_spec
from obce_core.storage.digests import digest
from obce_core.version import ALGORITHMS

ORDERS = ("cut-first", "finetune-first")
_BESIDE = ("label", "model_name", "asked", "origin", "control_of")
"""What a unit's document tells besides what decides its result."""

_OLDER_RATE = 2e-5
"""The learning rate of every tier before it was chosen by the model's width."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is evaluated: a stored model, or a model cut by a plan.

    `plan` is a plan's document, with the analysis that it was made on. `order` says what comes first: the cut, then
    fine-tuning (the paper), or fine-tuning, then the same intent carried out on the fine-tuned model, without more
    training. There a `control` (a criterion; `draw` is its seed) is made from the plan that follows on that model;
    before the training a control is a plan like any other. `control_of` says which plan it is a control of (plan,
    criterion, draw), for boards; it decides nothing.
    """

    label: str
    model: str
    plan: Mapping[str, Any] | None = None
    order: str = "cut-first"
    control: str | None = None
    draw: int = 0
    control_of: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UnknownName("order", self.order, ORDERS)
        if self.order == "finetune-first" and self.plan is None:
            raise BadInput("finetune-first needs a plan to carry out after the training.")
        if self.control is not None and self.order != "finetune-first":
            raise BadInput("A control before the training is a plan of its own.", hint="Make it with same_shape.")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One evaluation to be made. `tests` adds the predictions of the test splits, where their files are at hand."""

    variant: Variant
    task: str
    seed: int
    recipe: Recipe
    tests: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise BadInput(f"The seed is {shorten(self.seed)}; expected a whole number from 0 to {2**32 - 1:,}.")

    def plain(self) -> dict[str, Any]:
        """Return the unit as plain data, for a job's options."""
        return {**asdict(self), "variant": asdict(self.variant)}


def read_unit(data: Mapping[str, Any]) -> Unit:
    """Read a unit from plain data (see `Unit.plain`)."""
    try:
        variant, recipe = Variant(**data["variant"]), Recipe(**data["recipe"])
        return Unit(
            variant=variant,
            task=task_of(data["task"]).name,
            seed=int(data["seed"]),
            recipe=recipe,
            tests=bool(data.get("tests")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"This is not a unit of evaluation: {error}.") from None


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A unit whose inputs were read and checked."""

    unit: Unit
    report: ModelReport
    fact: Fact | None
    train: Examples | None
    others: tuple[Examples, ...]
    document: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The digest of everything that determines the result; labels and controls are not part of it."""
        return digest({name: value for name, value in self.document.items() if name not in _BESIDE})[:24]

    @property
    def older_id(self) -> str:
        """The id of the unit before identities were recorded, for finding interrupted older runs."""
        newer = (*_BESIDE, "identity", "algorithm", RATE_BY)
        older = {name: value for name, value in self.document.items() if name not in newer}
        if RATE_BY in self.document:
            older["recipe"] = {**older["recipe"], "learning_rate": _OLDER_RATE}
        return digest(older)[:24]

    @property
    def recipe(self) -> Recipe:
        """The recipe that the model is trained with: its learning rate is a number."""
        return self.unit.recipe.at_width(self.report.shape.hidden)

    @property
    def steps(self) -> int:
        """Optimizer steps of the training."""
        return self.unit.recipe.steps_over(len(self.train) if self.train is not None else 0)


def prepare(
    unit: Unit,
    *,
    glue_dir: str | Path | None = None,
    read: Callable[..., Examples] = read_examples,
    cache: dict[Any, Any] | None = None,
) -> Prepared:
    """Read and check all that a unit needs, before anything long begins.

    Args:
        cache: keeps what was read and checked, for the next unit of the same task, model or plan.

    Raises:
        ModelError, PlanError, TextsError, Offline: what is missing or does not fit.
    """
    task = task_of(unit.task)
    kept_items: dict[Any, Any] = {} if cache is None else cache

    def part(split: str) -> Examples:
        key = (task.name, split, str(glue_dir))
        if key not in kept_items:
            kept_items[key] = read(task.name, split, glue_dir=glue_dir)
        examples: Examples = kept_items[key]
        return examples

    if ("model", unit.variant.model) not in kept_items:
        kept_items["model", unit.variant.model] = check_model(unit.variant.model)
    report: ModelReport = kept_items["model", unit.variant.model]
    fact = None
    if unit.variant.plan is not None:
        fact = read_fact(unit.variant.plan, report.shape, "the plan")
        if fact.weights_sha256 != report.source.weights_sha256:
            raise BadInput(
                f"The plan of {unit.variant.label!r} is for the weights {fact.weights_sha256[:12]}…, "
                f"{report.source.name} has "
                f"{report.source.weights_sha256[:12]}….",
                hint="Name the model that the plan was made on.",
            )
        if ("plan", checked := digest(unit.variant.plan)) not in kept_items:
            analysis = read_analysis(fact.analysis)
            from_document(unit.variant.plan, analysis)
            check_original(analysis, report)
            kept_items["plan", checked] = True
    head = None if unit.recipe.epochs else kept_head(report, task)
    train = None
    if unit.recipe.epochs:
        key = (task.name, str(glue_dir), unit.recipe.examples, unit.seed)
        if key not in kept_items:
            kept_items[key] = part("train").draw(unit.recipe.examples, unit.seed)
        train = kept_items[key]
    others = [part(split) for split in task.validation] + ([part(split) for split in task.tests] if unit.tests else [])
    document = {
        "format": FORMAT,
        "algorithm": ALGORITHMS["evaluation"],
        "label": unit.variant.label,
        "asked": time.time(),
        "model_name": report.source.name,
        "model": report.source.weights_sha256,
        "identity": identity_of(report).plain(),
        "plan": fact.digest if fact else None,
        "order": unit.variant.order if fact else None,
        **({"origin": _origin(report)} if report.layers else {}),
        "intent": digest(unit.variant.plan["intent"])
        if unit.variant.plan and unit.variant.order == "finetune-first"
        else None,
        **({"control": [unit.variant.control, unit.variant.draw]} if unit.variant.control is not None else {}),
        **({"control_of": dict(unit.variant.control_of)} if unit.variant.control_of is not None else {}),
        "task": task.name,
        "train": train.digest if train else None,
        "splits": {examples.split: examples.digest for examples in others},
        **rate_entries(unit.recipe, report.shape.hidden),
        "tier": tier_name(unit.recipe),
        "seed": unit.seed,
        **({"outputs": list(head.order)} if head else {}),
    }
    return Prepared(unit=unit, report=report, fact=fact, train=train, others=tuple(others), document=document)


def rate_entries(recipe: Recipe, width: int) -> dict[str, Any]:
    """Return a document's recipe, its learning rate a number, and the width that determined the rate."""
    selected = {RATE_BY: {"width": width}} if recipe.learning_rate is None else {}
    return {"recipe": recipe.at_width(width).plain(), **selected}


def _origin(report: ModelReport) -> dict[str, Any]:
    """Say of a model that was cut before which weights it was cut from, by which plan last (None: its folder does not
    say), and how many parameters the layers of the original have."""
    path = report.source.file(PLAN)
    facts = read_facts(load_document(path), report.shape) if path is not None else []
    tensors = report.family.tensors(report.config)
    return {
        "model": facts[0].weights_sha256 if facts else None,
        "identity": (facts[0].identity or None) if facts else None,
        "plan": facts[-1].digest if facts else None,
        "encoder": sum(math.prod(size) for name, size in tensors.items() if report.family.part(name) == "layers"),
    }


def whole(prepared: Prepared) -> Prepared:
    """Return the unit of the uncut model on the same examples, for units that train before the cut."""
    unit = prepared.unit
    parts = {part.split: part for part in prepared.others}

    def read(_: str, split: str, **__: Any) -> Examples:
        return prepared.train if split == "train" and prepared.train is not None else parts[split]

    original = Unit(
        variant=Variant(label="original", model=unit.variant.model), task=unit.task, seed=unit.seed, recipe=unit.recipe
    )
    return prepare(original, read=read, cache={("model", unit.variant.model): prepared.report})


def training_steps(units: Iterable[Prepared], *, trained: Callable[[str], bool]) -> dict[str, int]:
    """Count the optimizer steps of each of some units, by id, as they are made one after the other.

    One whose cut comes after the training costs none where its original is among the units, or `trained` says of the
    original's id that its model is kept.
    """
    ready = list(units)
    known_values = {one.id for one in ready}
    steps: dict[str, int] = {}
    for one in ready:
        if one.unit.variant.order != "finetune-first":
            steps[one.id] = one.steps
            continue
        original = whole(one).id
        steps[one.id] = 0 if original in known_values or trained(original) else one.steps
        known_values.add(original)
    return steps


def prune_spec_of(plan: Mapping[str, Any]) -> Any:
    """Read a plan document's intent."""
    return parse_prune_spec(plan.get("intent"), "the plan: intent")
