"""Named versions of a plan, in a dialog: save, open, compare, rename, delete with undo, import."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from obce_core.access.readonly import refuse_if_read_only
from obce_core.analysis.analysis import Analysis
from obce_core.errors import ObceError, PlanError
from obce_core.formatting import share
from obce_core.plan import (
    parse_document,
    parse_prune_spec,
    resolve,
)
from obce_core.plan.storage import Version, delete_version, rename_version, restore_version, save_version
from pages._shared import cached, drafts, guards, state

_DRAFT = ""
"""The id of the draft where a version's id is expected."""


@st.dialog("Versions of this plan", width="large", on_dismiss=lambda: state.get().messages.clear())
def dialog(source: Analysis) -> None:
    """Show the versions and the actions on them."""
    visitor = state.get()
    for line in visitor.messages:
        st.text(line)
    row = st.columns([2, 3, 1], vertical_alignment="bottom")
    row[0].text_input("Save the draft as", key="version-name", max_chars=80, placeholder="a name")
    row[1].text_input("Note", key="version-note", max_chars=500, placeholder="what it is for")
    writable = guards.writable("Saving, renaming, deleting and opening a file")
    row[2].button(
        "Save",
        key="version-save",
        type="primary",
        on_click=_save,
        args=(source,),
        width="stretch",
        disabled=not writable,
    )
    saved = cached.versions(source.id)
    if saved:
        _table(source, saved)
        _actions(source, {version.id: version for version in saved}, writable=writable)
    else:
        st.caption(
            "No version yet. The draft and its undo history are kept on disk; save it under a name to make a version."
        )
    if visitor.version_deleted is not None and visitor.version_deleted[0] == source.id:
        st.button("Undo the deletion", key="version-undo", icon=":material/undo:", on_click=_restore, args=(source,))
    st.file_uploader(
        "Open a plan or a prune spec (intent) from a JSON or YAML file",
        ["json", "yaml", "yml"],
        key="plan-upload",
        on_change=_import,
        args=(source,),
        disabled=not writable,
    )
    st.caption("An opened version or file replaces the draft; undo restores the draft.")


def _table(source: Analysis, saved: list[Version]) -> None:
    rows = []
    for version in saved:
        try:
            left = share(cached.resolved(source.id, version.prune_spec)[1].encoder_share)
        except PlanError:
            left = "cannot be applied"
        rows.append(
            {
                "name": version.name,
                "note": version.note,
                "encoder left": left,
                "saved (UTC)": version.written.replace("T", " ").rstrip("Z"),
            }
        )
    st.dataframe(rows, hide_index=True, width="stretch")


def _actions(source: Analysis, saved: Mapping[str, Version], *, writable: bool) -> None:
    one = st.columns([3, 1, 1], vertical_alignment="bottom")
    selected = one[0].selectbox("Version", list(saved), format_func=lambda key: saved[key].name, key="version-picked")
    if one[1].button("Open", key="version-open", on_click=_open, args=(source, saved[selected]), width="stretch"):
        st.rerun()
    one[2].button(
        "Delete",
        key="version-delete",
        on_click=_delete,
        args=(source, selected),
        width="stretch",
        disabled=not writable,
    )
    two = st.columns([3, 1, 1], vertical_alignment="bottom")
    others = [_DRAFT, *(key for key in saved if key != selected)]
    other = two[0].selectbox(
        "Compare it with", others, format_func=lambda key: saved[key].name if key else "the draft", key="version-other"
    )
    if two[1].button("Compare", key="version-compare", on_click=_compare, args=(other, selected), width="stretch"):
        st.rerun()
    three = st.columns([3, 1, 1], vertical_alignment="bottom")
    three[0].text_input("New name", key="version-new-name", max_chars=80, placeholder=saved[selected].name)
    three[1].button(
        "Rename",
        key="version-rename",
        on_click=_rename,
        args=(source, selected),
        width="stretch",
        disabled=not writable,
    )


def _save(source: Analysis) -> None:
    values = st.session_state
    try:
        version = save_version(
            source.id, values["version-name"], drafts.current(source.id), note=values["version-note"]
        )
        drafts.came_from(source.id, version.id)
        values["version-name"] = values["version-note"] = ""
        state.get().messages = []
    except ObceError as error:
        state.get().messages = [str(error)]


def _open(source: Analysis, version: Version) -> None:
    drafts.edit(source.id, version.prune_spec)
    drafts.came_from(source.id, version.id)


def _compare(first: str, second: str) -> None:
    state.get().compared = (first, second)


def _rename(source: Analysis, key: str) -> None:
    try:
        rename_version(source.id, key, st.session_state["version-new-name"])
        st.session_state["version-new-name"] = ""
    except ObceError as error:
        state.get().messages = [str(error)]


def _delete(source: Analysis, key: str) -> None:
    try:
        delete_version(source.id, key)
        state.get().version_deleted = (source.id, key)
    except ObceError as error:
        state.get().messages = [str(error)]


def _restore(source: Analysis) -> None:
    visitor = state.get()
    deleted, visitor.version_deleted = visitor.version_deleted, None
    try:
        if deleted is not None:
            restore_version(source.id, deleted[1])
    except ObceError as error:
        visitor.messages = [str(error)]


def _import(source: Analysis) -> None:
    upload = st.session_state.get("plan-upload")
    if upload is None:
        return
    try:
        refuse_if_read_only("Opening a plan from a file")
        document = parse_document(upload.getvalue(), upload.name)
        prune_spec = parse_prune_spec(document.get("intent", document), upload.name)
        resolve(source, prune_spec)
        drafts.edit(source.id, prune_spec)
        state.get().messages.append(f"{upload.name[:80]} replaced the draft.")
    except ObceError as error:
        state.get().messages = [str(error)]
