"""Guards at the start of a page: if something is missing, show what to do and stop."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st
from streamlit.errors import FragmentHandledException

from obce_core import settings
from obce_core.analysis.analysis import Analysis, find_analysis
from obce_core.errors import AnalysisError, ObceError, shorten
from pages._shared import cached, naming, nav, state


class Ended(Exception):
    """A page has said all that it can: its script ends here, the sidebar follows (`st.stop` would leave it out)."""


_log = logging.getLogger("obce.app")


def need_analysis() -> Analysis:
    """Return the selected analysis (the newest when none is), or say how to make one and stop the page."""
    selection = state.get()
    if not selection.analysis:
        selection.analysis = _newest()  # a cell named in the address stays
        if not selection.analysis:
            st.info("No analysis yet. Home runs the demo; Analysis measures your own model.")
            nav.link("home", "Go to Home", icon=":material/home:")
            nav.link("analysis", "Measure a model", icon=":material/play_circle:")
            raise Ended
    try:
        analysis = open_analysis(selection.analysis)
    except ObceError as error:
        show_error(error)
        naming.offer_analyses()  # the selection stays: another analysis is shown only when the user chooses it
        raise Ended from None
    selection.analysis = analysis.id  # an address may hold the beginning of an id
    selection.analysis_names[analysis.id] = naming.label(analysis)
    if not 1 <= selection.layer <= analysis.shape.layers:
        selection.layer = min(3, analysis.shape.layers)
    if selection.neuron is not None and selection.neuron not in analysis.neurons(selection.layer, selection.component):
        selection.neuron = None
    return analysis


def open_analysis(analysis_id: str) -> Analysis:
    """Open an analysis, and see that its folder is still there.

    Raises:
        AnalysisError: it is not here, or cannot be read.
    """
    try:
        folder = find_analysis(analysis_id)
    except AnalysisError:
        name = state.get().analysis_names.get(analysis_id, "")
        raise AnalysisError(
            f"Analysis {shorten(analysis_id, 64)}{f' ({name})' if name else ''} was deleted, or is in another cache.",
            hint="Choose another one, or bring it back with Undo on the Analysis page that deleted it.",
        ) from None
    return cached.analysis(folder.name)


def _newest() -> str:
    """Return the id of the newest analysis that can be read, or ""."""
    for entry in cached.saved():
        try:
            return cached.analysis(entry.id).id
        except ObceError:
            continue
    return ""


def writable(action: str) -> bool:
    """Return True if visitors may change things; else say in one line that `action` ("Renaming and deleting") is not
    possible."""
    if not settings.read_only():
        return True
    st.html(f'<p class="note read-only">{escape(action)} is not possible: this dashboard is read-only.</p>')
    return False


def show_error(error: ObceError) -> None:
    """Show an error in a box, as plain text: what was given may be in it, and must not become markup."""
    st.html(
        '<div class="fault" role="alert"><b aria-hidden="true">!</b><span '
        f'class="plain">{escape(str(error))}</span></div>'
    )


def show_notice(text: str) -> None:
    """Show a sentence in a box, as plain text."""
    st.html(
        f'<div class="notice" role="status"><b aria-hidden="true">i</b><span class="plain">{escape(text)}</span></div>'
    )


def show_gone(field: str, text: str) -> None:
    """Show that the selected item of a state field was deleted; it stays selected until the user dismisses
    it."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"gone-{field}"):
        show_notice(text)
        st.button(
            "Dismiss", key=f"dismiss-gone-{field}", on_click=setattr, args=(state.get(), field, ""), width="content"
        )


@contextmanager
def caught() -> Iterator[None]:
    """Show our own errors as a line; give any other a number that the log has too."""
    try:
        yield
    except Ended:
        pass
    except ObceError as error:
        show_error(error)
    except OSError as error:
        show_error(ObceError(f"{error.strerror or error}."))
    except Exception as error:
        if isinstance(error, FragmentHandledException):
            raise  # an inner fragment has shown it already; stopping and switching pages do not raise Exceptions
        number = uuid.uuid4().hex[:8]
        _log.exception("error %s", number)
        show_error(ObceError(f"Something went wrong (log entry {number}).", hint="The rest of the page still works."))
