"""Five lessons: a figure to play with, its numbers, and a question about its present state."""

from __future__ import annotations

import streamlit as st

from obce_core.figures.widgets import panels
from obce_core.lessons import LESSONS
from pages._shared import guards, layout, state
from pages.learn import model_lessons, parts, point_lessons

selection = state.get()
BODIES = (point_lessons.complexes, point_lessons.disks, point_lessons.barcodes, model_lessons.neuron, model_lessons.cut)
visited: list[
    tuple[str, int, str, int | None, bool]
] = []  # what the sidebar shows, as the whole page was drawn with it

NUMBERS = range(1, len(LESSONS) + 1)


def _picked() -> None:
    parts.go(st.session_state["lesson-strip"])


@st.fragment
def _page() -> None:
    with guards.caught():
        number = selection.lesson = selection.lesson or 1
        lesson = LESSONS[number - 1]
        st.session_state["lesson-strip"] = number
        st.segmented_control(
            "Lesson",
            NUMBERS,
            format_func=lambda at: f"{at} {LESSONS[at - 1].name}",
            key="lesson-strip",
            on_change=_picked,
            label_visibility="collapsed",
        )
        layout.title(lesson.title, lesson.lead)
        BODIES[number - 1]()
        with st.expander("How to read this"):
            st.markdown(lesson.read)
        now = (selection.analysis, selection.layer, selection.component, selection.neuron, selection.edge_length)
        if visited and visited != [now]:
            st.rerun()  # this fragment cannot reach the sidebar
        visited[:] = [now]
        state.write_address()  # the frame writes it too, but not when this fragment alone runs


st.html(panels.style() + parts.STYLE)
_page()
