"""The saved analyses as a table: open, rename, compare two, delete with undo."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from obce_core.analysis.catalog import Saved, rename
from obce_core.cache.library import find_entry, referrers, remove, restore
from obce_core.errors import ObceError
from obce_core.models.identity import OLDER
from pages._shared import cached, guards, layout, nav, state

_TOKENS = {"cls": "[CLS]", "mean": "mean", "all": "all"}


def table() -> None:
    """Show the table and the actions on its rows."""
    st.subheader("Saved analyses", anchor=False)
    with guards.caught():
        _undo()
        saved = cached.saved()
        if not saved:
            layout.note("None yet. Press Start to make the first one; the demo takes about ten seconds.")
            return
        selected_rows = st.dataframe(
            [_row(entry) for entry in saved],
            hide_index=True,
            width="stretch",
            on_select="rerun",
            selection_mode="multi-row",
            key=f"saved-{len(saved)}-{saved[0].id}",
            column_config={
                "": st.column_config.TextColumn(width=30, help="The selected analysis"),
                "[UNK]": st.column_config.NumberColumn(
                    format="percent", help="Share of word pieces unknown to the tokenizer"
                ),
                "MB": st.column_config.NumberColumn(format="%.1f"),
                "seconds": st.column_config.NumberColumn(format="%.1f"),
            },
        )
        older = [entry.name or entry.id for entry in saved if entry.is_older_kind]
        if older:
            layout.note(escape(f"{', '.join(older[:6])}{' …' if len(older) > 6 else ''}: {OLDER}"))
        _actions([saved[row] for row in selected_rows["selection"]["rows"] if row < len(saved)])


def _row(entry: Saved) -> dict[str, Any]:
    meta = entry.meta
    return {
        "": "●" if entry.id == state.get().analysis else "",
        "name": entry.name or "–",
        "model": layout.short_name(meta["model"]["name"]),
        "texts": meta["texts"]["n"],
        "source": meta["texts"]["source"][:40],
        "[UNK]": entry.unknown_share,
        "tokens": _TOKENS.get(meta["tokens"], meta["tokens"]),
        "tap": meta["tap"],
        "seed": meta["texts"]["seed"],
        "longest": meta["max_length"],
        "seconds": meta.get("seconds"),
        "MB": entry.bytes / 1e6,
        "made (UTC)": meta["created"].replace("T", " ").rstrip("Z"),
        "id": entry.id,
    }


def _actions(picked: list[Saved]) -> None:
    one = picked[0] if len(picked) == 1 else None
    selection = state.get()
    writable = guards.writable("Renaming and deleting")
    with st.container(horizontal=True, gap="small"):
        if st.button("Open", disabled=one is None, icon=":material/folder_open:") and one is not None:
            state.select_analysis(one.id)
            nav.go("importance")
        with st.popover("Rename", disabled=one is None or not writable, icon=":material/edit:"):
            if one is not None:
                name = st.text_input("Name", one.name, max_chars=80, key=f"name-{one.id}", placeholder="empty: no name")
                if st.button("Save the name", key=f"save-name-{one.id}"):
                    rename(one.id, name)
                    st.rerun()
        if st.button("Compare two", disabled=len(picked) != 2, icon=":material/compare:"):
            older, newer = picked[1], picked[0]
            state.select_analysis(older.id)
            selection.compare = newer.id
            nav.go("importance")
        if st.button("Delete", disabled=not picked or not writable, icon=":material/delete:"):
            _delete(picked, along=False)
    layout.note(
        "Tick one row to open, rename or delete it; tick two to compare them. Deleted analyses can be restored."
    )
    for note in one.notes if one is not None else ():
        layout.note(escape(note))
    blocked = [entry for entry in picked if entry.id in selection.blocked]
    if blocked:
        _explain(blocked, picked)


def _explain(blocked: list[Saved], picked: list[Saved]) -> None:
    """List the entries that still need an analysis, and offer to delete them too."""
    for entry in blocked:
        needed = referrers(find_entry(f"analyses/{entry.id}"))
        if needed:
            st.error(" ", icon=":material/error:")
            st.text(f"{entry.name or entry.id} is still needed by: {', '.join(other.describe() for other in needed)}.")
    if st.button("Delete these too", key="delete-along", icon=":material/delete_sweep:"):
        _delete(picked, along=True)


def _delete(picked: list[Saved], *, along: bool) -> None:
    selection = state.get()
    selection.blocked = []
    entries = [find_entry(f"analyses/{entry.id}") for entry in picked]
    needed = [entry.id for entry in entries if referrers(entry)]
    if needed and not along:
        selection.blocked = needed
        st.rerun()
    selection.deleted = remove(entries, along=along)
    for entry in picked:
        if selection.analysis == entry.id:
            state.select_analysis("")
        if selection.compare == entry.id:
            selection.compare = ""
    cached.analysis.clear()
    st.rerun()


def _undo() -> None:
    """Offer to restore the last deletion."""
    selection = state.get()
    if not selection.deleted:
        return
    columns = st.columns([3.2, 1, 1], vertical_alignment="center")
    columns[0].text("Deleted. It stays in the trash of the cache until obce cache rm trash empties it.")
    if columns[1].button("Undo", icon=":material/undo:", width="stretch", key="undo-delete"):
        step, selection.deleted = selection.deleted, ""
        try:
            restore(step)
        except ObceError as error:
            guards.show_error(error)
            return
        st.rerun()
    if columns[2].button("Dismiss", width="stretch", key="dismiss-delete"):
        selection.deleted = ""
        st.rerun()
