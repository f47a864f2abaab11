"""What is measured, on what: choose model and texts, run, open what was saved."""

from __future__ import annotations

import shlex
import uuid
from pathlib import Path
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.analysis import list_analyses
from obce_core.errors import TextsError
from obce_core.figures.numbers import count, megabytes, millions
from obce_core.models import check_model
from obce_core.store import atomic_write
from obce_core.texts import load_texts
from pages._ui import cached, frame, guards, job_panel, nav, state

_SOURCES = {"demo": "Demo sentences", "file": "A file or pasted texts", "glue": "A GLUE task", "wikipedia": "Wikipedia"}
_TASKS = ("cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli")
_UPLOAD_LINES, _UPLOAD_CHARS = 10_000, 2_000


def _done(result: dict[str, Any]) -> None:
    state.select_analysis(result["analysis"])
    nav.go("importance")


def _store_texts(raw: bytes, suffix: str) -> str:
    """Keep uploaded or pasted texts in the cache, by content, and return the path."""
    from hashlib import sha256

    if suffix == ".txt":
        lines = raw.decode("utf-8", "replace").splitlines()
        if len(lines) > _UPLOAD_LINES:
            raise TextsError(f"The upload has {len(lines):,} lines; limit {_UPLOAD_LINES:,}.", hint="Use obce analyze --texts FILE.")
        long = next((i for i, line in enumerate(lines, 1) if len(line) > _UPLOAD_CHARS), None)
        if long:
            raise TextsError(f"line {long} has {len(lines[long - 1]):,} characters; uploads allow {_UPLOAD_CHARS:,}.")
    path = settings.cache_dir() / "texts" / f"{sha256(raw).hexdigest()[:16]}{suffix}"
    if not path.exists():
        atomic_write(path, raw)
    return str(path)


def _texts_form() -> dict[str, Any]:
    """Ask for the texts; return the options of the job."""
    source = st.segmented_control("Texts", list(_SOURCES), format_func=_SOURCES.get, default="demo", key="texts-source") or "demo"
    if source == "demo":
        frame.note("600 encyclopedic sentences on 12 topics, written for this project; the ones not drawn measure fidelity later.")
        return {"texts": "demo"}
    if source == "wikipedia":
        frame.note("The paper's texts: English Wikipedia, split at periods, streamed from the hub (needs the network).")
        return {"texts": "wikipedia"}
    if source == "glue":
        task = st.selectbox("Task", _TASKS, index=1)
        folder = st.text_input("Folder with GLUE tasks (official TSV layout; empty: from the hub)", str(settings.glue_dir() or ""))
        return {"texts": f"glue:{task}", "glue_dir": folder or None}
    upload = st.file_uploader("A .txt (a line is a text), .csv, .tsv, .jsonl or .parquet file", ["txt", "csv", "tsv", "jsonl", "parquet"])
    pasted = st.text_area("Or paste texts, one a line", height=120)
    column = st.text_input("Column with the text (tables only)")
    if upload is not None:
        return {"texts": _store_texts(upload.getvalue(), Path(upload.name).suffix.lower()), "column": column or None}
    if pasted.strip():
        return {"texts": _store_texts(pasted.encode(), ".txt")}
    return {}


frame.title("Analysis", "What is measured, on what: every neuron's output for every text, and from it r<sub>f</sub>.")
left, right = st.columns([1.35, 1], gap="large")
options: dict[str, Any] = {}
with left, guards.caught():
    named = st.text_input("Model", "demo", help="demo, a folder on this machine, or a hub id such as google-bert/bert-base-cased").strip()
    options = _texts_form()
    row = st.columns(3)
    n_texts = row[0].number_input("Texts (N)", 2, 100_000, 150, help="The paper: 150, 700, 1500, 3000")
    seed = row[1].number_input("Seed", 0, 2**32 - 1, 0)
    max_length = row[2].number_input("Longest text, in tokens", 3, 512, 128)
    row = st.columns(2)
    tokens = row[0].selectbox(
        "Tokens", ["cls", "mean", "all"], format_func={"cls": "[CLS] (paper)", "mean": "mean of tokens", "all": "all tokens"}.get
    )
    tap = row[1].selectbox(
        "Tap", ["neuron", "linear", "block"],
        format_func={"neuron": "neuron", "linear": "before activation", "block": "after LayerNorm"}.get,
    )  # fmt: skip
with right:
    st.subheader("The bill", anchor=False)
    with guards.caught():
        report = check_model(named)
        frame.facts(
            [
                ("model", frame.short_name(report.source.name), "", f"{report.family.title}, {report.architecture}"),
                ("layers", str(report.shape.layers), "", f"{report.shape.heads} heads of {report.shape.head_size}"),
                ("parameters", millions(report.parameters), "", f"{millions(report.encoder_parameters)} in the layers"),
                ("memory", megabytes(report.memory_bytes), "", "needed, about"),
            ]
        )
        if options:
            sample = load_texts(
                options["texts"], n=int(n_texts), seed=int(seed), column=options.get("column"), glue_dir=options.get("glue_dir")
            ) if options["texts"] != "wikipedia" else None  # fmt: skip
            if sample is not None:
                frame.note(
                    f"{count(len(sample))} of {count(sample.available)} different texts, {count(len(sample.heldout))} held out for "
                    f"fidelity; digest {sample.digest[:12]}."
                )
                st.dataframe({"the first texts": list(sample.texts[:5])}, hide_index=True, width="stretch")
        else:
            frame.note("Choose or paste texts to go on.")
        job = {
            "model": named, **options, "n_texts": int(n_texts), "seed": int(seed), "tokens": tokens, "tap": tap,
            "max_length": int(max_length),
        }  # fmt: skip
        busy = job_panel.panel("analyze", _done)
        if not busy and st.button("Start", type="primary", icon=":material/play_arrow:", disabled=not options):
            job_panel.start("analyze", "analyze", job)
            st.rerun()
        if options:
            flags = " ".join(f"--{k.replace('_', '-')} {shlex.quote(str(v))}" for k, v in job.items() if v is not None)
            with st.expander("The command that does the same"):
                st.code(f"obce analyze {flags}", language="bash", wrap_lines=True)

st.subheader("Saved analyses", anchor=False)
saved = list_analyses()
if not saved:
    frame.note("None yet. Start makes the first one.")
else:
    table = st.dataframe(
        [
            {
                "id": entry.id,
                "model": frame.short_name(entry.meta["model"]["name"]),
                "texts": entry.meta["texts"]["n"],
                "source": entry.meta["texts"]["source"][:40],
                "tokens": entry.meta["tokens"],
                "tap": entry.meta["tap"],
                "seed": entry.meta["texts"]["seed"],
                "made (UTC)": entry.meta["created"].replace("T", " ").rstrip("Z"),
            }
            for entry in saved
        ],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="saved-analyses",
    )
    picked = table["selection"]["rows"]
    buttons = st.columns([1, 1, 5])
    if buttons[0].button("Open", disabled=not picked, width="stretch"):
        state.select_analysis(saved[picked[0]].id)
        nav.go("importance")
    if buttons[1].button("Delete", disabled=not picked, width="stretch"):
        with guards.caught():
            entry = saved[picked[0]]
            trash = settings.cache_dir() / "trash"
            trash.mkdir(parents=True, exist_ok=True)
            assert entry.folder is not None
            entry.folder.rename(trash / f"{entry.id}-{uuid.uuid4().hex[:6]}")
            if state.get().analysis == entry.id:
                state.select_analysis("")
            cached.analysis.clear()
            st.rerun()
    frame.note("Deleted analyses move to the folder trash of the cache, from where they can be moved back.")
