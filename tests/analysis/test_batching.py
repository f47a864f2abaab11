"""Texts become padded batches: sorted by length, cut where they must be, nothing lost."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import sentences

from obce_core.errors import BadInput
from obce_core.models.batching import _BATCH_PRICE, Encoded, batches, encode


class Words:
    """A tokenizer in memory: a token a character, 2 and 3 around them."""

    pad_token_id = 9
    unk_token_id = ord("?")
    added = True

    def __call__(
        self, text: str, *, max_length: int = 100, truncation: bool = False, return_overflowing_tokens: bool = False
    ) -> Any:
        room = max_length - 2
        parts = [text[i : i + room] for i in range(0, len(text), room)] or [""]
        rows = [[2, *(ord(c) for c in part), 3] if self.added else [ord(c) for c in part] for part in parts]
        return {"input_ids": rows if return_overflowing_tokens else rows[0]}


class Bare(Words):
    """The same without the tokens around."""

    added = False


def encoded(*lengths: int) -> Encoded:
    return Encoded(
        ids=tuple(tuple(range(100 * i, 100 * i + n)) for i, n in enumerate(lengths)),
        max_length=8,
        truncated=0,
        pad_id=7,
    )


def test_texts_are_cut_at_the_limit_and_counted() -> None:
    found = encode(Words(), ["ab", "abcdef", "abcdefg", ""], max_length=8)  # a stub of a tokenizer
    assert found.ids == ((2, 97, 98, 3), (2, *b"abcdef", 3), (2, *b"abcdef", 3), (2, 3))
    assert (found.truncated, found.pad_id, found.max_length) == (1, 9, 8)
    assert found.lengths.tolist() == [4, 8, 8, 2]


def test_word_pieces_unknown_ones_and_texts_without_any_are_counted() -> None:
    found = encode(Words(), ["a?b", "", "??"], max_length=8)
    assert (found.special, found.pieces, found.unknown, found.empty.tolist()) == (2, 5, 3, [False, True, False])
    bare = encode(Bare(), ["a?b", "", "??"], max_length=8)
    assert (bare.special, bare.pieces, bare.unknown, bare.empty.tolist()) == (0, 5, 3, [False, True, False])


def test_a_text_without_a_token_is_in_no_batch() -> None:
    rows = [batch.rows.tolist() for batch in batches(encode(Bare(), ["", "abc", "", "ab"], max_length=8), 2)]
    assert rows == [[1, 3]]


def test_texts_of_which_none_has_a_token_are_refused() -> None:
    with pytest.raises(BadInput, match="None of 2 texts has a token with this tokenizer"):
        encode(Bare(), ["", ""], max_length=8)


@pytest.mark.parametrize(
    ("length", "positions", "allowed"), [(2, 512, "3–512"), (513, 512, "3–512"), (49, 48, "3–48"), (-1, 64, "3–64")]
)
def test_a_limit_that_the_model_has_no_positions_for_is_refused(length: int, positions: int, allowed: str) -> None:
    with pytest.raises(BadInput, match=f"^--max-length is {length}; this model allows {allowed}.$"):
        encode(Words(), ["a"], max_length=length, positions=positions)  # a stub


def test_a_real_tokenizer_gives_what_it_gives_alone(tiny_folder: Path) -> None:
    from obce_core.models.load import load_model

    tokenizer = load_model(tiny_folder).tokenizer
    texts = [*sentences(6), "word " * 500, "unknown Ω", "x" * 100_000]
    found = encode(tokenizer, texts, max_length=16)
    assert [list(row) for row in found.ids] == [
        tokenizer(t, truncation=True, max_length=16)["input_ids"] for t in texts
    ]
    assert found.truncated == sum(len(tokenizer(t)["input_ids"]) > 16 for t in texts[:-1]) + (
        "x" * 100_000 not in tokenizer.vocab and len(found.ids[-1]) == 16
    )
    assert max(found.lengths) == 16


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_every_text_is_in_one_batch_with_its_own_tokens_and_padding_after_them(size: int) -> None:
    told = encoded(3, 5, 2, 5, 4)
    rows = []
    for batch in batches(told, size):
        assert batch.ids.shape == batch.mask.shape == (len(batch.rows), max(len(told.ids[row]) for row in batch.rows))
        for row, ids, mask in zip(batch.rows, batch.ids, batch.mask, strict=True):
            length = len(told.ids[row])
            assert ids.tolist() == [*told.ids[row], *[7] * (ids.numel() - length)]
            assert mask.tolist() == [1] * length + [0] * (ids.numel() - length)
            rows.append(int(row))
    assert rows == [1, 3, 4, 0, 2]  # the longest first, ties in the order of the texts


def cost(parts: list[list[int]]) -> int:
    """What a division costs: its tokens with padding, and a price for every batch."""
    return sum(_BATCH_PRICE + len(part) * max(part) for part in parts)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=9), st.integers(1, 5))
def test_no_other_division_of_the_sorted_texts_is_cheaper(lengths: list[int], size: int) -> None:
    found = [[int(length) for length in batch.mask.sum(1)] for batch in batches(encoded(*lengths), size)]
    ordered = sorted(lengths, reverse=True)
    assert [length for part in found for length in part] == ordered
    every = []
    for cuts in product([False, True], repeat=len(lengths) - 1):
        edges = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(lengths)]
        parts = [ordered[a:b] for a, b in pairwise(edges)]
        if all(len(part) == 1 or (len(part) <= size and len(part) * max(part) <= 32 * size) for part in parts):
            every.append(parts)
    assert found in every
    assert cost(found) == min(map(cost, every))


def test_no_texts_are_no_batches() -> None:
    assert list(batches(encoded(), 4)) == []


@pytest.mark.parametrize("size", [0, -3])
def test_a_batch_holds_at_least_one_text(size: int) -> None:
    with pytest.raises(BadInput, match=f"^--batch-size is {size}; it must be at least 1.$"):
        next(batches(encoded(3), size))


def test_lengths_are_whole_numbers() -> None:
    assert encoded(3, 1).lengths.dtype == np.int64
