"""Remove control characters from texts, and markup from wiki texts."""

from __future__ import annotations

import html
import re
import unicodedata

# Control characters that separate (tab, line ends, C0 separators) become a space, or two words would be glued together.
_CONTROL: dict[int, str | None] = dict.fromkeys((*range(32), 127))
_CONTROL |= dict.fromkeys((9, 10, 11, 12, 13, 28, 29, 30, 31), " ")

# Every pattern stops at the next opening mark, so hostile text (a megabyte of "<ref") costs linear time.
_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->", re.DOTALL)
_REF = re.compile(r"<ref\b[^<>]*/>|<ref\b[^<>]*>(?:(?!<ref\b|</ref).)*</ref\s?>", re.DOTALL | re.IGNORECASE)
_TABLE = re.compile(r"\{\|(?:(?!\{\|).)*?\|\}", re.DOTALL)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_LINK = re.compile(r"\[\[([^\[\]]*)\]\]")
_WEB = re.compile(r"\[(?:https?:)?//[^\s\[\]]+\s?([^\[\]]*)\]")
_NUMBERED = re.compile(r"\[(?:(?:note|nb|fn|ref)\s?)?\d{1,4}(?:\s?[,–-]\s?\d{1,4})*\]", re.IGNORECASE)
# "[a]" is a note, but the "[t]" of "[t]he" is an editor's letter.
_NAMED = re.compile(r"\[(?:[a-z](?=\](?!\w))|citation needed|clarification needed|when\?|who\?|edit)\]")
_QUOTES = re.compile(r"'{2,5}")
_HOLLOW = re.compile(r"\((?:[ ,;]*)\)")
_LEADING = re.compile(r"\( ?[,;] ?")
_NESTING = 16


def tidy(text: str) -> str:
    """Remove surrounding whitespace and C0 control characters (NUL and DEL too); leave all else as it is.

    A control character that separates words (tab, line end, form feed) becomes one space.
    """
    line = text.strip()  # the same object where nothing is to be removed, which halves the memory of large files
    return line if line.isprintable() else line.translate(_CONTROL).strip()


def strip_markup(text: str) -> str:
    """Remove the remains of wiki and HTML markup and reference brackets; line ends stay.

    Entities are unescaped first, Unicode is brought to NFC. Links keep their label; files and categories go.
    """
    text = unicodedata.normalize("NFC", html.unescape(text))
    for pattern in (_COMMENT, _REF, _TABLE):
        text = pattern.sub(" ", text)
    for _ in range(_NESTING):
        text, found = _TEMPLATE.subn("", text)
        if not found:
            break
    text = _TAG.sub(" ", text)
    for _ in range(2):  # a caption may hold a link of its own
        text = _LINK.sub(_label, text)
    text = _WEB.sub(r"\1", text)
    for pattern in (_NUMBERED, _NAMED, _QUOTES):
        text = pattern.sub("", text)
    return text


def clean(text: str) -> str:
    """Bring a text from the web to one line of plain language.

    Markup and references go (`strip_markup`), control characters go, whitespace collapses to single spaces, and
    brackets that were left with nothing in them disappear. Cost is linear in the length.
    """
    line = " ".join(tidy(strip_markup(text)).split())
    return " ".join(_LEADING.sub("(", _HOLLOW.sub("", line)).split())


def _label(match: re.Match[str]) -> str:
    """Return what a reader sees of a wiki link."""
    target, _, label = match[1].rpartition("|")
    if match[1].lower().startswith(("file:", "image:", "category:")):
        return ""
    return label if target else match[1]
