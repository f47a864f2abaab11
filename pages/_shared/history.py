"""The server's part of the browser history: detect Back and Forward, and complete a first address without a second
entry.

The other half is `obce_core/figures/history.js`, which keeps one entry a choice in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamlit.runtime.scriptrunner import get_script_run_ctx


def is_return() -> bool:
    """Return True if Back or Forward started this run: the address, not the session, then says what is selected.

    The address alone cannot say it: a quick click is sent with the address from before the last answer.
    """
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def complete(address: Mapping[str, str]) -> None:
    """Set the address as this session sees it, without a message to the browser.

    Such a message makes an entry of the history. The first address is completed by the page's own script instead, which
    can replace the entry that it stands in.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as query:
        query.clear_with_no_forward_msg(preserve_embed=True)
        for name, value in address.items():
            query.set_with_no_forward_msg(name, value)
