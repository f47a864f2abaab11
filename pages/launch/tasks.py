"""The tasks that Launch runs, and their availability on this machine."""

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
    """Ask for tasks; return the folder, the names of the tasks, and whether to predict the test splits."""
    form = fields.values()
    home = settings.glue_dir()
    folder_name = fields.text(
        "GLUE folder",
        "folder",
        str(home) if home is not None else "",
        placeholder="empty: the hub, nyu-mll/glue",
        help="The official TSV files, one folder per task (CoLA, MRPC, SST-2, …)",
    )
    is_configured = home is not None and folder_name == str(home)  # OBCE_GLUE_DIR was not typed by a visitor
    folder = (
        (Path(folder_name).expanduser() if is_configured else typed_path(folder_name, what="GLUE folder"))
        if folder_name
        else None
    )
    if folder is not None and not folder.is_dir():
        raise BadInput(
            f"There is no folder {shorten(folder_name, 200)}.",
            hint="Enter the folder that contains CoLA, MRPC, …, or leave it empty.",
        )
    availability = {one.task.name: one for one in find_tasks(folder)}
    ready = [name for name, one in availability.items() if one.ready]
    if "tasks" not in form:
        small = [name for name in ("cola", "mrpc") if name in ready]
        form["tasks"] = small or [name for name in usual_tasks() if name in ready][:1]
    widget = fields.kept("tasks", [])
    st.pills(
        "Tasks",
        ready,
        selection_mode="multi",
        default=[name for name in form["tasks"] if name in ready],
        format_func=lambda name: TASKS[name].title,
        key=f"{widget['key']}-{folder_name}",
        on_change=_keep_tasks,
        args=(f"{widget['key']}-{folder_name}",),
    )
    tasks = tuple(name for name in TASKS if name in form["tasks"] and name in ready)
    layout.note(_available(list(availability.values()), tasks, folder is None))
    tests = fields.toggle("Predict the test splits too, for a submission", "tests", False)
    missing_tests = [availability[name].task.title for name in tasks if not availability[name].tests]
    if tests and missing_tests:
        layout.note(f"<b>No test files</b> for {', '.join(missing_tests)} in this folder: these evaluations will fail.")
    return (str(folder.resolve()) if folder is not None else None), tasks, tests


def _keep_tasks(key: str) -> None:
    fields.values()["tasks"] = list(st.session_state[key] or [])


def _available(availability: list[Found], tasks: tuple[str, ...], hub: bool) -> str:
    """Return the official counts of the selected tasks and the missing files; contains no user text."""
    counts = []
    for name in tasks:
        task = TASKS[name]
        validation = " + ".join(count(task.counts[split]) for split in task.validation)
        counts.append(f"{task.title} {count(task.counts['train'])} for training, {validation} for validation")
    missing = [f"{one.task.title} ({', '.join(one.missing)})" for one in availability if one.missing and one.task.usual]
    words = "; ".join(counts) + " (official counts)." if counts else "Choose a task."
    if missing:
        words += f" <b>Not in this folder:</b> {'; '.join(missing)}."
    return words + (" Each task is downloaded from the hub once." if hub else "")
