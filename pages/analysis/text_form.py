"""The texts of an analysis: their source and a preview."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.access.roots import typed_path
from obce_core.errors import ObceError, TooFewTexts
from obce_core.formatting import count
from obce_core.glue.tasks import TASKS
from obce_core.texts import Texts
from obce_core.texts.sources.catalog import SOURCES
from obce_core.texts.sources.glue_rows import task_files
from obce_core.texts.uploads import store_upload, upload_path, upload_ref
from pages._shared import cached, guards, layout
from pages.analysis.form import given, put, select, values

_PASTE = "paste"
_ENDINGS = ["txt", "csv", "tsv", "jsonl", "parquet"]


def texts() -> dict[str, Any]:
    """Ask for the texts; return the options of the job, empty while input is missing."""
    form = values()
    widget = given("source", "demo")
    titles = {name: row.title for name, row in SOURCES.items()} | {_PASTE: "Paste"}
    st.segmented_control("Texts", list(titles), format_func=titles.get, **widget)
    source = form["source"]
    if source == "glue":
        columns = st.columns([1, 2])
        with columns[0]:
            task = select("Task", "task", {name: row.folder for name, row in TASKS.items()})
        widget = given("glue_dir", str(settings.glue_dir() or ""))
        folder = columns[1].text_input(
            "Folder of GLUE tasks (official TSV layout)", placeholder="empty: from the hub", **widget
        )
        if folder.strip():
            typed_path(folder.strip(), what="GLUE folder")
        return {"texts": f"glue:{task}", "glue_dir": folder.strip() or None}
    if source == "file":
        return _file()
    if source == _PASTE:
        return _paste()
    layout.note(escape(SOURCES[source].describe))
    if ":" not in SOURCES[source].usage:
        return {"texts": source}
    argument = st.text_input(SOURCES[source].usage.partition(":")[2], **given("argument", "")).strip()
    return {"texts": f"{source}:{argument}"} if argument else {}


def _paste() -> dict[str, Any]:
    form = values()
    widget = given("pasted", _pasted(form.get("pasted_at", "")))
    pasted = st.text_area("Texts, one per line", height=140, **widget)
    if not pasted.strip():
        layout.note("Paste at least two different texts to continue.")
        return {}
    path = store_upload(pasted.encode("utf-8", "replace"), "pasted.txt")
    form["pasted_at"] = upload_ref(path)
    return {"texts": path, "split": _split()}


def _pasted(name: str) -> str:
    """Return the text pasted before a reload."""
    try:
        return upload_path(name).read_text("utf-8") if name else ""
    except OSError:
        return ""  # it was removed from the cache


def preview(job: dict[str, Any]) -> bool:
    """Show the texts that will be used; return True if there are enough. Sets the default of `job["heldout"]`."""
    form, spec = values(), job["texts"]
    away = spec == "wikipedia" or (spec.startswith("glue:") and not job.get("glue_dir"))
    if away and settings.offline():
        layout.note("These texts are read from the hub, but network access is disabled (OBCE_OFFLINE).")
        return False
    if spec == "wikipedia":
        layout.note(
            "The sentences are drawn while they are streamed; the saved analysis stores them with their digest."
        )
        return True
    if away and form.get("asked") != spec:
        if st.button("Fetch these texts and show them", icon=":material/download:"):
            form["asked"] = spec
            st.rerun()
        layout.note("This is optional: Start fetches them too.")
        return True
    options = {name: job.get(name) for name in ("column", "split", "glue_dir", "heldout")}
    try:
        with st.spinner("Reading the texts", show_time=True):
            sample = cached.texts(spec, job["n_texts"], job["seed"], _stamps(job), **options)
    except TooFewTexts as error:
        named = _named(spec)
        requested, available = count(job["n_texts"]), count(error.available)
        guards.show_error(
            ObceError(f"{requested} texts are requested, but {named} has only {available} different ones.")
        )
        st.button(f"Use all {available}", key="texts-all", type="primary", on_click=_take, args=(error.available,))
        return False
    except ObceError as error:
        message, hint = (part.replace(Path(spec).name, _named(spec)) for part in (error.message, error.hint or ""))
        guards.show_error(ObceError(message, hint=hint))
        st.button("Try again", key="texts-again", on_click=cached.try_again, icon=":material/refresh:")
        return False
    if not job.get("heldout") and len(sample) < job["n_texts"]:
        job["heldout"] = "25%"  # the default, named in the command
    _show(sample)
    return True


def _named(spec: str) -> str:
    """Return the name of the texts as the user knows it: files are stored under the digest of their content."""
    form = values()
    if form["source"] == "paste":
        return "the pasted text"
    return str(form.get("file_name") or "the file") if form["source"] == "file" else spec


def _take(available: int) -> None:
    """Set the number of texts to the available number."""
    put("size", 0)
    put("n_texts", available)


def _stamps(job: dict[str, Any]) -> tuple[int, ...]:
    """Return the stamps of the files that a job's texts come from."""
    paths = [job["texts"], job.get("heldout") or ""]
    if job["texts"].startswith("glue:") and job.get("glue_dir"):
        paths += [str(path) for path in task_files(job["texts"].removeprefix("glue:"), Path(job["glue_dir"]))]
    return tuple(part for path in paths for part in cached.stamp(path))


def _file() -> dict[str, Any]:
    """Ask for a file; an earlier upload stays in use until it is replaced."""
    form = values()
    upload = st.file_uploader(
        "A .txt (one text per line), .csv, .tsv, .jsonl or .parquet file, at most 25 MB",
        _ENDINGS,
        key="analysis-upload",
    )
    if upload is not None and form.get("file_id") != upload.file_id:
        stored = store_upload(upload.getvalue(), upload.name)
        form["file"], form["file_name"], form["file_id"] = upload_ref(stored), upload.name, upload.file_id
    name = form.get("file", "")
    path = str(upload_path(name)) if name else ""
    if not name or not Path(path).is_file():
        layout.note("Choose a file to continue. For larger files: <code>obce analyze --texts FILE</code>.")
        return {}
    if upload is None:
        st.text(f"Using {form['file_name']}, uploaded before.")
    options: dict[str, Any] = {"texts": path}
    with st.spinner("Reading the file", show_time=True):
        names, guess = cached.columns(path, cached.stamp(path))
    if names:
        options["column"] = select("Column with the texts", f"column-{name}", names, default=guess)
    options["split"] = _split()
    return options


def _split() -> str | None:
    """Offer to split longer texts into sentences, as the paper does."""
    widget = given("split", False)
    return "periods" if st.checkbox("Split longer texts at periods, as the paper does", **widget) else None


def _show(sample: Texts) -> None:
    words = sorted(len(text.split()) for text in sample.texts)
    layout.facts(
        [
            ("texts", count(len(sample)), "", f"of {count(sample.available)} different texts"),
            ("words per text", count(words[len(words) // 2]), "", f"median; {count(words[0])} to {count(words[-1])}"),
            (
                "held out",
                count(len(sample.heldout)),
                "",
                "to measure fidelity" if sample.heldout else "fidelity is not measured",
            ),
        ]
    )
    st.dataframe(
        {"text": sample.texts, **{name: values for name, values in sample.columns.items() if name != "text"}},
        width="stretch",
        height=214,
        column_config={"text": st.column_config.TextColumn(width="large")},
        key="analysis-texts",
    )
    layout.note(f"Digest {sample.digest[:12]}: same texts, same digest. {escape(' '.join(sample.notes))}")
