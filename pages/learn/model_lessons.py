"""Lessons 4 and 5: a real neuron, and a real cell, of the selected analysis."""

from __future__ import annotations

import numpy as np
import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import COMPONENTS, CUTTABLE, HEADED, TITLES
from obce_core.errors import PlanError
from obce_core.figures.units import file_units
from obce_core.figures.widgets import panels
from obce_core.figures.widgets.gap_line.data import gap_line
from obce_core.figures.widgets.gap_line.export import gap_figure
from obce_core.figures.widgets.threshold.data import threshold_data
from obce_core.figures.widgets.threshold.export import threshold_figure
from obce_core.formatting import amount, count, millions, share
from obce_core.lessons import cut as lesson_5
from obce_core.lessons import neuron as lesson_4
from pages._shared import cached, downloads, guards, layout, mounts, nav, state
from pages.learn import parts
from pages.neuron import story

_MOST = 5_000
"""Outputs that the line of lesson 4 draws; where every token has one there may be many more."""


def _source() -> Analysis | None:
    """Return the selected analysis, or say that this lesson needs one; the other lessons stay open."""
    if not state.get().analysis and not cached.saved():
        layout.note("This lesson looks into a real model, and no model was measured yet. Home runs the demo.")
        nav.link("home", "Run the demo on Home", icon=":material/home:")
        nav.link("analysis", "Measure a model", icon=":material/play_circle:")
        parts.steps()
        return None
    return guards.need_analysis()


def _cell(source: Analysis, components_: tuple[str, ...]) -> None:
    """Let the cell be chosen."""
    selection = state.get()
    layers = range(1, source.shape.layers + 1)
    row = st.columns([1, 1.4, 1.6], vertical_alignment="bottom")
    st.session_state["lesson-layer"], st.session_state["lesson-component"] = selection.layer, selection.component

    def changed() -> None:
        state.select_cell(st.session_state["lesson-layer"], st.session_state["lesson-component"])

    row[0].selectbox("Layer", layers, key="lesson-layer", on_change=changed)
    row[1].selectbox(
        "Component", components_, format_func=TITLES.__getitem__, key="lesson-component", on_change=changed
    )
    row[2].button("Another neuron", key="lesson-another", on_click=_another, args=(source,), width="stretch")


def _another(source: Analysis) -> None:
    """Go to the neuron with the next smaller r_f of the cell."""
    selection = state.get()
    neurons, scores = (
        source.neurons(selection.layer, selection.component),
        source.scores(selection.layer, selection.component),
    )
    order = neurons[np.argsort(-scores, kind="stable")].tolist()
    if order:
        selection.neuron = (
            order[(order.index(selection.neuron) + 1) % len(order)] if selection.neuron in order else order[0]
        )


def neuron() -> None:
    """Lesson 4: the line of one neuron."""
    source = _source()
    if source is None:
        return
    selection = state.get()
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        _cell(source, COMPONENTS)
    if not source.width(selection.layer, selection.component):
        layout.note("An earlier cut left no neuron here: choose another cell.")
        parts.steps()
        return
    outputs, noun = int(source.meta["rows"]), story.noun(source)
    if outputs > _MOST:
        layout.note(
            f"This lesson shows at most {_MOST:,} outputs, this analysis has {outputs:,}: choose one with fewer "
            f"{noun}s."
        )
        parts.steps()
        return
    if selection.neuron is None:
        _another(source)
    values = cached.neuron(source.id, selection.layer, selection.component, selection.neuron or 0)
    texts = source.texts.texts if noun == "text" else tuple(f"token {at + 1}" for at in range(outputs))
    line = lesson_4.look([] if source.degenerate(selection.layer, selection.component) else values)
    questions = lesson_4.questions(line, edge_length=selection.edge_length, noun=noun)
    question = parts.asked(questions)
    if not questions:
        if source.degenerate(selection.layer, selection.component):
            first = source.meta["tokens"] == "cls" and selection.layer == 1 and selection.component in HEADED
            why = " (on [CLS], layer 1 sees the same token at the same place in every text)" if first else ""
            layout.note(f"Every {noun} gives the same value in this cell{why}: there is no gap. Choose another cell.")
        else:
            layout.note(f"This neuron gives every {noun} the same value: there is no gap. Choose another neuron.")
        parts.steps()
        return
    known = not parts.covers(question, "widths")
    where = f"{source.id}.{selection.layer}.{selection.component}.{selection.neuron}.{selection.returns}"
    event = mounts.said("lesson-gaps", "percent", where)
    if event:
        selection.lesson_percent = max(round(float(event["percent"])), 0)
    percent = min(selection.lesson_percent if selection.lesson_percent is not None else 40, 120)
    with left:
        data = gap_line(
            values,
            texts,
            line.gaps,
            percent=percent,
            known=known,
            edge_length=selection.edge_length,
            large=selection.presentation,
            noun=noun,
        )
        mounts.gap_line(data, key="lesson-gaps", revision=where)
        layout.note(
            f"A dot is the neuron's output for one {noun}, brackets mark gaps; a dotted one has closed. A row shows "
            f"the two {noun}s."
        )
    with right:
        st.subheader(
            f"Layer {selection.layer} · {TITLES[selection.component]} · neuron {selection.neuron}", anchor=False
        )
        small = min(line.merges[-1].left_size, line.merges[-1].right_size)
        parts.numbers(
            question,
            [
                ("n", f"{noun}s", count(len(values))),
                (
                    "r_f",
                    "r_f, edge length" if selection.edge_length else "r_f",
                    amount(line.r_f * (2 if selection.edge_length else 1)),
                ),
                ("apart", f"{noun}s set apart", count(small)),
                ("range", "range", amount(float(line.values.max() - line.values.min()))),
            ],
        )
        parts.your_turn(questions, empty="")
    parts.steps()
    mode = layout.mode()
    rows = [
        [gap.letter, gap.left, gap.right, gap.merge.radius, *(texts[at][:400] for at in gap.texts)] for gap in line.gaps
    ]
    header = ["gap", "left", "right", "closes at (radius)", f"left {noun}", f"right {noun}"]
    downloads.row(
        "lesson-gaps",
        figure=lambda: gap_figure(data, mode=mode),
        csv_text=lambda: downloads.to_csv(header, rows),
        units=file_units(edge_length=selection.edge_length),
    )


