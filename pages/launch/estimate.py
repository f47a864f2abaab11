"""The estimate of Launch: existing and remaining evaluations, the time, the equivalent command,
Start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.errors import ObceError
from obce_core.formatting import amount, count, duration
from obce_core.glue.estimate import LaunchEstimate, Line, bill
from obce_core.glue.job import job_options
from obce_core.glue.recipe import recipe_of
from obce_core.glue.sweep import Sweep
from obce_core.glue.sweep_file import sweep_command, sweep_document, sweep_file
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import Unit, Variant
from obce_core.jobs.launchers import launcher_named
from obce_core.jobs.process import device_here
from obce_core.storage.digests import digest
from obce_core.texts.sources.glue_rows import split_file
from pages._shared import cached, cached_results, guards, job_panel, layout, nav, state
from pages.launch.form import Asked

_FORM = "launch"


def show(asked: Asked | None) -> None:
    """Show the estimate and the Start button."""
    st.subheader("Estimate", anchor=False)
    if asked is None or not asked.choices.tasks:
        layout.note("Available when the form is complete.")
        st.button(
            "Start", type="primary", icon=":material/play_arrow:", disabled=True, width="stretch", key="launch-start"
        )
        return
    document = sweep_document(asked.choices)
    if not document["variants"]:
        layout.note("Choose at least one model: the original, a percentile, a plan or a built one.")
        return
    evaluations = cached_results.evaluations()
    key, changed = digest(document), _stamps(asked)
    if asked.folder is None:
        changed = (*changed, (len(evaluations), 0))  # without the data, what is there is known by what was asked
    with st.spinner("Reading the tasks and making the plans", show_time=True):
        sweep = cached_results.sweep(key, changed, document)
        lines, wrong = cached_results.laid_out(key, changed, asked.folder, document)
    device = (
        device_here(asked.device) if asked.launcher == "local" else asked.device
    )  # a cluster's nodes are not known here
    estimate_ = bill(lines, {one.id for one in evaluations}, evaluations, device=device, workers=asked.at_once)
    _facts(estimate_, lines, unread=asked.folder is None)
    for line in wrong:
        guards.show_error(ObceError(line))
    _measure(asked, estimate_)
    _start(asked, sweep, estimate_, ready=bool(lines))
    _command(asked, document)
    _lines(lines, {one.id for one in evaluations})


def _facts(estimate: LaunchEstimate, lines: list[Line], *, unread: bool) -> None:
    if estimate.seconds is None:
        time_ = ("–", f"not measured: {len(estimate.unmeasured)} of {len({line.task for line in lines})} tasks")
    elif not estimate.steps_left:
        time_ = ("none", "all is there already")
    else:
        time_ = (duration(estimate.seconds), "about, from measured steps")
    models = len({line.label for line in lines})
    layout.facts(
        [
            ("evaluations", count(estimate.evaluations), "", f"{models} {'model' if models == 1 else 'models'}"),
            ("there already", count(estimate.done), "", "these are not made again" if estimate.done else "none yet"),
            ("steps to do", count(estimate.steps_left), "", f"of {count(estimate.steps)}"),
            ("time", time_[0], "", time_[1]),
        ]
    )
    if estimate.learning_rates:
        layout.note(f"Learning rate {estimate.learning_rates}.")
    if unread:
        layout.note(
            "The tasks are on the hub and are not downloaded for the estimate: steps follow from the official counts."
        )
    if estimate.measured:
        rates = ", ".join(f"{TASKS[name].title} {amount(rate, 2)}" for name, rate in estimate.measured.items())
        layout.note(f"Measured on {' and '.join(estimate.devices)}: training examples a second: {rates}.")


def _measure(request: Asked, estimate: LaunchEstimate) -> None:
    """Offer to measure the steps that no evaluation tells of: 20 steps of the tier smoke, one evaluation a task."""
    if job_panel.panel("launch-measure", lambda _: st.rerun()):
        return
    if not estimate.unmeasured:
        return
    names = ", ".join(TASKS[name].title for name in estimate.unmeasured)
    layout.note(f"Time not measured: no step of this model on {names} has run on this device.")
    if st.button(f"Measure 20 steps on {names}", icon=":material/timer:", width="stretch", key="launch-measure"):
        whole = Variant(label="original", model=request.choices.model)
        units = [Unit(variant=whole, task=name, seed=0, recipe=recipe_of("smoke")) for name in estimate.unmeasured]
        job_panel.start("launch-measure", "evaluate", _options(request, units))
        st.rerun()


def _options(request: Asked, units: list[Unit]) -> dict[str, Any]:
    return {
        **job_options(units),
        "glue_dir": request.folder,
        "device": request.device,
        "offline": settings.offline(),
        "save_model": request.save_model,
    }


def _start(request: Asked, sweep: Sweep, estimate: LaunchEstimate, *, ready: bool) -> None:
    """Start one job per worker; submitting the same form twice gives the same jobs."""
    selection = state.get()
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
        options, nonce = _options(request, sweep.units), selection.nonce(_FORM)
        with st.spinner("Starting"):
            starter = launcher_named(
                request.launcher,
                address=request.address,
                cpus=request.cpus,
                gpus=request.gpus,
                confirmed=request.confirmed,
            )
            runs = [starter.submit("evaluate", options, f"{nonce}-{at}", form=_FORM) for at in range(request.workers)]
        selection.run = runs[0].id
        selection.renew(_FORM)
        nav.go("runs")
    if nothing and ready:
        layout.note("All results exist already.")
        nav.link("results", "See the results", icon=":material/leaderboard:")


def _command(request: Asked, document: dict[str, Any]) -> None:
    with st.expander("The command that does the same"):
        command = sweep_command(
            glue_dir=request.folder,
            save_model=request.save_model,
            launcher=request.launcher,
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


def _lines(lines: list[Line], finished: set[str]) -> None:
    with st.expander(f"Every evaluation ({len(lines):,})"):
        st.dataframe(
            [
                {
                    "": "● there" if line.id in finished else "○ to do",
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


def _stamps(request: Asked) -> tuple[tuple[int, int], ...]:
    """Tell one state of everything that is read from another: task files, plans, models."""
    selection = request.choices
    files = [str(Path(path)) for path in selection.plans.values()]
    for model in (selection.model, *selection.models.values()):
        files += [f"{model}/model.safetensors", f"{model}/config.json"]
    if request.folder is not None:
        files += [
            str(split_file(name, Path(request.folder), split))
            for name in selection.tasks
            for split in TASKS[name].files
        ]
    return tuple(cached.stamp(path) for path in files)
