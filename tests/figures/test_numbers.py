"""Numbers, foreign text and colours as people see them."""

from __future__ import annotations

import pytest

from obce_core.components import COMPONENTS
from obce_core.figures.safe import plot_text
from obce_core.figures.theme import DARK, LIGHT, Palette, ink_on, ramp
from obce_core.formatting import amount, count, megabytes, millions, share


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.00554, 3, "0.00554"),
        (0.007, 2, "0.0070"),
        (0.0111, 3, "0.0111"),
        (12.345, 3, "12.3"),
        (999.6, 3, "1,000"),
        (0.0, 3, "0"),
        (-0.0167, 3, "−0.0167"),
        (1.23e-6, 3, "1.23e-06"),
        (1.1e-6, 2, "1.1e-06"),
        (0.00001, 3, "0.0000100"),
        (9.999e-6, 3, "0.0000100"),
        (-1.1e-6, 2, "−1.1e-06"),
        (3e-12, 1, "3e-12"),
        (float("nan"), 3, "–"),
        (float("inf"), 3, "–"),
    ],
)
def test_an_amount_has_its_digits(value: float, digits: int, text: str) -> None:
    assert amount(value, digits) == text


def test_other_numbers_read_well() -> None:
    assert [share(value) for value in (0.711, 0.22, 1.0, 0.9999, 0.0, -0.125)] == [
        "71.1 %",
        "22.0 %",
        "100 %",
        "100.0 %",
        "0 %",
        "−12.5 %",
    ]
    assert (share(0.628, 2), share(0.261, 0), share(float("nan"))) == ("62.80 %", "26 %", "–")
    assert count(4455) == "4,455"
    assert millions(3_070_000) == "3.07 M"
    assert millions(2_868_903_936) == "2.87 G"
    assert millions(236_000) == "236 k"
    assert megabytes(75_609_144) == "75.6 MB"


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b>",
        "<a href='http://e.org'>y</a>",
        "%{y}",
        "<span style='font-size:200px'>z</span>",
        "a\u202eb",
        "tab\there\0",
    ],
)
def test_foreign_text_in_a_plot_is_no_markup(text: str) -> None:
    safe = plot_text(text)
    assert "<b" not in safe.replace("<br>", "") and "<a" not in safe and "<span" not in safe
    assert "%{" not in safe and "\u202e" not in safe and "\0" not in safe


def test_long_foreign_text_is_cut_and_wrapped() -> None:
    safe = plot_text("word " * 100)
    assert safe.count("<br>") == 1 and safe.endswith("…") and len(safe) < 140


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_the_background(palette: Palette) -> None:
    assert _contrast(palette.ink, palette.background) >= 7
    assert _contrast(palette.muted, palette.background) >= 4.5
    assert _contrast(palette.accent, palette.background) >= 4.5
    for component in COMPONENTS:
        assert _contrast(palette.components[component], palette.background) >= 3


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_the_number_in_a_cell_can_be_read_at_every_place_of_the_ramp(palette: Palette) -> None:
    for step in range(101):
        colour = ramp(palette.sequence, step / 100)
        assert _contrast(ink_on(colour), colour) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_the_ramp_moves_away_from_the_background_at_every_step(palette: Palette) -> None:
    distance = [
        abs(_luminance(ramp(palette.sequence, step / 50)) - _luminance(palette.background)) for step in range(51)
    ]
    assert distance == sorted(distance)
