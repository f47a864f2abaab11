"""Slow and obvious twins of the engine: what the fast code is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class Parts:
    """Union-find, without any trick."""

    def __init__(self, count: int) -> None:
        self.label = list(range(count))

    def join(self, a: int, b: int) -> bool:
        """Make one part of two; False when they were one already."""
        old, new = self.label[a], self.label[b]
        if old == new:
            return False
        self.label = [new if label == old else label for label in self.label]
        return True

    def size(self, point: int) -> int:
        return self.label.count(self.label[point])

    @property
    def count(self) -> int:
        return len(set(self.label))


def as_points(cloud: np.ndarray) -> np.ndarray:
    """Give a cloud two axes, copied (gudhi misreads the stride of `x[:, None]`)."""
    points = np.asarray(cloud, dtype=np.float64)
    return points.reshape(-1, 1).copy() if points.ndim == 1 else points.copy()


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return (
        math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))
        if len(a) > 1
        else abs(float(a[0]) - float(b[0]))
    )


def parts_at(cloud: np.ndarray, radius: float) -> int:
    """Count the pieces of disks of one radius: two touch when their centres are at most twice as far apart."""
    points = as_points(cloud)
    parts = Parts(len(points))
    for a in range(len(points)):
        for b in range(a):
            if distance(points[a], points[b]) / 2 <= radius:
                parts.join(a, b)
    return parts.count


def sweep_r_f(cloud: np.ndarray) -> float:
    """Try 0 and every pairwise half-distance, smallest first: the first radius with one piece."""
    points = as_points(cloud)
    halves = {distance(points[a], points[b]) / 2 for a in range(len(points)) for b in range(a)}
    return next(radius for radius in sorted({0.0, *halves}) if parts_at(points, radius) == 1)


def kruskal(cloud: np.ndarray) -> list[float]:
    """Return the edge lengths of a minimum spanning tree, ascending, from all pairs."""
    points = as_points(cloud)
    pairs = sorted((distance(points[a], points[b]), a, b) for a in range(len(points)) for b in range(a))
    parts = Parts(len(points))
    return [length for length, a, b in pairs if parts.join(a, b)]


def gudhi_deaths(cloud: np.ndarray) -> list[float]:
    """Return gudhi's finite deaths in dimension 0 as radii, ascending; gudhi itself reports edge lengths."""
    import pytest

    gudhi = pytest.importorskip("gudhi")
    tree = gudhi.RipsComplex(points=as_points(cloud)).create_simplex_tree(max_dimension=1)
    tree.compute_persistence(min_persistence=-1.0, persistence_dim_max=True)
    deaths = sorted(float(death) for _, death in tree.persistence_intervals_in_dimension(0))
    assert deaths[-1] == math.inf
    return [death / 2 for death in deaths[:-1]]


