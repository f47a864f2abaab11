"""Evaluations by recipe: what was trained in different ways never stands in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obce_core.glue.evaluation import Evaluation
from obce_core.glue.tiers import TIERS, Recipe, tier_name
from obce_core.store import digest


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """All evaluations of one recipe, the newest first. `key` names the recipe; `title` says it, `words` in full."""

    key: str
    title: str
    words: str
    evaluations: tuple[Evaluation, ...]


def by_recipe(evaluations: Sequence[Evaluation]) -> list[Group]:
    """Group evaluations by recipe: the paper's tier first, then quick, then own recipes, smoke last; the newest of equal ones first."""
    found: dict[str, list[Evaluation]] = {}
    for one in evaluations:
        found.setdefault(recipe_key(one.unit["recipe"]), []).append(one)
    rank = {"paper": 0, "quick": 1, "own": 2, "smoke": 3}
    groups = []
    for key, members in found.items():
        recipe = Recipe(**members[0].unit["recipe"])
        groups.append(Group(key=key, title=title(recipe), words=words(recipe), evaluations=tuple(members)))
    return sorted(groups, key=lambda group: rank[group.evaluations[0].tier])


def recipe_key(recipe: Mapping[str, Any]) -> str:
    """Name a recipe by eight hex digits."""
    return digest(recipe)[:8]


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


def words(recipe: Recipe) -> str:
    """Say a recipe in full."""
    examples = f"at most {recipe.examples:,} seeded training examples" if recipe.examples else "all training examples"
    length = f"{recipe.steps:,} steps, or {recipe.epochs} epochs where those are fewer," if recipe.steps else f"{recipe.epochs} epochs"
    ends = f", ended after {recipe.patience} epochs without a better score" if recipe.patience else ""
    kept = "the metric of the last epoch" if recipe.keep == "last" else "the metric of the best epoch on this same split (optimistic)"
    return (
        f"{length} on {examples}, batch {recipe.batch_size}, {recipe.max_length} tokens, AdamW "
        f"{recipe.learning_rate:g} with linear decay and {100 * recipe.warmup:g} % warm-up{ends}; {kept}"
    )


def _apart(recipe: Recipe, known: Recipe) -> list[str]:
    mine, theirs = recipe.plain(), known.plain()
    return [_told(name, mine[name]) for name in mine if mine[name] != theirs[name]]


def _told(name: str, value: Any) -> str:
    if value is None:
        return "all examples" if name == "examples" else f"no limit of {name}"
    return f"{name.replace('_', ' ')} {value:g}" if isinstance(value, float) else f"{name.replace('_', ' ')} {value}"
