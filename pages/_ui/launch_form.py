"""The left side of Launch: what is compared, on what, how. Every choice outlives a change of page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.compression.result import list_models
from obce_core.errors import BadInput, shorten
from obce_core.figures.numbers import count, share
from obce_core.glue.availability import Found, find_tasks
from obce_core.glue.spec import Choices
from obce_core.glue.sweep import CONTROLS
from obce_core.glue.tiers import TIER_WORDS, TIERS
from obce_core.glue.unit import ORDERS
from obce_core.plan import write_plan
from obce_core.plan.drafts import plans_home
from obce_core.plan.versions import list_versions
from obce_core.tasks import TASKS, usual_tasks
from pages._ui import cached, drafts, frame, state

_ORDER_WORDS = {"cut-first": "cut, then fine-tune (the paper)", "finetune-first": "fine-tune, then cut"}
_CURRENT = "current plan"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the form says: the choices for a sweep, and how it is run."""

    choices: Choices
    folder: str | None
    launcher: str
    address: str | None
    workers: int
    cpus: float
    gpus: float
    device: str
    save_model: bool


def ask() -> Asked:
    """Draw the form and return what it says; raises ObceError where that cannot be."""
    source = _analysis()
    st.subheader("What is compared", anchor=False)
    model = str(source.meta["model"]["spec"]) if source is not None else _text("Model", "model", "demo")
    variants = _variants(source)
    st.subheader("On which tasks", anchor=False)
    folder, tasks, tests = _tasks()
    st.subheader("How", anchor=False)
    tier, recipe, seeds = _recipe()
    launching = _launcher()
    choices = Choices(
        model=model, analysis=source.id if source is not None else "", tasks=tasks, seeds=seeds, tier=tier, recipe=recipe, tests=tests,
        **variants,
    )  # fmt: skip
    return Asked(choices=choices, folder=folder, **launching)


def lead(asked: Asked | None) -> str:
    """Say in one sentence what would be done."""
    if asked is None or not asked.choices.tasks:
        return "Fine-tune the original, its cuts and controls of the same shape on GLUE, with the same seeds, and compare."
    chosen = asked.choices
    cuts = (len(chosen.percentiles) + len(chosen.plans)) * len(chosen.orders)
    controls = sum(chosen.draws if name == "random" else 1 for name in chosen.controls) * cuts
    parts = ((int(chosen.original), "original"), (cuts, "cut"), (controls, "control"), (len(chosen.models), "built model"))
    told = [f"<b>{number}</b> {name}{'' if number == 1 else 's'}" for number, name in parts if number]
    tasks, seeds = len(chosen.tasks), len(chosen.seeds)
    return (
        (", ".join(told) or "Nothing") + f" on <b>{tasks}</b> {'task' if tasks == 1 else 'tasks'} with <b>{seeds}</b> "
        f"{'seed' if seeds == 1 else 'seeds'}, tier <b>{chosen.tier}</b>."
    )


def values() -> dict[str, Any]:
    """Return what the form is set to, by name."""
    return state.get().launch


def _kept(name: str, default: Any) -> dict[str, Any]:
    """Give a widget its key, and keep what it is set to; its value is `values()[name]`."""
    form, key = values(), f"launch-{name}"

    def keep() -> None:
        if st.session_state[key] is not None:
            form[name] = st.session_state[key]

    form.setdefault(name, default)
    return {"key": key, "on_change": keep}


def _analysis() -> Analysis | None:
    """Return the selected analysis, or the newest; plans are made on it."""
    chosen = state.get()
    saved = cached.saved()
    if not chosen.analysis and saved:
        chosen.analysis = saved[0].id
    return cached.analysis(chosen.analysis) if chosen.analysis else None


