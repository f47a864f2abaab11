"""The left side of Launch: models, tasks, recipe and launcher. Every value survives a change of page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.access.roots import typed_model
from obce_core.analysis.analysis import Analysis
from obce_core.analysis.original import model_spec
from obce_core.errors import BadInput, shorten
from obce_core.glue.learning_rate import rule_words
from obce_core.glue.recipe import TIER_WORDS, TIERS
from obce_core.glue.sweep_file import Choices
from obce_core.jobs.launcher_kinds import LAUNCHERS, is_remote
from obce_core.jobs.launchers.ray_cluster import check_address, needs_confirmation, public_address
from obce_core.jobs.queue import would_use_gpu
from obce_core.jobs.slots import places
from pages._shared import cached, guards, layout, state
from pages.launch import fields as fields
from pages.launch import tasks, variants


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """The values of the form: the sweep and how it is run; `at_once` workers can run at the same time."""

    choices: Choices
    folder: str | None
    launcher: str
    address: str | None
    workers: int
    at_once: int
    cpus: float
    gpus: float
    confirmed: bool
    device: str
    save_model: bool


def ask() -> LaunchRequest:
    """Draw the form and return its values; raises ObceError if they are invalid."""
    source = _analysis()
    st.subheader("Models", anchor=False)
    model = model_spec(source) if source is not None else typed_model(fields.text("Model", "model", "demo"))
    compared = variants.variants(source)
    st.subheader("Tasks", anchor=False)
    folder, names, tests = tasks.tasks()
    st.subheader("Recipe and launcher", anchor=False)
    tier, recipe, seeds = _recipe()
    launching = _launcher()
    choices = Choices(
        model=model,
        analysis=source.id if source is not None else "",
        tasks=names,
        seeds=seeds,
        tier=tier,
        recipe=recipe,
        tests=tests,
        **compared,
    )
    return LaunchRequest(choices=choices, folder=folder, **launching)


def lead(request: LaunchRequest | None) -> str:
    """Return one sentence on what would be run."""
    if request is None or not request.choices.tasks:
        return "Fine-tune the original, its cuts and controls of the same shape on GLUE with the same seeds."
    choices = request.choices
    cuts = (len(choices.percentiles) + len(choices.plans)) * len(choices.orders)
    controls = sum(choices.draws if name == "random" else 1 for name in choices.controls) * cuts
    parts = (
        (int(choices.original), "original"),
        (cuts, "cut"),
        (controls, "control"),
        (len(choices.models), "built model"),
    )
    counts = [f"<b>{number}</b> {name}{'' if number == 1 else 's'}" for number, name in parts if number]
    tasks, seeds = len(choices.tasks), len(choices.seeds)
    return (
        (", ".join(counts) or "Nothing")
        + f" on <b>{tasks}</b> {'task' if tasks == 1 else 'tasks'} with <b>{seeds}</b> "
        f"{'seed' if seeds == 1 else 'seeds'}, tier <b>{choices.tier}</b>."
    )


def _analysis() -> Analysis | None:
    """Return the selected analysis, or the newest; plans refer to it."""
    selection = state.get()
    saved = cached.saved()
    if not selection.analysis and saved:
        selection.analysis = saved[0].id
    return guards.need_analysis() if selection.analysis else None


def _recipe() -> tuple[str, dict[str, Any], tuple[int, ...]]:
    form = fields.values()
    widget = fields.kept("tier", "quick")
    row = st.columns([1, 1.4], gap="medium", vertical_alignment="bottom")
    with row[0]:
        st.segmented_control("Tier", list(TIERS), default=form["tier"], **widget)
    widget = fields.kept("seeds", "0, 1, 2")
    seeds = _seeds(
        row[1].text_input(
            "Seeds, the same for every model", form["seeds"], help="Numbers and ranges: 0, 1, 5-7", **widget
        )
    )
    tier = str(form["tier"])
    layout.note(f"<b>{tier}</b>: {TIER_WORDS[tier]}. Batch 32, 128 tokens, AdamW, the metric of the last epoch.")
    layout.note(
        f"The learning rate depends on the width of the model and is the same for all its variants: {rule_words()}."
    )
    with st.expander("Change the recipe"):
        return tier, _changes(tier), seeds


def _changes(tier: str) -> dict[str, Any]:
    """Ask for changes to the recipe; the defaults are those of the tier."""
    plain = TIERS[tier].plain()
    layout.note("A changed recipe is separate: its results are listed apart from those of the tier.")
    changes: dict[str, Any] = {}
    row = st.columns(3)
    rows = (
        ("epochs", "Epochs", 0, 10_000, 1),
        ("examples", "Maximum training examples (0: all)", 0, 10**9, 100),
        ("steps", "Maximum steps (0: no limit)", 0, 10**9, 10),
        ("batch_size", "Batch", 1, 65_536, 1),
        ("max_length", "Longest text, in tokens", 3, 65_536, 1),
        ("patience", "Stop after epochs without improvement (0: never)", 0, 10_000, 1),
    )
    for at, (name, label, low, high, step) in enumerate(rows):
        widget = fields.kept(f"{tier}-{name}", plain[name] or 0 if low == 0 else plain[name])
        value = int(row[at % 3].number_input(label, low, high, fields.values()[f"{tier}-{name}"], step, **widget))
        changes[name] = value if value or name in ("epochs", "patience") else None
    row = st.columns(3)
    widget = fields.kept(f"{tier}-learning_rate", plain["learning_rate"] or 0.0)
    label = "Learning rate (0: from the model's width)"
    rate = float(
        row[0].number_input(label, 0.0, 0.99, fields.values()[f"{tier}-learning_rate"], 1e-5, format="%g", **widget)
    )
    changes["learning_rate"] = rate or None
    widget = fields.kept(f"{tier}-keep", plain["keep"])
    changes["keep"] = str(
        row[1].selectbox(
            "Metric of the epoch", ["last", "best"], 0 if fields.values()[f"{tier}-keep"] == "last" else 1, **widget
        )
    )
    return changes


def _seeds(text: str) -> tuple[int, ...]:
    """Parse seeds and ranges of seeds."""
    seeds: list[int] = []
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
        match = re.fullmatch(r"(\d{1,9})(?:[-–](\d{1,9}))?", part, re.ASCII)
        if match is None or len(seeds) > 1_000 or int(match[2] or match[1]) - int(match[1]) > 1_000:
            raise BadInput(f"Seeds are {shorten(text)!r}; expected numbers from 0, such as 0, 1, 2 or 0-4.")
        seeds += range(int(match[1]), int(match[2] or match[1]) + 1)
    if not seeds:
        raise BadInput("There is no seed.", hint="Name one, such as 0.")
    return tuple(dict.fromkeys(seeds))


def _launcher() -> dict[str, Any]:
    form = fields.values()
    row = st.columns([1.8, 0.9, 1], gap="medium", vertical_alignment="bottom")
    widget = fields.kept("launcher", "local")
    with row[0]:
        st.segmented_control(
            "Launcher",
            list(LAUNCHERS),
            default=form["launcher"],
            format_func=lambda name: LAUNCHERS[name].title,
            **widget,
        )
    remote = is_remote(form["launcher"])
    widget = fields.kept("workers", 1)
    workers = int(
        row[1].number_input(
            "Workers", 1, 256, form["workers"], help="Jobs that share the list; each evaluation is run once", **widget
        )
    )
    widget = fields.kept("device", "auto")
    devices = ["auto", "cpu", "cuda", "mps"]
    device = str(row[2].selectbox("Device", devices, devices.index(form["device"]), **widget))
    save_model = fields.toggle("Keep the fine-tuned models", "save_model", False)
    options: dict[str, Any] = {
        "launcher": str(form["launcher"]),
        "address": None,
        "workers": workers,
        "cpus": 1.0,
        "gpus": 0.0,
    }
    options["confirmed"] = False
    if remote:
        row = st.columns([2, 1, 1], gap="medium")
        with row[0]:
            options["address"] = fields.text(
                "Address of the cluster's dashboard",
                "address",
                public_address(settings.ray_address()),
                placeholder="http://host:8265",
            )
        widget = fields.kept("cpus", 1.0)
        options["cpus"] = float(row[1].number_input("CPUs per job", 0.0, 1024.0, form["cpus"], 1.0, **widget))
        widget = fields.kept("gpus", 0.0)
        options["gpus"] = float(row[2].number_input("GPUs per job", 0.0, 64.0, form["gpus"], 1.0, **widget))
        if not options["address"]:
            raise BadInput(
                "The Ray launcher needs the address of a cluster.", hint="http://host:8265, or set OBCE_RAY_ADDRESS."
            )
        options["address"], options["confirmed"] = _cluster(options["address"])
    here = None if remote else _here(device)
    if here is not None and workers > here[0]:
        layout.note(
            f"This machine runs <b>{here[0]}</b> {'job' if here[0] == 1 else 'jobs'} at a time ({here[1]}); the others "
            f"wait "
            "in the queue."
        )
    return {
        **options,
        "at_once": min(workers, here[0]) if here else workers,
        "device": device,
        "save_model": save_model,
    }


def _cluster(address: str) -> tuple[str, bool]:
    """Check a cluster's address; ask for confirmation if it is not the configured one."""
    public = check_address(address, confirmed=True)
    if not needs_confirmation(public):
        return public, False
    layout.note(
        f"<b>{escape(public)}</b> is not the configured cluster (OBCE_RAY_ADDRESS). The server at this address "
        f"receives the Ray "
        "token of this machine and can start jobs on your cluster."
    )
    confirmed = fields.toggle(f"Send the token to this address: {public}", f"confirmed-{public}", False)
    return check_address(public, confirmed=confirmed), True


def _here(device: str) -> tuple[int, str]:
    """Return how many evaluations this machine runs at a time on a device, and the setting that limits them."""
    slots = places(gpu=would_use_gpu("evaluate", device))
    gpus = len({gpu for _, gpu in slots if gpu})
    return len(slots), f"{gpus} {'GPU' if gpus == 1 else 'GPUs'}, OBCE_GPU_JOBS" if gpus else "OBCE_JOBS"
