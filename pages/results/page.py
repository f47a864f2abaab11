"""The Results page: the leaderboard, score against size, differences, changed examples and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from obce_core.figures.widgets.leaderboard.data import leaderboard, room
from obce_core.glue.controls import is_control
from obce_core.glue.leaderboard import Row
from obce_core.glue.majority_class import MARK_WORDS, WORDS, mark
from obce_core.glue.recipe import TIER_WORDS
from obce_core.glue.recipe_groups import Group, by_recipe
from obce_core.glue.tables import left_out, older_kind, percent
from obce_core.glue.tasks import TASKS, usual_tasks
from pages._shared import cached_results, guards, layout, mounts, nav, state
from pages.results import parts

selection = state.get()

_HELP = f"""
**Split.** Our scores are on the validation split, whose labels are public. Published scores are from the test server
or on a split that is not stated. † marks a difference where split or metric differ or are not stated.

**Interval.** Paired bootstrap over the examples of the split, 2,000 resamples: the variation of the difference with
other examples. ± is the variation over seeds. An interval that contains zero is not evidence of a difference.

**Majority class.** {WORDS}

**{MARK_WORDS.split(":")[0]}.**{MARK_WORDS.split(":")[1]}
If a model has not learned a task, its cuts cannot be judged by that task.

**Size.** Stored parameters, with embeddings and head; the share is that of the encoder's layers. The paper states
58.47 %, but its own Table 2 gives 62.8 % of the encoder.

**Controls** store exactly the same shapes as the plan and keep different neurons.

**Limits.** With few seeds, ± itself is uncertain. Tiers other than *paper* train less than the paper did, so their
scores are not comparable with the paper's.
"""


def _task(name: str) -> None:
    selection.task = name


def _row(key: str) -> None:
    selection.board_row = key


def _group(groups: Sequence[Group]) -> Group:
    """Ask for the recipe; a table contains the rows of one recipe only."""
    keys = [group.key for group in groups]
    is_missing = bool(selection.recipe) and selection.recipe not in keys
    if not selection.recipe:
        selection.recipe = keys[0]
    key_shown = keys[0] if is_missing else selection.recipe
    names = {group.key: f"{group.title} ({len(group.evaluations)})" for group in groups}

    key = state.key("results-recipe")

    def keep() -> None:
        if st.session_state[key]:
            selection.recipe, selection.board_row = st.session_state[key], ""

    widget = {"options": keys, "format_func": names.__getitem__, "key": key, "on_change": keep}
    if len(keys) <= 4 and all(len(name) < 34 for name in names.values()):
        st.segmented_control("Tier or recipe; a table shows one of them", default=key_shown, **widget)
    else:
        st.selectbox("Tier or recipe; a table shows one of them", index=keys.index(key_shown), **widget)
    if is_missing:
        guards.show_gone(
            "recipe",
            f"The results of recipe {selection.recipe} were deleted, or are in another cache; another recipe is shown.",
        )
    return groups[keys.index(key_shown)]


def _lead(rows: Sequence[Row], task: str) -> str:
    """Return one sentence on the selected task: the best cut relative to its original, with the 95 % interval."""
    cuts = [row for row in rows if task in row.cells and not row.original and not is_control(row)]
    compared = [(row, row.cells[task].differences.get(row.cells[task].main)) for row in cuts]
    with_difference = [(row, gap) for row, gap in compared if gap is not None]
    title = TASKS[task].title
    if not with_difference:
        scores = sum(len(row.cells) for row in rows)
        return f"<b>{scores}</b> scores on validation splits; no cut can be compared with its original on {title}."
    original = next((row for row in rows if row.original and task in row.cells), None)
    if original is not None and mark(original.cells[task], original.cells[task].main):
        return (
            f"On {title} <b>{escape(original.label)}</b> is <b>not learned</b>: its 95 % interval is not above the "
            f"majority "
            "class, so differences to it do not measure the cuts. A longer tier may learn it."
        )
    row, gap = max(with_difference, key=lambda pair: pair[1].mean)
    if not any(other.mean or other.low or other.high for _, other in with_difference):
        return (
            f"On {title} no cut differs from its original in any scored answer: too little was learned to compare them."
        )
    clear = "" if gap.clear else "; the interval contains zero, so this is not evidence of a difference"
    return (
        f"On {title} the best cut relative to its original is <b>{escape(row.label)}</b>: "
        f"<b>{percent(gap.mean, signed=True)}</b> points, 95 % from {percent(gap.low, signed=True)} to "
        f"{percent(gap.high, signed=True)}{clear}."
    )


def _empty() -> None:
    layout.title(
        "Results", "Our evaluations on GLUE beside published ones; each score states its split, metric and seeds."
    )
    if selection.recipe:
        guards.show_gone("recipe", f"The results of recipe {selection.recipe} were deleted, or are in another cache.")
    st.info(
        "No evaluation yet. Launch fine-tunes the original and its cuts on GLUE; the tier smoke is a short test of 20 "
        "steps."
    )
    nav.link("launch", "Launch an evaluation", icon=":material/rocket_launch:")
    mounts.leaderboard(
        leaderboard([], usual_tasks()),
        key="board-empty",
        task="",
        row="",
        on_task=lambda _: None,
        on_row=lambda _: None,
    )


def _body() -> None:
    groups = by_recipe(cached_results.evaluations())
    if not groups:
        _empty()
        return
    head = st.container()
    group = _group(groups)
    stamps = cached_results.stamped(group.evaluations)
    with st.spinner("Resampling examples for the intervals", show_time=True):
        rows = cached_results.leaderboard(stamps, parts.home())
    scored = {name for row in rows for name in row.cells}
    tasks = [name for name in TASKS if name in scored or TASKS[name].usual]
    if selection.task not in scored:
        selection.task = next(name for name in tasks if name in scored)
    is_missing = bool(selection.board_row) and selection.board_row not in {row.key for row in rows}
    if not selection.board_row:
        selection.board_row = parts.first_choice(rows, selection.task)
    with head:
        layout.title("Results", _lead(rows, selection.task))
    if is_missing and selection.recipe == group.key:
        guards.show_gone(
            "board_row", "The selected row is no longer in this table: its results were deleted or recomputed."
        )
    smoke = f" <b>{escape(TIER_WORDS['smoke'])}.</b>" if group.title == "smoke" else ""
    layout.note(
        f"<b>{escape(group.title)}</b>: {escape(group.words)}. The whole validation split unless stated "
        f"otherwise.{smoke} "
        f"{left_out(rows)} {older_kind(rows)}"
    )
    data = leaderboard(rows, tasks, latency=parts.latencies(rows))
    # The empty span keeps the style in its place; alone it would be placed after the table.
    st.html(f"<style>.st-key-board-room {{ min-height: {room(data)}px; }}</style><span></span>")
    with st.container(key="board-room"):
        mounts.leaderboard(data, key="board", task=selection.task, row=selection.board_row, on_task=_task, on_row=_row)
    layout.note(
        "Scores in %: mean ± standard deviation over seeds. Below each score: the difference to the original of the "
        "same weights, "
        "recipe and seeds, with its 95 % interval; brown is less, teal is more. Not learned: the 95 % interval of the "
        "score is "
        "not above the majority class. Click a task or a row to see its details below."
        + ("" if data["latency"] else " Latency is not measured; the Model page measures it for a built model.")
    )
    parts.table_downloads(group, rows, tasks)
    parts.submissions(rows)
    parts.task_view(rows, stamps, selection.task)
    parts.changed_examples(rows, selection.task)
    with st.expander("How to read this"):
        st.markdown(_HELP)


with guards.caught():
    _body()