def _variants(source: Analysis | None) -> dict[str, Any]:
    """Ask for the models; what can be chosen depends on the analysis."""
    form = values()
    found: dict[str, Any] = {"original": _toggle("The original", "original", True)}
    if source is None:
        frame.note("No analysis yet, so there is no plan to carry out: only the model as it is can be evaluated.")
    else:
        found |= _cuts(source)
    built = {entry.folder.name: entry for entry in list_models()}
    names = {
        key: f"{frame.short_name(one.name)}, {share(one.budget.encoder_share)} of the encoder, {key[:8]}" for key, one in built.items()
    }
    kept = _kept("models", [])
    if built:
        picked = st.multiselect(
            "Built models, as they lie there", list(built), [key for key in form["models"] if key in built],
            format_func=names.__getitem__, placeholder="none", **kept,
        )  # fmt: skip
        found["models"] = {names[key]: str(built[key].folder) for key in picked}
    return found


def _cuts(source: Analysis) -> dict[str, Any]:
    form = values()
    whole = not _was_cut(source)
    kept = _kept("percentiles", [30, 50] if whole else [])
    st.pills("Uniform percentiles, by r_f from layer 3", [10, 20, 30, 40, 50, 60, 70, 80, 90], selection_mode="multi",
             default=form["percentiles"], format_func=lambda value: f"P{value}", **kept)  # fmt: skip
    versions = {version.name: version.intent for version in list_versions(source.id)}
    intent = drafts.current(source.id)
    if intent.cells or intent.drop:
        versions = {_CURRENT: intent, **versions}
    kept = _kept("plans", [])
    names = st.multiselect(
        "Plans", list(versions), [name for name in form["plans"] if name in versions], placeholder="none saved" if not versions else "none",
        disabled=not versions, help="The plan under edit and its saved versions", **kept,
    )  # fmt: skip
    plans = {}
    for name in names:
        plan, _ = cached.resolved(source.id, versions[name])
        path = plans_home(source.id) / "launched" / f"{plan.digest[:16]}.plan.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_plan(plan, path)
        plans[name] = str(path)
    row = st.columns([1.6, 1], gap="medium", vertical_alignment="bottom")
    kept = _kept("controls", ["random"] if whole else [])
    with row[0]:
        st.pills("Controls of the same stored shape", list(CONTROLS), selection_mode="multi", default=form["controls"], **kept)
    kept = _kept("draws", 1)
    draws = row[1].number_input("Random draws", 1, 100, form["draws"], disabled="random" not in form["controls"], **kept)
    kept = _kept("orders", ["cut-first"])
    st.pills("Order", list(ORDERS), selection_mode="multi", default=form["orders"], format_func=_ORDER_WORDS.__getitem__, **kept)
    if not whole:
        frame.note("This model was cut before: a uniform percentile may find an empty cell, and controls need the whole model.")
    cuts = bool(form["percentiles"] or plans)
    return {
        "percentiles": tuple(sorted(float(value) for value in form["percentiles"])),
        "plans": plans,
        "controls": tuple(name for name in CONTROLS if name in form["controls"]) if cuts else (),
        "draws": int(draws),
        "orders": tuple(name for name in ORDERS if name in form["orders"]) or ("cut-first",),
    }


def _was_cut(source: Analysis) -> bool:
    """Say whether the analysed model lacks neurons that its uncut form has."""
    layers = range(1, source.shape.layers + 1)
    return any(source.width(layer, name) != source.shape.width(name) for layer in layers for name in CUTTABLE)


