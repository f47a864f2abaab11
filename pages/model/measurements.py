"""Measurements of a built model on this machine: verification against the masked original, and latency."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from obce_core.compression.result import Compressed
from obce_core.formatting import amount
from obce_core.jobs import find_result
from obce_core.measure.latency import Latency, read_latency
from pages._shared import guards, job_panel, layout


def _again(_: dict[str, Any]) -> None:
    st.rerun()


def job(label: str, form: str, kind: str, options: dict[str, Any], icon: str, why_not: str = "") -> None:
    """Offer a job on the built model, or show its progress; `why_not` says why it cannot be started."""
    if job_panel.panel(form, _again, shared=True):
        return
    if not guards.writable(label):
        return
    if st.button(label, key=f"start-{form}", icon=icon, disabled=bool(why_not), help=why_not or None):
        job_panel.start(form, kind, options)
        st.rerun()


def proof(built: Compressed, original: str) -> None:
    """Show the verification against the masked original, or offer to run it."""
    st.subheader("Verification", anchor=False)
    form = f"verify-{built.folder.name}"
    result = find_result(form)
    if result is None:
        layout.note(
            f"Largest difference when built: {amount(built.difference, 2)} of the largest output, on "
            f"{built.difference_texts} "
            "texts. The full verification folds the original again and compares every tensor and output in float32 and "
            "float64."
        )
    else:
        same = "the same function" if result["equal"] else "NOT the same function"
        layout.note(
            f"<b>{same}</b>: "
            + escape(result["differs"] or f"all {result['tensors']} stored tensors equal the refolded ones")
            + "."
        )
        st.dataframe(
            [
                {
                    "in": row["dtype"],
                    "texts": f"{row['count']} {row['texts']}",
                    "tokens": f"{row['shortest']}–{row['longest']}",
                    "largest difference": _share(row["hidden"]),
                    "at most": f"{row['tolerance']:g}",
                }
                for row in result["measured"]
            ],
            hide_index=True,
            width="stretch",
        )
    label = "Verify in full" if result is None else "Verify again"
    job(label, form, "verify", {"model": str(built.folder), "against": original}, ":material/fact_check:")


def _share(value: float | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.1e}"


def speed(built: Compressed, original: str) -> None:
    """Show the latency of both models on this machine, or offer to measure it."""
    st.subheader("Speed on this machine", anchor=False)
    result = read_latency(built.folder)
    if result is None:
        layout.note("Not measured. The measurement runs the same batches on both models in alternation.")
    else:
        st.dataframe(_times(result), hide_index=True, width="stretch")
        unsteady = (
            "" if all(row.steady for row in result.rows) else " <b>Unsteady: the machine was busy. Measure again.</b>"
        )
        layout.note(
            f"Medians, {result.length} tokens per text, float32, {escape(result.device)}, {result.threads} CPU "
            f"threads.{unsteady}"
        )
    label = "Measure batches of 1 and 32" if result is None else "Measure again"
    job(
        label,
        f"latency-{built.folder.name}",
        "latency",
        {"model": str(built.folder), "against": original},
        ":material/timer:",
    )


def _times(result: Latency) -> list[dict[str, Any]]:
    return [
        {
            "batch": row.batch,
            "this model": f"{row.model:.1f} ms",
            "original": f"{row.original:.1f} ms",
            "relative time": f"{row.model / row.original:.2f}",
        }
        for row in result.rows
    ]
