"""Colours, each with one meaning, and the style of all figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from obce_core.components import COMPONENTS


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one mode (light or dark). `components` is in the paper's order, locked ones grey."""

    background: str
    surface: str
    hairline: str
    ink: str
    muted: str
    faint: str
    accent: str  # radius now, merge, r_f
    ghost: str
    primary: str
    grid: str
    components: dict[str, str] = field(default_factory=dict)
    sequence: tuple[str, ...] = ()


LIGHT = Palette(
    background="#FFFFFF",
    surface="#F4F6F8",
    hairline="#DDE2E8",
    ink="#1B2430",
    muted="#5A6675",
    faint="#8A94A3",
    accent="#C8283F",
    ghost="#D5DBE2",
    primary="#1F3A5F",
    grid="#EDF0F3",
    components=dict(zip(COMPONENTS, ("#3392E5", "#147B64", "#864FA5", "#434B54", "#D27914", "#88909B"), strict=True)),
    sequence=("#EEF3EE", "#BFDCCB", "#7FBFB5", "#3F93A0", "#1F6287", "#173A63"),
)
DARK = Palette(
    background="#11161D",
    surface="#1A212B",
    hairline="#2C3642",
    ink="#E4E9EF",
    muted="#A3AEBB",
    faint="#77828F",
    accent="#FF6B7A",
    ghost="#37424F",
    primary="#3A78BE",
    grid="#1F2731",
    components=dict(zip(COMPONENTS, ("#1B8BE1", "#8EE1C1", "#D0A4EF", "#929AA5", "#ECAB4E", "#656D77"), strict=True)),
    sequence=("#1A2530", "#1E4257", "#23677B", "#3A9396", "#82C4AE", "#E3F2DC"),
)


def palette(mode: str) -> Palette:
    """Return the colours of `light` or `dark`."""
    return DARK if mode == "dark" else LIGHT


def ramp(colours: Sequence[str], share: float) -> str:
    """Interpolate a colour at `share` (0 to 1) of a ramp, as #RRGGBB."""
    place = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    low = min(int(place), len(colours) - 2)
    a, b = _rgb(colours[low]), _rgb(colours[low + 1])
    mixed = (round(x + (y - x) * (place - low)) for x, y in zip(a, b, strict=True))
    return "#" + "".join(f"{channel:02X}" for channel in mixed)


def ink_on(colour: str) -> str:
    """Choose white or black for a number on a colour: white under relative luminance 0.18."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _rgb(colour))]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#FFFFFF" if luminance < 0.18 else "#000000"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
