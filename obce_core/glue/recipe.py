"""Fine-tuning recipes: plain numbers, and the three tiers, which are fixed and never depend on time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from obce_core.errors import BadInput, UnknownName
from obce_core.glue.learning_rate import Rate, plain_rate, rate_at, rate_words


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(f"{name} is {value}; expected a whole number from {low:,} to {high:,}.")


LIMITS = ("examples", "steps")
"""The limits of a recipe; None means without a limit."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a fine-tuning depends on beside model, task and seed.

    `epochs` over at most `examples` seeded training examples (None: all), at most `steps` optimizer steps (None: no
    limit). AdamW without weight decay at `learning_rate` (None: chosen by the model's width, see `rates`), linear decay
    after a warm-up of that share of all steps. `batch_size` examples a step, over all devices and `accumulation` parts
    together; texts cut at `max_length` tokens. `patience` ends the training after this many epochs without a better
    score (0: never). `keep` is which epoch's metric
    counts: `last`, or `best` on the validation split, which makes the number an optimistic one.
    """

    epochs: int = 40
    examples: int | None = None
    steps: int | None = None
    batch_size: int = 32
    accumulation: int = 1
    max_length: int = 128
    learning_rate: float | None = None
    warmup: float = 0.1
    patience: int = 0
    keep: str = "last"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 0, 10_000),
            ("batch_size", 1, 65_536),
            ("accumulation", 1, 65_536),
            ("max_length", 3, 65_536),
            ("patience", 0, 10_000),
        ):
            _whole(name, getattr(self, name), low, high)
        for name in LIMITS:
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), 1, 10**9)
        for name, value in (
            ("learning_rate", 0 if self.learning_rate is None else self.learning_rate),
            ("warmup", self.warmup),
        ):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
                raise BadInput(f"{name} is {value}; expected a number from 0 to below 1.")
        if self.keep not in ("last", "best"):
            raise UnknownName("epoch to keep", self.keep, ("last", "best"))
        if self.batch_size % self.accumulation:
            raise BadInput(f"A batch of {self.batch_size} cannot be accumulated in {self.accumulation} equal parts.")

    def steps_over(self, examples: int) -> int:
        """Count the optimizer steps over a number of training examples."""
        used = min(examples, self.examples or examples)
        steps = math.ceil(used / self.batch_size) * self.epochs
        return min(self.steps, steps) if self.steps else steps

    def in_parts(self, at_once: int | None) -> Recipe:
        """Split each batch into the fewest equal parts of at most `at_once` examples; None changes nothing."""
        most = min(at_once or self.batch_size, self.batch_size // self.accumulation)
        parts = next(
            parts
            for parts in range(1, self.batch_size + 1)
            if self.batch_size % parts == 0 and self.batch_size // parts <= most
        )
        return replace(self, accumulation=parts)

    def at_width(self, width: int) -> Recipe:
        """Return the recipe for a model of this width: the learning rate is a number."""
        return self if self.learning_rate is not None else replace(self, learning_rate=rate_at(width))

    def rate(self, width: int) -> Rate | None:
        """Return the learning rate for a model of this width and what chose it; None where nothing is trained."""
        rate = self.at_width(width).learning_rate or 0.0
        return (rate, width if self.learning_rate is None else None) if self.epochs else None

    def plain(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        return asdict(self)


TIERS: dict[str, Recipe] = {
    "smoke": Recipe(epochs=40, examples=256, steps=20),
    "quick": Recipe(epochs=3, examples=2_000),
    "paper": Recipe(),
}
TIER_WORDS = {
    "smoke": "20 steps on 256 seeded examples: shows that everything runs, says nothing of quality",
    "quick": "3 epochs on at most 2,000 seeded training examples",
    "paper": "all training examples, 40 epochs, as in the paper",
}


def recipe_of(tier: str, **changes: Any) -> Recipe:
    """Return a tier's recipe with some numbers changed; `examples` and `steps` may be None or 0: no limit; a
    `learning_rate` of None is chosen by the model's width. A number that is not named stays the tier's. Raises
    UnknownName, BadInput.

    >>> recipe_of("quick", examples=None).examples is None, recipe_of("quick").examples
    (True, 2000)
    """
    if tier not in TIERS:
        raise UnknownName("tier", tier, TIERS)
    named_items: dict[str, Any] = {name: None if _no_limit(name, value) else value for name, value in changes.items()}
    return replace(TIERS[tier], **named_items)


def _no_limit(name: str, value: object) -> bool:
    return name in LIMITS and value == 0 and not isinstance(value, bool)


def tier_name(recipe: Recipe) -> str:
    """Name the tier that a recipe is, or `own` when its numbers are none's."""
    return next((name for name, tier in TIERS.items() if tier == recipe), "own")


def title(recipe: Recipe) -> str:
    """Name a recipe: its tier, or what sets it apart from the tier that it is nearest to.

    >>> title(Recipe(epochs=1))
    'paper, but epochs 1'
    """
    name = tier_name(recipe)
    if name != "own":
        return name
    apart = {tier: _apart(recipe, known) for tier, known in TIERS.items()}
    nearest = min(apart, key=lambda tier: len(apart[tier]))
    return f"{nearest}, but " + ", ".join(apart[nearest])


def words(recipe: Recipe, rates: Iterable[Rate] = ()) -> str:
    """Describe a recipe in full; `rates` are the learning rates that it had, where the model's width chose them."""
    if not recipe.epochs:
        return f"no training: the model's own head, {recipe.max_length} tokens"
    examples = f"at most {recipe.examples:,} seeded training examples" if recipe.examples else "all training examples"
    length = (
        f"{recipe.steps:,} steps, or {recipe.epochs} epochs where those are fewer,"
        if recipe.steps
        else f"{recipe.epochs} epochs"
    )
    ends = f", ended after {recipe.patience} epochs without a better score" if recipe.patience else ""
    kept = (
        "the metric of the last epoch"
        if recipe.keep == "last"
        else "the metric of the best epoch on this same split (optimistic)"
    )
    options = [] if recipe.learning_rate is None else [(recipe.learning_rate, None)]
    rate = rate_words([*options, *rates]) or "by the model's width"
    return (
        f"{length} on {examples}, batch {recipe.batch_size}, {recipe.max_length} tokens, AdamW with linear decay after "
        f"{100 * recipe.warmup:g} % warm-up, learning rate {rate}{ends}; {kept}"
    )


def _apart(recipe: Recipe, known: Recipe) -> list[str]:
    mine, theirs = recipe.plain(), known.plain()
    return [_told(name, mine[name]) for name in mine if mine[name] != theirs[name]]


def _told(name: str, value: Any) -> str:
    if value is None:
        return {"examples": "all examples", "learning_rate": "learning rate by width"}.get(name, f"no limit of {name}")
    if name == "learning_rate":
        return f"learning rate {plain_rate(value)}"
    return f"{name.replace('_', ' ')} {value:g}" if isinstance(value, float) else f"{name.replace('_', ' ')} {value}"
