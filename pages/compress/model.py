"""The smaller model: build it, see that it is the masked one, what it weighs and how fast it is, take it away."""

from __future__ import annotations

import io
import shlex
import zipfile
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from obce_core.compression.result import Compressed, list_models, models_home, read_compressed
from obce_core.errors import ObceError, PlanError
from obce_core.figures.layers import layers
from obce_core.figures.numbers import amount, count, megabytes, millions, share
from obce_core.jobs import find_result
from obce_core.latency import Latency, read_latency
from obce_core.plan import Budget, Plan, plan_widths, read_plan, stored_widths, write_plan
from obce_core.plan.tally import plan_ledger
from obce_core.store import is_complete
from pages._ui import cached, charts, downloads, drafts, frame, guards, job_panel, nav, state

_ZIP_LIMIT = 1_000_000_000
_FORMS = {
    "onnx": ("ONNX", "export-onnx", "For onnxruntime, checked by it; needs obce[onnx]."),
    "dense": ("Stock shapes", "export-dense", "The same function in the shapes of an uncut BERT, for tools that know nothing of us."),
}
chosen = state.get()
source = guards.need_analysis()
mode = frame.mode()


def _built(result: dict[str, Any]) -> None:
    chosen.model = result["plan"][:16]
    st.rerun()


def _again(_: dict[str, Any]) -> None:
    st.rerun()


def _build(plan: Plan) -> None:
    path = models_home().parent / "plans" / f"{plan.digest[:16]}.plan.json"
    write_plan(plan, path, overwrite=path.exists())
    job_panel.start(f"compress-{plan.digest[:16]}", "compress", {"analysis": source.id, "plan": str(path)})


