"""The percentiles of the plan as an editable table."""

from __future__ import annotations

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE, TITLES
from obce_core.errors import PlanError
from obce_core.plan import PruneSpec, prune_spec_document
from obce_core.plan.serialize import plan_rows, read_rows
from obce_core.storage.digests import digest
from pages._shared import drafts, layout, state


def table(source: Analysis, prune_spec: PruneSpec) -> None:
    """Offer every percentile in a table; changes take effect with Apply."""
    place = st.popover("Edit as table", icon=":material/table:", key="plan-table", on_change="rerun")
    if not place.open:  # an edit of the grid does not wait for a closed table
        return
    with place, st.form("plan-table-form", border=False):
        column = st.column_config.NumberColumn
        rows = st.data_editor(
            plan_rows(source, prune_spec),
            hide_index=True,
            key=f"plan-rows-{digest(prune_spec_document(prune_spec))[:12]}",
            column_config={
                "layer": column("layer", disabled=True),
                **{
                    name: column(TITLES[name], min_value=0.0, max_value=99.9, step=0.1, format="%.3g")
                    for name in CUTTABLE
                },
            },
        )
        layout.note("Percentiles; 0 cuts nothing, None cannot be cut. Query and key are edited separately.")
        if st.form_submit_button("Apply", type="primary"):
            try:
                edited, notes = read_rows(source, prune_spec, rows)
            except PlanError as error:
                st.text(str(error))
                return
            drafts.edit(source.id, edited)
            state.get().messages += notes
            st.rerun()
