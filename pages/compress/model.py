"""Build the smaller model, see that it equals the masked one, take it away."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import streamlit as st

from obce_core.compression.result import Compressed, list_models, models_home, read_compressed
from obce_core.errors import ObceError
from obce_core.figures.numbers import amount, count, megabytes, millions, share
from obce_core.figures.sizes import sizes
from obce_core.plan import Plan, plan_widths, stored_widths, write_plan
from obce_core.plan.document import read_plan
from obce_core.store import is_complete
from pages._ui import cached, drafts, frame, guards, job_panel, nav, state

_ZIP_LIMIT = 600_000_000
chosen = state.get()
source = guards.need_analysis()
mode = frame.mode()


def _done(result: dict[str, Any]) -> None:
    chosen.model = result["plan"][:16]
    st.rerun()


def _start(plan: Plan) -> None:
    path = models_home().parent / "plans" / f"{plan.digest[:16]}.plan.json"
    write_plan(plan, path, overwrite=path.exists())
    job_panel.start(f"compress-{plan.digest[:16]}", "compress", {"analysis": source.id, "plan": str(path)})


def _zip(built: Compressed) -> bytes:
    """Pack a model folder; weights are stored, not squeezed (they do not shrink)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(built.folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"obce-model/{path.relative_to(built.folder).as_posix()}")
    return stream.getvalue()


def _layers(plan: Plan) -> list[dict[str, Any]]:
    """List what each layer stores before and after."""
    now = [stored_widths(source, layer) for layer in range(1, source.shape.layers + 1)]
    return [
        {
            "layer": layer,
            "query/key pairs": f"{sum(before.pairs)} → {sum(row.pairs)}",
            "extra key rows": sum(row.extra),
            "values": f"{sum(before.values)} → {sum(row.values)}",
            "intermediate": f"{count(before.intermediate)} → {count(row.intermediate)}",
        }
        for layer, (before, row) in enumerate(zip(now, plan_widths(source, plan), strict=True), start=1)
    ]


def _show(built: Compressed) -> None:
    size, close = built.budget, built.fidelity
    frame.facts(
        [
            ("masked = cut", amount(built.difference, 2), "", f"largest difference, {built.difference_texts} texts"),
            ("cosine [CLS]", f"{close.cls:.3f}" if close else "not measured", "", f"{close.texts} held-out texts" if close else ""),
            (
                "cosine mean-pooled",
                f"{close.pooled:.3f}" if close else "not measured",
                "",
                f"lowest {close.pooled_lowest:.3f}" if close else "",
            ),
            ("of the encoder left", share(size.encoder_share), "", f"{millions(size.encoder_left)} of {millions(size.encoder)}"),
            ("of the model left", share(size.model_share), "", f"{millions(size.parameters_left)} of {millions(size.parameters)}"),
            ("on disk", megabytes(size.bytes_left), "", f"from {megabytes(size.bytes)}"),
        ]
    )
    left, right = st.columns([1.2, 1], gap="large")
    with left:
        st.subheader("Before and after", anchor=False)
        st.plotly_chart(sizes([("this model", size)], mode=mode), theme=None, config={"displayModeBar": False}, key="model-sizes")
        try:
            plan = read_plan(built.folder / "pruning_plan.json", source if built.analysis == source.id else cached.analysis(built.analysis))
            st.dataframe(_layers(plan), hide_index=True, width="stretch")
        except ObceError as error:
            guards.show_error(error)
    with right:
        st.subheader("Take it away", anchor=False)
        if size.bytes_left < _ZIP_LIMIT:
            st.download_button(
                "Download the model (zip)", lambda: _zip(built), "obce-model.zip", "application/zip", type="primary",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
        st.caption("The folder on this machine:")
        st.code(str(built.folder), language=None, wrap_lines=True)
        st.code('import obce_core\n\nmodel, tokenizer = obce_core.load("obce-model")', language="python")
        frame.note(
            "<b>Masked = cut</b>: the original, with every removed neuron replaced by its constant or prediction, against the smaller "
            "model; the largest difference of any output, as a share of the largest output. Rounding alone gives about 1e−6; above "
            "1e−5 nothing would have been written. <b>Cosine</b>: to the original, on texts that the analysis did not see. It is the loss "
            "before any fine-tuning."
        )


with guards.caught():
    intent = drafts.current(source.id)
    frame.title("Model", "The smaller model, built from the plan under edit, held against the masked original, and ready to load.")
    plan, budget = cached.resolved(source.id, intent)
    built: Compressed | None = None
    if not plan.kept:
        st.info("The plan under edit cuts nothing yet.")
        nav.link("plan", "Choose what to cut", icon=":material/tune:")
    else:
        folder = models_home() / plan.digest[:16]
        built = read_compressed(folder) if is_complete(folder) else None
        busy = job_panel.panel(f"compress-{plan.digest[:16]}", _done)
        if built is None and not busy:
            frame.note(
                f"The plan under edit cuts <b>{count(budget.neurons_cut)}</b> neurons and leaves "
                f"<b>{share(budget.encoder_share)}</b> of the encoder. "
                "Building folds the removed neurons away, proves the result against the masked original and measures it on held-out texts."
            )
            row = st.columns([1, 1, 4])
            if row[0].button("Build", type="primary", icon=":material/construction:", width="stretch"):
                _start(plan)
                st.rerun()
            if row[1].button("Edit the plan", width="stretch"):
                nav.go("plan")
        elif built is not None:
            chosen.model = plan.digest[:16]
            _show(built)
    others = [entry for entry in list_models() if built is None or entry.folder != built.folder]
    if others:
        st.subheader("Other models", anchor=False)
        st.dataframe(
            [
                {
                    "model": frame.short_name(entry.name),
                    "encoder left": share(entry.budget.encoder_share),
                    "cosine mean-pooled": f"{entry.fidelity.pooled:.3f}" if entry.fidelity else "not measured",
                    "folder": str(entry.folder),
                }
                for entry in others
            ],
            hide_index=True,
            width="stretch",
        )
