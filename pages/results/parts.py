"""The parts of the Results page below its table: one task's figures, changed examples, downloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.access.roots import typed_path
from obce_core.compression.result import models_home
from obce_core.errors import ObceError
from obce_core.figures.pareto import against_size, below_original, intervals
from obce_core.figures.report import report
from obce_core.glue.changed_examples import CHANGES, changed_rows, right_words
from obce_core.glue.controls import is_control, is_control_of, short_label
from obce_core.glue.evaluation import Evaluation, evaluations_home
from obce_core.glue.examples import Examples
from obce_core.glue.leaderboard import Row, TaskResult, changes
from obce_core.glue.metrics import metric_of
from obce_core.glue.recipe_groups import Group
from obce_core.glue.submission import submission
from obce_core.glue.tables import latex, markdown, table_csv
from obce_core.glue.tasks import TASKS
from obce_core.measure.latency import read_latency
from obce_core.texts.sources.glue_rows import split_file
from pages._shared import cached, cached_results, charts, downloads, layout, state


def home() -> str:
    """Return the folder of the evaluations, for cache keys."""
    return str(evaluations_home())


def first_choice(rows: Sequence[Row], task: str) -> str:
    """Return the key of the default row: the newest cut on a task, preferably one with controls, else any row."""
    own = [row for row in rows if task in row.cells]
    cuts = [row for row in own if not row.original and not is_control(row)]
    with_control = [row for row in cuts if any(is_control_of(other, row) for other in own)]
    return ([*reversed(with_control), *reversed(cuts), *own] or [rows[0]])[0].key


def latencies(rows: Sequence[Row]) -> dict[str, str]:
    """Return the latency of the rows' models in words, where the model of the same plan was built and measured."""
    speeds = {}
    for row in rows:
        latency = read_latency(models_home() / row.plan[:16]) if row.plan and row.order == "cut-first" else None
        if latency is not None and latency.rows:
            first = latency.rows[0]
            speeds[row.key] = (
                f"{first.model:.1f} ms, {first.model / first.original:.2f} × original\n"
                f"batch {first.batch}, {latency.device}"
            )
    return speeds


def table_downloads(group: Group, rows: Sequence[Row], tasks: Sequence[str]) -> None:
    """Offer the table as CSV, LaTeX and Markdown, and the whole page as one HTML file."""
    scored = [name for name in tasks if any(name in row.cells for row in rows)]
    name = f"obce-glue-{group.key}"
    offers: Sequence[tuple[str, Any, str, str]] = (
        ("CSV", lambda: table_csv(rows), "csv", "text/csv"),
        ("LaTeX", lambda: latex(rows, tasks, published=True), "tex", "text/plain"),
        ("Markdown", lambda: markdown(rows, tasks, published=True), "md", "text/markdown"),
        ("Report, one HTML file", lambda: report(rows, scored, recipe=group.words), "html", "text/html"),
    )
    with st.container(horizontal=True, gap="small"):
        for label, data, suffix, media in offers:
            st.download_button(
                label, data, f"{name}.{suffix}", media, key=f"board-{suffix}", type="tertiary", on_click="ignore"
            )


def submissions(rows: Sequence[Row]) -> None:
    """Offer the selected row's test predictions, if any, as one zip per seed in the format of the GLUE server."""
    selected = next((row for row in rows if row.key == state.get().board_row), None)
    seeds: dict[int, list[Evaluation]] = {}
    for cell in selected.cells.values() if selected is not None else ():
        for seed, one in cell.evaluations.items():
            if any(split in one.unit["splits"] for split in one.task.tests):
                seeds.setdefault(seed, []).append(one)
    if selected is None or not seeds:
        return
    layout.note("Test predictions of the selected row, for the GLUE server, which alone can score them:")
    with st.container(horizontal=True, gap="small"):
        for seed, evaluations in sorted(seeds.items()):
            st.download_button(
                f"submission.zip, seed {seed}",
                lambda evaluations=evaluations: submission(evaluations),
                f"submission-{selected.key}-seed{seed}.zip",
                "application/zip",
                key=f"submission-{selected.key}-{seed}",
                type="tertiary",
                on_click="ignore",
            )


def task_view(rows: Sequence[Row], stamps: cached_results.Stamped, task: str) -> None:
    """Show one task: score against size, and differences to the original and to the controls."""
    selection, mode = state.get(), layout.mode()
    title, metric = TASKS[task].title, metric_of(TASKS[task].metric).title

    def pick(values: list[Any]) -> None:
        selection.board_row = str(values[0])

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(f"{title} against size", anchor=False)
        figure = against_size(rows, task, selected=selection.board_row, mode=mode)
        charts.choose(figure, key=f"size-{task}", on_pick=pick)
        layout.note(
            f"● ours, {metric} ± one standard deviation over seeds; ○ control of the same shape; dotted: the best at "
            f"each size; "
            "dashed: the majority class. Published rows are not drawn: their model and size convention differ."
        )
        table_rows = [
            [
                row.label,
                row.parameters,
                row.share,
                row.cells[task].spreads[row.cells[task].main].mean,
                row.cells[task].intervals[row.cells[task].main].baseline,
            ]
            for row in rows
            if task in row.cells
        ]
        header = ("label", "parameters", "encoder_left", metric, "majority_class")
        downloads.row(f"size-{task}", figure=figure, csv_text=lambda: downloads.to_csv(header, table_rows))
    with right:
        st.subheader(f"{title}, differences", anchor=False)
        gaps = _gaps(rows, stamps, task)
        if not gaps:
            layout.note("No two rows have this task and a seed in common, so there is no difference to show.")
            return
        drawn = intervals(gaps, floors=below_original(rows, task), mode=mode)
        charts.show(drawn, key=f"gaps-{task}")
        layout.note(
            "Filled: the 95 % interval excludes zero; hollow: it contains zero; dashed: the majority class minus the "
            "original. "
            "Both sides have the same seeds and examples."
        )
        parts = [(name, cell.differences[cell.main]) for name, cell in gaps]
        downloads.row(
            f"differences-{task}",
            figure=drawn,
            csv_text=lambda: downloads.to_csv(
                ("what", "mean", "low", "high", "seeds"),
                [[name, gap.mean, gap.low, gap.high, gap.seeds] for name, gap in parts],
            ),
        )


