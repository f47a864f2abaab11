"""The Analysis page: choose a model and texts, see the estimate, start, and manage the saved analyses."""

from __future__ import annotations

import shlex
from html import escape
from typing import Any

import streamlit as st

from obce_core.access.roots import typed_model, typed_path
from obce_core.analysis.estimate import AnalysisEstimate, estimate_analysis
from obce_core.components import COMPONENTS
from obce_core.errors import ObceError
from obce_core.formatting import amount, count, duration, megabytes, millions
from obce_core.models import DOWNLOADS, RemotePreview
from obce_core.texts import heldout_file
from pages._shared import cached, guards, job_panel, layout, nav, state
from pages.analysis import saved, text_form
from pages.analysis.form import given, select, values

_SIZES = (150, 700, 1500, 3000)
_TOKENS = {"cls": "[CLS] (the paper)", "mean": "mean of the tokens", "all": "all tokens"}
_TAPS = {"neuron": "neuron (paper)", "linear": "before activation", "block": "after LayerNorm"}
form = values()


def _done(result: dict[str, Any]) -> None:
    cached.try_again()  # downloads are complete now
    state.select_analysis(result["analysis"])
    nav.go("importance")


def _model() -> tuple[RemotePreview | ObceError, dict[str, Any]]:
    """Ask for the model and list what is supported and what is not; only small files of a hub model are fetched."""
    widget = given("model", "demo")
    columns = st.columns([2.4, 1], vertical_alignment="bottom")
    spec = (
        columns[0]
        .text_input(
            "Model", help="demo, a folder on this machine, or a hub id such as google-bert/bert-base-cased", **widget
        )
        .strip()
    )
    widget = given("revision", "")
    revision = columns[1].text_input(
        "Revision", placeholder="newest", help="Commit, branch or tag of a hub model", **widget
    )
    preview: RemotePreview | ObceError
    try:
        typed_model(spec)
        changed = tuple(part for name in DOWNLOADS for part in cached.stamp(f"{spec}/{name}"))
        with st.spinner("Reading the model's configuration", show_time=True):
            preview = cached.model(spec, revision.strip() or None, changed)
    except ObceError as error:
        preview = error
        guards.show_error(error)
        st.button("Try again", key="model-again", on_click=cached.try_again, icon=":material/refresh:")
    else:
        lines = "".join(f'<li class="{"fits" if fits else "not"}">{escape(line)}</li>' for fits, line in preview.lines)
        st.html(f'{_LIST}<ul class="fit">{lines}</ul>')
    return preview, {"model": spec, "revision": revision.strip() or None}


_LIST = """
<style>
.fit { list-style: none; margin: 0 !important; padding: 0 !important; font-size: .87rem; line-height: 1.5; }
.fit li { margin: 0 !important; padding: 0 0 0 20px !important; position: relative; overflow-wrap: anywhere;
  unicode-bidi: plaintext; }
.fit li::before { position: absolute; left: 2px; content: "✓"; }
.fit li.not { color: light-dark(#5A6675, #A3AEBB); } .fit li.not::before { content: "–"; }
</style>
"""


def _numbers() -> dict[str, Any]:
    """Ask for the number of texts, the seed, and how neurons are read."""
    widget = given("n_texts", 150)
    sized = given("size", 150)
    row = st.columns([2.5, 0.9, 0.9], vertical_alignment="bottom")
    with row[0]:
        st.segmented_control(
            "Number of texts (N): a size from the paper, or any",
            [*_SIZES, 0],
            format_func=lambda n: f"{n:,}" if n else "any",
            **sized,
        )
    n_texts = int(form["size"])
    if not n_texts:
        n_texts = int(row[1].number_input("N", 2, 100_000, **widget))
    widget = given("seed", 0)
    seed = int(row[2].number_input("Sampling seed", 0, 2**32 - 1, **widget))
    row = st.columns(3, vertical_alignment="bottom")
    with row[0]:
        tokens = select("Tokens", "tokens", _TOKENS)
    with row[1]:
        tap = select("Tap", "tap", _TAPS)
    widget = given("max_length", 128)
    length = int(row[2].number_input("Longest text, in tokens", 3, 512, **widget))
    more: dict[str, Any] = {}
    with st.expander("More"):
        row = st.columns(4)
        with row[0]:
            more["device"] = select("Device", "device", ("auto", "cpu", "cuda", "mps"))
        with row[1]:
            more["dtype"] = select("Compute in", "dtype", ("float32", "bfloat16", "float16", "float64"))
        widget = given("batch_size", 32)
        more["batch_size"] = int(row[2].number_input("Texts in a batch", 1, 4096, **widget))
        widget = given("threads", 0)
        more["threads"] = int(row[3].number_input("Threads (0: all)", 0, 1024, **widget)) or None
        widget = given("heldout", "")
        more["heldout"] = (
            st.text_input(
                "Held-out texts for fidelity: a file, a share, or none",
                placeholder="empty: the texts not drawn, or 25% of a file used in full",
                **widget,
            ).strip()
            or None
        )
        if (named := heldout_file(more["heldout"])) is not None:
            typed_path(str(named), what="file of held-out texts")
    return {"n_texts": n_texts, "seed": seed, "tokens": tokens, "tap": tap, "max_length": length} | more


