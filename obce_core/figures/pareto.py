"""Score against size, and differences with their intervals, for our rows on one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from obce_core.figures.base import blank, level, size_ticks
from obce_core.figures.safe import plot_text
from obce_core.figures.theme import palette
from obce_core.formatting import count, share
from obce_core.glue.controls import is_control, short_label
from obce_core.glue.leaderboard import Row, TaskResult, front
from obce_core.glue.majority_class import MARK, TITLE, main_baselines, mark
from obce_core.glue.metrics import metric_of
from obce_core.glue.tables import percent
from obce_core.glue.tasks import TASKS


def against_size(rows: Sequence[Row], task: str, *, selected: str = "", mode: str = "light") -> go.Figure:
    """Draw each row's mean score with its standard deviation over its stored parameters; dotted: the best at each size.

    Solid dots are models, hollow ones controls; custom data is the row's key. The dashed line is the majority-class
    baseline.
    """
    colours = palette(mode)
    figure = blank(colours, height=330)
    visible = [row for row in rows if task in row.cells]
    places = {row.key: (row.parameters, 100 * row.cells[task].spreads[row.cells[task].main].mean) for row in visible}
    best = [places[key] for key in front(visible, task)]
    if len(best) > 1:
        line = {"color": colours.faint, "width": 1.5, "dash": "dot", "shape": "hv"}
        figure.add_scatter(x=[x for x, _ in best], y=[y for _, y in best], mode="lines", line=line, hoverinfo="skip")
    for row in visible:
        told = row.cells[task].spreads[row.cells[task].main]
        x, y = places[row.key]
        hollow = is_control(row)
        spread = f" ± {percent(told.std)}" if told.std is not None else ""
        encoder = f"<br>{share(row.share)} of the encoder" if row.share is not None else ""
        learned = f"<br>{MARK}" if mark(row.cells[task], row.cells[task].main) else ""
        figure.add_scatter(
            x=[x],
            y=[y],
            mode="markers",
            customdata=[[row.key]],
            error_y={"type": "data", "array": [100 * told.std], "color": colours.ink, "thickness": 1.4, "width": 0}
            if told.std
            else None,
            marker={
                "symbol": "circle",
                "size": 14 if row.key == selected else 10,
                "color": colours.background if hollow else colours.ink,
                "line": {"color": colours.ink, "width": 1.8},
                "opacity": 1,
            },
            hovertemplate=f"{plot_text(row.label)}<br>{percent(told.mean)}{spread}, {told.seeds} "
            f"{'seed' if told.seeds == 1 else 'seeds'}<br>{count(row.parameters)} "
            f"parameters{encoder}{learned}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
            selected={"marker": {"opacity": 1}},
        )
    _names(figure, [(_short(row, visible), *places[row.key]) for row in visible], colours.ink)
    low, high = min((x for x, _ in places.values()), default=0), max((x for x, _ in places.values()), default=1)
    pad = 0.08 * (high - low) or 0.1 * high
    figure.update_xaxes(
        range=[low - pad, high + 3.2 * pad],
        title_text="parameters stored, head included",
        showline=True,
        **size_ticks(low - pad, high + 3.2 * pad),
    )
    floors = [100 * value for value in main_baselines(visible, task)]
    for floor in floors:
        level(figure, floor, f"{TITLE} {percent(floor / 100)}", colours)
    figure.update_yaxes(
        title_text=f"{metric_of(TASKS[task].metric).title}, %", **_least([*floors, *(y for _, y in places.values())])
    )
    figure.update_layout(margin={"t": 16, "r": 12}, clickmode="event+select", hovermode="closest")
    return figure


def intervals(
    rows: Sequence[tuple[str, TaskResult]], *, floors: Sequence[float] = (), mode: str = "light"
) -> go.Figure:
    """Draw differences as dots with their 95 % intervals, a row each, zero marked; rows are (name, cell of one task).

    Args:
        floors: differences of the majority-class baseline to the originals (see `below_original`), drawn dashed.
    """
    colours = palette(mode)
    figure = blank(colours, height=92 + 40 * max(1, len(rows)))
    names: list[str] = []
    ends = [0.0]
    for at, (name, cell) in enumerate(rows):
        difference = cell.differences[cell.main]
        names.append(plot_text(name, 60, 26))
        ends += [100 * difference.low, 100 * difference.high]
        figure.add_scatter(
            x=[100 * difference.low, 100 * difference.high],
            y=[at, at],
            mode="lines",
            line={"color": colours.ink, "width": 2},
            hoverinfo="skip",
        )
        low, high = (percent(value, signed=True) for value in (difference.low, difference.high))
        figure.add_scatter(
            x=[100 * difference.mean],
            y=[at],
            mode="markers",
            marker={
                "size": 10,
                "color": colours.ink if difference.clear else colours.background,
                "line": {"color": colours.ink, "width": 2},
            },
            hovertemplate=f"{plot_text(name)}<br>{percent(difference.mean, signed=True)}, 95 % from {low} to {high}<br>"
            f"{difference.seeds} {'seed' if difference.seeds == 1 else 'seeds'}, {difference.resamples:,} "
            "resamples<extra></extra>",
        )
    figure.add_shape(type="line", x0=0, x1=0, yref="paper", y0=0, y1=1, line={"color": colours.faint, "width": 1.2})
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.5, -0.5],
        tickfont={"color": colours.ink, "size": 12.5},
        nticks=0,
        ticklabelstandoff=8,
    )
    for floor in floors:
        level(figure, 100 * floor, f"{TITLE} {percent(floor, signed=True)}", colours, upright=True)
    ends += [100 * floor for floor in floors]
    metric = metric_of(rows[0][1].task.metric).title if rows else ""
    figure.update_xaxes(
        title_text=f"points of {metric}, 95 %<br>by the paired bootstrap", showline=True, **_least(ends)
    )
    figure.update_layout(margin={"t": 26 if floors else 12})
    return figure


def below_original(rows: Sequence[Row], task: str) -> list[float]:
    """Return the difference of the majority-class baseline to each original on a task, by the task's metric."""
    cells = [row.cells[task] for row in rows if row.original and task in row.cells]
    return list(dict.fromkeys(cell.intervals[cell.main].baseline - cell.spreads[cell.main].mean for cell in cells))


