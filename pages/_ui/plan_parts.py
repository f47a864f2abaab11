"""The parts of the Plan page around its grid: what fills it, its options, named versions, and what is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import streamlit as st

from obce_core.analysis import Analysis
from obce_core.components import CUTTABLE, TITLES
from obce_core.compression.result import Fidelity
from obce_core.criteria import CRITERIA
from obce_core.errors import ObceError, PlanError
from obce_core.figures.nextcuts import percentile
from obce_core.figures.numbers import count, megabytes, millions, share
from obce_core.figures.plangrid import Closeness
from obce_core.plan import (
    METHODS,
    PRESETS,
    Budget,
    Compensation,
    Hardware,
    Intent,
    Plan,
    parse_document,
    parse_intent,
    render,
    resolve,
)
from obce_core.plan.command import plan_commands
from obce_core.plan.compare import compare_plans
from obce_core.plan.document import fits_yaml, render_intent
from obce_core.plan.make import make_plan
from obce_core.plan.parts import without_equal
from obce_core.plan.presets import preset
from obce_core.plan.versions import Version, delete_version, rename_version, restore_version, save_version
from pages._ui import cached, downloads, drafts, frame, nav, previews, state

_DRAFT = ""
"""Stands for the draft where a version's id is expected."""


def menu(source: Analysis) -> None:
    """The actions of the page: undo, redo, ways to fill the grid, versions, build."""
    with st.container(horizontal=True, width="content", gap="small", key="plan-menu"):
        for name, step in (("undo", -1), ("redo", 1)):
            st.button(
                "", icon=f":material/{name}:", help=name.capitalize(), key=name, disabled=not drafts.can(source.id, step),
                on_click=drafts.move, args=(source.id, step),
            )  # fmt: skip
        with st.popover("Presets"):
            _presets(source)
        state.get().dialog = st.button("Versions", key="versions")
        if state.get().dialog:
            _versions(source)
        if st.button("Build", type="primary", icon=":material/arrow_forward:", key="build"):
            nav.go("model")


def _presets(source: Analysis) -> None:
    layers = source.shape.layers
    for name, told in PRESETS.items():
        fits = name == "paper-scaled" or layers == (12 if name == "paper-bert-base" else 24)
        st.button(name, key=f"preset-{name}", help=told, disabled=not fits, on_click=_preset, args=(source, name), width="stretch")
    first = st.number_input("From layer", 1, layers, min(3, layers), key="first-layer")
    row = st.columns(3, gap="small")
    for place, value in zip(row, (30, 50, 70), strict=True):
        place.button(
            f"P{value}",
            key=f"all-{value}",
            help="Every component, from that layer on",
            on_click=_uniform,
            args=(source, value, first),
            width="stretch",
        )
    st.button("Leave all whole", key="all-0", on_click=_uniform, args=(source, 0, 1), width="stretch")
    st.divider()
    of = st.radio(
        "Leave at most this share of", ["encoder", "model"], format_func={"encoder": "the encoder", "model": "the whole model"}.get,
        horizontal=True, key="target-of",
    )  # fmt: skip
    wanted = st.number_input("Share in percent", 1.0, 99.0, 60.0 if of == "encoder" else 80.0, key=f"share-{of}")
    st.button("Find the smallest percentile", on_click=_target, args=(source, of, wanted / 100, first), width="stretch", key="target")


def _preset(source: Analysis, name: str) -> None:
    base = drafts.current(source.id)
    try:
        intent, notes = preset(name, source, base)
        drafts.edit(source.id, replace(intent, keep=base.keep, drop=base.drop, hardware=base.hardware))
        state.get().told += notes
    except ObceError as error:
        state.get().told = [str(error)]


def _uniform(source: Analysis, value: float, first: int) -> None:
    base = drafts.current(source.id)
    cells = {
        (layer, c): float(value)
        for layer in range(first, source.shape.layers + 1)
        for c in CUTTABLE
        if source.width(layer, c) and not source.degenerate(layer, c, base.criterion)
    }
    drafts.edit(source.id, replace(base, cells={}, first_layer=first if value else base.first_layer).with_cells(cells))