def _facts(estimate: AnalysisEstimate, preview: RemotePreview) -> None:
    report = preview.report
    start = "start-up time not measured" if estimate.start is None else f"{duration(estimate.start)} of it to start"
    time_ = (
        ("not measured", "", "no earlier analysis of this model")
        if estimate.seconds is None or estimate.rate is None
        else (
            duration(estimate.seconds),
            "",
            f"{start}; {amount(estimate.rate, 2)} texts a second, measured on {count(estimate.measured_on)}",
        )
    )
    free = "" if estimate.memory_free is None else f"{megabytes(estimate.memory_free)} free"
    layout.facts(
        [
            ("parameters", millions(report.parameters), "", f"{millions(report.encoder_parameters)} in the layers"),
            (
                "download",
                megabytes(preview.download) if preview.download else "none",
                "",
                "once, from the hub" if preview.download else "already on this machine",
            ),
            ("memory", megabytes(estimate.memory), "", f"about; {free}" if free else "about"),
            (
                "disk",
                megabytes(estimate.disk),
                "",
                f"{'at most' if estimate.at_most else 'about'}; {megabytes(estimate.disk_free)} free",
            ),
            ("time", *time_),
        ]
    )
    if estimate.memory_free is not None and estimate.memory > estimate.memory_free:
        layout.note("<b>This needs more memory than is free.</b> Close other programs, or choose a smaller model.")
    if estimate.disk > estimate.disk_free:
        layout.note(
            "<b>This needs more disk space than is free.</b> Choose fewer texts, or [CLS] instead of all tokens."
        )


def _command(job: dict[str, Any]) -> str:
    defaults = {"device": "auto", "dtype": "float32", "batch_size": 32}
    flags = (
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in job.items()
        if value is not None and defaults.get(name) != value
    )
    return f"obce analyze {' '.join(flags)}"


def _start(preview: RemotePreview | ObceError | None, job: dict[str, Any], ready: bool) -> None:
    """Show the estimate, the Start button, and the running job."""
    st.subheader("Estimate", anchor=False)
    fits = isinstance(preview, RemotePreview)
    if not isinstance(preview, RemotePreview):
        layout.note("The estimate appears once the model can be read.")
    elif "n_texts" in job:
        _facts(
            estimate_analysis(
                preview.report,
                n_texts=job["n_texts"],
                max_length=job["max_length"],
                tokens=job["tokens"],
                saved=cached.saved(),
                starts=cached.starts(),
            ),
            preview,
        )
    if job_panel.panel("analyze", _done):
        return
    if st.button("Start", type="primary", icon=":material/play_arrow:", disabled=not (ready and fits), width="stretch"):
        job_panel.start("analyze", "analyze", {name: value for name, value in job.items() if value is not None})
        st.rerun()
    if not ready or not fits:
        layout.note("Start waits for " + ("a model that can be read." if not fits else "texts that can be read."))
    if "texts" in job:
        with st.expander("The equivalent command"):
            st.code(_command(job), language="bash", wrap_lines=True)


def _lead(preview: RemotePreview | ObceError | None, job: dict[str, Any]) -> str:
    """Return one sentence on what would be measured."""
    if not isinstance(preview, RemotePreview) or "texts" not in job:
        return "Measure the output of every neuron for every text, and compute r<sub>f</sub> from the outputs."
    report = preview.report
    layers = range(1, report.shape.layers + 1)
    neurons = sum(len(report.neurons(layer, name)) for layer in layers for name in COMPONENTS)
    return (
        f"<b>{count(neurons)}</b> neurons of <b>{escape(layout.short_name(report.source.name))}</b> give one value for "
        f"each "
        f"of <b>{count(job['n_texts'])}</b> texts; r<sub>f</sub> is computed from the gaps between these values."
    )


top = st.container()
left, right = st.columns([1.45, 1], gap="large")
job: dict[str, Any] = {}
model: RemotePreview | ObceError | None = None
ready = False
if guards.writable("Measuring a model"):
    with left, guards.caught():
        model, asked = _model()
        job = asked | text_form.texts() | _numbers()
        ready = "texts" in job and text_form.preview(job)
    with right, guards.caught():
        _start(model, job, ready)
with top:
    layout.title("Analysis", _lead(model, job))
saved.table()
with st.expander("How to read this"):
    st.markdown(
        "An analysis reads every neuron's output for each of N texts: at the [CLS] token (one number per text, as in "
        "the "
        "paper), as the mean over the text's tokens, or at every token. **Tap** is the hook point: the neuron's "
        "output, the "
        "linear map before its activation, or the block's output after LayerNorm.\n\n**Same inputs, same id**: the id "
        "follows "
        "from model, texts, seed and the options above. An existing analysis with this id is opened, not computed "
        "again.\n\n**Limits.** The time is that of an earlier analysis of the same model on this machine, scaled by "
        "the number "
        "of texts, plus the start-up time of its job. Without an earlier analysis no time is shown. Memory is an "
        "estimate: the "
        "weights in float32 plus the worker itself. More texts do not make the ranks by r_f stable, because a widest "
        "gap is "
        "set by extreme values."
    )
