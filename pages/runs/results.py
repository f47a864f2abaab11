"""What an evaluation run has produced: its curves, and the evaluations that it has written."""

from __future__ import annotations

from html import escape

import streamlit as st

from obce_core.errors import BadInput, ObceError
from obce_core.figures.curves import loss_curve, score_curve
from obce_core.glue.evaluation import read_evaluation
from obce_core.glue.job import read_curve, written
from obce_core.glue.learning_rate import plain_rate
from obce_core.glue.metrics import METRICS
from obce_core.glue.recipe_groups import recipe_key
from obce_core.glue.tables import percent
from obce_core.jobs import Run
from pages._shared import charts, downloads, guards, layout, nav, state

_SHOWN = 50
"""The largest number of evaluations listed for a run; Results lists all of them."""


def curves(run: Run) -> None:
    """Draw the training loss and the validation score of a run, with the logged values as CSV."""
    rows = read_curve(run.folder)
    if not rows:
        if run.kind == "evaluate":
            layout.note("The curves appear after the first logged step.")
        return
    mode = layout.mode()
    left, right = st.columns(2, gap="large")
    latest = next(row for row in reversed(rows) if row["unit"] == list(dict.fromkeys(row["unit"] for row in rows))[-1])
    with left:
        layout.note("<b>Training loss</b>")
        charts.show(loss_curve(rows, mode=mode), key=f"loss-{run.id}")
    with right:
        layout.note("<b>Score on the validation split</b>, %")
        charts.show(score_curve(rows, mode=mode), key=f"score-{run.id}")
    layout.note(
        f'Bold: <span class="plain">{escape(str(latest["label"]))}</span>, {escape(str(latest["task"]))}, '
        f"seed {escape(str(latest['seed']))}; "
        "thin: earlier evaluations of this run. The loss has one point per logged step, the score one per epoch."
    )
    header = ("label", "task", "seed", "step", "what", "value")
    table_rows = [
        (row["label"], row["task"], row["seed"], row["step"], name, value)
        for row in rows
        for name, value in row.items()
        if name not in ("unit", "label", "task", "seed", "step")
    ]
    downloads.row(f"curve-{run.id}", csv_text=lambda: downloads.to_csv(header, table_rows))


def evaluations(run: Run) -> None:
    """List the evaluations that a run has written, with a button that opens the leaderboard."""
    if run.kind != "evaluate":
        return
    written_evaluations = []
    for name in written(run.folder):
        try:
            written_evaluations.append(read_evaluation(name))
        except BadInput:
            continue
    result = run.result() or {}
    for line in result.get("failed") or []:
        guards.show_error(ObceError(f"Evaluation failed: {line}"))
    if not written_evaluations:
        return
    st.subheader(f"Evaluations of this run: {len(written_evaluations):,}", anchor=False)
    st.dataframe(
        [
            {
                "label": one.label,
                "task": one.task.title,
                "seed": one.seed,
                "score, %": f"{percent(one.score)} {METRICS[one.task.metric].title}",
                "split": one.task.validation[0].replace("_", " "),
                "tier": one.tier,
                "learning rate": plain_rate(one.learning_rate[0]),
                "seconds": round(float(one.result["seconds"])),
                "id": one.id,
            }
            for one in written_evaluations[:_SHOWN]
        ],
        hide_index=True,
        width="stretch",
    )
    if st.button("See them in Results", key=f"results-{run.id}", icon=":material/leaderboard:"):
        selection = state.get()
        selection.recipe, selection.task, selection.board_row = (
            recipe_key(written_evaluations[-1].recipe),
            written_evaluations[-1].task.name,
            "",
        )
        nav.go("results")
