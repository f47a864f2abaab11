"""The Results page: our rows next to published ones, score against size, differences, changed examples,
downloads."""

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
**Split.** Our scores are of the validation split, whose labels are public. Published scores are of the test server or
of a split that is not stated. † marks a difference between scores whose split or metric differ or are not stated.

**Interval.** Paired bootstrap over the examples of the split, 2,000 resamples: how much the difference would vary with
other examples. ± shows how much it varies with the seed. If the interval contains zero, neither model is shown to be
better.

**Majority class.** {WORDS}

**{MARK_WORDS.split(":")[0]}.**{MARK_WORDS.split(":")[1]} A cut of a model that has not learned the task says nothing
about the cut.

**Size.** Stored parameters, including embeddings and head. The share is that of the encoder's layers. The paper states
58.47 %; its own Table 2 leaves 62.8 % of the encoder.

**Controls** store exactly the same shapes as the plan; they differ only in the neurons that are kept.

**Limits.** With few seeds ± itself is uncertain. A tier other than *paper* trains less than the paper did, so its
scores are not comparable with the paper's.
"""


def _task(name: str) -> None:
    selection.task = name


def _row(key: str) -> None:
    selection.board_row = key


def _group(groups: Sequence[Group]) -> Group:
    """Ask which recipe; rows of two recipes never share a table."""
    keys = [group.key for group in groups]
    gone = bool(selection.recipe) and selection.recipe not in keys
    if not selection.recipe:
        selection.recipe = keys[0]
    visible = keys[0] if gone else selection.recipe
    names = {group.key: f"{group.title} ({len(group.evaluations)})" for group in groups}

    key = state.key("results-recipe")

    def keep() -> None:
        if st.session_state[key]:
            selection.recipe, selection.board_row = st.session_state[key], ""

    widget = {"options": keys, "format_func": names.__getitem__, "key": key, "on_change": keep}
    if len(keys) <= 4 and all(len(name) < 34 for name in names.values()):
        st.segmented_control("Tier or recipe; one table never mixes two", default=visible, **widget)
    else:
        st.selectbox("Tier or recipe; one table never mixes two", index=keys.index(visible), **widget)
    if gone:
        guards.show_gone(
            "recipe",
            f"The results of recipe {selection.recipe} were deleted, or are in another cache; another recipe is shown.",
        )
    return groups[keys.index(visible)]


def _lead(rows: Sequence[Row], task: str) -> str:
    """Describe the selected task: the best cut relative to its original."""
    cuts = [row for row in rows if task in row.cells and not row.original and not is_control(row)]
    compared = [(row, row.cells[task].differences.get(row.cells[task].main)) for row in cuts]
    known_values = [(row, gap) for row, gap in compared if gap is not None]
    title = TASKS[task].title
    if not known_values:
        return (
            f"<b>{sum(len(row.cells) for row in rows)}</b> scores on validation splits; no cut stands beside its "
            f"original on {title}."
        )
    original = next((row for row in rows if row.original and task in row.cells), None)
    if original is not None and mark(original.cells[task], original.cells[task].main):
        return (
            f"On {title} <b>{escape(original.label)}</b> is <b>not learned</b>: its 95 % interval does not lie above "
            "the majority "
            "class, so differences to it say nothing about the cuts. A longer tier may learn it."
        )
    row, gap = max(known_values, key=lambda pair: pair[1].mean)
    if not any(other.mean or other.low or other.high for _, other in known_values):
        return (
            f"On {title} no cut differs from its original in any answer that counts: too little was learned to "
            "tell them apart."
        )
    clear = "" if gap.clear else "; the interval holds zero, so this says neither better nor worse"
    return (
        f"On {title} the cut that does best against its original is <b>{escape(row.label)}</b>: "
        f"<b>{percent(gap.mean, signed=True)}</b> points, 95 % from {percent(gap.low, signed=True)} to "
        f"{percent(gap.high, signed=True)}{clear}."
    )


def _empty() -> None:
    layout.title(
        "Results", "Our evaluations on GLUE beside the published ones; each number names its split, metric and seeds."
    )
    if selection.recipe:
        guards.show_gone("recipe", f"The results of recipe {selection.recipe} were deleted or are in another cache.")
    st.info(
        "No evaluation yet. Launch fine-tunes the original and its cuts on GLUE; the tier smoke is a first try of 20 "
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
    board = cached_results.stamped(group.evaluations)
    with st.spinner("Resampling examples for the intervals", show_time=True):
        rows = cached_results.leaderboard(board, parts.home())
    scored = {name for row in rows for name in row.cells}
    tasks = [name for name in TASKS if name in scored or TASKS[name].usual]
    if selection.task not in scored:
        selection.task = next(name for name in tasks if name in scored)
    gone = bool(selection.board_row) and selection.board_row not in {row.key for row in rows}
    if not selection.board_row:
        selection.board_row = parts.first_choice(rows, selection.task)
    with head:
        layout.title("Results", _lead(rows, selection.task))
    if gone and selection.recipe == group.key:
        guards.show_gone(
            "board_row", "The selected row is not in this table any more: its results were deleted or computed again."
        )
    smoke = f" <b>{escape(TIER_WORDS['smoke'])}.</b>" if group.title == "smoke" else ""
    layout.note(
        f"<b>{escape(group.title)}</b>: {escape(group.words)}. The whole validation split unless said "
        f"otherwise.{smoke} "
        f"{left_out(rows)} {older_kind(rows)}"
    )
    data = leaderboard(rows, tasks, latency=parts.latencies(rows))
    # With an element beside it the style stands where it is written; alone it would come after the table.
    st.html(f"<style>.st-key-board-room {{ min-height: {room(data)}px; }}</style><span></span>")
    with st.container(key="board-room"):
        mounts.leaderboard(data, key="board", task=selection.task, row=selection.board_row, on_task=_task, on_row=_row)
    layout.note(
        "Scores in %: mean ± standard deviation over seeds; below it the difference to the original of the same "
        "weights, recipe and seeds, "
        "with its 95 % interval, brown for less and teal for more. Not learned: the score's own 95 % interval does "
        "not lie above the "
        "majority class. Click a task or a row to see it below."
        + ("" if data["latency"] else " Latency: not measured; the Model page measures it on a built model.")
    )
    parts.table_downloads(group, rows, tasks)
    parts.submissions(rows)
    parts.task_view(rows, board, selection.task)
    parts.changed_examples(rows, selection.task)
    with st.expander("How to read this"):
        st.markdown(_HELP)


with guards.caught():
    _body()
