"""Guards at the start of a page: explain what is missing, link to the remedy and stop. Also the display of errors."""

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
    """Ends the script of a page; the sidebar is still drawn, which `st.stop` would skip."""


_log = logging.getLogger("obce.app")


def need_analysis() -> Analysis:
    """Return the selected analysis, or the newest if none is selected; without one, explain how to make it and stop."""
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
        naming.offer_analyses()  # the selection stays until the user selects another analysis
        raise Ended from None
    selection.analysis = analysis.id  # an address may hold the beginning of an id
    selection.analysis_names[analysis.id] = naming.label(analysis)
    if not 1 <= selection.layer <= analysis.shape.layers:
        selection.layer = min(3, analysis.shape.layers)
    if selection.neuron is not None and selection.neuron not in analysis.neurons(selection.layer, selection.component):
        selection.neuron = None
    return analysis


def open_analysis(analysis_id: str) -> Analysis:
    """Open an analysis after checking that its folder still exists.

    Raises:
        AnalysisError: If it does not exist or cannot be read.
    """
    try:
        folder = find_analysis(analysis_id)
    except AnalysisError:
        name = state.get().analysis_names.get(analysis_id, "")
        raise AnalysisError(
            f"Analysis {shorten(analysis_id, 64)}{f' ({name})' if name else ''} was deleted, or is in another cache.",
            hint="Choose another one, or restore it with Undo on the Analysis page that deleted it.",
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
    """Return True unless the dashboard is read-only; else show that `action` (as in "Renaming") is impossible."""
    if not settings.read_only():
        return True
    st.html(f'<p class="note read-only">{escape(action)} is not possible: this dashboard is read-only.</p>')
    return False


def show_error(error: ObceError) -> None:
    """Show an error in a box, as plain text: it may repeat user input, which must not become markup."""
    st.html(
        f'<div class="fault" role="alert"><b aria-hidden="true">!</b><span '
        f'class="plain">{escape(str(error))}</span></div>'
    )


def show_notice(text: str) -> None:
    """Show a sentence in a box, as plain text."""
    st.html(
        f'<div class="notice" role="status"><b aria-hidden="true">i</b><span class="plain">{escape(text)}</span></div>'
    )


def show_gone(field: str, text: str) -> None:
    """Show that the object named by a field of the state is missing; selection and notice stay until dismissed."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"gone-{field}"):
        show_notice(text)
        st.button(
            "Dismiss", key=f"dismiss-gone-{field}", on_click=setattr, args=(state.get(), field, ""), width="content"
        )


@contextmanager
def caught() -> Iterator[None]:
    """Show ObceError and OSError in a box; log any other exception under a number and show that number."""
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
            raise  # an inner fragment has shown it; Streamlit's stop and rerun are not Exceptions
        number = uuid.uuid4().hex[:8]
        _log.exception("error %s", number)
        show_error(ObceError(f"Something went wrong (log entry {number}).", hint="The rest of the page still works."))
