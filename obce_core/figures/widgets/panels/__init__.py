"""Panels next to the lessons' figures, as HTML without scripts: numbers, bars, births and deaths, boundary matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files

import numpy as np

from obce_core.formatting import MINUS, amount
from obce_core.topology import Bars, Complex, Simplex

_COLUMNS = 40
_INFINITE = 1.12
"""The scale ends a little after the last death, so that the bar that never ends is seen to go on."""


def style() -> str:
    """Return the panels' styles, to be put on the page once."""
    return f"<style>{files(__name__).joinpath('style.css').read_text('utf-8')}</style>"


def numbers(rows: Sequence[tuple[str, str]]) -> str:
    """Write (name, value) pairs as a row of large numbers."""
    return (
        '<div class="lnums">'
        + "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in rows)
        + "</div>"
    )


def barcode_panel(found: Bars, radius: float, *, edge_length: bool = False, height: int = 200) -> str:
    """Draw the bars of components (solid) and loops (hollow) with a red line at the radius."""
    factor = 2 if edge_length else 1
    loops = [(float(birth), float(death)) for birth, death in found.h1]
    deaths = [*sorted(map(float, found.h0), reverse=True)]
    end = _end(found, radius)
    total = found.points + len(loops)
    step = min(13.0, (height - 34) / max(1, total + (0.7 if loops else 0)))
    thick = max(2.0, min(6.0, step * 0.62))
    parts: list[str] = []
    for at, death in enumerate([np.inf, *deaths] if found.points else []):
        top = at * step
        if death <= radius:
            parts.append(_span("ended", 0, death, end, top, thick))
            continue
        parts.append(_span("to-come", radius, min(death, end), end, top, thick))
        parts.append(_span("alive", 0, radius, end, top, thick))
    below = (found.points + 0.7) * step
    for at, (birth, death) in enumerate(loops):
        state = "ended" if death <= radius else "alive" if birth <= radius else "to-come"
        parts.append(_span(f"loop {state}", birth, death, end, below + at * step, max(thick, 4.0)))
    bottom = height - 24
    names = '<div class="names" style="top:-4px">H₀</div>' if found.points else ""
    names += f'<div class="names" style="top:{below - 5:.1f}px">H₁</div>' if loops else ""
    caption = (
        f"{found.points} bars of parts, one of them infinite, and {len(loops)} of loops"
        if found.points
        else "no points yet"
    )
    return (
        f'<div class="lbars" role="img" aria-label="Barcode: {caption}" style="height:{height}px">{names}<div '
        f'class="plot">{"".join(parts)}'
        f'<i class="axis" style="top:{bottom}px"></i>{_ticks(end, factor, bottom + 3)}'
        f'<i class="now" style="left:{_share(radius, end)};top:0;height:{bottom}px"></i></div></div>'
    )


def diagram_panel(found: Bars, radius: float, *, edge_length: bool = False, height: int = 200) -> str:
    """Draw births against deaths: components as dots, loops as rings, the infinite one on the top line."""
    factor = 2 if edge_length else 1
    end = _end(found, radius)
    base, top = height - 24, 16
    points = [("dead", 0.0, float(death)) for death in found.h0] + [
        ("dead ring", float(b), float(d)) for b, d in found.h1
    ]
    marks = []
    for kind, birth, death in points:
        kind += " to-come" if death > radius else ""
        marks.append(
            f'<i class="{kind}" style="left:{_share(birth, end)};top:{_level(death, end, top, base):.1f}px"></i>'
        )
    if found.points:
        marks.append(
            '<i class="dead" style="left:0;top:2px"></i><span class="tick" style="left:1.5rem;top:-7px">∞</span>'
        )
    return (
        f'<div class="lbars" role="img" aria-label="Birth-death diagram" style="height:{height}px">'
        f'<div class="names" style="top:{top - 9}px">{amount(end * factor, 2)}</div>'
        f'<div class="names" style="top:{base - 16}px">death</div>'
        f'<div class="plot" style="width:{base - top}px"><i class="equal" '
        f'style="top:{top}px;height:{base - top}px"></i>'
        f'<i class="now level" style="top:{_level(radius, end, top, base):.1f}px"></i>'
        f'<i class="axis" style="top:{base}px"></i><i class="axis up" style="height:{base}px"></i>'
        f"{''.join(marks)}{_ticks(end, factor, base + 3, most=3)}</div>"
        f'<div class="key" style="left:calc(2.6rem + {base - top + 28}px)"><i class="dead"></i>a part, born at 0<br>'
        '<i class="dead ring"></i>a loop<br><i class="dead to-come"></i>still to die<br>'
        "∞ never dies</div></div>"
    )


def matrix_panel(found: Complex, dim: int, name: Callable[[Simplex], str], *, height: int = 200) -> str:
    """Write a boundary matrix as a table, a 1 in ink and a 0 as a dot; at most 40 columns are shown."""
    matrix, faces, simplices = found.boundary(dim), found.of(dim - 1), found.of(dim)
    if not simplices:
        caption = f"No {('edges', 'triangles')[dim - 1]}: the matrix has no column."
        return f'<div class="lmatrix" style="height:{height}px">{caption}</div>'
    head = "".join(f"<th>{escape(name(simplex))}</th>" for simplex in simplices[:_COLUMNS])
    rows = []
    for face, row in zip(faces, matrix[:, :_COLUMNS], strict=True):
        if row.any() or len(faces) <= _COLUMNS:
            cells = "".join('<td class="one">1</td>' if one else "<td>·</td>" for one in row)
            rows.append(f"<tr><th>{escape(name(face))}</th>{cells}</tr>")
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="lmatrix" tabindex="0" style="height:{height}px">{table}</div>'


def fold_panel(rows: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]], *, known: bool) -> str:
    """Write which tensors shrink: (name, shape before, shape after), and the difference unless it is covered."""
    lines = []
    for name, before, after in rows:
        shapes = "".join(f"<td>{' × '.join(f'{size:,}' for size in shape) or '–'}</td>" for shape in (before, after))
        fewer = int(np.prod(before)) * bool(before) - int(np.prod(after)) * bool(after)
        lines.append(
            f"<tr><td>{escape(name)}</td>{shapes}<td>{f'{fewer:,}'.replace('-', MINUS) if known else '?'}</td></tr>"
        )
    head = "<tr><th>tensor</th><th>before</th><th>after</th><th>fewer</th></tr>"
    return f'<table class="lfold">{head}{"".join(lines)}</table>'


def _end(bars: Bars, radius: float) -> float:
    return _INFINITE * max([radius, *map(float, bars.h0), *map(float, bars.h1[:, 1])], default=1.0) or 1.0


def _share(value: float, end: float) -> str:
    return f"{100 * min(value, end) / end:.2f}%"


def _level(value: float, end: float, top: float, base: float) -> float:
    return base - (base - top) * min(value, end) / end


def _span(kind: str, start: float, stop: float, end: float, top: float, thick: float) -> str:
    width = 100 * max(0.0, min(stop, end) - start) / end
    return (
        f'<i class="{kind}" '
        f'style="left:{_share(start, end)};width:{width:.2f}%;top:{top:.1f}px;height:{thick:.1f}px"></i>'
    )


def _ticks(end: float, factor: int, top: float, most: int = 6) -> str:
    step = next(s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0) if factor * end / s <= most)
    ticks = np.arange(0, factor * end, step)
    return "".join(
        f'<span class="tick" style="left:{_share(value / factor, end)};top:{top:.0f}px">{value:g}</span>'
        for value in ticks.round(6).tolist()
    )
