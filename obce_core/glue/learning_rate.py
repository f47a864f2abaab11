"""The learning rate of a tier, by the width of the model.

The paper fine-tunes BERT Base and BERT Large (768 and 1,024 wide) with 2e-5. A narrower encoder needs a larger rate:
Turc et al. (2019, arXiv 1908.08962) search 3e-5 to 3e-4 for BERTs of 128 to 768. On the demo (384 wide), tier quick and
one seed, 2e-5 left CoLA at a Matthews correlation of 0 and 1e-4 reached 13.

The rule reads the width alone, so every variant of a model has the same rate: a cut leaves the width of the residual
    stream as it is. It is
not a search: the rate is not tuned to a task, a seed or a variant, and a better one may exist. An explicit rate always
    wins.
"""

from __future__ import annotations

from collections.abc import Iterable

from obce_core.formatting import scientific

RATES = ((768, 2e-5), (512, 5e-5), (256, 1e-4), (1, 2e-4))
"""The least width of each row and its rate, the widest first."""

Rate = tuple[float, int | None]
"""A learning rate, and the width that it was chosen by (None: it was given)."""


def rate_at(width: int) -> float:
    """Return the learning rate for a model whose residual stream is `width` wide.

    >>> rate_at(1024), rate_at(768), rate_at(384)
    (2e-05, 2e-05, 0.0001)
    """
    return next(rate for least, rate in RATES if width >= least)


def plain_rate(rate: float) -> str:
    """Write a learning rate.

    >>> plain_rate(2e-5), plain_rate(0.00012), plain_rate(0.001), plain_rate(0.0)
    ('2e-05', '1.2e-04', '1e-03', '0')
    """
    return scientific(rate)


def rate_words(rates: Iterable[Rate]) -> str:
    """Write learning rates and how each was chosen.

    >>> rate_words([(1e-4, 384), (1e-4, 384)]), rate_words([(5e-5, None)])
    ("1e-04, by the model's width (384)", '5e-05')
    """
    parts = dict.fromkeys(
        plain_rate(rate) + (f", by the model's width ({width:,})" if width is not None else "")
        for rate, width in sorted(rates, key=_order)
    )
    return "; ".join(parts)


def rule_words() -> str:
    """Write the rule in one line."""
    parts = [f"{plain_rate(rate)} from {least:,}" for least, rate in RATES[:-1]]
    return f"{', '.join(parts)}, {plain_rate(RATES[-1][1])} below"


def _order(rate: Rate) -> tuple[int, float]:
    return -(rate[1] or 0), rate[0]
