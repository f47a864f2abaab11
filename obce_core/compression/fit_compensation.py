"""Fit the predictions of a plan's removed neurons: a second pass of the original model over the analysis's texts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from obce_core.compression.cross_moments import layer_moments, split_folds
from obce_core.compression.ridge import AffineMap, fit
from obce_core.models.batching import Encoded
from obce_core.models.load import LoadedModel
from obce_core.plan.plan import Plan


def fit_maps(
    original: LoadedModel,
    encoded: Encoded,
    plan: Plan,
    *,
    step: Callable[[], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[tuple[int, str], AffineMap]:
    """Return the map of every cut cell (layer from 1, component); the moments of one layer are in memory at a time.

    Args:
        encoded: the texts of the analysis; held-out texts have no part in it.
        step: called before each cut layer.

    Raises:
        Cancelled: `cancelled()` became true between two batches.
    """
    folds = split_folds(encoded)
    results: dict[tuple[int, str], AffineMap] = {}
    for layer, row in plan.kept.items():
        if step is not None:
            step()
        moments = layer_moments(original, folds, layer, tuple(row), cancelled=cancelled)
        for component, kept in row.items():
            there = np.zeros(len(kept), dtype=bool)
            there[original.report.neurons(layer, component)] = True
            results[layer, component] = _over(kept, fit(moments.pop(component), kept & there), there)
    return results


def _over(kept: np.ndarray, affine_map: AffineMap, there: np.ndarray) -> AffineMap:
    """Expand a map from the neurons that are `there` to all kept neurons; neurons cut earlier predict nothing."""
    removed = there[~(kept & there)]  # of the predicted neurons, those that this plan removes
    weight = np.zeros((int(removed.sum()), int(kept.sum())))
    weight[:, there[kept]] = affine_map.weight[removed]
    return AffineMap(weight=weight, bias=affine_map.bias[removed])
