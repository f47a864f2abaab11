"""The tasks that Launch runs, and their availability."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from obce_core import settings
from obce_core.access.roots import typed_path
from obce_core.errors import BadInput, shorten
from obce_core.formatting import count
from obce_core.glue.availability import Found, find_tasks
from obce_core.glue.tasks import TASKS, usual_tasks
from pages._shared import layout
from pages.launch import fields as fields


def tasks() -> tuple[str | None, tuple[str, ...], bool]:
    """Ask for tasks, and show which are available."""
    form = fields.values()
    home = settings.glue_dir()
    names = fields.text(
        "GLUE folder",
        "folder",
        str(home) if home is not None else "",
        placeholder="empty: the hub, nyu-mll/glue",
        help="The official TSV files, a folder a task (CoLA, MRPC, SST-2, …)",
    )
    own = home is not None and names == str(home)  # OBCE_GLUE_DIR was not typed by a visitor
    folder = (Path(names).expanduser() if own else typed_path(names, what="GLUE folder")) if names else None
    if folder is not None and not folder.is_dir():
        raise BadInput(
            f"The folder {shorten(names, 200)} does not exist.",
            hint="Name the folder that holds CoLA, MRPC, …, or leave it empty.",
        )
    found = {one.task.name: one for one in find_tasks(folder)}
    ready = [name for name, one in found.items() if one.ready]
    if "tasks" not in form:
        small = [name for name in ("cola", "mrpc") if name in ready]
        form["tasks"] = small or [name for name in usual_tasks() if name in ready][:1]
    selection = fields.kept("tasks", [])
    st.pills(
        "Tasks",
        ready,
        selection_mode="multi",
        default=[name for name in form["tasks"] if name in ready],
        format_func=lambda name: TASKS[name].title,
        key=f"{selection['key']}-{names}",
        on_change=_keep_tasks,
        args=(f"{selection['key']}-{names}",),
    )
    tasks = tuple(name for name in TASKS if name in form["tasks"] and name in ready)
    layout.note(_available(list(found.values()), tasks, folder is None))
    tests = fields.toggle("Predict the test splits too, for a submission", "tests", False)
    lack = [found[name].task.title for name in tasks if not found[name].tests]
    if tests and lack:
        layout.note(
            f"<b>No test files</b> of {', '.join(lack)} in this folder: those evaluations will say so and not be made."
        )
    return (str(folder.resolve()) if folder is not None else None), tasks, tests


def _keep_tasks(key: str) -> None:
    fields.values()["tasks"] = list(st.session_state[key] or [])


def _available(search: list[Found], tasks: tuple[str, ...], hub: bool) -> str:
    """Say the official counts of what is chosen, and what is missing; nothing of it is foreign text."""
    told = []
    for name in tasks:
        task = TASKS[name]
        validation = " + ".join(count(task.counts[split]) for split in task.validation)
        told.append(f"{task.title} {count(task.counts['train'])} to train on, {validation} to validate")
    missing = [f"{one.task.title} ({', '.join(one.missing)})" for one in search if one.missing and one.task.usual]
    words = "; ".join(told) + " (official counts)." if told else "Choose a task."
    if missing:
        words += f" <b>Not in this folder:</b> {'; '.join(missing)}."
    return words + (" From the hub each is downloaded once." if hub else "")
