"""Controls for a plan: other neurons by another criterion, in exactly the same stored shape.

Cutting each side of query and key on its own, criteria store very different numbers of pairs at the same percentile, since a
criterion that ranks query and key alike cuts them together. So a control keeps, head by head, as many dimensions of each of the
four kinds as the plan does (both kept, query only, key only, both cut) and as many values, and layer by layer as many
intermediate neurons; its criterion only decides which ones.

In a head, a dimension's query score and key score become ranks. The dimensions with the highest sum of ranks are both-kept,
those with the lowest both-cut, and of the rest those with the largest query rank minus key rank are query-only. Of equal
dimensions or neurons the one with the lower index stays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.errors import PlanError
from obce_core.plan.plan import Plan, resolve
from obce_core.plan.spec import Hardware, ManualOverride, PruneSpec

Masks = dict[str, np.ndarray]


def same_shape(analysis: Analysis, plan: Plan, criterion: str, *, seed: int = 0) -> Plan:
    """Make the control of a plan: the neurons that another criterion keeps, in the plan's stored shape.

    Its intent drops neurons by hand, with the reason, so that its file can be carried out like any other.

    Args:
        criterion: which ranks the neurons (`random`, `magnitude`, `std`, …).
        seed: the draw, for `random`.

    Raises:
        PlanError: the model was cut before (its stored rows have no free choice of pairs), or the criterion says nothing in a
            cell that the plan cuts.

    >>> control = same_shape(analysis, plan, "random", seed=1)                         # doctest: +SKIP
    """
    if any(layer is not None for layer in analysis.layers):
        raise PlanError(
            "A control of the same shape needs an uncut model; this one was cut before.", hint="Analyse the original."
        )
    drop = []
    for layer in sorted(plan.kept):
        masks = {name: plan.mask(layer, name, analysis.shape) for name in CUTTABLE}
        scores = {
            name: _scores(analysis, layer, name, criterion, seed, needed=not masks[name].all()) for name in CUTTABLE
        }
        chosen = choose(masks, scores, analysis.shape.heads)
        for name in CUTTABLE:
            gone = np.flatnonzero(~chosen[name])
            if len(gone):
                reason = f"control of plan {plan.digest[:12]}: the same stored shape, chosen by {criterion}"
                if criterion == "random":
                    reason += f", draw {seed}"
                drop.append(ManualOverride(layer=layer, component=name, neurons=tuple(map(int, gone)), reason=reason))
    prune_spec = PruneSpec(
        criterion=criterion,
        seed=seed,
        first_layer=plan.prune_spec.first_layer,
        drop=tuple(drop),
        compensation=plan.prune_spec.compensation,
        hardware=Hardware(),
    )
    return replace(resolve(analysis, prune_spec), notes=(f"The control of plan {plan.digest[:12]}, by {criterion}.",))


def choose(masks: Masks, scores: Masks, heads: int) -> Masks:
    """Choose which neurons of a layer stay, as many of each kind as `masks` keep.

    Args:
        masks: kept neurons of the plan by component, booleans of shape (neurons,).
        scores: the control's scores by component, shape (neurons,); higher stays.

    Returns:
        Kept neurons of the control by component, booleans of shape (neurons,).
    """
    query, key = (masks[name].reshape(heads, -1) for name in ("query", "key"))
    by_query, by_key = (scores[name].reshape(heads, -1) for name in ("query", "key"))
    pairs = [_pairs(query[head], key[head], by_query[head], by_key[head]) for head in range(heads)]
    values = zip(masks["value"].reshape(heads, -1), scores["value"].reshape(heads, -1), strict=True)
    return {
        "query": np.concatenate([pair[0] for pair in pairs]),
        "key": np.concatenate([pair[1] for pair in pairs]),
        "value": np.concatenate([_highest(by, int(mask.sum())) for mask, by in values]),
        "intermediate": _highest(scores["intermediate"], int(masks["intermediate"].sum())),
    }


def _pairs(
    query: np.ndarray, key: np.ndarray, by_query: np.ndarray, by_key: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the kept dimensions of one head's query and key, each of shape (head size,)."""
    both, neither, alone = int((query & key).sum()), int((~query & ~key).sum()), int((query & ~key).sum())
    size = len(query)
    ranks = _ranks(by_query), _ranks(by_key)
    order = np.argsort(-(ranks[0] + ranks[1]), kind="stable")  # of equal sums the lower index first
    rest = order[both : size - neither]
    rest = np.sort(rest)
    rest = rest[np.argsort(-(ranks[0] - ranks[1])[rest], kind="stable")]
    kept = np.zeros((2, size), dtype=bool)
    kept[:, order[:both]] = True
    kept[0, rest[:alone]] = True
    kept[1, rest[alone:]] = True
    return kept[0], kept[1]


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Rank scores from 0, the highest last; of equal scores the lower index counts as higher."""
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[np.lexsort((-np.arange(len(scores)), scores))] = np.arange(len(scores))
    return ranks


def _highest(scores: np.ndarray, count: int) -> np.ndarray:
    kept = np.zeros(len(scores), dtype=bool)
    kept[np.argsort(-scores, kind="stable")[:count]] = True
    return kept


def _scores(analysis: Analysis, layer: int, component: str, criterion: str, seed: int, *, needed: bool) -> np.ndarray:
    if needed and analysis.degenerate(layer, component, criterion):
        raise PlanError(
            f"Layer {layer} {component}: {criterion} says nothing there (every text gives the same value), so it cannot choose.",
            hint="Choose another control, or leave that cell untouched.",
        )
    return np.asarray(analysis.scores(layer, component, criterion, seed=seed), dtype=np.float64)
