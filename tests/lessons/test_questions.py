"""Questions of the lessons: the stated answer is judged right, every other choice wrong, and other figures ask for
others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obce_core.errors import PlanError
from obce_core.lessons import LESSONS, barcodes, complexes, cut, neuron, rips
from obce_core.lessons.drawing import SHAPES, Drawing, make_drawing
from obce_core.lessons.question import Question, check, counted, read_number
from obce_core.lessons.scene import FIELD, SETS, Scene
from obce_core.plan import count, resolve

POINT = st.tuples(st.integers(0, FIELD[0] // 500), st.integers(0, FIELD[1] // 500)).map(
    lambda p: (p[0] * 500, p[1] * 500)
)
SCENES = st.builds(
    Scene, points=st.lists(POINT, max_size=9).map(tuple), radius=st.integers(0, 8).map(lambda r: r * 500)
)
DRAWINGS = st.integers(0, 6).flatmap(
    lambda n: st.builds(
        make_drawing,
        st.just([(500 * at, 500) for at in range(n)]),
        st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=3), max_size=8),
    )
)


def assert_sound(questions: Iterable[Question]) -> None:
    """The answer is right; every other choice and every named mistake is wrong and explained."""
    for question in questions:
        if question.kind == "choice":
            assert question.choices.count(str(question.answer)) == 1, question
            assert len(set(question.choices)) == len(question.choices) >= 2, question
            assert {slip.answer for slip in question.slips} <= set(question.choices) - {question.answer}, question
            for choice in question.choices:
                verdict = check(question, choice)
                assert verdict.right == (choice == question.answer)
                assert question.why in verdict.told
        else:
            answer = float(question.answer)
            assert check(question, repr(answer)).right
            assert not check(question, repr(answer + 2.1 * question.tolerance + 1e-6)).right
            assert check(question, "ten").told.startswith("That is not a number")
        shown = " ".join([question.text, question.why, *question.choices, *(slip.why for slip in question.slips)])
        assert "!" not in shown and "nan" not in shown and "None" not in shown
        assert not re.search(r"\b1 (points|edges|triangles|parts|loops|bars|pieces)\b", shown), shown


@given(DRAWINGS)
def test_lesson_1_is_sound_for_any_drawing(drawing: Drawing) -> None:
    found = complexes.questions(drawing)
    assert bool(found) == bool(drawing.points)
    assert_sound(found)


@given(SCENES)
def test_lessons_2_and_3_are_sound_for_any_points(scene: Scene) -> None:
    assert_sound(rips.questions(scene))
    for edge_length in (False, True):
        found = barcodes.questions(scene, edge_length=edge_length)
        assert bool(found) == (len(scene.points) > 1)
        assert_sound(found)


@given(st.lists(st.integers(-9, 9).map(lambda v: v / 8), min_size=1, max_size=12))
def test_lesson_4_is_sound_for_any_outputs(values: list[float]) -> None:
    line = neuron.look(values)
    for edge_length in (False, True):
        found = neuron.questions(line, edge_length=edge_length)
        assert bool(found) == (len(set(values)) > 1)
        assert_sound(found)


def test_the_questions_follow_the_points() -> None:
    ring = Scene(points=SETS["ring"], radius=1_200)
    parts = {name: rips.questions(replace(ring, points=points))[1].answer for name, points in SETS.items()}
    assert rips.questions(ring)[0].answer == "1"
    assert len(set(parts.values())) > 1
    for moved in (replace(ring, radius=100), replace(ring, points=((0, 0), *ring.points[1:]))):
        assert [q.answer for q in rips.questions(moved)] != [q.answer for q in rips.questions(ring)]
        assert not {q.key for q in rips.questions(moved)} & {q.key for q in rips.questions(ring)}


def test_counts_are_counted_slowly() -> None:
    """Two disks of radius 1 at distance 2 touch; a third is far."""
    scene = Scene(points=((0, 0), (2_000, 0), (9_000, 0)), radius=1_000)
    loops, parts, rank = rips.questions(scene)
    assert (loops.answer, parts.answer, rank.answer) == ("0", "2", "1")
    alive, last, gudhi = barcodes.questions(scene)
    assert alive.answer == "2"
    assert last.answer == gudhi.answer == 3.5
    assert "edge length, twice" in check(last, "7").told
    assert "leaves out the bar that never ends" in check(alive, "1").told
    assert barcodes.questions(scene, edge_length=True)[1].answer == 7.0


def test_touching_is_exact_for_decimals() -> None:
    # 0.1 + 0.2 style sums would miss these touches in floating point
    assert Scene(points=((1_100, 0), (3_300, 0)), radius=1_100).betti == (1, 0)
    assert Scene(points=((1_100, 0), (3_300, 0)), radius=1_099).betti == (2, 0)


def test_a_drawing_that_is_no_complex_is_asked_for_its_missing_faces() -> None:
    which, how_many = complexes.questions(SHAPES["broken"])
    assert (which.answer, how_many.answer) == ("AC", "2")
    assert "AB is there already" in check(which, "AB").told


def test_the_hollow_shell_counts_its_cavity() -> None:
    euler, loops, pieces = complexes.questions(SHAPES["shell"])
    assert (euler.answer, loops.answer, pieces.answer) == ("2", "0", "1")
    assert "1 closed hollow" in euler.why


def test_the_widest_gap_closes_last_and_half_of_it_is_r_f() -> None:
    line = neuron.look([0.0, 1.0, 4.0, 4.5])
    which, r_f, apart = neuron.questions(line)
    assert (which.answer, r_f.answer, apart.answer) == ("B", 1.5, "2")
    assert "whole gap" in check(r_f, "3").told
    assert "half of the range" in check(r_f, "2,25").told
    assert neuron.questions(line, edge_length=True)[1].answer == 3.0


@pytest.mark.parametrize("component", ["query", "key", "value", "intermediate"])
@pytest.mark.parametrize("percentile", [10, 50, 90])
def test_lesson_5_counts_as_a_plan_does(component: str, percentile: int, tiny_analysis: Any) -> None:
    seen = cut.look(tiny_analysis, 3, component, percentile)
    plan = resolve(tiny_analysis, cut.prune_spec(3, component, percentile))
    many, fate, saved = cut.questions(seen)
    assert many.answer == f"{plan.neurons_cut:,}"
    assert saved.answer == f"{count(tiny_analysis, plan).parameters_cut:,}"
    assert "Counted from the tensors" not in saved.why and saved.answer in saved.why
    assert_sound([many, fate, saved])
    fewer = sum(math.prod(before) * bool(before) - math.prod(after) * bool(after) for _, before, after in seen.tensors)
    assert f"{fewer:,}" == saved.answer
    for at, index in enumerate(seen.neurons.tolist()):
        assert cut.questions(seen, index)[1].answer == (
            "Kept" if seen.scores[at] > np.percentile(seen.scores, percentile) else "Cut"
        )


def test_lesson_5_refuses_a_cell_where_all_is_equal(tiny_analysis: Any) -> None:
    with pytest.raises(PlanError, match="same value"):
        cut.look(tiny_analysis, 1, "value", 50)


@given(st.integers(0, 30), st.lists(st.integers(-3, 30), max_size=5))
def test_choices_hold_the_answer_once_and_never_a_negative(answer: int, wrong: list[int]) -> None:
    choices, slips = counted(answer, [(value, "why") for value in wrong])
    numbers = [int(choice) for choice in choices]
    assert numbers == sorted(set(numbers)) and numbers.count(answer) == 1 and len(numbers) == 4 and numbers[0] >= 0
    assert {slip.answer for slip in slips} <= set(choices) - {str(answer)}


@pytest.mark.parametrize("text", ["", "ten", "1e999", "nan", "0x10", "1_000", "٣", "--1", "1" * 50])
def test_what_is_no_number_is_told_so(text: str) -> None:
    assert read_number(text) is None or text == "1" * 50


def test_there_are_five_lessons() -> None:
    assert [bool(lesson.name and lesson.title and lesson.lead) for lesson in LESSONS] == [True] * 5
