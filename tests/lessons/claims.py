"""Hold a lesson's sentences against a count of one's own.

A question's text, its reason and the reasons of its slips are taken apart by patterns. A sentence that no pattern knows
fails, so a new one comes with its check.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from obce_core.lessons.question import Question

Claims = Sequence[tuple[str, Callable[..., bool]]]


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def close(text: str, value: float) -> bool:
    """Compare a written number with the true one, by the digits that are written."""
    written = number(text)
    digits = max(3, len(re.sub(r"^0+", "", re.sub(r"e.*|[^0-9e]", "", text))))
    return math.isclose(written, value, rel_tol=6 * 10.0**-digits, abs_tol=1e-12)


def hold(question: Question, text: str, claims: Claims, *given: Any) -> None:
    """Find the pattern of a sentence, and ask its check."""
    for pattern, true in claims:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            assert true(*given, *found.groups()), f"not true: {text!r} of {question.text!r}"
            return
    raise AssertionError(f"no check for: {text!r} of {question.text!r}")


def hold_all(questions: Iterable[Question], answers: Sequence[Any], claims: Claims, state: Any) -> None:
    """Hold the answers, the texts, the reasons and every slip's reason (with the answer that it speaks of)."""
    listed = list(questions)
    assert len(listed) == len(answers)
    for question, answer in zip(listed, answers, strict=True):
        if question.kind == "number":
            assert float(question.answer) == pytest.approx(answer, rel=1e-12, abs=1e-12), question.text
        else:
            assert question.answer == str(answer), (question, answer)
        hold(question, question.text, claims, state, None)
        hold(question, question.why, claims, state, None)
        for slip in question.slips:
            wrong = slip.answer if isinstance(slip.answer, float) else slip.answer.replace(",", "")
            hold(question, slip.why, claims, state, wrong)
