"""Cut longer texts at periods, as the paper does with Wikipedia."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obce_core.texts.clean import clean, strip_markup

MIN_WORDS = 5
"""Sentences of fewer words are headings, list items and broken ends."""

MAX_WORDS = 80
"""Sentences of more words are lists and tables that lost their lines."""

_DOT = re.compile(r"\.[\"'”’)\]]*\s+")
_OPENING = frozenset("\"'“‘«([")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_LOOK_BACK = 24

# fmt: off
_NEVER = frozenset({
    "mr", "mrs", "ms", "messrs", "mme", "dr", "prof", "st", "sr", "jr", "mt", "ft", "gen", "col", "capt",
    "cpl", "lt", "sgt", "maj", "adm", "cmdr", "gov", "sen", "rep", "hon", "rev", "pres", "vs", "cf", "al",
    "ca", "approx", "dept", "eds", "viz",
})
"""Abbreviations that a capital follows within a sentence."""

_BEFORE_DIGIT = frozenset({
    "no", "nos", "vol", "vols", "p", "pp", "fig", "figs", "ch", "sec", "art", "op", "jan", "feb", "mar",
    "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
})
"""Abbreviations only where a digit follows: "No. 5", but "he said no. Then"."""
# fmt: on


def split_periods(text: str) -> list[str]:
    """Cut a text into its sentences of 5 to 80 words, cleaned, in order.

    A sentence ends at a period (closing quotes and brackets go with it) that whitespace follows and then a capital, a
    digit or an opening quote or bracket. No cut after a title or common abbreviation (Dr., No. 5), an acronym (U.S.),
    or an initial (J. R.); where such a period does end a sentence, two stay joined. A line never continues on the
    next one; headings (`== History ==`) are dropped, markup and references are stripped. Deterministic, linear.
    """
    return [sentence for sentence in cut_sentences(text) if has_good_length(sentence)]


def has_good_length(sentence: str) -> bool:
    """Return True if a sentence has 5 to 80 words (separated by whitespace)."""
    return MIN_WORDS <= len(sentence.split()) <= MAX_WORDS


def cut_sentences(text: str) -> Iterator[str]:
    """Yield every sentence of a text, of whatever length."""
    for raw in strip_markup(text).splitlines():
        line = clean(raw).lstrip("*#:; ")
        if not line or (line.startswith("=") and line.endswith("=")):
            continue
        start = 0
        for dot in _DOT.finditer(line):
            if _ends_sentence(line, dot.start(), dot.end()):
                yield line[start : dot.end()].strip()
                start = dot.end()
        if start < len(line):
            yield line[start:].strip()


def _ends_sentence(line: str, dot: int, after: int) -> bool:
    """Decide by the word before a period and the character after it."""
    following = line[after : after + 1]
    if not (following.isupper() or following.isdigit() or following in _OPENING) or not following:
        return False
    words = line[max(0, dot - _LOOK_BACK) : dot].rsplit(None, 1)
    if not words or line[dot - 1].isspace():
        return True
    word = words[-1].lstrip("".join(_OPENING))
    if (len(word) == 1 and word.isupper()) or _ACRONYM.fullmatch(word) or word.lower() in _NEVER:
        return False
    return not (following.isdigit() and word.lower() in _BEFORE_DIGIT)