def clear_words(differences: Mapping[str, TaskResult]) -> str:
    """Count in words how many of some differences leave zero out."""
    clear = sum(cell.differences[cell.main].clear for cell in differences.values())
    return f"{clear} of {len(differences)}"


def _least(values: Sequence[float]) -> dict[str, list[float]]:
    """Give an axis a point at least around its values, so that equal scores do not look apart."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    pad = max(0.12 * (high - low), 1.0 - (high - low) / 2, 0.05)
    return {"range": [low - pad, high + pad]}


def _names(figure: go.Figure, places: Sequence[tuple[str, float, float]], ink: str) -> None:
    """Write each name above the right of its dot, or below where one stands already."""
    if not places:
        return
    wide = (max(x for _, x, _ in places) - min(x for _, x, _ in places)) or 1.0
    tall = (max(y for _, _, y in places) - min(y for _, _, y in places)) or 1.0
    put: list[tuple[float, float]] = []
    for name, x, y in sorted(places, key=lambda place: (-place[2], place[1])):
        close = any(abs(x - other) < 0.3 * wide and abs(y - height) < 0.06 * tall for other, height in put)
        put.append((x, y))
        figure.add_annotation(
            x=x,
            y=y,
            text=plot_text(name, 44, 99),
            showarrow=False,
            xanchor="left",
            xshift=8,
            yshift=-10 if close else 10,
            font={"color": ink, "size": 12},
        )


def _short(row: Row, rows: Sequence[Row]) -> str:
    """Name a control without its parent's name where the parent stands beside it."""
    return short_label(row, rows).replace(" of the same shape", ", same shape")
