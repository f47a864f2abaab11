"""The right side of Launch: what is there already, what is left, how long it takes, the command that does the same,
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
from obce_core.storage.atomic import digest
from obce_core.texts.sources.glue_rows import split_file
from pages._shared import cached, cached_results, guards, job_panel, layout, nav, state
from pages.launch.form import Asked

_FORM = "launch"


def show(asked: Asked | None) -> None:
    """Show the bill and the way to start."""
    st.subheader("The bill", anchor=False)
    if asked is None or not asked.choices.tasks:
        layout.note("Known once the choices at the left are complete.")
        st.button(
            "Start", type="primary", icon=":material/play_arrow:", disabled=True, width="stretch", key="launch-start"
        )
        return
    document = sweep_document(asked.choices)
    if not document["variants"]:
        layout.note("Choose at least one model: the original, a percentile, a plan or a built one.")
        return
    found = cached_results.evaluations()
    key, changed = digest(document), _stamps(asked)
    if asked.folder is None:
        changed = (*changed, (len(found), 0))  # without the data, what is there is known by what was asked
    with st.spinner("Reading the tasks and making the plans", show_time=True):
        sweep = cached_results.sweep(key, changed, document)
        lines, wrong = cached_results.laid_out(key, changed, asked.folder, document)
    device = (
        device_here(asked.device) if asked.launcher == "local" else asked.device
    )  # a cluster's nodes are not known here
    told = bill(lines, {one.id for one in found}, found, device=device, workers=asked.at_once)
    _facts(told, lines, unread=asked.folder is None)
    for line in wrong:
        guards.show_error(ObceError(line))
    _measure(asked, told)
    _start(asked, sweep, told, ready=bool(lines))
    _command(asked, document)
    _lines(lines, {one.id for one in found})


def _facts(told: LaunchEstimate, lines: list[Line], *, unread: bool) -> None:
    if told.seconds is None:
        time_ = ("–", f"not measured: {len(told.unmeasured)} of {len({line.task for line in lines})} tasks")
    elif not told.steps_left:
        time_ = ("none", "all is there already")
    else:
        time_ = (duration(told.seconds), "about, from measured steps")
    models = len({line.label for line in lines})
    layout.facts(
        [
            ("evaluations", count(told.evaluations), "", f"{models} {'model' if models == 1 else 'models'}"),
            ("there already", count(told.done), "", "these are not made again" if told.done else "none yet"),
            ("steps to do", count(told.steps_left), "", f"of {count(told.steps)}"),
            ("time", time_[0], "", time_[1]),
        ]
    )
    if told.learning_rates:
        layout.note(f"Learning rate {told.learning_rates}.")
    if unread:
        layout.note("The tasks are on the hub and not read for this: steps are by the official counts.")
    if told.measured:
        rates = ", ".join(f"{TASKS[name].title} {amount(rate, 2)}" for name, rate in told.measured.items())
        layout.note(f"Measured on {' and '.join(told.devices)}: training examples a second: {rates}.")


def _measure(asked: Asked, told: LaunchEstimate) -> None:
    """Offer to measure the steps that no evaluation tells of: 20 steps of the tier smoke, one evaluation a task."""
    if job_panel.panel("launch-measure", lambda _: st.rerun()):
        return
    if not told.unmeasured:
        return
    names = ", ".join(TASKS[name].title for name in told.unmeasured)
    layout.note(f"No step of this model on {names} was measured on this device yet, so the time is not guessed.")
    if st.button(f"Measure 20 steps on {names}", icon=":material/timer:", width="stretch", key="launch-measure"):
        whole = Variant(label="original", model=asked.choices.model)
        units = [Unit(variant=whole, task=name, seed=0, recipe=recipe_of("smoke")) for name in told.unmeasured]
        job_panel.start("launch-measure", "evaluate", _options(asked, units))
        st.rerun()


def _options(asked: Asked, units: list[Unit]) -> dict[str, Any]:
    return {
        **job_options(units),
        "glue_dir": asked.folder,
        "device": asked.device,
        "offline": settings.offline(),
        "save_model": asked.save_model,
    }


def _start(asked: Asked, sweep: Sweep, told: LaunchEstimate, *, ready: bool) -> None:
    """Start as many jobs as there are workers; the same form pressed twice is the same jobs."""
    chosen = state.get()
    rest = told.evaluations - told.done
    nothing = rest == 0 and not asked.save_model
    label = f"Start {rest:,} {'evaluation' if rest == 1 else 'evaluations'}" if rest else "Start"
    if st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        disabled=not ready or nothing,
        width="stretch",
        key="launch-start",
    ):
        options, nonce = _options(asked, sweep.units), chosen.nonce(_FORM)
        with st.spinner("Starting"):
            starter = launcher_named(
                asked.launcher, address=asked.address, cpus=asked.cpus, gpus=asked.gpus, confirmed=asked.confirmed
            )
            runs = [starter.submit("evaluate", options, f"{nonce}-{at}", form=_FORM) for at in range(asked.workers)]
        chosen.run = runs[0].id
        chosen.renew(_FORM)
        nav.go("runs")
    if nothing and ready:
        layout.note("Everything is there already.")
        nav.link("results", "See the results", icon=":material/leaderboard:")


def _command(asked: Asked, document: dict[str, Any]) -> None:
    with st.expander("The command that does the same"):
        command = sweep_command(
            glue_dir=asked.folder,
            save_model=asked.save_model,
            launcher=asked.launcher,
            address=asked.address,
            workers=asked.workers,
            device=asked.device,
            cpus=asked.cpus,
            gpus=asked.gpus,
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
                    "": "● there" if line.id in done else "○ to do",
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


def _stamps(asked: Asked) -> tuple[tuple[int, int], ...]:
    """Tell one state of everything that is read from another: task files, plans, models."""
    chosen = asked.choices
    files = [str(Path(path)) for path in chosen.plans.values()]
    for model in (chosen.model, *chosen.models.values()):
        files += [f"{model}/model.safetensors", f"{model}/config.json"]
    if asked.folder is not None:
        files += [
            str(split_file(name, Path(asked.folder), split)) for name in chosen.tasks for split in TASKS[name].files
        ]
    return tuple(cached.stamp(path) for path in files)
