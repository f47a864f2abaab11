"""The Analysis page: choose a model and texts, see the estimate, run, and manage saved analyses."""

from __future__ import annotations

import shlex
from html import escape
from typing import Any

import streamlit as st

from obce_core.access.roots import typed_model, typed_path
from obce_core.analysis.estimate import AnalysisEstimate, bill
from obce_core.components import COMPONENTS
from obce_core.errors import ObceError
from obce_core.formatting import amount, count, duration, megabytes, millions
from obce_core.models import DOWNLOADS, Preview
from obce_core.texts import heldout_file
from pages._shared import cached, guards, job_panel, layout, nav, state
from pages.analysis import saved, text_form
from pages.analysis.form import given, select, values

_SIZES = (150, 700, 1500, 3000)
_TOKENS = {"cls": "[CLS] (the paper)", "mean": "mean of the tokens", "all": "all tokens"}
_TAPS = {"neuron": "neuron (paper)", "linear": "before activation", "block": "after LayerNorm"}
form = values()


def _done(result: dict[str, Any]) -> None:
    cached.try_again()  # what had to be downloaded is here now
    state.select_analysis(result["analysis"])
    nav.go("importance")


def _model() -> tuple[Preview | ObceError, dict[str, Any]]:
    """Ask for the model and say what fits and what does not; of a hub model little is fetched."""
    options = given("model", "demo")
    columns = st.columns([2.4, 1], vertical_alignment="bottom")
    names = (
        columns[0]
        .text_input(
            "Model", help="demo, a folder on this machine, or a hub id such as google-bert/bert-base-cased", **options
        )
        .strip()
    )
    options = given("revision", "")
    revision = columns[1].text_input(
        "Revision", placeholder="newest", help="Commit, branch or tag of a hub model", **options
    )
    preview: Preview | ObceError
    try:
        typed_model(names)
        changed = tuple(part for name in DOWNLOADS for part in cached.stamp(f"{names}/{name}"))
        with st.spinner("Looking at the model", show_time=True):
            preview = cached.model(names, revision.strip() or None, changed)
    except ObceError as error:
        preview = error
        guards.show_error(error)
        st.button("Try again", key="model-again", on_click=cached.try_again, icon=":material/refresh:")
    else:
        lines = "".join(f'<li class="{"fits" if fits else "not"}">{escape(line)}</li>' for fits, line in preview.lines)
        st.html(f'{_LIST}<ul class="fit">{lines}</ul>')
    return preview, {"model": names, "revision": revision.strip() or None}


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
    """Ask for how many texts, which seed, and how neurons are read."""
    options = given("n_texts", 150)
    sized = given("size", 150)
    row = st.columns([2.5, 0.9, 0.9], vertical_alignment="bottom")
    with row[0]:
        st.segmented_control(
            "Texts (N); the paper's sizes, or any",
            [*_SIZES, 0],
            format_func=lambda n: f"{n:,}" if n else "any",
            **sized,
        )
    n_texts = int(form["size"])
    if not n_texts:
        n_texts = int(row[1].number_input("N", 2, 100_000, **options))
    options = given("seed", 0)
    seed = int(row[2].number_input("Seed of the draw", 0, 2**32 - 1, **options))
    row = st.columns(3, vertical_alignment="bottom")
    with row[0]:
        tokens = select("Tokens", "tokens", _TOKENS)
    with row[1]:
        tap = select("Tap", "tap", _TAPS)
    options = given("max_length", 128)
    length = int(row[2].number_input("Longest text, in tokens", 3, 512, **options))
    more: dict[str, Any] = {}
    with st.expander("More"):
        row = st.columns(4)
        with row[0]:
            more["device"] = select("Device", "device", ("auto", "cpu", "cuda", "mps"))
        with row[1]:
            more["dtype"] = select("Compute in", "dtype", ("float32", "bfloat16", "float16", "float64"))
        options = given("batch_size", 32)
        more["batch_size"] = int(row[2].number_input("Texts in a batch", 1, 4096, **options))
        options = given("threads", 0)
        more["threads"] = int(row[3].number_input("Threads (0: all)", 0, 1024, **options)) or None
        options = given("heldout", "")
        more["heldout"] = (
            st.text_input(
                "Held out to measure fidelity: a file, a share, or none",
                placeholder="empty: those not drawn; 25% of a file taken whole",
                **options,
            ).strip()
            or None
        )
        if (names := heldout_file(more["heldout"])) is not None:
            typed_path(str(names), what="file of held-out texts")
    return {"n_texts": n_texts, "seed": seed, "tokens": tokens, "tap": tap, "max_length": length} | more


