"""Parts shared by the lessons: the question, the numbers that it covers, and small choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException

from obce_core.figures.widgets import panels
from obce_core.lessons import LESSONS
from obce_core.lessons.question import Question, Verdict, check
from pages._shared import nav, state

STYLE = """
<style>
.st-key-your-turn { border-left: 2px solid light-dark(#1B2430, #E4E9EF); padding-left: 16px; gap: 8px; }
.st-key-your-turn p.asked { font-size: 1.08rem; line-height: 1.4; margin: 0; }
.st-key-your-turn p.told { margin: 0; min-height: 4.4em; line-height: 1.4; }
.st-key-your-turn h3 { padding: 0; }
.st-key-lesson-strip { margin-bottom: -14px; }
</style>
"""
_REMEMBERED = 100


def go(number: int | None) -> None:
    """Open a lesson at its first question."""
    selection = state.get()
    if number is not None and number != selection.lesson:
        selection.lesson, selection.lesson_question, selection.lesson_panel = number, None, ""


def again() -> None:
    """Draw the lesson again; the whole page where the whole page is being drawn."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:  # streamlit has no public way to ask which of the two runs
        st.rerun()


def steps() -> None:
    """Show the ways to the lesson before and the one after."""
    number = state.get().lesson or 1
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        if number > 1:
            st.button(f"← {number - 1} {LESSONS[number - 2].name}", key="lesson-back", on_click=go, args=(number - 1,))
        else:
            st.html("<span></span>", width="content")
        if number < len(LESSONS):
            st.button(
                f"{number + 1} {LESSONS[number].name} →",
                key="lesson-on",
                type="primary",
                on_click=go,
                args=(number + 1,),
            )
        else:
            nav.link("plan", "Make a plan", icon=":material/tune:")


def asked(questions: Sequence[Question]) -> Question | None:
    """Return the question that is put now, and remember its answer."""
    if not questions:
        return None
    selection = state.get()
    question = questions[((selection.lesson_question or 1) - 1) % len(questions)]
    options = st.session_state.get(f"answer-{question.key}")
    if options:
        selection.lesson_answers[question.key] = str(options)
        for old in list(selection.lesson_answers)[:-_REMEMBERED]:
            del selection.lesson_answers[old]
    return question


def covers(question: Question | None, fact: str) -> bool:
    """Say whether a number of the figure is covered, because the question asks for it and has no answer yet."""
    selection = state.get()
    return (
        question is not None
        and fact in question.asks
        and not selection.lesson_open
        and question.key not in selection.lesson_answers
    )


def numbers(question: Question | None, rows: Sequence[tuple[str, str, str]]) -> None:
    """Write numbers in a row: (fact, name, value); a covered one is a question mark."""
    st.html(panels.numbers([(name, "?" if covers(question, fact) else value) for fact, name, value in rows]))


def pick(label: str, key: str, names: Mapping[str, str], current: str) -> str | None:
    """Offer some names, the current one marked; return another one when it was picked.

    What was picked is read as the page is drawn: the next event may cut a callback off half-way.
    """
    widget, shown = f"lesson-{key}", state.get().lesson_shown
    options = st.session_state.get(widget)
    picked = options if options in names and options not in (shown.get(widget, options), current) else None
    st.session_state[widget] = shown[widget] = picked or current
    st.segmented_control(
        label, list(names), format_func=lambda name: names[name], key=widget, label_visibility="collapsed"
    )
    return picked


def places() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return where the panel goes and where the question goes: below each other, the question first for a projector."""
    first, second = st.container(), st.container()
    return (second, first) if state.get().presentation else (first, second)


def your_turn(questions: Sequence[Question], *, empty: str) -> None:
    """Ask the present question and judge the answer; `empty` is said where the figure has nothing to ask."""
    selection = state.get()
    question = asked(questions)
    with st.container(key="your-turn"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Your turn", anchor=False)
            st.session_state["lesson-show"] = selection.lesson_open
            st.toggle("Uncover", key="lesson-show", on_change=_show, help="Show the numbers that the question asks for")
            if len(questions) > 1:
                st.button(
                    "Another",
                    key="lesson-next",
                    type="tertiary",
                    on_click=_next,
                    args=(len(questions),),
                    help="Another question",
                )
        if question is None:
            st.html(f'<p class="asked">{escape(empty)}</p>')
            return
        st.html(f'<p class="asked">{escape(question.text)}</p>')
        options = _given(question)
        st.html(f'<p class="told" role="status">{_told(check(question, options)) if options is not None else ""}</p>')


def _given(question: Question) -> str | None:
    before, widget = state.get().lesson_answers.get(question.key), f"answer-{question.key}"
    if question.kind == "choice":
        st.segmented_control("Answer", question.choices, default=before, key=widget, label_visibility="collapsed")
    else:
        st.text_input(
            "Answer",
            before or "",
            key=widget,
            placeholder="a number, then Enter",
            label_visibility="collapsed",
            width=240,
        )
    return before


def _told(verdict: Verdict) -> str:
    first, _, rest = verdict.told.partition(" ")
    glyph = "✓" if verdict.right else "✕" if first == "No." else "?"
    return f"<b>{glyph} {escape(first)}</b> {escape(rest)}"


def _show() -> None:
    state.get().lesson_open = st.session_state["lesson-show"]


def _next(count: int) -> None:
    selection = state.get()
    selection.lesson_question = (selection.lesson_question or 1) % count + 1
