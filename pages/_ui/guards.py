"""The start of a page: what is missing is said in a sentence, with the way out, and the page ends there."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st
from streamlit.errors import FragmentHandledException

from obce_core import settings
from obce_core.analysis import Analysis
from obce_core.errors import AnalysisError, ObceError
from pages._ui import cached, nav, state


class Ended(Exception):
    """A page has said all that it can: its script ends here, the sidebar follows (`st.stop` would leave it out)."""


_log = logging.getLogger("obce.app")


def need_analysis() -> Analysis:
    """Return the selected analysis (the newest when none is), or say how to make one and stop the page."""
    chosen = state.get()
    if not chosen.analysis:
        chosen.analysis = _newest()  # a cell named in the address stays
        if not chosen.analysis:
            st.info("No analysis yet. Home runs the demo; Analysis measures your own model.")
            nav.link("home", "Go to Home", icon=":material/home:")
            nav.link("analysis", "Measure a model", icon=":material/play_circle:")
            raise Ended
    try:
        found = cached.analysis(chosen.analysis)
        if found.folder is None or not found.folder.is_dir():
            raise AnalysisError("The selected analysis was deleted.")
    except ObceError as error:
        show_error(error)
        chosen.analysis = ""
        nav.link("analysis", "Choose another analysis", icon=":material/play_circle:")
        raise Ended from None
    chosen.analysis = found.id  # an address may hold the beginning of an id
    if not 1 <= chosen.layer <= found.shape.layers:
        chosen.layer = min(3, found.shape.layers)
    if chosen.neuron is not None and chosen.neuron not in found.neurons(chosen.layer, chosen.component):
        chosen.neuron = None
    return found


def _newest() -> str:
    """Return the id of the newest analysis that can be read, or ""."""
    for entry in cached.saved():
        try:
            return cached.analysis(entry.id).id
        except ObceError:
            continue
    return ""


def writable(action: str) -> bool:
    """Return True if visitors may change things; else say in one line that `action` ("Renaming and deleting") is not possible."""
    if not settings.read_only():
        return True
    st.html(f'<p class="note read-only">{escape(action)} is not possible: this dashboard is read-only.</p>')
    return False


def show_error(error: ObceError) -> None:
    """Show an error in a box, as plain text: what was given may be in it, and must not become markup."""
    st.html(f'<div class="fault" role="alert"><b aria-hidden="true">!</b><span class="plain">{escape(str(error))}</span></div>')


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
            raise  # a fragment within has shown it already; stopping and switching pages are no Exceptions
        number = uuid.uuid4().hex[:8]
        _log.exception("error %s", number)
        show_error(ObceError(f"Something went wrong (log entry {number}).", hint="The rest of the page still works."))
