"""Where a text is cut, and where not."""

from __future__ import annotations

import pytest

from obce_core.texts import split_periods

A, B = "The first sentence has enough words", "Another sentence follows it right here"

CUTS = [
    (f"{A}. {B}.", [f"{A}.", f"{B}."]),
    (f"{A}. 1990 was a very good year.", [f"{A}.", "1990 was a very good year."]),
    (f'{A}. "{B}."', [f"{A}.", f'"{B}."']),
    (f'He said "{A}." {B}.', [f'He said "{A}."', f"{B}."]),
    (f"{A} (really). {B}.", [f"{A} (really).", f"{B}."]),
    (f"{A}.[12] {B}.", [f"{A}.", f"{B}."]),
    (f"{A}.\n{B}", [f"{A}.", B]),
    (f"{A}. Élan follows it right here too.", [f"{A}.", "Élan follows it right here too."]),
    (f"{A} and he said no. {B}.", [f"{A} and he said no.", f"{B}."]),
    (f"{A} . {B} .", [f"{A} .", f"{B} ."]),
]

WHOLE = [
    "The value of pi is 3.14 and not a bit more.",
    "The doctor was called Dr. Watson by all his friends.",
    "The lady was called Mrs. Smith by all her friends.",
    "She moved to the U.S. Navy base in the spring.",
    "The book by J. R. Tolkien has been read often.",
    "The symphony No. 5 was played twice that evening.",
    "It happened on Jan. 5 in the middle of winter.",
    "The office opens at 9 a.m. Monday through Friday this year.",
    "They write e.g. Paris when they mean the whole country.",
    "The company acme.com grew faster than any other one.",
    "The team lost by a mile vs. Brazil in the final.",
    "A period. followed by a small letter does not end it.",
]

DROPPED = [
    ("== History ==\n" + A + ".", [f"{A}."]),
    (" = Robert Boulter the great English actor = \n" + A + ".", [f"{A}."]),
    ("History\n\n" + A + ".", [f"{A}."]),
    ("Only four words here.", []),
    ("Exactly five words are here.", ["Exactly five words are here."]),
    (" ".join(["word"] * 80) + ".", [" ".join(["word"] * 80) + "."]),
    (" ".join(["word"] * 81) + ".", []),
    (f"* {A}.", [f"{A}."]),
    ("", []),
    ("...", []),
]


@pytest.mark.parametrize(("text", "expected"), CUTS)
def test_sentences_are_cut_at_periods(text: str, expected: list[str]) -> None:
    assert split_periods(text) == expected


@pytest.mark.parametrize("text", WHOLE)
def test_a_period_that_ends_no_sentence_cuts_nothing(text: str) -> None:
    assert split_periods(text) == [text]


@pytest.mark.parametrize(("text", "expected"), DROPPED)
def test_headings_and_pieces_of_odd_length_are_left_out(text: str, expected: list[str]) -> None:
    assert split_periods(text) == expected


def test_no_word_is_lost_between_the_pieces() -> None:
    text = " ".join(f"{A} number {i}." for i in range(50))
    assert " ".join(split_periods(text)) == text
