"""One neuron: where it stands, what its widest gap separates, and whether that would survive other texts."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import streamlit as st

from obce_core.components import TITLES
from obce_core.errors import shorten
from obce_core.figures.dots import dot_colours
from obce_core.figures.film import MOST, film_data, film_html, film_pair
from obce_core.figures.sides import Side, shares, sides
from obce_core.topology import ThinLine, barcode, bottleneck, thin_line
from pages._ui import cached, components, downloads, drafts, frame, guards, neuron_cloud, neuron_facts, neuron_hand, state

chosen = state.get()
source = guards.need_analysis()
tokens = source.meta["tokens"] == "all"
noun = "token" if tokens else "text"
_VIEWS = {"": "This neuron", "head": "Its head", "component": "Its component"}
_LENGTHS = {"": "Place on the line", "characters": "Length in characters", "words": "Length in words"}


def _step(by: int) -> None:
    """Go to the next neuron of the cell by rank."""
    ranked = np.argsort(-source.scores(chosen.layer, chosen.component), kind="stable")
    order = source.neurons(chosen.layer, chosen.component)[ranked]
    at = int(np.flatnonzero(order == chosen.neuron)[0])
    chosen.neuron = int(order[(at + by) % len(order)])


def _pin(name: str) -> None:
    chosen.pinned = name


def _colour(name: str) -> dict[str, Any] | None:
    """Return what the dots show, None for their place on the line."""
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
    title = neuron_facts.title(layer, component, neuron)
    return values, line, film_data(values, None if tokens else source.texts.texts, line, title=title, noun=noun, name=title)


def _pinned() -> tuple[int, str, int] | None:
    """Return the pinned neuron when this analysis has it; one that it has not is forgotten."""
    if not chosen.pinned:
        return None
    layer, component, neuron = chosen.pinned.split(".")
    if 1 <= int(layer) <= source.shape.layers and int(neuron) in source.neurons(int(layer), component):
        return int(layer), component, int(neuron)
    chosen.pinned = ""
    return None


def _view(component: str) -> str:
    """Return the view that is chosen and that this component has: a head only where there are heads."""
    return "" if chosen.view == "head" and source.shape.head_of(component, 0) is None else chosen.view


def _controls(layer: int, component: str, neuron: int, there: np.ndarray) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button("Higher", icon=":material/arrow_upward:", on_click=_step, args=(-1,), help="Next higher rank, key [")
        st.button("Lower", icon=":material/arrow_downward:", on_click=_step, args=(1,), help="Next lower rank, key ]")
        typed = st.number_input("Neuron", int(there[0]), int(there[-1]), neuron, key=f"neuron-{layer}-{component}-{neuron}", width=140)
        views = [view for view in _VIEWS if view != "head" or source.shape.head_of(component, neuron) is not None]
        now = _view(component)
        view = st.segmented_control(
            "Cloud", views, default=now, format_func=_VIEWS.__getitem__, key=f"view-{now}-{component}", required=True, width="content"
        )
        names = [*_LENGTHS, *(() if tokens else (f"column.{name}" for name in source.texts.columns))]
        at = names.index(chosen.colour) if chosen.colour in names else 0
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
    if typed != neuron:  # of those that are there, the nearest
        chosen.neuron = int(there[np.argmin(np.abs(there - typed))]) if typed not in there else int(typed)
        st.rerun()
    if view != now:
        chosen.view = str(view or "")
        st.rerun()
    if picked != names[at]:
        chosen.colour = picked
        st.rerun()


def _separates(values: np.ndarray, line: ThinLine) -> None:
    """Show the texts on either side of the widest gap."""
    told = sides(values, line)
    if told is None or tokens:
        return
    st.subheader("What this neuron separates", anchor=False)
    small, large = st.columns(2, gap="large")
    left = "left" if told.small_is_left else "right"
    with small:
        _side(told.small, f"The smaller side, on the {left}")
    with large:
        _side(told.large, f"The larger side, on the {'right' if told.small_is_left else 'left'}")
    part = values <= told.low if told.small_is_left else values >= told.high
    for name, column in list(source.texts.columns.items())[:4]:
        if dot_colours(name, column)["kind"] == "category" and len(set(column)) <= max(20, len(column) // 4):
            counts = shares(column, part)
            listed = ", ".join(f"{value} ({here} of {every})" for value, here, every in counts[:8])
            st.text(f"Smaller side by {name}: {listed}{', …' if len(counts) > 8 else ''}")


def _side(side: Side, name: str) -> None:
    whole = len(side.texts) == side.size
    shown = f"all {side.size:,} texts" if whole else f"{len(side.texts)} of {side.size:,} texts, the nearest to the gap"
    listed = "".join(f'<li class="plain" dir="auto">{escape(shorten(source.texts.texts[at], 300))}</li>' for at in side.texts)
    st.html(f'<p class="note"><b>{name}</b>: {"1 text" if side.size == 1 else shown}</p><ol class="side">{listed}</ol>')


def _merges_csv(films: dict[str, ThinLine]) -> str:
    """Write the merges of the neurons that are shown, the last one first."""
    unit, scale = ("edge_length", 2) if chosen.edge_length else ("radius", 1)
    texts, rows = source.texts.texts, []
    for name, line in films.items():
        for merge in (merge for merge in reversed(line.merges) if merge.radius > line.start or not line.start):
            words = [f"token {at + 1}" if tokens else texts[at] for at in (merge.left, merge.right)]
            rows.append([name, scale * merge.radius, line.size(merge.first, merge.gap), line.size(merge.gap + 1, merge.last), *words])
    return downloads.to_csv(["neuron", unit, "left_size", "right_size", "left_text", "right_text"], rows)


def _values_csv(values: np.ndarray) -> str:
    texts = source.texts.texts
    rows = ([at, float(value), "" if tokens else texts[at]] for at, value in enumerate(values))
    return downloads.to_csv([noun, "output", "words"], rows)


def _offer(name: str, values: np.ndarray, films: dict[str, ThinLine], data: dict[str, Any]) -> None:
    """Offer the film, its merges, its diagram and its points."""
    files = (
        ("Film (HTML)", lambda: film_html(data, " and ".join(films)), f"film-{name}.html", "text/html"),
        ("Merges (CSV)", lambda: _merges_csv(films), f"merges-{name}.csv", "text/csv"),
        ("Diagram (CSV)", lambda: neuron_cloud.diagram_csv(barcode(values).deaths, chosen.edge_length), f"diagram-{name}.csv", "text/csv"),
        ("Points (CSV)", lambda: _values_csv(values), f"points-{name}.csv", "text/csv"),
    )
    with st.container(horizontal=True, gap="small"):
        for label, make, file, media in files:
            st.download_button(label, make, file, media, key=f"offer-{label}", type="tertiary", on_click="ignore")


def _body() -> None:
    layer, component = chosen.layer, chosen.component
    there = source.neurons(layer, component)
    if not len(there):
        frame.note("An earlier cut left no neuron here: choose another cell on the Importance page.")
        st.stop()
    if chosen.neuron is None:
        chosen.neuron = int(there[np.argmax(source.scores(layer, component))])
    neuron, intent = chosen.neuron, drafts.current(source.id)
    values, line, data = _film(layer, component, neuron)
    name, pinned, colour = f"{layer}.{component}.{neuron}", _pinned(), _colour(chosen.colour)
    words, acts = st.columns([2, 1], vertical_alignment="bottom")
    with words:
        frame.title(data["title"], neuron_facts.lead(source, layer, component, neuron, sides(values, line)))
    with acts, st.container(horizontal=True, horizontal_alignment="right"):
        neuron_hand.actions(source.id, intent, layer, component, neuron)
        if chosen.pinned == name:
            st.button("Unpin", icon=":material/keep_off:", on_click=_pin, args=("",))
        else:
            st.button("Pin", icon=":material/keep:", on_click=_pin, args=(name,), help="Compare it with the next one you open")
    neuron_facts.numbers(source, layer, component, neuron)
    if source.degenerate(layer, component):
        frame.note("Every text gives the same value in this cell up to rounding: what follows is noise.")
    _controls(layer, component, neuron, there)
    if _view(component):
        head = source.shape.head_of(component, neuron) if _view(component) == "head" else None
        neuron_cloud.show(source, layer, component, head, colour)
        return
    file, films = f"layer{layer}-{component}-{neuron}", {data["title"]: line}
    if pinned and chosen.pinned != name:
        other, films[neuron_facts.title(*pinned)], mate = _film(*pinned)
        data = film_pair(data, mate, bottleneck(barcode(values), barcode(other)))
        st.button(f"Unpin layer {pinned[0]} · {TITLES[pinned[1]]} · neuron {pinned[2]}", type="tertiary", on_click=_pin, args=("",))
    elif chosen.pinned == name:
        frame.note("This neuron is pinned. Open another one (Higher, Lower, a number, another cell) and it plays below it on one clock.")
    data = {**data, "colour": colour, "file": file, "edge": chosen.edge_length, "presentation": chosen.presentation}
    components.film(data, key="neuron-film", on_step=_step, on_edge=frame.set_edge_length)
    _captions(line, colour, "mate" in data)
    _offer(file, values, films, data)
    _separates(values, line)
    _reading()


def _captions(line: ThinLine, colour: dict[str, Any] | None, pair: bool) -> None:
    told = []
    if pair:
        told.append(
            "Both films show the same radius at every moment, so their disks, parts and bars can be compared; the diagrams share "
            "their axes, and each film stops at its own r<sub>f</sub>. The bottleneck distance is the farthest that a point must "
            "move to turn one diagram into the other, to a point of it or to the diagonal."
        )
    if line.total > len(line.points):
        told.append(
            f"Of {line.total:,} {noun}s {len(line.points):,} are drawn: both ends of the widest gaps, and others evenly along the line. "
            f"The merges that the film shows, their sizes and r<sub>f</sub> are those of all {line.total:,}."
        )
    if colour is not None and colour["kind"] == "category" and colour["others"]:
        told.append(f"Six shapes can be told apart: the {colour['others']} rarer values share the last one.")
    if colour is not None:
        told.append("The colours and shapes paint the dots only; the disks keep the colours of their parts.")
    if told:
        frame.note(" ".join(told))


def _reading() -> None:
    with st.expander("How to read this"):
        st.markdown(
            "Each dot is this neuron's output for one text. A disk grows around every dot; where two disks touch, two parts become "
            "one, and a point appears in the birth-death diagram at the radius of the touch (all are born at 0). N texts give N − 1 "
            "such deaths and one part that never dies. The last death is **r_f**. Radii here, unless *Edge length* is on: gudhi and "
            "ripser report edge lengths, twice as long.\n\n"
            "**Percentile in its cell**: the share of the other neurons with a smaller r_f. A plan with P*xx* for this cell cuts the "
            "neuron when *xx* is at least that.\n\n"
            "**Limits.** A single extreme text can set r_f alone: the number without its most isolated text shows how much. The "
            "bootstrap interval is a percentile bootstrap: 1,000 times as many texts are drawn with replacement, and the middle 90 % "
            "of their r_f are shown. A text drawn twice adds a gap of zero and about 37 % of the texts are missing each time; and the "
            "bootstrap of a largest gap is not consistent: the interval shows how much hangs on few texts, not where the r_f of all "
            "possible texts lies with 90 % certainty. It is not measured where every token is a point: tokens of one text do not vary "
            "on their own. What a neuron separates here is read off these texts and need not hold for others."
        )


with guards.caught():
    _body()
