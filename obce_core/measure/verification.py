"""The result of a verification: every difference, and its tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""Largest difference that is rounding, as a share of the largest output."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Masked original against cut model in one dtype on one kind of texts.

    `hidden` and `logits` are largest differences as shares of the largest output (see `Difference`); `count` texts of
    `shortest` to `longest` tokens were compared.
    """

    dtype: str
    texts: str
    count: int
    shortest: int
    longest: int
    hidden: float
    logits: float | None

    @property
    def tolerance(self) -> float:
        return TOLERANCE[self.dtype]

    @property
    def equal(self) -> bool:
        """Whether no difference is beyond tolerance; NaN is never equal."""
        return all(share <= self.tolerance for share in (self.hidden, self.logits) if share is not None)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether a compressed folder is its masked original, and every difference that was measured.

    `plan` is the digest of the cut; `measured` has a row for each dtype and kind of texts; `tensors` counts the stored
    tensors, `differs` says which of them is the first that is not the one folded again from the original (None: all
    are).
    """

    folder: Path
    original: str
    plan: str
    tensors: int
    differs: str | None
    measured: tuple[Measured, ...]

    @property
    def equal(self) -> bool:
        """Whether all differences are within tolerance and all stored tensors are the folded ones."""
        return self.differs is None and all(row.equal for row in self.measured)

    @property
    def difference(self) -> float:
        """The largest float32 difference: what the saved folder shows."""
        shares = [
            share
            for row in self.measured
            if row.dtype == "float32"
            for share in (row.hidden, row.logits)
            if share is not None
        ]
        return math.nan if any(math.isnan(share) for share in shares) else max(shares)

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data; a difference that is not finite is a word, since JSON has no such number."""
        rows = [
            {
                "dtype": row.dtype,
                "texts": row.texts,
                "count": row.count,
                "shortest": row.shortest,
                "longest": row.longest,
                "hidden": _plain(row.hidden),
                "logits": _plain(row.logits),
                "tolerance": row.tolerance,
                "equal": row.equal,
            }
            for row in self.measured
        ]
        return {
            "equal": self.equal,
            "folder": str(self.folder),
            "original": self.original,
            "plan": self.plan,
            "tensors": self.tensors,
            "differs": self.differs,
            "measured": rows,
        }


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
