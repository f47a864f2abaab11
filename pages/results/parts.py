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
from obce_core.glue.changed_examples import KINDS, changed_rows, right_words
from obce_core.glue.controls import is_control, is_control_of, short_label
from obce_core.glue.evaluation import Evaluation, evaluations_home
from obce_core.glue.examples import Examples
from obce_core.glue.leaderboard import Cell, Row, changes
from obce_core.glue.metrics import metric_of
from obce_core.glue.recipe_groups import Group
from obce_core.glue.submission import submission
from obce_core.glue.tables import latex, markdown, table_csv
from obce_core.glue.tasks import TASKS
from obce_core.measure.latency import read_latency
from obce_core.texts.sources.glue_rows import split_file
from pages._shared import cached, cached_results, charts, downloads, layout, state


def home() -> str:
    """Return where evaluations lie, for keys of caches."""
    return str(evaluations_home())


def first_choice(rows: Sequence[Row], task: str) -> str:
    """Return the key of the row that is looked at first: the newest cut on a task, of those with controls if any, else
    any row."""
    own = [row for row in rows if task in row.cells]
    cuts = [row for row in own if not row.original and not is_control(row)]
    held = [row for row in cuts if any(is_control_of(other, row) for other in own)]
    return ([*reversed(held), *reversed(cuts), *own] or [rows[0]])[0].key


def latencies(rows: Sequence[Row]) -> dict[str, str]:
    """Return the latencies of the rows whose model was built and measured."""
    results = {}
    for row in rows:
        latency = read_latency(models_home() / row.plan[:16]) if row.plan and row.order == "cut-first" else None
        if latency is not None and latency.rows:
            first = latency.rows[0]
            results[row.key] = (
                f"{first.model:.1f} ms, {first.model / first.original:.2f} × original\nbatch {first.batch}, "
                f"{latency.device}"
            )
    return results


def table_downloads(group: Group, rows: Sequence[Row], tasks: Sequence[str]) -> None:
    """Offer the table as CSV, LaTeX and Markdown, and all of the page as one file."""
    results = [name for name in tasks if any(name in row.cells for row in rows)]
    name = f"obce-glue-{group.key}"
    offers: Sequence[tuple[str, Any, str, str]] = (
        ("CSV", lambda: table_csv(rows), "csv", "text/csv"),
        ("LaTeX", lambda: latex(rows, tasks, published=True), "tex", "text/plain"),
        ("Markdown", lambda: markdown(rows, tasks, published=True), "md", "text/markdown"),
        ("Report, one HTML file", lambda: report(rows, results, recipe=group.words), "html", "text/html"),
    )
    with st.container(horizontal=True, gap="small"):
        for label, data, suffix, media in offers:
            st.download_button(
                label, data, f"{name}.{suffix}", media, key=f"board-{suffix}", type="tertiary", on_click="ignore"
            )


def submissions(rows: Sequence[Row]) -> None:
    """Offer the selected row's test predictions, a zip a seed, as the GLUE server takes them; nothing where there are
    none."""
    picked = next((row for row in rows if row.key == state.get().board_row), None)
    seeds: dict[int, list[Evaluation]] = {}
    for cell in picked.cells.values() if picked is not None else ():
        for seed, one in cell.evaluations.items():
            if any(split in one.unit["splits"] for split in one.task.tests):
                seeds.setdefault(seed, []).append(one)
    if picked is None or not seeds:
        return
    layout.note("Test predictions of the selected row, for the GLUE server (only the server knows the scores):")
    with st.container(horizontal=True, gap="small"):
        for seed, made in sorted(seeds.items()):
            st.download_button(
                f"submission.zip, seed {seed}",
                lambda made=made: submission(made),
                f"submission-{picked.key}-seed{seed}.zip",
                "application/zip",
                key=f"submission-{picked.key}-{seed}",
                type="tertiary",
                on_click="ignore",
            )


