"""Training curves: loss and score over the steps, the current unit dark and earlier ones grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from obce_core.figures.base import blank, level
from obce_core.figures.safe import plot_text
from obce_core.figures.theme import palette
from obce_core.formatting import amount
from obce_core.glue.evaluation import BASELINE_SUFFIX
from obce_core.glue.majority_class import TITLE
from obce_core.glue.metrics import METRICS
from obce_core.glue.tables import percent
from obce_core.glue.tasks import TASKS

_BEFORE = 12
"""So many earlier units are drawn; more lines would be one grey patch."""


def loss_curve(rows: Sequence[Mapping[str, Any]], *, mode: str = "light") -> go.Figure:
    """Draw the training loss; `rows` are those of `read_curve`."""
    figure = _curves(
        [(unit, [row for row in own if "loss" in row]) for unit, own in _units(rows)],
        lambda row: row["loss"],
        mode,
        "loss",
    )
    return figure


def score_curve(rows: Sequence[Mapping[str, Any]], *, mode: str = "light") -> go.Figure:
    """Draw each unit's score on its first validation split, in per cent, by its task's first metric; dashed: the
    majority-class baseline of the unit at work."""
    scored = [(unit, [row for row in own if _score(row) is not None]) for unit, own in _units(rows)]
    visible = [own for _, own in scored if own]
    names = dict.fromkeys(METRICS[TASKS[own[0]["task"]].metric].title for own in visible)
    figure = _curves(scored, lambda row: 100 * float(_score(row) or 0.0), mode, ", ".join(names) or "score", dots=True)
    floor = _score(visible[-1][-1], BASELINE_SUFFIX) if visible else None
    if floor is not None:
        level(figure, 100 * floor, f"{TITLE} {percent(floor)}", palette(mode))
    return figure


def _curves(
    units: list[tuple[str, list[Mapping[str, Any]]]], value: Any, mode: str, name: str, *, dots: bool = False
) -> go.Figure:
    colours = palette(mode)
    figure = blank(colours, height=250)
    visible = [(unit, own) for unit, own in units if own][-_BEFORE - 1 :]
    for at, (_, own) in enumerate(visible):
        last = at == len(visible) - 1
        first = own[0]
        label = plot_text(f"{first['label']}, {_title(first['task'])}, seed {first['seed']}", 60)
        figure.add_scatter(
            x=[row["step"] for row in own],
            y=[value(row) for row in own],
            mode="lines+markers" if dots or len(own) == 1 else "lines",
            line={"color": colours.ink if last else colours.faint, "width": 2 if last else 1},
            marker={"size": 6 if last else 4},
            opacity=1.0 if last else 0.55,
            customdata=[amount(value(row)) for row in own],
            hovertemplate=f"{label}<br>step %{{x:,}}: {name} %{{customdata}}<extra></extra>",
        )
        if last:
            figure.add_annotation(
                x=own[-1]["step"],
                y=value(own[-1]),
                text=amount(value(own[-1])),
                showarrow=False,
                xanchor="left",
                xshift=7,
                font={"color": colours.ink, "size": 13},
            )
    most = max((row["step"] for _, own in visible for row in own), default=1)
    figure.update_xaxes(title_text="step", range=[0, most * 1.12], showline=True, tickformat=",d")
    figure.update_yaxes(title_text=name, nticks=5)
    return figure


def _units(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Gather rows by unit, the one heard of last at the end."""
    results: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("task") in TASKS:
            results.setdefault(row["unit"], []).append(row)
    return [(unit, sorted(own, key=lambda row: row["step"])) for unit, own in results.items()]


def _score(row: Mapping[str, Any], suffix: str = "") -> float | None:
    """Return the score that stands for the task, or None in a row without one."""
    task = TASKS[row["task"]]
    score = row.get(f"{task.validation[0]}_{task.metric}{suffix}")
    return None if score is None else float(score)


def _title(task: str) -> str:
    return TASKS[task].title
