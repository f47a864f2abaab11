"""Number formats for pages, figures, reports, model cards and the command line.

A share has a space before its sign ("22 %", "71.1 %"), an exponent two digits and a plain minus ("1.1e-06", as Python
and C write it, so that it can be copied), thousands a comma ("4,455"), a negative number a true minus.
"""

from __future__ import annotations

import math

MINUS = "\u2212"


def amount(value: float, digits: int = 3) -> str:
    """Write an r_f or std with `digits` significant digits, plain down to 0.00001, scientific below.

    >>> amount(0.0070001, 2), amount(-0.01234), amount(0.0), amount(1.1e-06, 2)
    ('0.0070', '−0.0123', '0', '1.1e-06')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = float(f"{abs(value):.{digits - 1}e}")
    sign = MINUS if value < 0 else ""
    if size < 1e-5:
        return f"{sign}{size:.{digits - 1}e}"
    exponent = math.floor(math.log10(size))
    return f"{sign}{size:,.{max(0, digits - 1 - exponent)}f}"


def scientific(value: float) -> str:
    """Write a number that is always told by its power of ten, such as a learning rate: 0.0001 is "1e-04".

    >>> scientific(2e-05), scientific(0.00012), scientific(0.0)
    ('2e-05', '1.2e-04', '0')
    """
    if value == 0:
        return "0"
    mantissa, power = f"{value:.5e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{power}".replace("-", MINUS, value < 0)


def share(value: float, digits: int = 1) -> str:
    """Write a share in percent, with `digits` decimals; all and nothing have none.

    >>> share(0.711), share(0.22, 0), share(0.628, 2), share(1.0), share(0.9999)
    ('71.1 %', '22 %', '62.80 %', '100 %', '100.0 %')
    """
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:.{0 if value in (0, 1) else digits}f} %".replace("-", MINUS)


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


def size(value: int) -> str:
    """Write a number of bytes in a fitting unit, never as "0.0": 412 is "412 bytes", 31200 is "31.2 kB".

    >>> size(0), size(1), size(300_000), size(13_000_000_000)
    ('0 bytes', '1 byte', '0.3 MB', '13.00 GB')
    """
    if value < 1_000:
        return f"{value} byte{'' if value == 1 else 's'}"
    return f"{value / 1e3:.1f} kB" if value < 1e5 else megabytes(value)


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