def _tasks() -> tuple[str | None, tuple[str, ...], bool]:
    """Ask for tasks, and say which can be had here."""
    form = values()
    home = settings.glue_dir()
    named = _text(
        "GLUE folder", "folder", str(home) if home is not None else "", placeholder="empty: the hub, nyu-mll/glue",
        help="The official TSV files, a folder a task (CoLA, MRPC, SST-2, …)",
    )  # fmt: skip
    folder = Path(named).expanduser() if named else None
    if folder is not None and not folder.is_dir():
        raise BadInput(f"There is no folder {shorten(named, 200)}.", hint="Name the folder that holds CoLA, MRPC, …, or leave it empty.")
    found = {one.task.name: one for one in find_tasks(folder)}
    ready = [name for name, one in found.items() if one.ready]
    if "tasks" not in form:
        small = [name for name in ("cola", "mrpc") if name in ready]
        form["tasks"] = small or [name for name in usual_tasks() if name in ready][:1]
    kept = _kept("tasks", [])
    st.pills(
        "Tasks", ready, selection_mode="multi", default=[name for name in form["tasks"] if name in ready],
        format_func=lambda name: TASKS[name].title, key=f"{kept['key']}-{named}", on_change=_keep_tasks, args=(f"{kept['key']}-{named}",),
    )  # fmt: skip
    tasks = tuple(name for name in TASKS if name in form["tasks"] and name in ready)
    frame.note(_available(list(found.values()), tasks, folder is None))
    tests = _toggle("Predict the test splits too, for a submission", "tests", False)
    lack = [found[name].task.title for name in tasks if not found[name].tests]
    if tests and lack:
        frame.note(f"<b>No test files</b> of {', '.join(lack)} in this folder: those evaluations will say so and not be made.")
    return (str(folder.resolve()) if folder is not None else None), tasks, tests


def _keep_tasks(key: str) -> None:
    values()["tasks"] = list(st.session_state[key] or [])


def _available(found: list[Found], tasks: tuple[str, ...], hub: bool) -> str:
    """Say the official counts of what is chosen, and what is missing; nothing of it is foreign text."""
    told = []
    for name in tasks:
        task = TASKS[name]
        validation = " + ".join(count(task.counts[split]) for split in task.validation)
        told.append(f"{task.title} {count(task.counts['train'])} to train on, {validation} to validate")
    missing = [f"{one.task.title} ({', '.join(one.missing)})" for one in found if one.missing and one.task.usual]
    words = "; ".join(told) + " (official counts)." if told else "Choose a task."
    if missing:
        words += f" <b>Not in this folder:</b> {'; '.join(missing)}."
    return words + (" From the hub each is downloaded once." if hub else "")


def _recipe() -> tuple[str, dict[str, Any], tuple[int, ...]]:
    form = values()
    kept = _kept("tier", "quick")
    row = st.columns([1, 1.4], gap="medium", vertical_alignment="bottom")
    with row[0]:
        st.segmented_control("Tier", list(TIERS), default=form["tier"], **kept)
    kept = _kept("seeds", "0, 1, 2")
    seeds = _seeds(row[1].text_input("Seeds, the same for every model", form["seeds"], help="Numbers and ranges: 0, 1, 5-7", **kept))
    tier = str(form["tier"])
    frame.note(f"<b>{tier}</b>: {TIER_WORDS[tier]}. Batch 32, 128 tokens, AdamW 2e-5, the metric of the last epoch.")
    with st.expander("Change the recipe"):
        return tier, _changes(tier), seeds


def _changes(tier: str) -> dict[str, Any]:
    """Ask for other numbers; they are the tier's own until they are touched."""
    plain = TIERS[tier].plain()
    frame.note("A changed recipe is its own: its results stand apart from those of the tier.")
    found: dict[str, Any] = {}
    row = st.columns(3)
    asked = (
        ("epochs", "Epochs", 0, 10_000, 1), ("examples", "Training examples, at most (0: all)", 0, 10**9, 100),
        ("steps", "Steps, at most (0: no limit)", 0, 10**9, 10), ("batch_size", "Batch", 1, 65_536, 1),
        ("max_length", "Longest text, in tokens", 3, 65_536, 1), ("patience", "End after epochs without gain (0: never)", 0, 10_000, 1),
    )  # fmt: skip
    for at, (name, label, low, high, step) in enumerate(asked):
        kept = _kept(f"{tier}-{name}", plain[name] or 0 if low == 0 else plain[name])
        value = int(row[at % 3].number_input(label, low, high, values()[f"{tier}-{name}"], step, **kept))
        found[name] = value if value or name in ("epochs", "patience") else None
    row = st.columns(3)
    kept = _kept(f"{tier}-learning_rate", plain["learning_rate"])
    found["learning_rate"] = float(
        row[0].number_input("Learning rate", 0.0, 0.99, values()[f"{tier}-learning_rate"], 1e-5, format="%g", **kept)
    )
    kept = _kept(f"{tier}-keep", plain["keep"])
    found["keep"] = str(row[1].selectbox("Metric of the epoch", ["last", "best"], ["last", "best"].index(values()[f"{tier}-keep"]), **kept))
    return found


