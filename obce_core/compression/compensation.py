"""Fold predictions into the weights that stay: removed neurons are affine functions of kept ones.

- An intermediate neuron's column of the next map spreads over the columns of the kept ones, its intercept goes into the
  next bias. Values do the same, head by head: attention weights sum to one.
- The scores of a head become (Mq q + mq)ᵀ(Mk k + mk), with q and k the kept queries and keys and M the identity on
  them. Softmax does not see terms that are the same for every key, so (Mq q + mq)ᵀ Mk k is left: a bilinear form of few
  queries and few keys, stored with as many pairs as the fewer of the two. Where the keys are no more than the queries,
  the query rows take Mkᵀ Mq and their bias Mkᵀ mq. Otherwise the key rows take Mqᵀ Mk, and mqᵀ Mk k, a bias on every
  key, is one extra key row, met by a query that is always 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obce_core.architectures import EncoderShape
from obce_core.compression.fold import FoldedLayer, Weights
from obce_core.compression.ridge import AffineMap
from obce_core.plan.widths import stored_layer


def mix_layer(
    weights: Weights, masks: Mapping[str, np.ndarray], maps: Mapping[str, AffineMap], shape: EncoderShape
) -> FoldedLayer:
    """Fold one layer, like `fold_layer`.

    Args:
        weights: the original linear maps, float64; `*.weight` has shape (outputs, inputs), `*.bias` (outputs,).
        masks: kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,).
        maps: how removed neurons follow from kept ones, for each of these components that is cut.
        shape: the widths of the uncut encoder.
    """
    tensors: dict[str, np.ndarray] = {}
    for component, onward in (("value", "attention_output"), ("intermediate", "output")):
        kept, out = masks[component], weights[f"{onward}.weight"]  # (hidden, neurons)
        tensors[f"{component}.weight"] = weights[f"{component}.weight"][kept]
        tensors[f"{component}.bias"] = weights[f"{component}.bias"][kept]
        tensors[f"{onward}.weight"], tensors[f"{onward}.bias"] = out[:, kept], weights[f"{onward}.bias"].copy()
        if component in maps:
            tensors[f"{onward}.weight"] = out[:, kept] + out[:, ~kept] @ maps[component].weight
            tensors[f"{onward}.bias"] += out[:, ~kept] @ maps[component].bias
    heads = [_mix_head(weights, masks, maps, head, shape.head_size) for head in range(shape.heads)]
    for name in ("query.weight", "query.bias", "key.weight", "key.bias"):
        tensors[name] = np.concatenate([head[name] for head in heads])
    extra = [head["key.extra"] for head in heads if "key.extra" in head]
    if extra:
        tensors["key.extra"] = np.stack(extra)
    return FoldedLayer(tensors=tensors, stored=stored_layer(masks, None, shape))


def _mix_head(
    weights: Weights, masks: Mapping[str, np.ndarray], maps: Mapping[str, AffineMap], head: int, size: int
) -> dict[str, np.ndarray]:
    """Return the stored query and key rows of a head, and its `key.extra` (hidden,) where it needs one."""
    place = slice(head * size, (head + 1) * size)
    full = {name: _whole_head(masks[name], maps.get(name), place) for name in ("query", "key")}
    (queries, shift), (keys, offset) = full["query"], full["key"]  # (size, nq), (size,), (size, nk), (size,)
    rows = {
        f"{name}.{part}": weights[f"{name}.{part}"][place][masks[name][place]]
        for name in ("query", "key")
        for part in ("weight", "bias")
    }
    across = keys.T @ queries  # (nk, nq)
    if keys.shape[1] <= queries.shape[1]:
        rows["query.weight"] = across @ rows["query.weight"]
        rows["query.bias"] = across @ rows["query.bias"] + keys.T @ shift
        return rows
    extra = shift @ keys @ rows["key.weight"]
    rows["key.weight"] = across.T @ rows["key.weight"]
    rows["key.bias"] = across.T @ rows["key.bias"] + queries.T @ offset  # not seen by softmax, as in the original
    return rows | {"key.extra": extra}


def _whole_head(kept: np.ndarray, how: AffineMap | None, place: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return weight (size, kept of the head) and bias (size,) that give all of a head's neurons from its kept ones."""
    here = kept[place]
    weight, bias = np.eye(len(here))[:, here], np.zeros(len(here))
    if how is not None:
        removed, columns = np.flatnonzero(~kept), np.flatnonzero(kept)
        down = (removed >= place.start) & (removed < place.stop)
        right = (columns >= place.start) & (columns < place.stop)
        weight[~here] = how.weight[np.ix_(down, right)]
        bias[~here] = how.bias[down]
    return weight, bias
