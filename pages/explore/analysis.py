"""What is measured, on what: choose model and texts, see the bill, run, and keep what was saved in order."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.bill import Bill, bill
from obce_core.components import COMPONENTS
from obce_core.errors import ObceError
from obce_core.figures.numbers import amount, count, duration, megabytes, millions
from obce_core.models import Preview
from obce_core.texts import Texts
from obce_core.texts.glue import TASKS
from obce_core.texts.uploads import store_upload
from pages._ui import cached, frame, guards, job_panel, nav, saved_analyses, state

_SOURCES = {"demo": "Demo sentences", "wikipedia": "Wikipedia", "glue": "A GLUE task", "file": "Your file", "paste": "Paste"}
_SIZES = (150, 700, 1500, 3000)
_TOKENS = {"cls": "[CLS] (the paper)", "mean": "mean of the tokens", "all": "all tokens"}
_TAPS = {"neuron": "neuron (what is handed on)", "linear": "before the activation", "block": "after LayerNorm"}
_ENDINGS = ["txt", "csv", "tsv", "jsonl", "parquet"]
form = state.get().form


def _done(result: dict[str, Any]) -> None:
    cached.model.clear()  # what had to be downloaded is here now
    state.select_analysis(result["analysis"])
    nav.go("importance")


def _given(name: str, default: Any) -> dict[str, Any]:
    """Give a widget its value, and keep what it is set to beyond a change of page."""

    def keep() -> None:
        if st.session_state[f"analysis-{name}"] is not None:
            form[name] = st.session_state[f"analysis-{name}"]

    form.setdefault(name, default)
    return {"key": f"analysis-{name}", "on_change": keep}


def _select(label: str, name: str, options: Sequence[str] | dict[str, str], **given: Any) -> str:
    names = list(options)
    kept = _given(name, names[0])
    told = options if isinstance(options, dict) else {}
    at = names.index(form[name]) if form[name] in names else 0
    return str(st.selectbox(label, names, at, format_func=lambda option: told.get(option, option), **kept, **given))


def _model() -> tuple[Preview | ObceError, dict[str, Any]]:
    """Ask for the model and say what fits and what does not; of a hub model little is fetched."""
    given = _given("model", "demo")
    columns = st.columns([2.4, 1], vertical_alignment="bottom")
    named = (
        columns[0]
        .text_input("Model", form["model"], help="demo, a folder on this machine, or a hub id such as google-bert/bert-base-cased", **given)
        .strip()
    )
    kept = _given("revision", "")
    revision = columns[1].text_input(
        "Revision", form["revision"], placeholder="newest", help="Commit, branch or tag of a hub model", **kept
    )
    with st.spinner("Looking at the model", show_time=True):
        found = cached.model(
            named, revision.strip() or None, (*cached.stamp(f"{named}/model.safetensors"), *cached.stamp(f"{named}/config.json"))
        )
    if isinstance(found, ObceError):
        guards.show_error(found)
    else:
        lines = "".join(f'<li class="{"fits" if fits else "not"}">{escape(line)}</li>' for fits, line in found.lines)
        st.html(f'{_LIST}<ul class="fit">{lines}</ul>')
    return found, {"model": named, "revision": revision.strip() or None}


_LIST = """
<style>
.fit { list-style: none; margin: 0 !important; padding: 0 !important; font-size: .87rem; line-height: 1.5; }
.fit li { margin: 0 !important; padding: 0 0 0 20px !important; position: relative; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.fit li::before { position: absolute; left: 2px; content: "✓"; }
.fit li.not { color: light-dark(#5A6675, #A3AEBB); } .fit li.not::before { content: "–"; }
</style>
"""


def _file() -> dict[str, Any]:
    """Ask for a file; the one that was given before stays until another comes."""
    given = st.file_uploader(
        "A .txt (a line is a text), .csv, .tsv, .jsonl or .parquet file, at most 25 MB", _ENDINGS, key="analysis-upload"
    )
    if given is not None and form.get("file_id") != given.file_id:
        form["file"], form["file_name"] = store_upload(given.getvalue(), Path(given.name).suffix.lower()), given.name
        form["file_id"] = given.file_id
    path = form.get("file", "")
    if not path or not Path(path).is_file():
        frame.note("Choose a file to go on. For larger ones: <code>obce analyze --texts FILE</code>.")
        return {}
    if given is None:
        st.text(f"Using {form['file_name']}, given before.")
    options: dict[str, Any] = {"texts": path}
    names, guess = cached.columns(path, cached.stamp(path))
    if names:
        form.setdefault(f"column-{path}", guess or names[0])
        options["column"] = _select("Column with the texts", f"column-{path}", names)
    options["split"] = _split()
    return options


def _split() -> str | None:
    """Offer to cut longer texts into sentences, as the paper does."""
    kept = _given("split", False)
    return "periods" if st.checkbox("Cut longer texts at periods, as the paper does", form["split"], **kept) else None


def _texts() -> dict[str, Any]:
    """Ask for the texts; return the options of the job, empty while something is missing."""
    given = _given("source", "demo")
    st.segmented_control("Texts", list(_SOURCES), format_func=_SOURCES.get, default=form["source"], **given)
    source = form["source"]
    if source == "demo":
        frame.note("600 encyclopedic sentences on 12 topics, written for this project; the ones not drawn measure fidelity later.")
        return {"texts": "demo"}
    if source == "wikipedia":
        frame.note("The paper's texts: English Wikipedia, split at periods, streamed from the hub when the analysis runs (minutes).")
        return {"texts": "wikipedia"}
    if source == "glue":
        columns = st.columns([1, 2])
        with columns[0]:
            task = _select("Task", "task", {name: row.folder for name, row in TASKS.items()})
        kept = _given("glue_dir", str(settings.glue_dir() or ""))
        folder = columns[1].text_input(
            "Folder of GLUE tasks (official TSV layout)", form["glue_dir"], placeholder="empty: from the hub", **kept
        )
        return {"texts": f"glue:{task}", "glue_dir": folder.strip() or None}
    if source == "file":
        return _file()
    kept = _given("pasted", "")
    pasted = st.text_area("Texts, one a line", form["pasted"], height=140, **kept)
    if not pasted.strip():
        frame.note("Paste at least two different texts to go on.")
        return {}
    return {"texts": store_upload(pasted.encode(), ".txt"), "split": _split()}


def _numbers() -> dict[str, Any]:
    """Ask for how many texts, which seed, and how neurons are read."""
    kept = _given("n_texts", 150)
    given = _given("size", 150)
    row = st.columns([2.5, 0.9, 0.9], vertical_alignment="bottom")
    with row[0]:
        st.segmented_control(
            "Texts (N); the paper's sizes, or any",
            [*_SIZES, 0],
            format_func=lambda n: f"{n:,}" if n else "any",
            default=form["size"],
            **given,
        )
    n_texts = int(form["size"])
    if not n_texts:
        n_texts = int(row[1].number_input("N", 2, 100_000, form["n_texts"], **kept))
    kept = _given("seed", 0)
    seed = int(row[2].number_input("Seed of the draw", 0, 2**32 - 1, form["seed"], **kept))
    row = st.columns(3, vertical_alignment="bottom")
    with row[0]:
        tokens = _select("Tokens", "tokens", _TOKENS)
    with row[1]:
        tap = _select("Tap", "tap", _TAPS)
    kept = _given("max_length", 128)
    length = int(row[2].number_input("Longest text, in tokens", 3, 512, form["max_length"], **kept))
    more: dict[str, Any] = {}
    with st.expander("More"):
        row = st.columns(4)
        with row[0]:
            more["device"] = _select("Device", "device", ("auto", "cpu", "cuda", "mps"))
        with row[1]:
            more["dtype"] = _select("Compute in", "dtype", ("float32", "bfloat16", "float16", "float64"))
        kept = _given("batch_size", 32)
        more["batch_size"] = int(row[2].number_input("Texts in a batch", 1, 4096, form["batch_size"], **kept))
        kept = _given("threads", 0)
        more["threads"] = int(row[3].number_input("Threads (0: all)", 0, 1024, form["threads"], **kept)) or None
        kept = _given("heldout", "")
        more["heldout"] = (
            st.text_input(
                "File of texts held out to measure fidelity", form["heldout"], placeholder="empty: those not drawn", **kept
            ).strip()
            or None
        )
    return {"n_texts": n_texts, "seed": seed, "tokens": tokens, "tap": tap, "max_length": length} | more


def _preview(job: dict[str, Any]) -> bool:
    """Show the texts that will be used; return whether there are enough."""
    spec = job["texts"]
    away = spec == "wikipedia" or (spec.startswith("glue:") and not job.get("glue_dir"))
    if away and settings.offline():
        frame.note("These texts are read from the hub, and the network is forbidden here (OBCE_OFFLINE).")
        return False
    if spec == "wikipedia":
        frame.note("Which sentences are drawn is known once they have been streamed; the saved analysis keeps them with their digest.")
        return True
    if away and form.get("asked") != spec:
        if st.button("Fetch these texts and show them", icon=":material/download:"):
            form["asked"] = spec
            st.rerun()
        frame.note("Start works without it too.")
        return True
    options = {name: job.get(name) for name in ("column", "split", "glue_dir", "heldout")}
    with st.spinner("Reading the texts", show_time=True):
        sample = cached.texts(spec, job["n_texts"], job["seed"], (*cached.stamp(spec), *cached.stamp(job.get("heldout") or "")), **options)
    if isinstance(sample, ObceError):
        guards.show_error(sample)
        return False
    _show(sample)
    return True


def _show(sample: Texts) -> None:
    words = sorted(len(text.split()) for text in sample.texts)
    frame.facts(
        [
            ("texts", count(len(sample)), "", f"of {count(sample.available)} different ones"),
            ("words a text", count(words[len(words) // 2]), "", f"median; {count(words[0])} to {count(words[-1])}"),
            ("held out", count(len(sample.heldout)), "", "to measure fidelity"),
        ]
    )
    st.dataframe(
        {"text": sample.texts, **{name: values for name, values in sample.columns.items() if name != "text"}},
        width="stretch", height=214, column_config={"text": st.column_config.TextColumn(width="large")}, key="analysis-texts",
    )  # fmt: skip
    frame.note(f"Digest {sample.digest[:12]}: same texts, same digest. {escape(' '.join(sample.notes))}")


def _bill(told: Bill, found: Preview) -> None:
    report = found.report
    time_ = ("not measured", "", "no earlier analysis of this model") if told.seconds is None or told.rate is None else (
        duration(told.seconds), "", f"{amount(told.rate, 2)} texts a second, measured on {count(told.measured_on)}"
    )  # fmt: skip
    free = "" if told.memory_free is None else f"{megabytes(told.memory_free)} free"
    frame.facts(
        [
            ("parameters", millions(report.parameters), "", f"{millions(report.encoder_parameters)} in the layers"),
            (
                "download",
                megabytes(found.download) if found.download else "none",
                "",
                "once, from the hub" if found.download else "it is here",
            ),
            ("memory", megabytes(told.memory), "", f"about; {free}" if free else "about"),
            ("disk", megabytes(told.disk), "", f"{'at most' if told.at_most else 'about'}; {megabytes(told.disk_free)} free"),
            ("time", *time_),
        ]
    )
    if told.memory_free is not None and told.memory > told.memory_free:
        frame.note("<b>More memory than is free now.</b> Close something, or choose a smaller model.")
    if told.disk > told.disk_free:
        frame.note("<b>More disk than is free.</b> Choose fewer texts, or [CLS] in place of all tokens.")


def _command(job: dict[str, Any]) -> str:
    defaults = {"device": "auto", "dtype": "float32", "batch_size": 32}
    flags = (
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in job.items()
        if value is not None and defaults.get(name) != value
    )
    return f"obce analyze {' '.join(flags)}"


def _start(found: Preview | ObceError | None, job: dict[str, Any], ready: bool) -> None:
    """Show the bill, the button, and what runs."""
    st.subheader("The bill", anchor=False)
    fits = isinstance(found, Preview)
    if not isinstance(found, Preview):
        frame.note("Known once the model can be read.")
    elif "n_texts" in job:
        _bill(bill(found.report, n_texts=job["n_texts"], max_length=job["max_length"], tokens=job["tokens"], saved=cached.saved()), found)
    if job_panel.panel("analyze", _done):
        return
    if st.button("Start", type="primary", icon=":material/play_arrow:", disabled=not (ready and fits), width="stretch"):
        job_panel.start("analyze", "analyze", {name: value for name, value in job.items() if value is not None})
        st.rerun()
    if not ready or not fits:
        frame.note("Start waits for " + ("a model that can be read." if not fits else "texts that can be read."))
    if "texts" in job:
        with st.expander("The command that does the same"):
            st.code(_command(job), language="bash", wrap_lines=True)


def _lead(found: Preview | ObceError | None, job: dict[str, Any]) -> str:
    """Say in one sentence what would be measured."""
    if not isinstance(found, Preview) or "texts" not in job:
        return "What is measured, on what: every neuron's output for every text, and from it r<sub>f</sub>."
    report = found.report
    layers = range(1, report.shape.layers + 1)
    neurons = sum(len(report.neurons(layer, name)) for layer in layers for name in COMPONENTS)
    return (
        f"<b>{count(neurons)}</b> neurons of <b>{escape(frame.short_name(report.source.name))}</b> hand on a value for each of "
        f"<b>{count(job['n_texts'])}</b> texts; from the gaps between these comes r<sub>f</sub>."
    )


top = st.container()
left, right = st.columns([1.45, 1], gap="large")
job: dict[str, Any] = {}
model: Preview | ObceError | None = None
ready = False
with left, guards.caught():
    model, asked = _model()
    job = asked | _texts() | _numbers()
    ready = "texts" in job and _preview(job)
with right, guards.caught():
    _start(model, job, ready)
with top:
    frame.title("Analysis", _lead(model, job))
saved_analyses.table()
with st.expander("How to read this"):
    st.markdown(
        "An analysis reads every neuron's output for each of N texts: at the [CLS] token (one number a text, as in the paper), as the "
        "mean over the text's tokens, or at every token. **Tap** says where: what the neuron hands on, the linear map before its "
        "activation, or the block's output after LayerNorm.\n\n**Same inputs, same id**: model, texts, seed and the choices above give "
        "the id, and an analysis that is there already is opened, not computed again.\n\n**Limits.** The time is that of an earlier "
        "analysis of the same model on this machine, scaled by the number of texts; where there is none it is not guessed. Memory is an "
        "estimate: the weights in float32 and the worker's own. More texts do not make r_f's ranks stable: a widest gap is set by extremes."
    )
