"""How a model is fine-tuned: a recipe of plain numbers, and the three tiers, fixed here and never by time."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from obce_core.errors import BadInput, UnknownName


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(f"{name} is {value}; expected a whole number from {low:,} to {high:,}.")


LIMITS = ("examples", "steps")
"""The numbers of a recipe that may be absent: None is no limit."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a fine-tuning depends on beside model, task and seed.

    `epochs` over at most `examples` seeded training examples (None: all), at most `steps` optimizer steps (None: no limit). AdamW
    without weight decay at `learning_rate`, linear decay after a warm-up of that share of all steps. `batch_size` examples a step,
    over all devices and `accumulation` parts together; texts cut at `max_length` tokens. `patience` ends the training after so many
    epochs without a better score (0: never). `keep` is which epoch's metric counts: `last`, or `best` on the validation split,
    which makes the number an optimistic one.
    """

    epochs: int = 40
    examples: int | None = None
    steps: int | None = None
    batch_size: int = 32
    accumulation: int = 1
    max_length: int = 128
    learning_rate: float = 2e-5
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
        for name, value, top in (("learning_rate", self.learning_rate, 1.0), ("warmup", self.warmup, 1.0)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < top:
                raise BadInput(f"{name} is {value}; expected a number from 0 to below {top:g}.")
        if self.keep not in ("last", "best"):
            raise UnknownName("epoch to keep", self.keep, ("last", "best"))
        if self.batch_size % self.accumulation:
            raise BadInput(f"A batch of {self.batch_size} cannot be accumulated in {self.accumulation} equal parts.")

    def steps_over(self, examples: int) -> int:
        """Count the optimizer steps over so many training examples."""
        drawn = min(examples, self.examples or examples)
        steps = math.ceil(drawn / self.batch_size) * self.epochs
        return min(self.steps, steps) if self.steps else steps

    def in_parts(self, at_once: int | None) -> Recipe:
        """Return the recipe with each batch computed in the fewest equal parts of at most `at_once` examples; None changes nothing."""
        most = min(at_once or self.batch_size, self.batch_size // self.accumulation)
        parts = next(parts for parts in range(1, self.batch_size + 1) if self.batch_size % parts == 0 and self.batch_size // parts <= most)
        return replace(self, accumulation=parts)

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
    """Return a tier's recipe with some numbers changed; `examples` and `steps` may be None or 0: no limit. A number that is not named
    stays the tier's. Raises UnknownName, BadInput.

    >>> recipe_of("quick", examples=None).examples is None, recipe_of("quick").examples
    (True, 2000)
    """
    if tier not in TIERS:
        raise UnknownName("tier", tier, TIERS)
    named: dict[str, Any] = {name: None if _no_limit(name, value) else value for name, value in changes.items()}
    return replace(TIERS[tier], **named)


def _no_limit(name: str, value: object) -> bool:
    return name in LIMITS and value == 0 and not isinstance(value, bool)


def tier_name(recipe: Recipe) -> str:
    """Name the tier that a recipe is, or `own` when its numbers are none's."""
    return next((name for name, tier in TIERS.items() if tier == recipe), "own")
