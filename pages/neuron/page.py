"""The Neuron page: one neuron's numbers, what its widest gap separates, and how much depends on single texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from obce_core.components import TITLES
from obce_core.figures.dots import dot_colours
from obce_core.figures.widgets.film.data import MOST, film_data, film_pair
from obce_core.topology import ThinLine, barcode, bottleneck, thin_line
from obce_core.topology.sides import sides
from pages._shared import cached, drafts, guards, layout, mounts, state
from pages.neuron import cloud, facts, override, story

selection = state.get()
source = guards.need_analysis()
tokens = source.meta["tokens"] == "all"
noun = story.noun(source)
_VIEWS = {"": "This neuron", "head": "Its head", "component": "Its component"}
_LENGTHS = {"": "Position on the line", "characters": "Length in characters", "words": "Length in words"}


def _step(by: int) -> None:
    """Go to the next neuron of the cell by rank."""
    ranked = np.argsort(-source.scores(selection.layer, selection.component), kind="stable")
    order = source.neurons(selection.layer, selection.component)[ranked]
    at = int(np.flatnonzero(order == selection.neuron)[0])
    selection.neuron = int(order[(at + by) % len(order)])


def _edge(on: bool) -> None:
    selection.edge_length = on


def _pin(name: str) -> None:
    selection.pinned = name


def _colour(name: str) -> dict[str, Any] | None:
    """Return the colours of the dots, or None to colour them by position."""
    columns = source.texts.columns
    if tokens or not name:
        return None
    if name in ("characters", "words"):
        counts = [len(text) if name == "characters" else len(text.split()) for text in source.texts.texts]
        return dot_colours(_LENGTHS[name], counts)
    column = name.removeprefix("column.")
    return dot_colours(column, columns[column]) if column in columns else None


def _film(layer: int, component: str, neuron: int) -> tuple[np.ndarray, ThinLine, dict[str, Any]]:
    values = cached.neuron(source.id, layer, component, neuron)
    line = thin_line(values, MOST)
    title = facts.title(layer, component, neuron)
    return (
        values,
        line,
        film_data(values, None if tokens else source.texts.texts, line, title=title, noun=noun, name=title),
    )


def _pinned() -> tuple[int, str, int] | None:
    """Return the pinned neuron if this analysis has it; else clear the pin."""
    if not selection.pinned:
        return None
    layer, component, neuron = selection.pinned.split(".")
    if 1 <= int(layer) <= source.shape.layers and int(neuron) in source.neurons(int(layer), component):
        return int(layer), component, int(neuron)
    selection.pinned = ""
    return None


def _view(component: str) -> str:
    """Return the selected view, or the default where it is a head and the component has no heads."""
    return "" if selection.view == "head" and source.shape.head_of(component, 0) is None else selection.view


def _controls(layer: int, component: str, neuron: int, present: np.ndarray) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button("Higher", icon=":material/arrow_upward:", on_click=_step, args=(-1,), help="Next higher rank, key [")
        st.button("Lower", icon=":material/arrow_downward:", on_click=_step, args=(1,), help="Next lower rank, key ]")
        typed = st.number_input(
            "Neuron", int(present[0]), int(present[-1]), neuron, key=f"neuron-{layer}-{component}-{neuron}", width=140
        )
        views = [view for view in _VIEWS if view != "head" or source.shape.head_of(component, neuron) is not None]
        now = _view(component)
        view = st.segmented_control(
            "Cloud",
            views,
            default=now,
            format_func=_VIEWS.__getitem__,
            key=f"view-{now}-{component}",
            required=True,
            width="content",
        )
        names = [*_LENGTHS, *(() if tokens else (f"column.{name}" for name in source.texts.columns))]
        at = names.index(selection.colour) if selection.colour in names else 0
        picked = names[at]
        if not tokens:
            picked = st.selectbox(
                "Colour by",
                names,
                at,
                format_func=lambda name: _LENGTHS.get(name) or name.removeprefix("column."),
                key=f"colour-{at}",
                width=230,
            )
    if typed != neuron:  # select the nearest existing neuron
        selection.neuron = int(present[np.argmin(np.abs(present - typed))]) if typed not in present else int(typed)
        st.rerun()
    if view != now:
        selection.view = str(view or "")
        st.rerun()
    if picked != names[at]:
        selection.colour = picked
        st.rerun()


def _body() -> None:
    layer, component = selection.layer, selection.component
    present = source.neurons(layer, component)
    if not len(present):
        layout.note("An earlier cut left no neuron here. Choose another cell on the Importance page.")
        raise guards.Ended
    if selection.neuron is None:
        selection.neuron = int(present[np.argmax(source.scores(layer, component))])
    neuron, prune_spec = selection.neuron, drafts.current(source.id)
    values, line, data = _film(layer, component, neuron)
    name, pinned, colour = f"{layer}.{component}.{neuron}", _pinned(), _colour(selection.colour)
    words, acts = st.columns([1.3, 1] if selection.presentation else [2, 1], vertical_alignment="bottom")
    with words:
        layout.title(data["title"], facts.lead(source, layer, component, neuron, sides(values, line)))
    with acts, st.container(horizontal=True, horizontal_alignment="right"):
        override.actions(source.id, prune_spec, layer, component, neuron)
        if selection.pinned == name:
            st.button("Unpin", icon=":material/keep_off:", on_click=_pin, args=("",))
        else:
            st.button(
                "Pin",
                icon=":material/keep:",
                on_click=_pin,
                args=(name,),
                help="Compare it with the next neuron that you open",
            )
    facts.numbers(source, layer, component, neuron)
    if source.degenerate(layer, component):
        layout.note("Every text gives the same value in this cell up to rounding; the values below are noise.")
    _controls(layer, component, neuron, present)
    if _view(component):
        head = source.shape.head_of(component, neuron) if _view(component) == "head" else None
        cloud.show(source, layer, component, head, colour)
        return
    file, films, clouds = f"layer{layer}-{component}-{neuron}", {data["title"]: line}, {data["title"]: values}
    if pinned and selection.pinned != name:
        second = facts.title(*pinned)
        clouds[second], films[second], mate = _film(*pinned)
        data = film_pair(data, mate, bottleneck(barcode(values), barcode(clouds[second])))
        st.button(
            f"Unpin layer {pinned[0]} · {TITLES[pinned[1]]} · neuron {pinned[2]}",
            type="tertiary",
            on_click=_pin,
            args=("",),
        )
    elif selection.pinned == name:
        layout.note(
            "This neuron is pinned. Open another one (Higher, Lower, a number, another cell) to play both films in "
            "step."
        )
    data = {
        **data,
        "colour": colour,
        "file": file,
        "edge": selection.edge_length,
        "presentation": selection.presentation,
    }
    mounts.film(data, key="neuron-film", on_step=_step, on_edge=_edge)
    story.captions(source, line, colour, "mate" in data)
    story.offer(source, file, clouds, films, data)
    story.separates(source, values, line)
    story.reading()


with guards.caught():
    _body()