def _gaps(rows: Sequence[Row], stamps: cached_results.Stamped, task: str) -> list[tuple[str, TaskResult]]:
    """List the differences on a task: every cut from its original, the selected row from its controls."""
    gaps = [
        (f"{row.label} − original", row.cells[task])
        for row in rows
        if task in row.cells and row.cells[task].main in row.cells[task].differences
    ]
    selected = next((row for row in rows if row.key == state.get().board_row and task in row.cells), None)
    for row in rows:
        if selected is None or not is_control_of(row, selected) or task not in row.cells:
            continue
        cells = cached_results.row_against(stamps, home(), selected.key, row.key)
        if task in cells:
            gaps.append((f"{selected.label} − {short_label(row, rows)}", cells[task]))
    return gaps


def changed_examples(rows: Sequence[Row], task: str) -> None:
    """Show the examples of a task whose answers differ between the selected row and another one."""
    selection = state.get()
    st.subheader(f"{TASKS[task].title}, examples whose answer changed", anchor=False)
    own = {row.key: row for row in rows if task in row.cells}
    selected = own.get(selection.board_row)
    if selected is None:
        layout.note("The selected row was not evaluated on this task. Choose another row in the table.")
        return
    others = [
        row
        for row in own.values()
        if row.key != selected.key and set(row.cells[task].evaluations) & set(selected.cells[task].evaluations)
    ]
    if not others:
        layout.note("No other row has this task with a seed in common.")
        return
    others.sort(key=lambda row: (not row.original, row.model != selected.model))
    several = len(TASKS[task].validation) > 1
    columns = st.columns([1.2, 1.2, 1, 1.6] if several else [1.2, 1.2, 1.6], vertical_alignment="bottom", gap="medium")
    names = {row.key: row.label for row in own.values()}
    columns[0].text_input("Now", selected.label, disabled=True, key=f"changed-now-{selected.key}")
    key = columns[1].selectbox(
        "Before",
        [row.key for row in others],
        format_func=names.__getitem__,
        key=f"changed-{selected.key}-{len(others)}",
    )
    split = TASKS[task].validation[0]
    if several:
        split = columns[2].selectbox("Split", TASKS[task].validation, key=f"changed-split-{task}")
    changed = changes(selected.cells[task], own[key].cells[task].evaluations, split)
    sizes = {kind: int((changed[kind] > 0).sum()) for kind in CHANGES}
    with columns[-1]:
        kind = (
            st.segmented_control(
                "Which",
                list(CHANGES),
                default="lost",
                format_func=lambda kind: f"{kind} {sizes[kind]:,}",
                key=f"changed-kind-{task}",
            )
            or "lost"
        )
    examples = _examples(selected.cells[task], task, split)
    layout.note(
        f"<b>{sizes[kind]:,}</b> of {len(changed['label']):,} examples of the {split.replace('_', ' ')} split: "
        f"{CHANGES[kind]}, "
        f"for at least one seed. {right_words(TASKS[task])}"
        + (
            ""
            if examples is not None
            else " Their sentences are not available; set OBCE_GLUE_DIR, or the folder on Launch, to the same data."
        )
    )
    table_rows = changed_rows(changed, kind, TASKS[task], examples)
    if table_rows:
        wide = {
            name: st.column_config.TextColumn(width="large") for name in table_rows[0] if name.startswith("sentence")
        }
        st.dataframe(table_rows, hide_index=True, width="stretch", height=300, column_config=wide)
        downloads.row(
            f"changed-{task}-{kind}",
            csv_text=lambda: downloads.to_csv(list(table_rows[0]), [list(row.values()) for row in table_rows]),
        )


def _examples(cell: TaskResult, task: str, split: str) -> Examples | None:
    """Return the examples if the folder of GLUE tasks contains exactly the split that was scored, else None."""
    folder_name = str(state.get().launch.get("folder") or "")  # of the Launch form
    try:
        folder = settings.glue_dir() or (typed_path(folder_name, what="GLUE folder") if folder_name else None)
    except ObceError:
        return None
    if folder is None:
        return None
    path = split_file(task, Path(folder), split)
    digests: Mapping[str, str] = next(iter(cell.evaluations.values())).unit["splits"]
    try:
        read = cached_results.examples(task, split, str(folder), cached.stamp(str(path)))
    except ObceError:
        return None
    return read if read.digest == digests.get(split) else None
