"""Measure how well a tokenizer covers texts: word pieces, unknown ones, and texts without any."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obce_core.errors import TextsError
from obce_core.models.batching import Encoded, encode
from obce_core.texts import Texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOTED_SHARE = 0.1
"""From this share of [UNK] on, a result carries a note."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What a tokenizer made of some texts.

    Attributes:
        word_pieces: tokens of all texts, without the ones that the tokenizer adds to every text.
        unknown: how many of them are [UNK].
        empty: texts without any word piece, which were dropped.
        heldout_empty: the same among the held-out texts.
    """

    word_pieces: int
    unknown: int
    empty: int = 0
    heldout_empty: int = 0

    def plain(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Texts as a tokenizer reads them: those with a word piece, their ids, and the counts."""

    sample: Texts
    encoded: Encoded
    coverage: Coverage


def read_sample(tokenizer: PreTrainedTokenizerBase, sample: Texts, *, max_length: int, positions: int) -> Reading:
    """Tokenize a sample; drop its texts without a word piece (zero-width characters, for example), held-out ones too.

    Raises:
        TextsError: fewer than 2 texts are left, or every word piece is [UNK].
        BadInput: `max_length` is out of range, see `encode`.
    """
    encoded = encode(tokenizer, sample.texts, max_length=max_length, positions=positions)
    empty = encoded.empty
    if empty.all():
        raise TextsError(
            f"None of the {len(sample):,} texts has a word piece: the tokenizer reads nothing in them.",
            hint="Give other texts, or another tokenizer.",
        )
    heldout = _with_pieces(tokenizer, sample.heldout, max_length)
    coverage = Coverage(
        word_pieces=encoded.pieces,
        unknown=encoded.unknown,
        empty=int(empty.sum()),
        heldout_empty=len(sample.heldout) - len(heldout),
    )
    notes = check_unknown(encoded.unknown, encoded.pieces, tokenizer)
    if coverage.empty:
        verb = "text has" if coverage.empty == 1 else "texts have"
        notes = (
            f"{coverage.empty:,} {verb} no word piece and {'was' if coverage.empty == 1 else 'were'} dropped.",
            *notes,
        )
    kept = np.flatnonzero(~empty)
    if len(kept) < 2:
        raise TextsError(
            f"An analysis needs at least 2 different texts with a word piece; {len(kept)} of {len(sample):,} has one.",
            hint="--heldout none measures the held-out texts too."
            if heldout
            else "Give other texts, or another tokenizer.",
        )
    return Reading(
        sample=replace(
            sample,
            texts=tuple(sample.texts[row] for row in kept),
            columns={name: tuple(values[row] for row in kept) for name, values in sample.columns.items()},
            heldout=heldout,
            notes=(*sample.notes, *notes),
        ),
        encoded=replace(encoded, ids=tuple(encoded.ids[row] for row in kept)),
        coverage=coverage,
    )


def check_unknown(unknown: int, pieces: int, tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return a note where many word pieces are [UNK]; refuse texts of which a tokenizer knows nothing.

    Raises:
        TextsError: every word piece is [UNK]: all texts of one length would give the same outputs.
    """
    if not pieces or unknown < NOTED_SHARE * pieces:
        return ()
    message = f"Of {pieces:,} word pieces {unknown:,} are [UNK]; the tokenizer does not fit these texts."
    hint = _advice(tokenizer)
    if unknown == pieces:
        raise TextsError(message, hint=hint)
    return (f"{message} {hint}",)


def _advice(tokenizer: PreTrainedTokenizerBase) -> str:
    cased = any(token != token.lower() and token not in tokenizer.all_special_tokens for token in tokenizer.get_vocab())
    if getattr(tokenizer, "do_lower_case", False) and cased:
        return 'vocab.txt is read lower-cased; put "do_lower_case": false into tokenizer_config.json for a cased one.'
    return "Give texts in the script and language of its vocabulary, or the model's own tokenizer."


def _with_pieces(tokenizer: PreTrainedTokenizerBase, texts: tuple[str, ...], max_length: int) -> tuple[str, ...]:
    if not texts:
        return ()
    special = len(tokenizer("")["input_ids"])
    lengths = (len(tokenizer(text, truncation=True, max_length=max_length)["input_ids"]) for text in texts)
    return tuple(text for text, length in zip(texts, lengths, strict=True) if length > special)
