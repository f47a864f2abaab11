"""The Model page: build the smaller model, verify it against the masked one, see size and latency, download it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from obce_core.analysis.original import model_spec
from obce_core.compression.result import Compressed, list_models, models_home, read_compressed
from obce_core.errors import ObceError, PlanError
from obce_core.figures.layers import layers
from obce_core.formatting import amount, count, megabytes, millions, share
from obce_core.plan import Budget, Plan, plan_widths, read_plan, stored_widths, write_plan
from obce_core.plan.size_table import plan_size_table
from obce_core.storage.staging import is_complete
from pages._shared import cached, charts, downloads, drafts, guards, job_panel, layout, nav, state
from pages.launch import variants
from pages.model import files, measurements

selection = state.get()
source = guards.need_analysis()
mode = layout.mode()


def _built(result: dict[str, Any]) -> None:
    selection.model = result["plan"][:16]
    st.rerun()


def _build(plan: Plan) -> None:
    path = models_home().parent / "plans" / f"{plan.digest[:16]}.plan.json"
    write_plan(plan, path, overwrite=path.exists())
    job_panel.start(f"compress-{plan.digest[:16]}", "compress", {"analysis": source.id, "plan": str(path)})


def _facts(size: Budget, built: Compressed | None) -> None:
    close = built.fidelity if built else None
    layout.facts(
        [
            (
                "of the encoder left",
                share(size.encoder_share),
                "",
                f"{millions(size.encoder_left)} of {millions(size.encoder)}",
            ),
            (
                "of the whole model left",
                share(size.model_share),
                "",
                f"{millions(size.parameters_left)} of {millions(size.parameters)}",
            ),
            ("on disk, float32", megabytes(size.bytes_left), "", f"from {megabytes(size.bytes)}"),
            (
                "masked = cut",
                amount(built.difference, 2) if built else "not measured",
                "",
                f"largest difference, {built.difference_texts} texts" if built else "build it first",
            ),
            (
                "cosine, mean-pooled",
                f"{close.pooled:.3f}" if close else "not measured",
                "",
                f"{close.texts} held-out texts" if close else "",
            ),
            (
                "cosine, [CLS]",
                f"{close.cls:.3f}" if close else "not measured",
                "",
                f"lowest {close.cls_lowest:.3f}" if close else "",
            ),
        ]
    )


def _layers(plan: Plan) -> list[dict[str, Any]]:
    """Return the stored widths of each layer before and after the cut."""
    home = cached.analysis(plan.analysis)
    now = [stored_widths(home, layer) for layer in range(1, home.shape.layers + 1)]
    return [
        {
            "layer": layer,
            "query/key pairs": f"{sum(before.pairs)} → {sum(row.pairs)}",
            "extra key rows": sum(row.extra),
            "values": f"{sum(before.values)} → {sum(row.values)}",
            "intermediate": f"{count(before.intermediate)} → {count(row.intermediate)}",
        }
        for layer, (before, row) in enumerate(zip(now, plan_widths(home, plan), strict=True), start=1)
    ]


def _before_after(plan: Plan) -> None:
    st.subheader("Layer by layer, before and after", anchor=False)
    size_table = plan_size_table(cached.analysis(plan.analysis), plan)
    header = ("layer", "component", "neurons", "kept", "rows stored", "extra key rows", "parameters", "parameters left")
    rows = [
        (e.layer, e.component, e.neurons, e.kept, e.rows, e.extra, e.parameters, e.parameters_left)
        for e in size_table.entries
    ]
    charts.show(
        layers(size_table, mode=mode),
        key="model-layers",
        name=f"layers-{plan.digest[:8]}",
        csv_text=lambda: downloads.to_csv(header, rows),
    )
    layout.note(
        "<b>Solid</b>: stored; <b>hatched</b>: removed. A query/key dimension is stored only where both sides are kept."
    )
    with st.expander("Rows of every layer"):
        st.dataframe(_layers(plan), hide_index=True, width="stretch")


def _show(built: Compressed) -> None:
    analysis = source if built.analysis == source.id else cached.analysis(built.analysis)
    original = model_spec(analysis)
    left, right = st.columns([1.35, 1], gap="large")
    with left:
        try:
            _before_after(read_plan(built.folder / "pruning_plan.json", analysis))
        except ObceError as error:
            guards.show_error(error)
        measurements.proof(built, original)
    with right:
        files.take(built, original)
        measurements.speed(built, original)


def _lead(plan: Plan | None, budget: Budget | None, built: Compressed | None) -> str:
    if built is not None:
        close = built.fidelity
        cosine_words = (
            f" and has a cosine of <b>{close.pooled:.3f}</b> to the original before any fine-tuning" if close else ""
        )
        return (
            f"The model keeps <b>{share(built.budget.encoder_share)}</b> of the encoder, equals the masked original to "
            f"{amount(built.difference, 2)} of the largest output{cosine_words}."
        )
    if plan is None or budget is None:
        return "The current plan cannot be applied, so no model can be built from it."
    if not plan.kept:
        return "Build the smaller model from the current plan, and compare it with the masked original."
    left = share(budget.encoder_share)
    return f"The current plan cuts <b>{count(budget.neurons_cut)}</b> neurons and leaves <b>{left}</b> of the encoder."


def _others(built: Compressed | None) -> None:
    entries = [entry for entry in list_models() if built is None or entry.folder != built.folder]
    if not entries:
        return
    st.subheader("Other models", anchor=False)
    table = st.dataframe(
        [
            {
                "model": layout.short_name(entry.name),
                "encoder left": share(entry.budget.encoder_share),
                "cosine mean-pooled": f"{entry.fidelity.pooled:.3f}" if entry.fidelity else "not measured",
                "on disk": megabytes(entry.budget.bytes_left),
                "folder": entry.folder.name,
            }
            for entry in entries
        ],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=f"models-{selection.model}",
    )
    if selected := table["selection"]["rows"]:
        selection.model = entries[selected[0]].folder.name
        st.rerun()
    layout.note("Tick a row to see that model.")


def _body() -> None:
    prune_spec = drafts.current(source.id)
    plan, budget, wrong = None, None, None
    try:
        plan, budget = cached.resolved(source.id, prune_spec)
    except PlanError as error:
        wrong = error
    own = plan.digest[:16] if plan is not None and plan.kept else ""
    name = selection.model if selection.model and is_complete(models_home() / selection.model) else own
    built = read_compressed(models_home() / name) if name and is_complete(models_home() / name) else None
    layout.title("Model", _lead(plan, budget, built))
    if selection.model and name != selection.model:
        guards.show_gone(
            "model", f"Model {selection.model} was deleted, or is in another cache; the current plan is shown."
        )
    if wrong is not None:
        guards.show_error(wrong)
        nav.link("plan", "Edit the plan", icon=":material/tune:")
    if built is not None and name != own:
        layout.note("This model was not built from the current plan.")
        if own and st.button("Show the model of the current plan", icon=":material/arrow_back:"):
            selection.model = own
            st.rerun()
    if built is not None:
        selection.model = name
        if st.button(
            "Evaluate it", type="primary", icon=":material/rocket_launch:", help="Compare it with the original on GLUE"
        ):
            variants.choose_built(source, name, of_draft=name == own)
            nav.go("launch")
        _facts(built.budget, built)
        _show(built)
    elif plan is not None and budget is not None and not plan.kept:
        st.info("The current plan cuts nothing yet.")
        nav.link("plan", "Choose what to cut", icon=":material/tune:")
    elif plan is not None and budget is not None:
        _facts(budget, None)
        if not job_panel.panel(f"compress-{own}", _built, shared=True):
            layout.note(
                "Building folds the removed neurons into the remaining weights, verifies the result against the masked "
                "original, "
                "and measures it on held-out texts."
            )
            row = st.columns([1, 1, 4])
            with row[0]:
                writable = guards.writable("Building a model")
            if writable and row[0].button("Build", type="primary", icon=":material/construction:", width="stretch"):
                _build(plan)
                st.rerun()
            if row[1].button("Edit the plan", width="stretch"):
                nav.go("plan")
        _before_after(plan)
    _others(built)
    with st.expander("How to read this"):
        st.markdown(
            "**Masked = cut** compares the smaller model with the original in which every removed neuron is replaced "
            "by its "
            "constant or prediction. It is the largest difference of any output, as a share of the largest output. "
            "Rounding alone "
            "gives about 1e-06; a model with a difference above 1e-05 is not written. **Cosine**: to the original, on "
            "texts that "
            "the analysis did not read.\n\n**Limits.** The equality is with the *masked* model, and exact. The quality "
            "of the "
            "masked model is measured by the cosine and, after fine-tuning, by the metric of a task. Speed is that of "
            "this machine "
            "at the time of the measurement, relative to the original; it differs on other machines."
        )


with guards.caught():
    _body()
