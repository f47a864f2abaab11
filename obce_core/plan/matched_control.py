"""Matched controls for a plan: neurons selected by another criterion, in exactly the same stored shape.

Query and key are cut independently, so at the same percentile different criteria store very different numbers of
pairs: a criterion that ranks query and key alike cuts them together. A control therefore keeps, in each head, as many
dimensions of each of the four kinds as the plan (both kept, query only, key only, both cut) and as many values, and in
each layer as many intermediate neurons. Its criterion decides only which ones.

In a head, a dimension's query score and key score are replaced by their ranks. The dimensions with the highest sum of
ranks are both kept, those with the lowest sum both cut; of the rest, those with the largest query rank minus key rank
are query only. Ties go to the lower index, which is kept.
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
    """Create the matched control of a plan: the neurons that another criterion keeps, in the plan's stored shape.

    Its prune spec drops neurons with manual overrides that state the reason, so its file works like any other plan.

    Args:
        criterion: the criterion that ranks the neurons (`random`, `magnitude`, `std`, …).
        seed: the seed of `random`.

    Raises:
        PlanError: the model was cut before (its stored rows fix the pairs), or the criterion is degenerate in a cell
            that the plan cuts.

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
        selection = select_neurons(masks, scores, analysis.shape.heads)
        for name in CUTTABLE:
            dropped = np.flatnonzero(~selection[name])
            if len(dropped):
                reason = f"control of plan {plan.digest[:12]}: the same stored shape, chosen by {criterion}"
                if criterion == "random":
                    reason += f", draw {seed}"
                drop.append(
                    ManualOverride(layer=layer, component=name, neurons=tuple(map(int, dropped)), reason=reason)
                )
    prune_spec = PruneSpec(
        criterion=criterion,
        seed=seed,
        first_layer=plan.prune_spec.first_layer,
        drop=tuple(drop),
        compensation=plan.prune_spec.compensation,
        hardware=Hardware(),
    )
    return replace(resolve(analysis, prune_spec), notes=(f"The control of plan {plan.digest[:12]}, by {criterion}.",))


def select_neurons(masks: Masks, scores: Masks, heads: int) -> Masks:
    """Select the neurons of a layer to keep, as many of each kind as `masks` keep.

    Args:
        masks: kept neurons of the plan by component, booleans of shape (neurons,).
        scores: the control's scores by component, shape (neurons,); the higher ones are kept.

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
    """Select the kept dimensions of one head's query and key, each of shape (head size,)."""
    both, neither, query_only = int((query & key).sum()), int((~query & ~key).sum()), int((query & ~key).sum())
    size = len(query)
    ranks = _ranks(by_query), _ranks(by_key)
    order = np.argsort(-(ranks[0] + ranks[1]), kind="stable")  # ties: the lower index first
    rest = order[both : size - neither]
    rest = np.sort(rest)
    rest = rest[np.argsort(-(ranks[0] - ranks[1])[rest], kind="stable")]
    mask = np.zeros((2, size), dtype=bool)  # (query and key, dimensions)
    mask[:, order[:both]] = True
    mask[0, rest[:query_only]] = True
    mask[1, rest[query_only:]] = True
    return mask[0], mask[1]


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Rank scores from 0, the highest last; ties: the lower index ranks higher."""
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[np.lexsort((-np.arange(len(scores)), scores))] = np.arange(len(scores))
    return ranks


def _highest(scores: np.ndarray, count: int) -> np.ndarray:
    mask = np.zeros(len(scores), dtype=bool)
    mask[np.argsort(-scores, kind="stable")[:count]] = True
    return mask


def _scores(analysis: Analysis, layer: int, component: str, criterion: str, seed: int, *, needed: bool) -> np.ndarray:
    if needed and analysis.degenerate(layer, component, criterion):
        raise PlanError(
            f"Layer {layer} {component} cannot be ranked by {criterion}: every text gives the same value there.",
            hint="Choose another criterion for the control, or do not cut that cell.",
        )
    return np.asarray(analysis.scores(layer, component, criterion, seed=seed), dtype=np.float64)