def _target(source: Analysis, of: str, left: float, first: int) -> None:
    base = drafts.current(source.id)
    try:
        plan = make_plan(
            source, first_layer=first, criterion=base.criterion, seed=base.seed, compensation=base.compensation.method,
            compensation_tokens=base.compensation.tokens, round_to=base.hardware.round_to, per_head=base.hardware.per_head,
            **{"target_encoder" if of == "encoder" else "target_params": left},
        )  # fmt: skip
        drafts.edit(source.id, replace(plan.intent, keep=base.keep, drop=base.drop))
        state.get().told += [line for line in plan.notes if line.startswith("--")]
        if base.keep or base.drop:
            state.get().told.append("Neurons chosen by hand were left as they are; they come on top of the target.")
    except ObceError as error:
        state.get().told = [str(error)]


def options(source: Analysis, intent: Intent) -> None:
    """Criterion, compensation and hardware, behind one button that names what is not the default."""
    plain = Intent()
    told = [
        CRITERIA[intent.criterion].title if intent.criterion != plain.criterion else "",
        intent.compensation.method if intent.compensation.method != plain.compensation.method else "",
        "all tokens" if intent.compensation.tokens == "all" and not intent.compensation.predicts else "",
        f"×{intent.hardware.round_to}" if intent.hardware.round_to else "",
        "even heads" if intent.hardware.per_head else "",
    ]
    with st.popover("Options" + "".join(f" · {part}" for part in told if part), key="plan-options"):
        values = {
            "plan-criterion": intent.criterion, "plan-seed": intent.seed, "plan-method": intent.compensation.method,
            "plan-tokens": intent.compensation.tokens, "plan-round": intent.hardware.round_to, "plan-heads": intent.hardware.per_head,
        }  # fmt: skip
        for key, value in values.items():
            st.session_state[key] = value
        changed: dict[str, Any] = {"on_change": _options, "args": (source,)}
        st.selectbox(
            "Cut by", list(CRITERIA), format_func=lambda n: CRITERIA[n].title, key="plan-criterion",
            help="r_f is the paper's; the others are for comparison", **changed,
        )  # fmt: skip
        if CRITERIA[intent.criterion].reads == "seed":
            st.number_input("Seed", 0, 2**32 - 1, key="plan-seed", **changed)
        st.selectbox(
            "Compensation", METHODS, key="plan-method",
            help="What stands in a removed neuron's place: a constant, or (least-squares) a prediction from the kept neurons", **changed,
        )  # fmt: skip
        st.selectbox(
            "over", ["cls", "all"], format_func={"cls": "[CLS] (paper)", "all": "all tokens"}.get, key="plan-tokens",
            disabled=intent.compensation.predicts,
            help="least-squares takes all tokens: one row a text would overfit" if intent.compensation.predicts else None, **changed,
        )  # fmt: skip
        st.selectbox(
            "Round stored widths up to a multiple of", [0, 8, 16], format_func={0: "– (leave them)", 8: "8", 16: "16"}.get,
            key="plan-round", help="Adds neurons back, the highest criterion first: some hardware is faster with such widths", **changed,
        )  # fmt: skip
        st.toggle("Make the heads of a layer equally wide", key="plan-heads", help="Adds neurons back to the narrower heads", **changed)


def _options(source: Analysis) -> None:
    base, said = drafts.current(source.id), st.session_state
    method = said["plan-method"]
    intent = replace(
        base,
        criterion=said["plan-criterion"],
        seed=int(said.get("plan-seed", base.seed)),
        compensation=Compensation(method=method, tokens=None if method == "least-squares" else said["plan-tokens"]),
        hardware=Hardware(round_to=said["plan-round"], per_head=bool(said["plan-heads"])),
    )
    intent, notes = without_equal(source, intent)
    drafts.edit(source.id, intent)
    state.get().told += notes


@st.dialog("Versions of this plan", width="large", on_dismiss=lambda: state.get().told.clear())
def _versions(source: Analysis) -> None:
    chosen = state.get()
    for line in chosen.told:
        st.text(line)
    row = st.columns([2, 3, 1], vertical_alignment="bottom")
    row[0].text_input("Save the draft as", key="version-name", max_chars=80, placeholder="a name")
    row[1].text_input("Note", key="version-note", max_chars=500, placeholder="what it is for")
    row[2].button("Save", key="version-save", type="primary", on_click=_save, args=(source,), width="stretch")
    found = cached.versions(source.id)
    if found:
        _table(source, found)
        _actions(source, {version.id: version for version in found})
    else:
        st.caption("No version yet. The draft itself is kept without a name, with its undo, until you save it under one.")
    if chosen.version_deleted is not None and chosen.version_deleted[0] == source.id:
        st.button("Undo the deletion", key="version-undo", icon=":material/undo:", on_click=_restore, args=(source,))
    st.file_uploader(
        "Open a plan or an intent from a file, JSON or YAML", ["json", "yaml", "yml"], key="plan-upload", on_change=_import, args=(source,)
    )
    st.caption("What is opened or imported takes the draft's place; undo brings the draft back.")