def two_pass(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and population std of each column, float64, in two passes."""
    values = np.asarray(rows, dtype=np.float64)
    mean = values.sum(axis=0) / len(values)
    return mean, np.sqrt(((values - mean) ** 2).sum(axis=0) / len(values))


def count_layer(
    query: Sequence[bool],
    key: Sequence[bool],
    value: Sequence[bool],
    middle: Sequence[bool],
    constants: Sequence[float] | None,
    hidden: int,
    heads: int,
) -> int:
    """Count the parameters of a folded layer, a neuron at a time, LayerNorms left out; constants None is
    least-squares."""
    size = len(query) // heads
    total = 2 * hidden  # biases of attention output and output
    for head in range(heads):
        dims = range(head * size, (head + 1) * size)
        pairs, extra = head_pairs(query, key, constants, dims)
        total += pairs * 2 * (hidden + 1)
        total += sum(hidden + 1 + hidden for i in dims if value[i])
        total += hidden if extra else 0
    for kept in middle:
        total += hidden + 1 + hidden if kept else 0
    return total


def head_pairs(
    query: Sequence[bool], key: Sequence[bool], constants: Sequence[float] | None, dims: range
) -> tuple[int, bool]:
    """Count the stored pairs of the head with these dimensions, and say whether it needs an extra key row."""
    if constants is None:
        queries, keys = [i for i in dims if query[i]], [i for i in dims if key[i]]
        return (len(keys), False) if len(keys) <= len(queries) else (len(queries), True)
    pairs = [i for i in dims if query[i] and key[i]]
    return len(pairs), any(key[i] and not query[i] and constants[i] != 0.0 for i in dims)


def flops_layer(
    query: Sequence[bool],
    key: Sequence[bool],
    value: Sequence[bool],
    middle: Sequence[bool],
    constants: Sequence[float] | None,
    hidden: int,
    heads: int,
    tokens: int,
) -> int:
    """Count two operations for every multiply-add of one text, a token and a row at a time."""
    size = len(query) // heads
    total = 0
    for head in range(heads):
        dims = range(head * size, (head + 1) * size)
        queries, extra = head_pairs(query, key, constants, dims)
        values = sum(1 for i in dims if value[i])
        for _ in range(tokens):
            total += 2 * hidden * queries + 2 * hidden * (queries + extra) + 2 * hidden * values  # q, k, v
            total += 2 * tokens * (queries + extra)  # scores with every key
            total += 2 * tokens * values  # weighted sum of every value
            total += 2 * values * hidden  # attention output
    total += tokens * sum(4 * hidden for kept in middle if kept)
    return total


def count_each_side(masks: Mapping[str, np.ndarray], hidden: int) -> int:
    """Count a layer as the paper does: every side of Q/K on its own, coupled columns of V and FFN too; no
    LayerNorms."""
    total = 2 * hidden
    for side in ("query", "key"):
        total += sum(hidden + 1 for kept in masks[side] if kept)
    for side in ("value", "intermediate"):
        total += sum(hidden + 1 + hidden for kept in masks[side] if kept)
    return total


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def masked_layer(
    hidden: np.ndarray,
    present: np.ndarray,
    weights: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    constants: Mapping[str, Any],
    heads: int,
    act: Any,
) -> np.ndarray:
    """Run a layer's attention and feed-forward maps on one text, removed neurons replaced by their constants.

    In the place of a component's constants there may be (weight, bias): removed = weight @ kept + bias.
    `hidden` has shape (tokens, hidden), `present` (tokens,) marks tokens that are no padding. There is no residual and
    no LayerNorm: the maps alone are what folding changes.
    """

    def outputs(name: str, x: np.ndarray) -> np.ndarray:
        return weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]

    def held(name: str, values: np.ndarray) -> np.ndarray:
        if isinstance(constants[name], tuple):
            weight, bias = constants[name]
            found = values.copy()
            found[~masks[name]] = weight @ values[masks[name]] + bias
            return found
        return np.where(masks[name], values, constants[name])

    query, key, value = ([held(name, outputs(name, x)) for x in hidden] for name in ("query", "key", "value"))
    size = len(query[0]) // heads
    result = []
    for s in range(len(hidden)):
        context = []
        for head in range(heads):
            dims = slice(head * size, (head + 1) * size)
            seen = [t for t in range(len(hidden)) if present[t]]
            share = softmax(np.array([query[s][dims] @ key[t][dims] / math.sqrt(size) for t in seen]))
            context.append(sum(w * value[t][dims] for w, t in zip(share, seen, strict=True)))
        attended = outputs("attention_output", np.concatenate(context))
        result.append(outputs("output", held("intermediate", act(outputs("intermediate", attended)))))
    return np.array(result)


def folded_layer(
    hidden: np.ndarray, present: np.ndarray, tensors: Mapping[str, np.ndarray], widths: Any, head_size: int, act: Any
) -> np.ndarray:
    """Run a folded layer head by head on its compact tensors, like `masked_layer`."""

    def outputs(name: str, x: np.ndarray) -> np.ndarray:
        return tensors[f"{name}.weight"] @ x + tensors[f"{name}.bias"]

    query, key, value = ([outputs(name, x) for x in hidden] for name in ("query", "key", "value"))
    result = []
    for s in range(len(hidden)):
        context, pair, extra, first = [], 0, 0, 0
        for pairs, more, values in zip(widths.pairs, widths.extra, widths.values, strict=True):
            dims = slice(pair, pair + pairs)
            seen = [t for t in range(len(hidden)) if present[t]]
            scores = []
            for t in seen:
                score = float(query[s][dims] @ key[t][dims])
                if more:
                    score += float(tensors["key.extra"][extra] @ hidden[t])
                scores.append(score / math.sqrt(head_size))
            share = softmax(np.array(scores))
            context.append(sum(w * value[t][first : first + values] for w, t in zip(share, seen, strict=True)))
            pair, extra, first = pair + pairs, extra + more, first + values
        attended = outputs("attention_output", np.concatenate(context))
        result.append(outputs("output", act(outputs("intermediate", attended))))
    return np.array(result)
