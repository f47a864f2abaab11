"""What is taken out of a text, and what is left alone."""

from __future__ import annotations

import time

import pytest

from obce_core.texts import clean, split_periods
from obce_core.texts.clean import tidy

TIDY = [
    ("  plain text \r\n", "plain text"),
    ("a\tb\nc\x0cd", "a b c d"),
    ("nul\x00 and bell\x07 and del\x7f", "nul and bell and del"),
    ("\x00", ""),
    ("<b>kept</b> &amp; [12]  two  spaces", "<b>kept</b> &amp; [12]  two  spaces"),
    ("cafe\u0301 \u202e =HYPERLINK() %{y}", "cafe\u0301 \u202e =HYPERLINK() %{y}"),
]

CLEAN = [
    ("a &amp; b&nbsp;c", "a & b c"),
    ("cafe\u0301", "caf\u00e9"),
    ("many   spaces\n and lines", "many spaces and lines"),
    ("It rains.[12] It pours.[3][4]", "It rains. It pours."),
    ("Noted[note 3] and[a] doubted[citation needed] and ranged[1–3]", "Noted and doubted and ranged"),
    ("an editor's [t]he stays", "an editor's [t]he stays"),
    ("a <b>bold</b> word<br/>next", "a bold word next"),
    ("three < four and five > two", "three < four and five > two"),
    ("word<ref name=x>cited</ref> word<ref name=x/> end", "word word end"),
    ("{{infobox|a={{b|c}}|d}}Text", "Text"),
    ("the [[Paris|capital]] of [[France]]", "the capital of France"),
    ("[[File:x.png|thumb|A [[cat]] here]]Text [[Category:Cats]]", "Text"),
    ("see [https://e.org the site] or [https://e.org]", "see the site or"),
    ("'''Bold''' and ''slanted''", "Bold and slanted"),
    ("Foo (; born 1950) and bar ( )", "Foo (born 1950) and bar"),
    ("a{| class=x\n| cell\n|}b <!-- gone --> c", "a b c"),
    ("\x00control\x1b", "control"),
]


@pytest.mark.parametrize(("text", "expected"), TIDY)
def test_tidy_removes_control_characters_and_nothing_else(text: str, expected: str) -> None:
    assert tidy(text) == expected


@pytest.mark.parametrize(("text", "expected"), CLEAN)
def test_clean_leaves_one_line_of_plain_language(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    "mark", ["<ref", "<ref>", "{{", "[[", "<!--", "{|", "(", "( ", "'", "[1,", "[//", ". A", '."', " ", "&amp"]
)
def test_hostile_text_costs_linear_time(mark: str) -> None:
    text = mark * (200_000 // len(mark))
    start = time.perf_counter()
    split_periods(text)
    clean(text)
    assert time.perf_counter() - start < 10  # a quadratic pattern takes minutes here
