"""What a teacher's link carries: points, radius and drawings survive the way there and back; anything odd is
ignored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obce_core.lessons.drawing import SHAPES, make_drawing, read_drawing, write_drawing
from obce_core.lessons.scene import (
    FIELD,
    MAX_POINTS,
    MAX_RADIUS,
    SETS,
    letters,
    read_points,
    read_radius,
    read_scene,
    to_points,
    write_points,
    write_radius,
)

POINTS = st.lists(st.tuples(st.integers(0, FIELD[0]), st.integers(0, FIELD[1])), max_size=MAX_POINTS).map(tuple)


@given(POINTS, st.integers(0, MAX_RADIUS))
def test_points_and_radius_survive_a_link(points: tuple, radius: int) -> None:
    text = write_points(points)
    assert read_points(text) == points
    assert len(text) <= 700
    assert read_radius(write_radius(radius), 5) == radius


@given(POINTS, st.lists(st.lists(st.integers(0, 14), min_size=2, max_size=3), max_size=20))
def test_a_drawing_survives_a_link(points: tuple, simplices: list) -> None:
    drawing = make_drawing(points, simplices)
    assert read_drawing(write_drawing(drawing)) == drawing


def test_known_sets_travel_by_name() -> None:
    assert [write_points(points) for points in SETS.values()] == list(SETS)
    assert [write_drawing(drawing) for drawing in SHAPES.values()] == list(SHAPES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rings",
        "1",
        "1_2~",
        "1_2~x",
        "11_2",
        "1_9",
        "-1_2",
        "1_2_3",
        "1.2345_1",
        "1_2~" * 60,
        "1_1~" * 41 + "1_1",
        "<b>",
        "١_٢",
        "1_2\n",
    ],
)
def test_odd_points_are_ignored(text: str) -> None:
    assert read_points(text) is None
    assert read_scene(text, "x").points == SETS["ring"]
    assert read_scene(text, "x").radius == 1_200


@pytest.mark.parametrize(
    "text", ["", "castle", "1_2-AB", "1_2~3_4-AC", "1_2~3_4-AB-AB", "ring-AB", "1_2~3_4-ab", "none-A", "1_2~3_4-A"]
)
def test_odd_drawings_are_ignored(text: str) -> None:
    assert read_drawing(text) is None


@pytest.mark.parametrize("text", ["", "5", "4.001", "1.2345", "-1", "1e1", "²"])
def test_an_odd_radius_is_the_default(text: str) -> None:
    assert read_radius(text, 700) == 700


def test_what_the_browser_sends_is_kept_in_the_field() -> None:
    sent = [[-5, 4.6], [1e30, 2], ["a", 1], [1], [True, 1], [12_000, 9_000], [float("nan"), 1]]
    assert to_points(sent) == ((0, 5), (10_000, 8_000))
    assert len(to_points([[1, 1]] * 99)) == MAX_POINTS


def test_points_have_different_names() -> None:
    assert len(set(letters(MAX_POINTS))) == MAX_POINTS
