"""The texts around a neuron's film: the two sides of its widest gap, captions, downloads, and the explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.errors import shorten
from obce_core.figures.dots import dot_colours
from obce_core.figures.units import file_units
from obce_core.figures.widgets.film.data import film_html
from obce_core.topology import ThinLine, barcode
from obce_core.topology.sides import Side, shares, sides
from pages._shared import downloads, layout, state


def noun(source: Analysis) -> str:
    """Return what one point of a cloud stands for: `token` or `text`."""
    return "token" if source.meta["tokens"] == "all" else "text"


def separates(source: Analysis, values: np.ndarray, line: ThinLine) -> None:
    """Show the texts on either side of the widest gap."""
    gap = sides(values, line)
    if gap is None or noun(source) == "token":
        return
    st.subheader("What this neuron separates", anchor=False)
    small, large = st.columns(2, gap="large")
    left = "left" if gap.small_is_left else "right"
    with small:
        _side(source, gap.small, f"The smaller side, on the {left}")
    with large:
        _side(source, gap.large, f"The larger side, on the {'right' if gap.small_is_left else 'left'}")
    part = values <= gap.low if gap.small_is_left else values >= gap.high
    for name, column in list(source.texts.columns.items())[:4]:
        if dot_colours(name, column)["kind"] == "category" and len(set(column)) <= max(20, len(column) // 4):
            counts = shares(column, part)
            listed = ", ".join(f"{value} ({here} of {every})" for value, here, every in counts[:8])
            st.text(f"Smaller side by {name}: {listed}{', …' if len(counts) > 8 else ''}")


def _side(source: Analysis, side: Side, name: str) -> None:
    whole = len(side.texts) == side.size
    shown = f"all {side.size:,} texts" if whole else f"{len(side.texts)} of {side.size:,} texts, the nearest to the gap"
    layout.note(f"<b>{name}</b>: {'1 text' if side.size == 1 else shown}")
    with st.container(gap="xxsmall", key=f"side-{name.split()[1]}"):
        for at in side.texts:
            st.text(shorten(source.texts.texts[at], 300))


def merges_csv(source: Analysis, films: dict[str, ThinLine]) -> str:
    """Return the merges of the displayed neurons as CSV, the last one first, with their radii."""
    texts, rows = source.texts.texts, []
    for name, line in films.items():
        for merge in (merge for merge in reversed(line.merges) if merge.radius > line.start or not line.start):
            words = [f"token {at + 1}" if noun(source) == "token" else texts[at] for at in (merge.left, merge.right)]
            rows.append(
                [name, merge.radius, line.size(merge.first, merge.gap), line.size(merge.gap + 1, merge.last), *words]
            )
    return downloads.to_csv(["neuron", "radius", "left_size", "right_size", "left_text", "right_text"], rows)


def diagram_csv(clouds: Mapping[str, np.ndarray]) -> str:
    """Return the diagrams of the displayed neurons as CSV, one after the other, in radii."""
    rows = [[name, 0, *point] for name, values in clouds.items() for point in barcode(values).diagram().tolist()]
    return downloads.to_csv(["neuron", "dim", "birth (radius)", "death (radius)"], rows)


def values_csv(source: Analysis, clouds: Mapping[str, np.ndarray]) -> str:
    """Return the outputs of the displayed neurons as CSV, one after the other."""
    texts, point = source.texts.texts, noun(source)
    rows = (
        [name, at, float(value), "" if point == "token" else texts[at]]
        for name, values in clouds.items()
        for at, value in enumerate(values)
    )
    return downloads.to_csv(["neuron", point, "output", "words"], rows)


def offer(
    source: Analysis, name: str, clouds: Mapping[str, np.ndarray], films: dict[str, ThinLine], data: dict[str, Any]
) -> None:
    """Offer the film, its merges, its diagram and its points; `clouds` are the outputs by the neuron's title."""
    picture, unit = file_units(edge_length=state.get().edge_length)
    files = (
        ("Film (HTML)", lambda: film_html(data, " and ".join(films)), f"film-{name}-{picture}.html", "text/html"),
        ("Merges (CSV)", lambda: merges_csv(source, films), f"merges-{name}-{unit}.csv", "text/csv"),
        ("Diagram (CSV)", lambda: diagram_csv(clouds), f"diagram-{name}-{unit}.csv", "text/csv"),
        ("Points (CSV)", lambda: values_csv(source, clouds), f"points-{name}.csv", "text/csv"),
    )
    with st.container(horizontal=True, gap="small"):
        for label, make, file, media in files:
            st.download_button(label, make, file, media, key=f"offer-{label}", type="tertiary", on_click="ignore")


def captions(source: Analysis, line: ThinLine, colour: dict[str, Any] | None, pair: bool) -> None:
    """Explain what is drawn, what is left out, and how two films compare."""
    sentences = []
    if pair:
        sentences.append(
            "Both films show the same radius at the same time, so their disks, components and bars can be compared. "
            "The diagrams "
            "share their axes, and each film stops at its own r<sub>f</sub>. The bottleneck distance is the largest "
            "distance that "
            "a point must move, to a point of the other diagram or to the diagonal, in the best matching."
        )
    if line.total > len(line.points):
        sentences.append(
            f"{len(line.points):,} of {line.total:,} {noun(source)}s are drawn: both ends of the widest gaps, and "
            f"others evenly "
            f"along the line. The merges in the film, their sizes and r<sub>f</sub> are those of all {line.total:,}."
        )
    if colour is not None and colour["kind"] == "category" and colour["others"]:
        sentences.append(f"There are six shapes; the {colour['others']} rarer values share the last one.")
    if colour is not None:
        sentences.append("Colours and shapes apply to the dots only; the disks keep the colours of their components.")
    if sentences:
        layout.note(" ".join(sentences))


def reading() -> None:
    """Explain the film, its numbers and their limits."""
    with st.expander("How to read this"):
        st.markdown(
            "Each dot is this neuron's output for one text. A disk grows around every dot. Where two disks touch, two "
            "components "
            "merge, and a point appears in the birth-death diagram at that radius (all are born at 0). N texts give N "
            "− 1 such "
            "deaths and one component that never dies. The last death is **r_f**. Values are radii unless *Edge "
            "length* is on: "
            "gudhi and ripser report edge lengths, twice as long.\n\n"
            "**Percentile in its cell**: the share of the other neurons with a smaller r_f. A plan with P*xx* for this "
            "cell cuts the "
            "neuron when *xx* is at least that.\n\n"
            "**Limits.** A single extreme text can determine r_f; the value without the most isolated text shows by "
            "how much. The "
            "interval is a percentile bootstrap: 1,000 samples with as many texts are drawn with replacement, and the "
            "middle 90 % "
            "of their r_f are shown. A text drawn twice adds a gap of zero, about 37 % of the texts are missing from "
            "each sample, "
            "and the bootstrap of a largest gap is not consistent. So the interval shows how much depends on few "
            "texts, not where "
            "the r_f of all possible texts lies with 90 % certainty. It is not measured where every token is a point, "
            "because "
            "tokens of one text are not independent. What a neuron separates here may not hold for other texts."
        )