def _seeds(text: str) -> tuple[int, ...]:
    """Read seeds and ranges of them."""
    found: list[int] = []
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
        match = re.fullmatch(r"(\d{1,9})(?:[-–](\d{1,9}))?", part, re.ASCII)
        if match is None or len(found) > 1_000 or int(match[2] or match[1]) - int(match[1]) > 1_000:
            raise BadInput(f"Seeds are {shorten(text)!r}; expected numbers from 0, such as 0, 1, 2 or 0-4.")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    if not found:
        raise BadInput("There is no seed.", hint="Name one, such as 0.")
    return tuple(dict.fromkeys(found))


def _launcher() -> dict[str, Any]:
    form = values()
    row = st.columns([1.8, 0.9, 1], gap="medium", vertical_alignment="bottom")
    kept = _kept("launcher", "local")
    with row[0]:
        st.segmented_control(
            "Launcher", ["local", "ray"], default=form["launcher"], format_func={"local": "this machine", "ray": "Ray cluster"}.get, **kept
        )
    ray = form["launcher"] == "ray"
    kept = _kept("workers", 1)
    workers = int(
        row[1].number_input("Workers", 1, 256, form["workers"], help="Jobs that share the list; each evaluation is made once", **kept)
    )
    kept = _kept("device", "auto")
    devices = ["auto", "cpu", "cuda", "mps"]
    device = str(row[2].selectbox("Device", devices, devices.index(form["device"]), **kept))
    save_model = _toggle("Keep the fine-tuned models", "save_model", False)
    found: dict[str, Any] = {"launcher": str(form["launcher"]), "address": None, "workers": workers, "cpus": 1.0, "gpus": 0.0}
    if ray:
        row = st.columns([2, 1, 1], gap="medium")
        with row[0]:
            found["address"] = _text(
                "Address of the cluster's dashboard", "address", settings.ray_address() or "", placeholder="http://host:8265"
            )
        kept = _kept("cpus", 1.0)
        found["cpus"] = float(row[1].number_input("CPUs a job", 0.0, 1024.0, form["cpus"], 1.0, **kept))
        kept = _kept("gpus", 0.0)
        found["gpus"] = float(row[2].number_input("GPUs a job", 0.0, 64.0, form["gpus"], 1.0, **kept))
        if not found["address"]:
            raise BadInput("The Ray launcher needs the address of a cluster.", hint="http://host:8265, or set OBCE_RAY_ADDRESS.")
    elif workers > settings.jobs_at_once():
        at_once = settings.jobs_at_once()
        frame.note(
            f"This machine does <b>{at_once}</b> {'job' if at_once == 1 else 'jobs'} at a time (OBCE_JOBS); the others wait in the queue."
        )
    return {**found, "device": device, "save_model": save_model}


def _text(label: str, name: str, default: str, **more: Any) -> str:
    kept = _kept(name, default)
    return str(st.text_input(label, values()[name], **more, **kept)).strip()


def _toggle(label: str, name: str, default: bool) -> bool:
    kept = _kept(name, default)
    return bool(st.toggle(label, values()[name], **kept))