def task_view(rows: Sequence[Row], made: cached_results.Stamped, task: str) -> None:
    """Show one task: score against size, and differences to the original and to the controls."""
    chosen, mode = state.get(), layout.mode()
    title, metric = TASKS[task].title, metric_of(TASKS[task].metric).title

    def pick(values: list[Any]) -> None:
        chosen.board_row = str(values[0])

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(f"{title} against size", anchor=False)
        figure = against_size(rows, task, selected=chosen.board_row, mode=mode)
        charts.choose(figure, key=f"size-{task}", on_pick=pick)
        layout.note(
            f"● ours, {metric} with ± one standard deviation over seeds; ○ control of the same shape; dotted: the "
            "best at each size; "
            "dashed: the majority class. "
            "Published rows stay out: another model, another size convention."
        )
        listed = [
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
        downloads.row(f"size-{task}", figure=figure, csv_text=lambda: downloads.to_csv(header, listed))
    with right:
        st.subheader(f"{title}, differences", anchor=False)
        gaps = _gaps(rows, made, task)
        if not gaps:
            layout.note("No two rows share this task and a seed, so there are no differences to show.")
            return
        visible = intervals(gaps, floors=below_original(rows, task), mode=mode)
        charts.show(visible, key=f"gaps-{task}")
        layout.note(
            "Filled where the 95 % interval leaves zero out, hollow where it does not; dashed: the majority class "
            "minus the original. "
            "Same seeds on both sides, the same examples."
        )
        parts = [(name, cell.differences[cell.main]) for name, cell in gaps]
        downloads.row(
            f"differences-{task}",
            figure=visible,
            csv_text=lambda: downloads.to_csv(
                ("what", "mean", "low", "high", "seeds"),
                [[name, gap.mean, gap.low, gap.high, gap.seeds] for name, gap in parts],
            ),
        )


def _gaps(rows: Sequence[Row], made: cached_results.Stamped, task: str) -> list[tuple[str, Cell]]:
    """List what differs from what on a task: every cut from its original, the selected row from its controls."""
    pairs = [
        (f"{row.label} − original", row.cells[task])
        for row in rows
        if task in row.cells and row.cells[task].main in row.cells[task].differences
    ]
    picked = next((row for row in rows if row.key == state.get().board_row and task in row.cells), None)
    for row in rows:
        if picked is None or not is_control_of(row, picked) or task not in row.cells:
            continue
        cells = cached_results.row_against(made, home(), picked.key, row.key)
        if task in cells:
            pairs.append((f"{picked.label} − {short_label(row, rows)}", cells[task]))
    return pairs


def changed_examples(rows: Sequence[Row], task: str) -> None:
    """Show the examples of a task whose answer differs between the selected row and another one."""
    selection = state.get()
    st.subheader(f"{TASKS[task].title}, examples whose answer changed", anchor=False)
    own = {row.key: row for row in rows if task in row.cells}
    mine = own.get(selection.board_row)
    if mine is None:
        layout.note("The selected row was not evaluated on this task. Choose another row in the table.")
        return
    others = [
        row
        for row in own.values()
        if row.key != mine.key and set(row.cells[task].evaluations) & set(mine.cells[task].evaluations)
    ]
    if not others:
        layout.note("No other row has this task with a seed in common.")
        return
    others.sort(key=lambda row: (not row.original, row.model != mine.model))
    several = len(TASKS[task].validation) > 1
    columns = st.columns([1.2, 1.2, 1, 1.6] if several else [1.2, 1.2, 1.6], vertical_alignment="bottom", gap="medium")
    names = {row.key: row.label for row in own.values()}
    columns[0].text_input("Now", mine.label, disabled=True, key=f"changed-now-{mine.key}")
    key = columns[1].selectbox(
        "Before", [row.key for row in others], format_func=names.__getitem__, key=f"changed-{mine.key}-{len(others)}"
    )
    split = TASKS[task].validation[0]
    if several:
        split = columns[2].selectbox("Split", TASKS[task].validation, key=f"changed-split-{task}")
    changes_ = changes(mine.cells[task], own[key].cells[task].evaluations, split)
    sizes = {kind: int((changes_[kind] > 0).sum()) for kind in KINDS}
    with columns[-1]:
        kind = (
            st.segmented_control(
                "Which",
                list(KINDS),
                default="lost",
                format_func=lambda kind: f"{kind} {sizes[kind]:,}",
                key=f"changed-kind-{task}",
            )
            or "lost"
        )
    examples = _examples(mine.cells[task], task, split)
    layout.note(
        f"<b>{sizes[kind]:,}</b> of {len(changes_['label']):,} examples of the {split.replace('_', ' ')} split: "
        f"{KINDS[kind]}, in one seed "
        f"at least. {right_words(TASKS[task])}"
        + (
            ""
            if examples is not None
            else " Their sentences are not at hand (same file in OBCE_GLUE_DIR, or Launch's folder)."
        )
    )
    listed = changed_rows(changes_, kind, TASKS[task], examples)
    if listed:
        wide = {name: st.column_config.TextColumn(width="large") for name in listed[0] if name.startswith("sentence")}
        st.dataframe(listed, hide_index=True, width="stretch", height=300, column_config=wide)
        downloads.row(
            f"changed-{task}-{kind}",
            csv_text=lambda: downloads.to_csv(list(listed[0]), [list(row.values()) for row in listed]),
        )


def _examples(cell: Cell, task: str, split: str) -> Examples | None:
    """Read the sentences, when the folder of GLUE tasks holds exactly the split that was scored."""
    names = str(state.get().launch.get("folder") or "")  # of the Launch form
    try:
        folder = settings.glue_dir() or (typed_path(names, what="GLUE folder") if names else None)
    except ObceError:
        return None
    if folder is None:
        return None
    path = split_file(task, Path(folder), split)
    columns: Mapping[str, str] = next(iter(cell.evaluations.values())).unit["splits"]
    try:
        sentences = cached_results.examples(task, split, str(folder), cached.stamp(str(path)))
    except ObceError:
        return None
    return sentences if sentences.digest == columns.get(split) else None