def cut() -> None:
    """Lesson 5: the distribution of one cell, and a percentile."""
    source = _source()
    if source is None:
        return
    selection = state.get()
    if selection.component not in CUTTABLE:
        state.select_cell(selection.layer, "value")
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        _cell(source, CUTTABLE)
    layer, component = selection.layer, selection.component
    if not source.width(layer, component):
        layout.note("An earlier cut left no neuron here: choose another cell.")
        parts.steps()
        return
    if source.degenerate(layer, component):
        layout.note(
            "Every text gives the same value in this cell: there is nothing to rank, and no percentile may cut it. "
            "Choose another."
        )
        parts.steps()
        return
    where = f"{source.id}.{layer}.{component}.{selection.returns}"
    event = mounts.said("lesson-threshold", "percentile", where)
    if event:
        selection.lesson_percentile = int(event["percentile"])
    percentile = min(max(selection.lesson_percentile or 30, 1), 95)
    visited, refused = None, ""
    try:
        carried = cached.resolved(source.id, lesson_5.prune_spec(layer, component, percentile))
        visited = lesson_5.look(source, layer, component, percentile, carried)
    except PlanError as error:  # its hint speaks of the Plan page
        refused = error.message
    with left:
        marked = None
        if visited is not None:
            at = lesson_5.place(visited, selection.neuron)
            marked = (int(visited.neurons[at]), float(visited.scores[at]))
        data = threshold_data(
            source.scores(layer, component), component, percentile, neuron=marked, large=selection.presentation
        )
        mounts.threshold(data, key="lesson-threshold", revision=where)
        layout.note(
            "Neurons of this cell by r_f, log scale. Hollow is cut, solid is kept. Drag the line, or move the slider."
        )
    right.subheader(f"Layer {layer} · {TITLES[component]} · P{percentile}", anchor=False)
    if visited is None:
        with right:
            st.text(refused)
            parts.your_turn((), empty="Choose a smaller percentile, or another cell.")
        parts.steps()
        return
    questions = lesson_5.questions(visited, selection.neuron)
    question = parts.asked(questions)
    with right:
        parts.numbers(
            question,
            [
                ("threshold", f"r_f at P{percentile}", amount(visited.threshold)),
                ("cut", f"of {count(len(visited.scores))} cut", count(visited.gone)),
                ("saved", "parameters cut", millions(visited.saved)),
                ("left", "encoder left", share(visited.left)),
            ],
        )
        panel, turn = parts.places()
        panel.html(panels.fold_panel(visited.tensors, known=not parts.covers(question, "saved")))
        with turn:
            parts.your_turn(questions, empty="")
    parts.steps()
    mode, own = layout.mode(), visited
    rows = [
        [int(n), float(s), "kept" if k else "cut"] for n, s, k in zip(own.neurons, own.scores, own.kept, strict=True)
    ]
    downloads.row(
        "lesson-cut",
        label="Scores",
        figure=lambda: threshold_figure(own.scores, own.kept, component, percentile, mode=mode),
        csv_text=lambda: downloads.to_csv(["neuron", "r_f (radius)", f"P{percentile}"], rows),
        units=file_units(edge_length=False),
    )
    header = ["tensor", "shape before", "shape after"]
    tensors = [[name, *("x".join(map(str, shape)) for shape in shapes)] for name, *shapes in own.tensors]
    downloads.row("lesson-fold", label="Tensors", csv_text=lambda: downloads.to_csv(header, tensors))