def _bill(estimate: AnalysisEstimate, preview: Preview) -> None:
    report = preview.report
    first_step = "the start not measured" if estimate.start is None else f"{duration(estimate.start)} of it to start"
    time_ = (
        ("not measured", "", "no earlier analysis of this model")
        if estimate.seconds is None or estimate.rate is None
        else (
            duration(estimate.seconds),
            "",
            f"{first_step}; {amount(estimate.rate, 2)} texts a second, measured on {count(estimate.measured_on)}",
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
                "once, from the hub" if preview.download else "it is here",
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
        layout.note("<b>More memory than is free now.</b> Close something, or choose a smaller model.")
    if estimate.disk > estimate.disk_free:
        layout.note("<b>More disk than is free.</b> Choose fewer texts, or [CLS] in place of all tokens.")


def _command(job: dict[str, Any]) -> str:
    defaults = {"device": "auto", "dtype": "float32", "batch_size": 32}
    flags = (
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in job.items()
        if value is not None and defaults.get(name) != value
    )
    return f"obce analyze {' '.join(flags)}"


def _start(preview: Preview | ObceError | None, job: dict[str, Any], ready: bool) -> None:
    """Show the estimate, the Start button, and the running job."""
    st.subheader("Estimate", anchor=False)
    fits = isinstance(preview, Preview)
    if not isinstance(preview, Preview):
        layout.note("Known once the model can be read.")
    elif "n_texts" in job:
        _bill(
            bill(
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
        with st.expander("The command that does the same"):
            st.code(_command(job), language="bash", wrap_lines=True)


def _lead(preview: Preview | ObceError | None, job: dict[str, Any]) -> str:
    """Say in one sentence what would be measured."""
    if not isinstance(preview, Preview) or "texts" not in job:
        return "What is measured, on what: every neuron's output for every text, and from it r<sub>f</sub>."
    report = preview.report
    layers = range(1, report.shape.layers + 1)
    neurons = sum(len(report.neurons(layer, name)) for layer in layers for name in COMPONENTS)
    return (
        f"<b>{count(neurons)}</b> neurons of <b>{escape(layout.short_name(report.source.name))}</b> hand on a value "
        "for each of "
        f"<b>{count(job['n_texts'])}</b> texts; from the gaps between these comes r<sub>f</sub>."
    )


top = st.container()
left, right = st.columns([1.45, 1], gap="large")
job: dict[str, Any] = {}
model: Preview | ObceError | None = None
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
        "An analysis reads every neuron's output for each of N texts: at the [CLS] token (one number a text, as in "
        "the paper), as the "
        "mean over the text's tokens, or at every token. **Tap** says where: what the neuron hands on, the linear map "
        "before its "
        "activation, or the block's output after LayerNorm.\n\n**Same inputs, same id**: model, texts, seed and the "
        "choices above give "
        "the id, and an analysis that is there already is opened, not computed again.\n\n**Limits.** The time is that "
        "of an earlier "
        "analysis of the same model on this machine, scaled by the number of texts, and the start of its job; where "
        "there is none it "
        "is not guessed. Memory is an estimate: the weights in float32 and the worker's own. More texts do not make "
        "r_f's ranks stable: a "
        "widest gap is set by extremes."
    )