def _zip(folder: Path) -> bytes:
    """Pack a folder; weights are stored, not squeezed (they do not shrink)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"obce-model/{path.relative_to(folder).as_posix()}")
    return stream.getvalue()


def _facts(size: Budget, built: Compressed | None) -> None:
    close = built.fidelity if built else None
    frame.facts(
        [
            ("of the encoder left", share(size.encoder_share), "", f"{millions(size.encoder_left)} of {millions(size.encoder)}"),
            ("of the whole model left", share(size.model_share), "", f"{millions(size.parameters_left)} of {millions(size.parameters)}"),
            ("on disk, float32", megabytes(size.bytes_left), "", f"from {megabytes(size.bytes)}"),
            ("masked = cut", amount(built.difference, 2) if built else "not measured", "",
             f"largest difference, {built.difference_texts} texts" if built else "build it first"),
            ("cosine, mean-pooled", f"{close.pooled:.3f}" if close else "not measured", "",
             f"{close.texts} held-out texts" if close else ""),
            ("cosine, [CLS]", f"{close.cls:.3f}" if close else "not measured", "", f"lowest {close.cls_lowest:.3f}" if close else ""),
        ]
    )  # fmt: skip


def _layers(plan: Plan) -> list[dict[str, Any]]:
    """List what each layer stores before and after."""
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
    ledger = plan_ledger(cached.analysis(plan.analysis), plan)
    header = ("layer", "component", "neurons", "kept", "rows stored", "extra key rows", "parameters", "parameters left")
    rows = [
        (e.layer, e.component, e.neurons, e.kept, e.rows, e.extra, e.parameters, e.parameters_left) for e in ledger.entries
    ]  # fmt: skip
    charts.show(
        layers(ledger, mode=mode), key="model-layers", name=f"layers-{plan.digest[:8]}", csv_text=lambda: downloads.to_csv(header, rows)
    )
    frame.note("<b>Solid</b> is stored, <b>hatched</b> is gone. A query/key dimension is stored only where both sides are kept.")
    with st.expander("Rows of every layer"):
        st.dataframe(_layers(plan), hide_index=True, width="stretch")


def _job(label: str, form: str, kind: str, options: dict[str, Any], icon: str) -> None:
    """Offer a job on the built model, or show its progress."""
    if not job_panel.panel(form, _again, shared=True) and st.button(label, key=f"start-{form}", icon=icon):
        job_panel.start(form, kind, options)
        st.rerun()


def _proof(built: Compressed, original: str) -> None:
    st.subheader("Proof", anchor=False)
    form = f"verify-{built.folder.name}"
    found = find_result(form)
    if found is None:
        frame.note(
            f"Built: largest difference {amount(built.difference, 2)} of the largest output on {built.difference_texts} texts. The full "
            "proof folds the original again and compares every tensor and output, in float32 and float64."
        )
    else:
        same = "the same function" if found["equal"] else "NOT the same function"
        frame.note(f"<b>{same}</b>: " + escape(found["differs"] or f"all {found['tensors']} stored tensors equal the refolded ones") + ".")
        st.dataframe(
            [
                {
                    "in": row["dtype"],
                    "texts": f"{row['count']} {row['texts']}",
                    "tokens": f"{row['shortest']}–{row['longest']}",
                    "largest difference": _share(row["hidden"]),
                    "at most": f"{row['tolerance']:g}",
                }
                for row in found["measured"]
            ],
            hide_index=True,
            width="stretch",
        )
    label = "Prove it in full" if found is None else "Prove it again"
    _job(label, form, "verify", {"model": str(built.folder), "against": original}, ":material/fact_check:")


def _share(value: float | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.1e}"


def _speed(built: Compressed, original: str) -> None:
    st.subheader("Speed on this machine", anchor=False)
    found = read_latency(built.folder)
    if found is None:
        frame.note("Not measured. Both models run the same batches in turns.")
    else:
        st.dataframe(_times(found), hide_index=True, width="stretch")
        unsteady = "" if all(row.steady for row in found.rows) else " <b>Unsteady: the machine was busy. Measure again.</b>"
        frame.note(f"Medians, {found.length} tokens a text, float32, {escape(found.device)}, {found.threads} CPU threads.{unsteady}")
    label = "Measure batches of 1 and 32" if found is None else "Measure again"
    _job(label, f"latency-{built.folder.name}", "latency", {"model": str(built.folder), "against": original}, ":material/timer:")


def _times(found: Latency) -> list[dict[str, Any]]:
    return [
        {
            "batch": row.batch,
            "this model": f"{row.model:.1f} ms",
            "original": f"{row.original:.1f} ms",
            "of its time": f"{row.model / row.original:.2f}",
        }
        for row in found.rows
    ]


def _commands(built: Compressed, original: str) -> str:
    folder, against = shlex.quote(str(built.folder)), shlex.quote(original)
    return (
        f"obce compress --analysis {built.analysis} --plan {shlex.quote(str(built.folder / 'pruning_plan.json'))} --out my-model\n"
        f"obce verify {folder} --against {against}\n"
        f"obce latency {folder} --against {against}\n"
        f"obce export {folder} --onnx my-model-onnx\n"
        f"obce export {folder} --dense my-model-dense"
    )


def _take(built: Compressed, original: str) -> None:
    st.subheader("Take it away", anchor=False)
    if built.budget.bytes_left < _ZIP_LIMIT:
        st.download_button(
            "Download the model (zip)", lambda: _zip(built.folder), "obce-model.zip", "application/zip", type="primary",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    else:
        frame.note("Too large for a download from a page: take the folder.")
    st.code('import obce_core\n\nmodel, tokenizer = obce_core.load("obce-model")', language="python", wrap_lines=True)
    frame.note(
        'Without this package: <code>AutoModel.from_pretrained("obce-model", trust_remote_code=True)</code>. On this machine it lies in'
    )
    st.code(str(built.folder), language=None, wrap_lines=True)
    with st.expander("The commands that do the same"):
        st.code(_commands(built, original), language="bash", wrap_lines=True)
    with st.expander("In the forms of other tools"):
        for form, (title, kind, told) in _FORMS.items():
            target = built.folder.with_name(f"{built.folder.name}.{form}")
            frame.note(f"<b>{title}</b>. {told}")
            if target.is_dir():
                st.download_button(
                    f"{title} (zip)", lambda target=target: _zip(target), f"obce-{form}.zip", "application/zip", key=f"zip-{form}",
                    on_click="ignore",
                )  # fmt: skip
            else:
                options = {"model": str(built.folder), "out": str(target)}
                _job(f"Make {title}", f"{kind}-{built.folder.name}", kind, options, ":material/output:")


def _show(built: Compressed) -> None:
    analysis = source if built.analysis == source.id else cached.analysis(built.analysis)
    original = str(analysis.meta["model"]["spec"])
    left, right = st.columns([1.35, 1], gap="large")
    with left:
        try:
            _before_after(read_plan(built.folder / "pruning_plan.json", analysis))
        except ObceError as error:
            guards.show_error(error)
        _proof(built, original)
    with right:
        _take(built, original)
        _speed(built, original)


def _lead(plan: Plan | None, budget: Budget | None, built: Compressed | None) -> str:
    if built is not None:
        close = built.fidelity
        told = f" and stays at a cosine of <b>{close.pooled:.3f}</b> to the original, before any fine-tuning" if close else ""
        return (
            f"It holds <b>{share(built.budget.encoder_share)}</b> of the encoder, equals the masked original to "
            f"{amount(built.difference, 2)} of the largest output{told}."
        )
    if plan is None or budget is None:
        return "The plan under edit cannot be carried out as it stands; nothing can be built from it until it can."
    if not plan.kept:
        return "The smaller model, built from the plan under edit, held against the masked original, and ready to load."
    left = share(budget.encoder_share)
    return f"The plan under edit cuts <b>{count(budget.neurons_cut)}</b> neurons and leaves <b>{left}</b> of the encoder."


def _others(built: Compressed | None) -> None:
    entries = [entry for entry in list_models() if built is None or entry.folder != built.folder]
    if not entries:
        return
    st.subheader("Other models", anchor=False)
    table = st.dataframe(
        [
            {
                "model": frame.short_name(entry.name),
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
        key=f"models-{chosen.model}",
    )
    if picked := table["selection"]["rows"]:
        chosen.model = entries[picked[0]].folder.name
        st.rerun()
    frame.note("Tick a row to see that model.")


def _body() -> None:
    intent = drafts.current(source.id)
    plan, budget, wrong = None, None, None
    try:
        plan, budget = cached.resolved(source.id, intent)
    except PlanError as error:
        wrong = error
    own = plan.digest[:16] if plan is not None and plan.kept else ""
    name = chosen.model if chosen.model and is_complete(models_home() / chosen.model) else own
    built = read_compressed(models_home() / name) if name and is_complete(models_home() / name) else None
    frame.title("Model", _lead(plan, budget, built))
    if wrong is not None:
        guards.show_error(wrong)
        nav.link("plan", "Edit the plan", icon=":material/tune:")
    if built is not None and name != own:
        frame.note("This model is not of the plan under edit.")
        if own and st.button("Go to the plan's own", icon=":material/arrow_back:"):
            chosen.model = own
            st.rerun()
    if built is not None:
        chosen.model = name
        _facts(built.budget, built)
        _show(built)
    elif plan is not None and budget is not None and not plan.kept:
        st.info("The plan under edit cuts nothing yet.")
        nav.link("plan", "Choose what to cut", icon=":material/tune:")
    elif plan is not None and budget is not None:
        _facts(budget, None)
        if not job_panel.panel(f"compress-{own}", _built, shared=True):
            frame.note(
                "Building folds the removed neurons away, proves the result against the masked original and measures it on held-out texts."
            )
            row = st.columns([1, 1, 4])
            if row[0].button("Build", type="primary", icon=":material/construction:", width="stretch"):
                _build(plan)
                st.rerun()
            if row[1].button("Edit the plan", width="stretch"):
                nav.go("plan")
        _before_after(plan)
    _others(built)
    with st.expander("How to read this"):
        st.markdown(
            "**Masked = cut**: the original, with every removed neuron replaced by its constant or prediction, against the smaller model; "
            "the largest difference of any output, as a share of the largest output. Rounding alone gives about 1e−6; above 1e−5 nothing "
            "would have been written. **Cosine**: to the original, on texts that the analysis did not see.\n\n**Limits.** Equality is to "
            "the *masked* model, and exact. How well that one does its work is the cosine, and after fine-tuning the task's own "
            "metric. Speed is of this machine, at this moment: a share of the original's time, never a promise for another."
        )


with guards.caught():
    _body()
