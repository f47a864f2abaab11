"""A check question: its text, its answer, the reason, and the mistakes that lead to other answers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from obce_core.formatting import amount
from obce_core.storage.digests import digest

_CHOICES = 4
_NEAR, _FAR = 12, 40


@dataclass(frozen=True, kw_only=True)
class Slip:
    """A mistake that people make: the answer it gives, and its name in a sentence."""

    answer: str | float
    why: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question about the present state of a figure.

    `kind` "choice" has its answer among `choices`; "number" is typed, and right within `tolerance`. `asks` names the
    numbers of the figure that would give the answer away. `why` explains with the figure's own numbers.
    """

    text: str
    kind: Literal["choice", "number"] = "choice"
    choices: tuple[str, ...] = ()
    answer: str | float
    why: str
    slips: tuple[Slip, ...] = ()
    asks: tuple[str, ...] = ()
    tolerance: float = 0.0

    @property
    def key(self) -> str:
        """Name the question in this state; in another state the key is another."""
        return digest([self.text, self.choices, self.answer, self.why])[:12]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether an answer is right, and what is said to it."""

    right: bool
    told: str


def check(question: Question, given: str) -> Verdict:
    """Judge an answer; a wrong one is told its likely mistake first, then the reason of the right one."""
    if question.kind == "choice":
        if given == question.answer:
            return Verdict(right=True, told=f"Yes. {question.why}")
        slip = next((slip.why for slip in question.slips if slip.answer == given), "")
        return Verdict(right=False, told=f"No. {slip} {question.why}".replace("  ", " "))
    value = read_number(given)
    if value is None:
        return Verdict(right=False, told="That is not a number. Type one, such as 0.25.")
    if _close(value, question.answer, question.tolerance):
        return Verdict(right=True, told=f"Yes. {question.why}")
    slip = next((slip.why for slip in question.slips if _close(value, slip.answer, question.tolerance)), "")
    return Verdict(right=False, told=f"No. {slip} {question.why}".replace("  ", " "))


def read_number(text: str) -> float | None:
    """Read a typed number; a comma may stand for the point. None when it is not a finite number.

    >>> read_number(" 0,25 "), read_number("−1e−3"), read_number("ten"), read_number("inf")
    (0.25, -0.001, None, None)
    """
    plain = text.strip()[:40].replace("−", "-").replace(",", ".")
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?", plain, re.IGNORECASE | re.ASCII):
        return None
    value = float(plain)
    return value if math.isfinite(value) else None


def counted(answer: int, slips: Iterable[tuple[int, str]]) -> tuple[tuple[str, ...], tuple[Slip, ...]]:
    """Make choices of a count in rising order: the answer, the results of mistakes, and neighbours."""
    wrong: dict[int, str] = {}
    for value, why in slips:
        if value != answer and value >= 0:
            wrong.setdefault(value, why)
    near_ones = [value for value in wrong if abs(value - answer) <= max(_NEAR, answer)]
    far = [value for value in wrong if value not in near_ones and value <= _FAR][:1]  # more would give the answer away
    selected = {answer, *[*near_ones, *far][: _CHOICES - 1]}
    for near in (answer + 1, answer - 1, answer + 2, answer - 2, answer + 3):
        if len(selected) < _CHOICES and near >= 0:
            selected.add(near)
    found = tuple(Slip(answer=f"{value:,}", why=why) for value, why in wrong.items() if value in selected)
    return tuple(f"{value:,}" for value in sorted(selected)), found


def apart(first: float, second: float) -> tuple[str, str]:
    """Write two numbers with enough digits to show their difference to three digits.

    >>> apart(1.2345, 1.2355), apart(0.5, 0.5)
    (('1.23450', '1.23550'), ('0.500', '0.500'))
    """
    size, difference = max(abs(first), abs(second)), abs(first - second)
    digits = 3 if not difference else min(3 + max(0, math.ceil(math.log10(size / difference))), 15)
    return amount(first, digits), amount(second, digits)


def plural(count: int, one: str, more: str = "") -> str:
    """Write a count with its noun: "1 loop", "2 loops"."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _close(value: float, expected: str | float, tolerance: float) -> bool:
    return abs(value - float(expected)) <= tolerance
