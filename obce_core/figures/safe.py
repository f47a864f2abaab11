"""Untrusted text in Plotly figures: shown literally, never as markup, a template or a direction override."""

from __future__ import annotations

import html

_LIMIT = 120


def plot_text(text: object, limit: int = _LIMIT, wrap: int = 60) -> str:
    """Make a text safe for a Plotly label or hover: markup escaped, controls dropped, cut at `limit`, wrapped.

    `%{…}` would be expanded inside a hover template, so its brace is escaped too.
    """
    clean = "".join(c if c.isprintable() and c not in _BIDI else " " for c in str(text))
    if len(clean) > limit:
        clean = clean[: limit - 1] + "…"
    lines, line = [], ""
    for word in clean.split():
        if line and len(line) + len(word) + 1 > wrap:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    lines.append(line)
    return "<br>".join(html.escape(entry).replace("%{", "%&#123;") for entry in lines)


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
