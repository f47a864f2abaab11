"""Numbers as people read them: the same in ticks, tables, hover and text."""

from __future__ import annotations

import math

MINUS = "\u2212"


def amount(value: float, digits: int = 3) -> str:
    """Write an r_f or std with `digits` significant digits, plain down to 0.00001, scientific below.

    >>> amount(0.0070001, 2), amount(-0.01234), amount(0.0)
    ('0.0070', '−0.0123', '0')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    sign = MINUS if value < 0 else ""
    if size < 1e-5:
        mantissa, power = f"{size:.{digits - 1}e}".split("e")
        return f"{sign}{mantissa}e{MINUS}{abs(int(power))}"
    exponent = math.floor(math.log10(float(f"{size:.{digits - 1}e}")))
    return f"{sign}{size:,.{max(0, digits - 1 - exponent)}f}"


def share(value: float) -> str:
    """Write a share: 0.711 is "71.1 %"."""
    return f"{100 * value:.1f} %"


def count(value: int) -> str:
    """Write a whole number: 4455 is "4,455"."""
    return f"{value:,}".replace("-", MINUS)


def millions(value: float) -> str:
    """Write parameters or FLOPs: 3070000 is "3.07 M"."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{amount(value / limit)} {unit}"
    return count(int(value))


def cosine(value: float) -> str:
    """Write a cosine: 0.52678 is "0.527"."""
    return f"{value:.3f}".replace("-", MINUS)


def megabytes(value: float) -> str:
    """Write a file's size: 75609144 is "75.6 MB"."""
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """Write a time: 4.2 is "4 s", 95 is "1 min 35 s", 5400 is "1 h 30 min".

    >>> duration(0.3), duration(119.8)
    ('under 1 s', '2 min')
    """
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    size, unit, rest, part = (60, "min", 1, "s") if whole < 3600 else (3600, "h", 60, "min")
    more = whole % size // rest
    return f"{whole // size} {unit}" + (f" {more} {part}" if more else "")
