"""The difference between two versions of a plan, or between a version and the draft."""

from __future__ import annotations

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import TITLES
from obce_core.errors import PlanError
from obce_core.figures.widgets.next_cuts.data import percentile
from obce_core.formatting import count, megabytes, millions, share
from obce_core.plan import (
    PruneSpec,
)
from obce_core.plan.diff import plan_diff
from pages._shared import cached, downloads, layout, previews, state


def difference(source: Analysis, prune_spec: PruneSpec) -> list[previews.Question]:
    """Show the difference of the two selected versions, if any; either may be the draft.

    Returns the pending measurements.
    """
    selection = state.get()
    if selection.compared is None:
        return []
    versions = {version.id: version for version in cached.versions(source.id)}
    if any(key and key not in versions for key in selection.compared):
        selection.compared = None
        return []
    names = [versions[key].name if key else "the draft" for key in selection.compared]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Difference", anchor=False)
        st.button(
            "Close", key="close-difference", on_click=setattr, args=(selection, "compared", None), width="content"
        )
    try:
        (one, size), (two, other) = (
            cached.resolved(source.id, versions[key].prune_spec if key else prune_spec) for key in selection.compared
        )
    except PlanError as error:
        st.text(str(error))
        return []
    pending: list[previews.Question] = []
    cosines = []
    for plan in (one, two):
        measured = previews.Previews(source, plan.prune_spec)
        cosines.append(measured.words(measured.whole(plan, priority=1)) if plan.kept else "–")
        pending += measured.asked
    st.dataframe(
        [
            {
                "plan": name,
                "neurons cut": count(budget.neurons_cut),
                "parameters cut": millions(budget.parameters_cut),
                "encoder left": share(budget.encoder_share),
                "model left": share(budget.model_share),
                "FLOPs left": share(budget.flops_share),
                "on disk": megabytes(budget.bytes_left),
                "cosine, mean-pooled": close,
            }
            for name, budget, close in zip(names, (size, other), cosines, strict=True)
        ],
        hide_index=True,
        width="stretch",
    )
    cells = plan_diff(source, one, two)
    if cells:
        rows = [
            {
                "layer": cell.layer,
                "component": TITLES[cell.component],
                "percentile, first": percentile(cell.percentiles[0]),
                "percentile, second": percentile(cell.percentiles[1]),
                "kept, first": count(cell.kept[0]),
                "kept, second": count(cell.kept[1]),
                "only the first cuts": _some(cell.only_first_cuts.tolist()),
                "only the second cuts": _some(cell.only_second_cuts.tolist()),
            }
            for cell in cells
        ]
        st.dataframe(rows, hide_index=True, width="stretch")
        header = ["layer", "component", "neuron", "cut by"]
        downloads.row(
            "plan-difference",
            csv_text=lambda: downloads.to_csv(
                header,
                [
                    (cell.layer, cell.component, neuron, side)
                    for cell in cells
                    for side, neurons in (
                        ("first", cell.only_first_cuts.tolist()),
                        ("second", cell.only_second_cuts.tolist()),
                    )
                    for neuron in neurons
                ],
            ),
        )
        layout.note(
            "First and second are the rows of the upper table. <b>obce plan diff</b> compares two plan files in the "
            "same way."
        )
    else:
        layout.note("Both plans cut the same neurons.")
    return pending


def _some(neurons: list[int]) -> str:
    shown = ", ".join(str(neuron) for neuron in neurons[:8])
    return f"{count(len(neurons))}: {shown}{', …' if len(neurons) > 8 else ''}" if neurons else "–"
