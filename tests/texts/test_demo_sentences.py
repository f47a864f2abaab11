"""The 600 sentences of the package: enough, different, and of many kinds."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from importlib import resources
from itertools import combinations

import pytest

ROWS = [
    line.split("\t")
    for line in resources.files("obce_core.texts.sources").joinpath("demo.tsv").read_text("utf-8").split("\n")
    if line
]
TEXTS = [row[0] for row in ROWS[1:]]
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def test_there_are_600_rows_of_three_columns() -> None:
    assert ROWS[0] == ["text", "subject", "topic"]
    assert len(TEXTS) == 600
    assert {len(row) for row in ROWS} == {3}


def test_there_are_twelve_topics_of_fifty() -> None:
    topics = Counter(row[2] for row in ROWS[1:])
    assert len(topics) == 12
    assert set(topics.values()) == {50}


def test_cells_are_filled_and_without_surrounding_space() -> None:
    assert [row for row in ROWS if any(not cell or cell != " ".join(cell.split()) for cell in row)] == []


def test_sentences_have_8_to_30_words() -> None:
    assert [text for text in TEXTS if not 8 <= len(text.split()) <= 30] == []


def test_sentences_are_unique_and_end_with_a_period() -> None:
    assert [text for text, count in Counter(text.lower() for text in TEXTS).items() if count > 1] == []
    assert [text for text in TEXTS if not text.endswith(".")] == []


def test_every_row_has_a_subject_of_its_own() -> None:
    assert [subject for subject, count in Counter(row[1].lower() for row in ROWS[1:]).items() if count > 1] == []


def test_no_five_words_in_a_row_are_in_more_than_two_sentences() -> None:
    seen: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for index, text in enumerate(TEXTS):
        row = words(text)
        for start in range(len(row) - 4):
            seen[tuple(row[start : start + 5])].add(index)
    assert {" ".join(run): len(where) for run, where in seen.items() if len(where) > 2} == {}


def test_at_most_three_sentences_of_a_topic_begin_with_the_same_two_words() -> None:
    starts = Counter((row[2], *words(row[0])[:2]) for row in ROWS[1:])
    assert {start: count for start, count in starts.items() if count > 3} == {}


def test_no_sentence_shares_more_than_half_its_words_with_another() -> None:
    sets = [set(words(text)) for text in TEXTS]
    close = [
        (TEXTS[i], TEXTS[j])
        for i, j in combinations(range(len(sets)), 2)
        if 2 * len(sets[i] & sets[j]) > min(len(sets[i]), len(sets[j]))
    ]
    if close:
        pytest.fail("\n".join(" | ".join(pair) for pair in close[:10]))
