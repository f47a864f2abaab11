"""Texts: sources, readers, and the seeded sample that everything else is measured on."""

from __future__ import annotations

from obce_core.texts.clean import clean
from obce_core.texts.files.columns import text_columns
from obce_core.texts.load import heldout_file, heldout_of, load_texts
from obce_core.texts.sample import HELDOUT_LIMIT, Texts
from obce_core.texts.sentences import split_periods
from obce_core.texts.sources.base import TextSource
from obce_core.texts.sources.catalog import SOURCES, parse_source

__all__ = [
    "HELDOUT_LIMIT",
    "SOURCES",
    "TextSource",
    "Texts",
    "clean",
    "heldout_file",
    "heldout_of",
    "load_texts",
    "parse_source",
    "split_periods",
    "text_columns",
]
