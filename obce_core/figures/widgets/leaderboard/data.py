"""The leaderboard table, our rows first and then published ones, as widget data and as plain HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from obce_core.figures.widgets import widget_assets
from obce_core.formatting import count, share
from obce_core.glue.leaderboard import Row, TaskResult
from obce_core.glue.majority_class import TITLE, baselines, mark
from obce_core.glue.metrics import metric_of
from obce_core.glue.published import DAGGER, TABLE_4, TABLE_5, gap
from obce_core.glue.statistics import Difference
from obce_core.glue.tables import percent, seed_counts, seed_words
from obce_core.glue.tasks import TASKS

_FULL = 0.10
"""A difference of ten points has the full tint."""


def leaderboard(
    rows: Sequence[Row], tasks: Sequence[str], *, latency: Mapping[str, str] | None = None, published: bool = True
) -> dict[str, Any]:
    """Make the data of the table, plain.

    `columns` name tasks with their metrics; `groups` have a title, a note and rows; a row has its key ("" for a
    published one), label, small print, size and cells. A cell has `scores`, pairs of a score and its small print (the
    task's own metric first), and `style`, its tint.

    Args:
        latency: by key of a row, what to write; others say "not measured". Without any there is no such column.
    """
    columns = [
        {
            "task": name,
            "title": TASKS[name].title + (" m/mm" if len(TASKS[name].validation) > 1 else ""),
            "metric": "/\u200b".join(metric_of(metric).title for metric in TASKS[name].metrics),
        }
        for name in tasks
    ]
    known = latency or {}
    groups: list[dict[str, Any]] = []
    for model in dict.fromkeys(row.model for row in rows):
        of_model = [row for row in rows if row.model == model]
        own = [*(_ours(row, tasks, known.get(row.key, "not measured")) for row in of_model), _majority(of_model, tasks)]
        tiers = "; ".join(dict.fromkeys(row.recipe_words for row in of_model))
        groups.append(
            {"title": f"Ours · {model.rsplit('/', 1)[-1]}", "note": f"validation split · tier {tiers}", "rows": own}
        )
    if published:
        note = (
            "as printed, in %; †: split or metric differ, or are not stated, so the difference may compare what "
            "cannot be compared"
        )
        groups.append(
            {
                "title": "◇ Published · BERT Base · paper, Table 4",
                "note": note,
                "rows": [_told(at, tasks) for at in range(len(TABLE_4))],
            }
        )
        groups.append(
            {
                "title": "◇ Published · BERT Large · paper, Table 5",
                "note": "differences only; the scores are not at hand",
                "rows": [_large(tasks)],
            }
        )
    return {"columns": columns, "groups": groups, "latency": bool(known)}


_LINE, _SMALL, _AROUND = 20, 16, 15
"""Heights of a line, of a line of small print, and of a row's padding, in pixels."""


def room(data: Mapping[str, Any]) -> int:
    """Estimate the height of the table in pixels, so that its place is there before its script is."""
    height = 67  # the head
    for group in data["groups"]:
        height += 41
        for row in group["rows"]:
            cells = [sum(_LINE + _SMALL * _lines(small) for _, small in cell["scores"]) for cell in row["cells"]]
            height += _AROUND + max([_LINE + _SMALL, *cells])
    return height


def _lines(small: str) -> int:
    """Count the lines of small print in a narrow cell."""
    return sum(-(-len(line) // 11) for line in small.split("\n") if line)


def leaderboard_html(data: Mapping[str, Any]) -> str:
    """Write the table as HTML without a script, everything escaped."""
    heads = "".join(
        f"<th scope=col>{escape(c['title'])}<small>{escape(c['metric'])}</small></th>" for c in data["columns"]
    )
    speed = "<th scope=col>latency</th>" if data["latency"] else ""
    top = f"<tr><th scope=col class=corner>model</th><th scope=col>parameters</th>{speed}{heads}</tr>"
    body = []
    for group in data["groups"]:
        wide = 2 + data["latency"] + len(data["columns"])
        body.append(
            f"<tr class=group><th colspan={wide}>{escape(group['title'])} "
            f"<small>{escape(group['note'])}</small></th></tr>"
        )
        for row in group["rows"]:
            small = escape(row["small"])
            first = f"<th scope=row>{escape(row['label'])}<small>{small}</small></th>"
            size = f"<td class=size>{escape(row['size'])}<small>{escape(row['share'])}</small></td>"
            speed = f"<td><small>{escape(row['latency'])}</small></td>" if data["latency"] else ""
            cells = "".join(_td(cell) for cell in row["cells"])
            body.append(f'<tr class="{"ours" if row["key"] else "told"}">{first}{size}{speed}{cells}</tr>')
    return f"<table class=board><thead>{top}</thead><tbody>{''.join(body)}</tbody></table>"


def tint(value: float) -> str:
    """Return the background of a difference: brown for less, teal for more, at most 38 %."""
    if not value:
        return ""
    light, dark = ("#9A5B1E", "#D9A15A") if value < 0 else ("#1F7A80", "#4FB6BC")
    part = round(38 * min(1.0, abs(value)), 1)
    return f"background: color-mix(in srgb, light-dark({light}, {dark}) {part}%, transparent)"


def leaderboard_assets() -> tuple[str, str]:
    """Return (css, js) of the table."""
    return widget_assets("leaderboard")


def _ours(row: Row, tasks: Sequence[str], latency: str) -> dict[str, Any]:
    few, most = seed_counts(row, list(row.cells))
    return {
        "key": row.key,
        "label": row.label,
        "small": f"{row.tier} · {_seeds(row)}",
        "size": count(row.parameters),
        "share": f"{share(row.share)} of the encoder" if row.share is not None else "share not known",
        "latency": latency,
        "cells": [_cell(row.cells.get(name), counted=few != most) for name in tasks],
    }


def _majority(rows: Sequence[Row], tasks: Sequence[str]) -> dict[str, Any]:
    """Make the row of the majority-class baseline, from the labels that these rows were scored on."""
    cells = []
    for name in tasks:
        scores = baselines(rows, name)
        main = (TASKS[name].validation[0], TASKS[name].metric)
        texts = [
            [" · ".join(map(percent, scores[place])), ""] for place in sorted(scores, key=lambda place: place != main)
        ]
        cells.append({"scores": texts, "style": ""} if texts else _printed("–"))
    small = "one answer for every example"
    return {"key": "", "label": TITLE, "small": small, "size": "", "share": "", "latency": "", "cells": cells}


def _seeds(row: Row) -> str:
    """Say a row's seeds: how many a task, from the least to the most; a single one by its number."""
    few, most = seed_counts(row, list(row.cells))
    seeds = sorted({seed for cell in row.cells.values() for seed in cell.evaluations})
    if few != most:
        return f"{few}–{most} seeds"
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return seed_words(few) + (" a task" if len(seeds) > few else "")


def _cell(cell: TaskResult | None, *, counted: bool) -> dict[str, Any]:
    """Make a cell; `counted`: it says its number of seeds, since the row's tasks differ in it."""
    if cell is None:
        return _printed("–")
    scores = []
    for place in sorted(cell.spreads, key=lambda place: place != cell.main):
        told, other = cell.spreads[place], cell.differences.get(place)
        score = percent(told.mean) + (f" ± {percent(told.std)}" if told.std is not None else "")
        fewer = f", {seed_words(other.seeds)}" if other is not None and other.seeds != told.seeds else ""
        small = [text for text in (mark(cell, place), "" if other is None else _gap(other) + fewer) if text]
        scores.append([score, "\n".join(small)])
    if counted:
        scores[-1][1] += ("\n" if scores[-1][1] else "") + seed_words(len(cell.evaluations))
    main = cell.differences.get(cell.main)
    shade = max(-1.0, min(1.0, main.mean / _FULL)) if main is not None else 0.0
    return {"scores": scores, "style": tint(shade)}


def _gap(difference: Difference) -> str:
    """Write a difference with its interval, in units that a line may break between."""
    low, high = (percent(value, signed=True) for value in (difference.low, difference.high))
    return f"{percent(difference.mean, signed=True)} [{low},\u00a0{high}]"


def _printed(score: str, small: str = "") -> dict[str, Any]:
    return {"scores": [[score, small]], "style": ""}


def _td(cell: Mapping[str, Any]) -> str:
    parts = "".join(
        f"<span class=score>{escape(score)}</span><small>{escape(small)}</small>" for score, small in cell["scores"]
    )
    return f'<td style="{cell["style"]}">{parts}</td>'


def _told(at: int, tasks: Sequence[str]) -> dict[str, Any]:
    row = TABLE_4[at]
    cells = [
        _printed(row.scores.get(name, "–").replace("/", " / "), gap(row, name).replace("/", " / ")) for name in tasks
    ]
    return {
        "key": "",
        "label": f"◇ {row.name}",
        "small": row.split,
        "size": "",
        "share": row.size or "size not stated",
        "latency": "",
        "cells": cells,
    }


def _large(tasks: Sequence[str]) -> dict[str, Any]:
    cells = [_printed(TABLE_5[name].replace("/", " / ") + DAGGER if name in TABLE_5 else "–") for name in tasks]
    small = "difference to its original; split and metric not stated"
    return {
        "key": "",
        "label": "◇ OBCE, BERT Large",
        "small": small,
        "size": "",
        "share": "size not stated",
        "latency": "",
        "cells": cells,
    }
