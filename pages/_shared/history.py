"""The server side of the browser history: detect Back and Forward, complete a first address without a second entry.

The browser side is `obce_core/figures/widgets/frame/history.js`, which adds one history entry for each choice.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamlit.runtime.scriptrunner import get_script_run_ctx


def is_return() -> bool:
    """Return True if Back or Forward started this run; the selection is then taken from the address, not the session.

    The address alone does not tell: a quick click is sent with the address from before the last response.
    """
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def complete(address: Mapping[str, str]) -> None:
    """Set the address as this session sees it, without a message to the browser.

    Such a message would add a history entry. The page's own script completes the first address instead, because it can
    replace the current entry.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as query:
        query.clear_with_no_forward_msg(preserve_embed=True)
        for name, value in address.items():
            query.set_with_no_forward_msg(name, value)