def _table(source: Analysis, found: list[Version]) -> None:
    rows = []
    for version in found:
        try:
            left = share(cached.resolved(source.id, version.intent)[1].encoder_share)
        except PlanError:
            left = "cannot be carried out"
        rows.append(
            {"name": version.name, "note": version.note, "encoder left": left, "saved (UTC)": version.written.replace("T", " ").rstrip("Z")}
        )
    st.dataframe(rows, hide_index=True, width="stretch")


def _actions(source: Analysis, found: Mapping[str, Version]) -> None:
    one = st.columns([3, 1, 1], vertical_alignment="bottom")
    picked = one[0].selectbox("Version", list(found), format_func=lambda key: found[key].name, key="version-picked")
    if one[1].button("Open", key="version-open", on_click=_open, args=(source, found[picked]), width="stretch"):
        st.rerun()
    one[2].button("Delete", key="version-delete", on_click=_delete, args=(source, picked), width="stretch")
    two = st.columns([3, 1, 1], vertical_alignment="bottom")
    others = [_DRAFT, *(key for key in found if key != picked)]
    other = two[0].selectbox(
        "Compare it with", others, format_func=lambda key: found[key].name if key else "the draft", key="version-other"
    )
    if two[1].button("Compare", key="version-compare", on_click=_compare, args=(other, picked), width="stretch"):
        st.rerun()
    three = st.columns([3, 1, 1], vertical_alignment="bottom")
    three[0].text_input("New name", key="version-new-name", max_chars=80, placeholder=found[picked].name)
    three[1].button("Rename", key="version-rename", on_click=_rename, args=(source, picked), width="stretch")


def _save(source: Analysis) -> None:
    said = st.session_state
    try:
        made = save_version(source.id, said["version-name"], drafts.current(source.id), note=said["version-note"])
        state.get().versions[source.id] = made.id
        said["version-name"] = said["version-note"] = ""
        state.get().told = []
    except ObceError as error:
        state.get().told = [str(error)]


def _open(source: Analysis, version: Version) -> None:
    drafts.edit(source.id, version.intent)
    state.get().versions[source.id] = version.id


def _compare(first: str, second: str) -> None:
    state.get().compared = (first, second)


def _rename(source: Analysis, key: str) -> None:
    try:
        rename_version(source.id, key, st.session_state["version-new-name"])
        st.session_state["version-new-name"] = ""
    except ObceError as error:
        state.get().told = [str(error)]


def _delete(source: Analysis, key: str) -> None:
    try:
        delete_version(source.id, key)
        state.get().version_deleted = (source.id, key)
    except ObceError as error:
        state.get().told = [str(error)]


def _restore(source: Analysis) -> None:
    chosen = state.get()
    deleted, chosen.version_deleted = chosen.version_deleted, None
    try:
        if deleted is not None:
            restore_version(source.id, deleted[1])
    except ObceError as error:
        chosen.told = [str(error)]


def _import(source: Analysis) -> None:
    upload = st.session_state.get("plan-upload")
    if upload is None:
        return
    try:
        document = parse_document(upload.getvalue(), upload.name)
        intent = parse_intent(document.get("intent", document), upload.name)
        resolve(source, intent)
        drafts.edit(source.id, intent)
        state.get().told.append(f"{upload.name[:80]} took the draft's place.")
    except ObceError as error:
        state.get().told = [str(error)]


