"""The right side of Launch: finished and remaining evaluations, the time estimate, the equivalent command, Start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.errors import ObceError
from obce_core.formatting import amount, count, duration
from obce_core.glue.estimate import LaunchEstimate, Line, estimate_launch
from obce_core.glue.job import job_options
from obce_core.glue.recipe import recipe_of
from obce_core.glue.sweep import Sweep
from obce_core.glue.sweep_file import sweep_command, sweep_document, sweep_file
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import Unit, Variant
from obce_core.jobs.launcher_kinds import is_remote
from obce_core.jobs.launchers import launcher_named
from obce_core.jobs.process import device_here
from obce_core.storage.digests import digest
from obce_core.texts.sources.glue_rows import split_file
from pages._shared import cached, cached_results, guards, job_panel, layout, nav, state
from pages.launch.form import LaunchRequest

_FORM = "launch"


def show(request: LaunchRequest | None) -> None:
    """Show the estimate and the Start button."""
    st.subheader("Estimate", anchor=False)
    if request is None or not request.choices.tasks:
        layout.note("The estimate appears once the form at the left is complete.")
        st.button(
            "Start", type="primary", icon=":material/play_arrow:", disabled=True, width="stretch", key="launch-start"
        )
        return
    document = sweep_document(request.choices)
    if not document["variants"]:
        layout.note("Choose at least one model: the original, a percentile, a plan or a built model.")
        return
    evaluations = cached_results.evaluations()
    key, changed = digest(document), _stamps(request)
    if request.folder is None:
        changed = (*changed, (len(evaluations), 0))  # without the data, evaluations are matched by their inputs
    with st.spinner("Reading the tasks and making the plans", show_time=True):
        sweep = cached_results.sweep(key, changed, document)
        lines, wrong = cached_results.laid_out(key, changed, request.folder, document)
    # The devices of a cluster's nodes are not known here.
    device = request.device if is_remote(request.launcher) else device_here(request.device)
    estimate = estimate_launch(
        lines, {one.id for one in evaluations}, evaluations, device=device, workers=request.at_once
    )
    _facts(estimate, lines, unread=request.folder is None)
    for line in wrong:
        guards.show_error(ObceError(line))
    _measure(request, estimate)
    _start(request, sweep, estimate, ready=bool(lines))
    _command(request, document)
    _lines(lines, {one.id for one in evaluations})


def _facts(estimate: LaunchEstimate, lines: list[Line], *, unread: bool) -> None:
    if estimate.seconds is None:
        time_ = ("–", f"not measured: {len(estimate.unmeasured)} of {len({line.task for line in lines})} tasks")
    elif not estimate.steps_left:
        time_ = ("none", "all evaluations exist already")
    else:
        time_ = (duration(estimate.seconds), "approximate, from measured steps")
    models = len({line.label for line in lines})
    layout.facts(
        [
            ("evaluations", count(estimate.evaluations), "", f"{models} {'model' if models == 1 else 'models'}"),
            ("already done", count(estimate.done), "", "not repeated" if estimate.done else "none yet"),
            ("steps to do", count(estimate.steps_left), "", f"of {count(estimate.steps)}"),
            ("time", time_[0], "", time_[1]),
        ]
    )
    if estimate.learning_rates:
        layout.note(f"Learning rate {estimate.learning_rates}.")
    if unread:
        layout.note("The tasks are on the hub and were not read; steps are computed from the official counts.")
    if estimate.measured:
        rates = ", ".join(f"{TASKS[name].title} {amount(rate, 2)}" for name, rate in estimate.measured.items())
        layout.note(f"Measured on {' and '.join(estimate.devices)}, training examples per second: {rates}.")


def _measure(request: LaunchRequest, estimate: LaunchEstimate) -> None:
    """Offer to measure unknown step times: 20 steps of the tier smoke, one evaluation per task."""
    if job_panel.panel("launch-measure", lambda _: st.rerun()):
        return
    if not estimate.unmeasured:
        return
    names = ", ".join(TASKS[name].title for name in estimate.unmeasured)
    layout.note(f"No step of this model on {names} was measured on this device yet, so no time is shown.")
    if st.button(f"Measure 20 steps on {names}", icon=":material/timer:", width="stretch", key="launch-measure"):
        whole = Variant(label="original", model=request.choices.model)
        units = [Unit(variant=whole, task=name, seed=0, recipe=recipe_of("smoke")) for name in estimate.unmeasured]
        job_panel.start("launch-measure", "evaluate", _options(request, units))
        st.rerun()


def _options(request: LaunchRequest, units: list[Unit]) -> dict[str, Any]:
    return {
        **job_options(units),
        "glue_dir": request.folder,
        "device": request.device,
        "offline": settings.offline(),
        "save_model": request.save_model,
    }


def _start(request: LaunchRequest, sweep: Sweep, estimate: LaunchEstimate, *, ready: bool) -> None:
    """Offer to start one job per worker; submitting the same form twice starts the jobs once."""
    visitor = state.get()
    rest = estimate.evaluations - estimate.done
    nothing = rest == 0 and not request.save_model
    label = f"Start {rest:,} {'evaluation' if rest == 1 else 'evaluations'}" if rest else "Start"
    if st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        disabled=not ready or nothing,
        width="stretch",
        key="launch-start",
    ):
        options, nonce = _options(request, sweep.units), visitor.nonce(_FORM)
        with st.spinner("Starting"):
            starter = launcher_named(
                request.launcher,
                address=request.address,
                cpus=request.cpus,
                gpus=request.gpus,
                confirmed=request.confirmed,
            )
            runs = [starter.submit("evaluate", options, f"{nonce}-{at}", form=_FORM) for at in range(request.workers)]
        visitor.run = runs[0].id
        visitor.renew(_FORM)
        nav.go("runs")
    if nothing and ready:
        layout.note("All evaluations exist already.")
        nav.link("results", "See the results", icon=":material/leaderboard:")


def _command(request: LaunchRequest, document: dict[str, Any]) -> None:
    with st.expander("The equivalent command"):
        command = sweep_command(
            glue_dir=request.folder,
            save_model=request.save_model,
            launcher=request.launcher,
            remote=is_remote(request.launcher),
            address=request.address,
            workers=request.workers,
            device=request.device,
            cpus=request.cpus,
            gpus=request.gpus,
        )
        st.code(command, language="bash", wrap_lines=True)
        text = sweep_file(document)
        st.code(text, language="yaml", wrap_lines=True)
        st.download_button(
            "sweep.yaml", text, "sweep.yaml", "application/yaml", type="tertiary", on_click="ignore", key="launch-spec"
        )


def _lines(lines: list[Line], done: set[str]) -> None:
    with st.expander(f"Every evaluation ({len(lines):,})"):
        st.dataframe(
            [
                {
                    "": "● done" if line.id in done else "○ to do",
                    "model": line.label,
                    "task": TASKS[line.task].title,
                    "seed": line.seed,
                    "steps": line.steps,
                    "id": line.id,
                }
                for line in lines
            ],
            hide_index=True,
            width="stretch",
            height=300,
        )


def _stamps(request: LaunchRequest) -> tuple[tuple[int, int], ...]:
    """Return the stamps of all files that are read: task files, plans, models."""
    choices = request.choices
    files = [str(Path(path)) for path in choices.plans.values()]
    for model in (choices.model, *choices.models.values()):
        files += [f"{model}/model.safetensors", f"{model}/config.json"]
    if request.folder is not None:
        files += [
            str(split_file(name, Path(request.folder), split)) for name in choices.tasks for split in TASKS[name].files
        ]
    return tuple(cached.stamp(path) for path in files)
