"""One neuron: where it stands, and what its widest gap separates."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st

from obce_core.components import LOCKED, TITLES
from obce_core.figures.film import film_data, film_html
from obce_core.figures.numbers import amount, count
from obce_core.topology import line_merges, r_f
from pages._ui import cached, components, downloads, drafts, frame, guards, state

chosen = state.get()
source = guards.need_analysis()


def _step(by: int) -> None:
    """Go to the next neuron of the cell by rank."""
    ranked = np.argsort(-source.scores(chosen.layer, chosen.component), kind="stable")
    order = source.neurons(chosen.layer, chosen.component)[ranked]
    at = int(np.flatnonzero(order == chosen.neuron)[0])
    chosen.neuron = int(order[(at + by) % len(order)])


with guards.caught():
    layer, component = chosen.layer, chosen.component
    cell = source.cell(layer, component)
    scores, there = cell["r_f"], source.neurons(layer, component)
    if not len(there):
        frame.note("An earlier cut left no neuron here: choose another cell on the Importance page.")
        st.stop()
    if chosen.neuron is None:
        chosen.neuron = int(there[np.argmax(scores)])
    neuron, at = chosen.neuron, source.position(layer, component, chosen.neuron)
    values = cached.outputs(source.id, layer, component)[:, at]
    texts = source.texts.texts
    if source.meta["tokens"] == "all":
        texts = tuple(f"token {i + 1}" for i in range(len(values)))
    order, merges = line_merges(values)
    last = merges[-1]
    lonely = int(order[last.first if last.left_size <= last.right_size else last.last])
    small = min(last.left_size, last.right_size)
    without = r_f(np.delete(values, lonely)) if len(values) > 2 else 0.0
    place = source.shape.head_of(component, neuron)
    where = f"Head {place}, offset {neuron % source.shape.head_size}. " if place is not None else ""
    frame.title(
        f"Layer {layer} · {TITLES[component]} · neuron {neuron}",
        f"Its widest gap sets <b>{small}</b> of {len(values):,} texts apart. Without its most isolated text r<sub>f</sub> would be "
        f"{amount(without)}{f', {100 * without / last.radius:.0f} % of what it is' if last.radius else ''}. {escape(where)}",
    )
    controls = st.columns([1, 1, 1.2, 3.2], vertical_alignment="bottom")
    controls[0].button("Higher rank", icon=":material/arrow_upward:", on_click=_step, args=(-1,), width="stretch")
    controls[1].button("Lower rank", icon=":material/arrow_downward:", on_click=_step, args=(1,), width="stretch")
    typed = controls[2].number_input("Neuron", int(there[0]), int(there[-1]), neuron, key=f"neuron-{layer}-{component}-{neuron}")
    if typed != neuron:  # of those that are there, the nearest
        chosen.neuron = int(there[np.argmin(np.abs(there - typed))]) if typed not in there else int(typed)
        st.rerun()
    rank = int((scores > scores[at]).sum()) + 1
    try:
        plan, _ = cached.resolved(source.id, drafts.current(source.id))
        kept = bool(plan.mask(layer, component, source.shape)[neuron])
        by_plan = "locked" if component in LOCKED else "kept" if kept else "cut"
    except Exception:  # an impossible draft is explained on the Plan page
        by_plan = "no plan"
    percentile = drafts.current(source.id).percentile(layer, component)
    frame.facts(
        [
            ("r_f", amount(scores[at]), "", "radius; edge length " + amount(2 * scores[at])),
            ("rank in its cell", count(rank), f"of {count(len(scores))}", f"cell median {amount(float(np.median(scores)))}"),
            ("std of outputs", amount(cell["std"][at]), "", f"mean {amount(cell['mean'][at])}"),
            ("by the plan", by_plan, f"P{percentile:g}" if percentile else "", "under edit on the Plan page"),
            ("r_f without one text", amount(without), "", "its most isolated one"),
        ]
    )
    if source.degenerate(layer, component):
        frame.note("Every text gives the same value in this cell up to rounding: what follows is noise.")
    data = film_data(values, texts, merges, title=f"Layer {layer} · {TITLES[component]} · neuron {neuron}")
    components.film(data, key="neuron-film")
    name = f"layer{layer}-{component}-{neuron}"
    rows = [[amount(m.radius, 6), m.left_size, m.right_size, texts[m.left][:400], texts[m.right][:400]] for m in reversed(merges)]
    downloads.row(
        name,
        csv_text=downloads.to_csv(["radius", "left_size", "right_size", "left_text", "right_text"], rows),
        html=film_html(data, f"OBCE, layer {layer}, {component}, neuron {neuron}"),
    )
    with st.expander("How to read this"):
        st.markdown(
            "Each dot is this neuron's output for one text. A disk grows around every dot; where two disks touch, two parts become "
            "one, and a point appears in the birth-death diagram at the radius of the touch (all are born at 0). N texts give N − 1 "
            "such deaths and one part that never dies. The last death is **r_f**. Radii here; gudhi and ripser report edge lengths, "
            "twice as long.\n\n**Limits.** A single extreme text can set r_f alone: the number without its most isolated text shows "
            "how much."
        )
