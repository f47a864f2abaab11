"""The stability of r_f: without its most isolated text, and under resampling of the texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from obce_core.errors import BadInput, NotFinite
from obce_core.topology.line import line_r_f

_BLOCK = 1 << 19
"""Numbers held at once: draws are made in blocks that fit the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A percentile bootstrap interval of r_f, in radii: `share` of the `draws` lie within it."""

    low: float
    high: float
    share: float
    draws: int


def bootstrap_r_f(
    values: Float[np.ndarray, " texts"], *, draws: int = 1000, share: float = 0.9, seed: int = 0
) -> Interval:
    """Resample the N texts with replacement, `draws` times, and take the middle `share` of the r_f of these samples.

    The percentile bootstrap: for share 0.9 the 5th and 95th percentile (numpy's `linear`). Same seed, same interval.

    What it can say is limited. A text that is drawn twice adds a gap of zero, and about 37 % of the texts are missing
    from a resample, so its gaps are wider than those of N fresh texts, inside the cloud; an extreme text that is
    missing takes its gap with it. And r_f is a maximum: the bootstrap of a maximum gap is not consistent, that is, the
    interval does not reach its nominal coverage however many texts there are. It tells how much r_f hangs on few texts.

    Cost O(draws x N) time, a few MB.

    Raises:
        BadInput: no value, no draw, or a share outside 0 to 1.
        NotFinite: a value is NaN or inf.

    >>> bootstrap_r_f(np.array([0.0, 2.0])).high
    1.0
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 1 or not len(points) or draws < 1 or not 0 < share < 1:
        raise BadInput(
            f"A bootstrap needs values of shape (N,), N >= 1, draws >= 1 and a share in 0–1; found {points.shape}, "
            f"{draws}, {share}."
        )
    if not np.isfinite(points).all():
        raise NotFinite(f"{int((~np.isfinite(points)).sum())} outputs are NaN or inf.")
    ordered, count = np.sort(points), len(points)
    random = np.random.default_rng(seed)
    mask = np.zeros(draws)
    step = max(1, _BLOCK // count)
    for start in range(0, draws, step) if count > 1 else ():
        size = min(step, draws - start)
        drawn = np.zeros((size, count), dtype=bool)  # (draws of the block, texts in sorted order)
        drawn[np.arange(size)[:, None], random.integers(0, count, size=(size, count))] = True
        # What is not drawn takes the value of the last drawn text before it (at the start: of the first one): a gap of
        # 0.
        held = np.where(drawn, ordered, ordered[drawn.argmax(axis=1)][:, None])
        np.maximum.accumulate(held, axis=1, out=held)
        mask[start : start + size] = np.diff(held, axis=1).max(axis=1) / 2
    low, high = np.quantile(mask, [(1 - share) / 2, (1 + share) / 2])
    return Interval(low=float(low), high=float(high), share=share, draws=draws)


def most_isolated(values: Float[np.ndarray, " texts"]) -> int:
    """Find the text that is farthest from its nearest neighbour on the line; the lowest value among equals.

    >>> most_isolated(np.array([1.0, 9.0, 0.0]))
    1
    """
    order = np.argsort(values, kind="stable")
    gaps = np.diff(values[order].astype(np.float64), prepend=-np.inf, append=np.inf)
    return int(order[np.argmax(np.minimum(gaps[:-1], gaps[1:]))])


def r_f_without(values: Float[np.ndarray, " texts"], text: int) -> float:
    """Compute r_f without one text, a radius. It grows when that text stood alone in the middle of a gap."""
    return float(line_r_f(np.delete(values, text)[:, None])[0]) if len(values) > 1 else 0.0