def difference(source: Analysis, intent: Intent) -> list[previews.Question]:
    """Show what two versions, or a version and the draft, cut differently; nothing when none were chosen.

    Returns what of them is being measured.
    """
    chosen = state.get()
    if chosen.compared is None:
        return []
    found = {version.id: version for version in cached.versions(source.id)}
    if any(key and key not in found for key in chosen.compared):
        chosen.compared = None
        return []
    names = [found[key].name if key else "the draft" for key in chosen.compared]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Difference", anchor=False)
        st.button("Close", key="close-difference", on_click=setattr, args=(chosen, "compared", None), width="content")
    try:
        (one, size), (two, other) = (cached.resolved(source.id, found[key].intent if key else intent) for key in chosen.compared)
    except PlanError as error:
        st.text(str(error))
        return []
    asked: list[previews.Question] = []
    cosines = []
    for plan in (one, two):
        measured = previews.Previews(source, plan.intent)
        cosines.append(measured.words(measured.whole(plan, priority=1)) if plan.kept else "–")
        asked += measured.asked
    st.dataframe(
        [
            {
                "plan": name, "neurons cut": count(budget.neurons_cut), "parameters cut": millions(budget.parameters_cut),
                "encoder left": share(budget.encoder_share), "model left": share(budget.model_share),
                "FLOPs left": share(budget.flops_share), "on disk": megabytes(budget.bytes_left), "cosine, mean-pooled": close,
            }
            for name, budget, close in zip(names, (size, other), cosines, strict=True)
        ],
        hide_index=True, width="stretch",
    )  # fmt: skip
    cells = compare_plans(source, one, two)
    if cells:
        rows = [
            {
                "layer": cell.layer,
                "component": TITLES[cell.component],
                "percentile, first": percentile(cell.percentiles[0]),
                "percentile, second": percentile(cell.percentiles[1]),
                "kept, first": cell.kept[0],
                "kept, second": cell.kept[1],
                "only the first cuts": _some(cell.only_first_cuts.tolist()),
                "only the second cuts": _some(cell.only_second_cuts.tolist()),
            }
            for cell in cells
        ]
        st.dataframe(rows, hide_index=True, width="stretch")
        header = ["layer", "component", "neuron", "cut by"]
        downloads.row("plan-difference", csv_text=lambda: downloads.to_csv(header, [
            (cell.layer, cell.component, neuron, side)
            for cell in cells
            for side, neurons in (("first", cell.only_first_cuts.tolist()), ("second", cell.only_second_cuts.tolist()))
            for neuron in neurons
        ]))  # fmt: skip
        frame.note("First and second: the rows of the upper table, in this order. <b>obce plan diff</b> compares two plan files likewise.")
    else:
        frame.note("Both cut the same neurons.")
    return asked


def _some(neurons: list[int]) -> str:
    shown = ", ".join(str(neuron) for neuron in neurons[:8])
    return f"{len(neurons)}: {shown}{', …' if len(neurons) > 8 else ''}" if neurons else "–"


def take_away(source: Analysis, plan: Plan, close: Mapping[tuple[int, str], Closeness], whole: Fidelity | None) -> None:
    """The plan as files, the table behind the grid, and the commands that do the same."""
    st.subheader("Take it away", anchor=False)
    yaml = fits_yaml(plan)
    with st.container(horizontal=True, gap="small"):
        st.download_button("plan.json", lambda: render(plan), "plan.json", "application/json", on_click="ignore")
        st.download_button(
            "plan.yaml", lambda: render(plan, yaml=True), "plan.yaml", "application/yaml", on_click="ignore", disabled=not yaml,
            help=None if yaml else "Too many neurons for a YAML plan (256 kB): take the JSON",
        )  # fmt: skip
        st.download_button("intent.json", lambda: render_intent(plan.intent), "intent.json", "application/json", on_click="ignore")
        st.download_button("cells.csv", lambda: cells_csv(source, plan, close), "cells.csv", "text/csv", on_click="ignore")
    st.code(plan_commands(source.id, plan.intent), language="bash", wrap_lines=True)
    frame.note(
        "plan.json holds the intent and every kept neuron; intent.json what is asked for, with all options, for this or another analysis "
        "of the same kind of model; cells.csv the grid."
    )


def sizes_csv(budget: Budget | None, paper: Budget | None) -> str:
    """Write the numbers behind the bars."""
    named = [("this plan", budget), ("the paper's plan", paper)]
    rows = [[name, *asdict(size).values()] for name, size in named if size is not None]
    return downloads.to_csv(["plan", *(field.name for field in fields(Budget))], rows)


def cells_csv(source: Analysis, plan: Plan, close: Mapping[tuple[int, str], Closeness]) -> str:
    """Write the grid as a table."""
    header = ["layer", "component", "percentile", "neurons", "kept", "cosine_mean_pooled_alone"]
    rows = []
    for layer in range(1, source.shape.layers + 1):
        for name in CUTTABLE:
            known, width = close.get((layer, name), Closeness()), source.width(layer, name)
            cosine = "" if known.cosine is None or known.old else known.cosine
            rows.append((layer, name, plan.intent.percentile(layer, name), width, width - plan.cut(layer, name), cosine))
    return downloads.to_csv(header, rows)
