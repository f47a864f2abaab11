"""Evaluations by recipe: what was trained in different ways never stands in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from obce_core.glue.evaluation import Evaluation
from obce_core.glue.recipe import Recipe, tier_name, title, words
from obce_core.storage.digests import digest


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """All evaluations of one recipe, the newest first. `key` names the recipe; `title` says it, `words` in full."""

    key: str
    title: str
    words: str
    evaluations: tuple[Evaluation, ...]


def by_recipe(evaluations: Sequence[Evaluation]) -> list[Group]:
    """Group evaluations by recipe: tier paper, quick, custom recipes, smoke; of equal units the newest."""
    evaluation: dict[str, list[Evaluation]] = {}
    for one in evaluations:
        evaluation.setdefault(recipe_key(one.recipe), []).append(one)
    rank = {"paper": 0, "quick": 1, "own": 2, "smoke": 3}
    groups = []
    for key, members in evaluation.items():
        recipe = members[0].recipe
        rates = [one.learning_rate for one in members if recipe.learning_rate is None]
        groups.append(Group(key=key, title=title(recipe), words=words(recipe, rates), evaluations=tuple(members)))
    return sorted(groups, key=lambda group: rank[tier_name(group.evaluations[0].recipe)])


def recipe_key(recipe: Recipe) -> str:
    """Name a recipe, as it was asked for, by eight hex digits."""
    return digest(recipe.plain())[:8]
