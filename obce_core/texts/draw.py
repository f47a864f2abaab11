"""Draw the seeded sample, and the held-out texts, from all texts of a source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obce_core.errors import TextsError, TooFewTexts, shorten
from obce_core.texts.clean import tidy
from obce_core.texts.sample import HELDOUT_LIMIT, Texts, check_seed
from obce_core.texts.sources.base import RawTexts


@dataclass(frozen=True, kw_only=True)
class Distinct:
    """The different, non-empty texts of a source: text -> its first row, in source order."""

    rows: dict[str, int]
    empty: int
    repeated: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what was dropped."""
        notes = []
        if self.empty:
            notes.append(f"{counted(self.empty, 'empty text')} dropped.")
        if self.repeated:
            notes.append(f"{counted(self.repeated, 'repeated text')} dropped; the first of each was kept.")
        return tuple(notes)


def distinct(raw: RawTexts) -> Distinct:
    """Clean texts of control characters, drop the empty ones, keep the first of equal ones."""
    rows: dict[str, int] = {}
    empty = repeated = 0
    for row, text in enumerate(map(tidy, raw.texts)):
        if not text:
            empty += 1
        elif rows.setdefault(text, row) != row:
            repeated += 1
    return Distinct(rows=rows, empty=empty, repeated=repeated)


def draw(raw: RawTexts, *, n: int | None, seed: int, minimum: int = 2, share: float = 0.0) -> Texts:
    """Draw `n` different texts without replacement; keep them in source order.

    The indices are `numpy.random.default_rng(seed).choice(available, n, replace=False)`, sorted: a sample is a set of
    texts, and its order says nothing about the draw. `n=None` and `n == available` take all. `share` of all texts,
    rounded down, is held out in any case: where `n` leaves fewer, fewer are drawn, and a note says so.

    Raises:
        TextsError: a bad `n` or `seed`, fewer than `minimum` or fewer than `n` different texts.
    """
    check_seed(seed)
    check_n(n, minimum)
    distinct_texts = distinct(raw)
    available = len(distinct_texts.rows)
    if available < minimum:
        total = available + distinct_texts.repeated
        raise TextsError(
            f"needs at least {minimum} different texts; got {available} distinct of {total}.",
            hint=f"Add texts to {raw.name}, or give another source.",
        )
    if n is not None and n > available:
        raise TooFewTexts(
            f"needs {n} different texts; {raw.name} has {available} different ones.",
            hint=f"Give --n-texts {available}.",
            available=available,
        )
    notes = [*raw.notes, *distinct_texts.notes]
    size = available if n is None else n
    held = int(share * available + 1e-9)  # 29 % of 100 is 29
    if available - size < held:
        asked, size = size, max(available - held, minimum)
        notes.append(
            f"{available - size:,} of the {available:,} texts are held out to measure fidelity ({100 * share:g} %), "
            f"so {size:,} of the "
            f"{asked:,} asked for are measured."
        )
    elif share and size == available:
        notes.append(f"{100 * share:g} % of {available:,} texts is less than one: no text is held out.")
    selected = list(range(available))
    if size < available:
        selected = sorted(np.random.default_rng(seed).choice(available, size, replace=False).tolist())
    texts, rows = list(distinct_texts.rows), list(distinct_texts.rows.values())
    visible = set(selected)
    rest = (text for index, text in enumerate(texts) if index not in visible)
    return Texts(
        texts=tuple(texts[index] for index in selected),
        columns={name: tuple(values[rows[i]] for i in selected) for name, values in raw.columns.items()},
        source=raw.source,
        seed=seed,
        available=available,
        notes=tuple(notes),
        heldout=tuple(text for text, _ in zip(rest, range(HELDOUT_LIMIT), strict=False)),
    )


def check_n(n: int | None, minimum: int) -> None:
    """Refuse a number of texts that is not an integer or is below the minimum."""
    if n is None:
        return
    if isinstance(n, bool) or not isinstance(n, int) or n < minimum:
        raise TextsError(
            f"the number of texts must be a whole number of at least {minimum}, got {shorten(repr(n))}.",
            hint="Give --n-texts 150.",
        )


def counted(count: int, noun: str) -> str:
    """Write "1 empty text was" or "3 empty texts were"."""
    return f"{count:,} {noun}{' was' if count == 1 else 's were'}"
