"""The last merges of a cloud on a line, exactly, when it has more points than a picture can hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from obce_core.errors import BadInput, NotFinite
from obce_core.topology.line import LineMerge, join


@dataclass(frozen=True, kw_only=True, eq=False)
class ThinLine:
    """Some points of a cloud on a line, and when these become one piece within the whole cloud.

    `points` are the chosen points (places in the input) in the order of the line, `values` their outputs. `merges` are
    those of the chosen points in the whole cloud: `first`, `gap` and `last` are places among the chosen. Above the
        radius
    `start` they are all the merges there are: each is between the very two points that touch. `upto`, one longer than
    `points`, counts the points of the whole cloud that stand before each chosen one, so that from `start` on the part
    `first` .. `last` has `upto[last + 1] - upto[first]` points.
    """

    points: Int[np.ndarray, " shown"]
    values: Float[np.ndarray, " shown"]
    merges: tuple[LineMerge, ...]
    upto: Int[np.ndarray, " bounds"]
    start: float

    @property
    def total(self) -> int:
        """N, the points of the whole cloud."""
        return int(self.upto[-1])

    def size(self, first: int, last: int) -> int:
        """Count the points of the whole cloud in a part, from the radius `start` on."""
        return int(self.upto[last + 1] - self.upto[first])


def thin_line(values: Float[np.ndarray, " texts"], most: int) -> ThinLine:
    """Choose at most `most` points (at least 6): both ends of the widest gaps, and others evenly along the line.

    A cloud of at most `most` points is taken whole, with `start` 0.

    Raises:
        BadInput: no value, or `most` under 6.
        NotFinite: a value is NaN or inf.

    >>> thin_line(np.array([0.0, 1.0, 4.0]), 6).merges[-1].radius
    1.5
    """
    count = len(values)
    if not count or most < 6:
        raise BadInput(f"Thinning needs at least 1 value and room for 6; found {count} and {most}.")
    if not np.isfinite(values).all():
        raise NotFinite(f"{int((~np.isfinite(values)).sum())} outputs are NaN or inf.")
    order = np.argsort(values, kind="stable")
    ordered = values[order].astype(np.float64)
    gaps = np.diff(ordered)
    start, selection = 0.0, np.arange(count)
    if count > most:
        wide = most // 3
        widest = np.argpartition(-gaps, wide)
        start = float(gaps[widest[wide:]].max()) / 2
        exact = widest[:wide]
        even = np.searchsorted(ordered, np.linspace(ordered[0], ordered[-1], most - 2 * wide)).clip(0, count - 1)
        selection = np.unique(np.concatenate([exact, exact + 1, even[:-1], [count - 1]]))
    # Two chosen points are one part when the widest gap between them is closed; it parts the points left out there.
    split = [
        a + int(np.argmax(gaps[a:b])) for a, b in zip(selection[:-1].tolist(), selection[1:].tolist(), strict=True)
    ]
    radii = gaps[split] / 2 if split else np.empty(0)
    return ThinLine(
        points=order[selection],
        values=ordered[selection],
        merges=join(radii, order[selection]),
        upto=np.array([0, *(place + 1 for place in split), count]),
        start=start,
    )
