"""The lessons: with and without an analysis, from any address, and with an answer that follows from the figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages_app import FILES, adopt, faults, open_page, words
from streamlit.testing.v1 import AppTest
from tiny import sample

from obce_core.analysis.analyze import analyze
from obce_core.formatting import amount
from obce_core.lessons import LESSONS, barcodes, complexes, neuron, rips
from obce_core.lessons.drawing import SHAPES
from obce_core.lessons.question import Question
from obce_core.lessons.scene import SETS, read_scene
from pages._shared import cached
from pages.learn import model_lessons


@pytest.fixture
def key(tiny_analysis: Any, cache: Path) -> str:
    return adopt(tiny_analysis, cache)


def open_learn(**address: str) -> AppTest:
    """Run the app, then the page of the lessons."""
    return open_page("learn", **address)


def group(app: AppTest, key: str) -> Any:
    """Find a segmented control."""
    return next(element for element in app.get("button_group") if element.key == key)


def answer(app: AppTest, question: Question, given: str) -> str:
    group(app, f"answer-{question.key}").set_value(given).run()
    assert not app.exception
    return words(app)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_every_lesson_opens_without_an_analysis(number: int) -> None:
    app = open_learn(lesson=str(number))
    assert not app.exception and not faults(app)
    shown = words(app)
    assert LESSONS[number - 1].title in shown
    assert ("Your turn" in shown) == (number < 4)
    assert ("no model was measured yet" in shown) == (number > 3)
    assert [button.key for button in app.button if button.key in ("lesson-back", "lesson-on")] == (
        ["lesson-on"] if number == 1 else ["lesson-back"] if number == 5 else ["lesson-back", "lesson-on"]
    )


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("component", ["query", "value", "output"])
def test_every_lesson_opens_with_an_analysis(number: int, component: str, tiny_analysis: Any, cache: Path) -> None:
    app = open_learn(lesson=str(number), analysis=adopt(tiny_analysis, cache), layer="3", component=component)
    assert not app.exception and not faults(app)
    assert "Your turn" in words(app)


@pytest.mark.parametrize("number", [4, 5])
def test_a_cell_where_all_is_equal_says_so(number: int, tiny_analysis: Any, cache: Path) -> None:
    app = open_learn(lesson=str(number), analysis=adopt(tiny_analysis, cache), layer="1", component="value")
    assert not app.exception and not faults(app)
    assert "Every text gives the same value" in words(app)
    assert "Your turn" not in words(app)


@pytest.mark.parametrize("number", [4, 5])
def test_a_damaged_analysis_is_a_line(number: int, tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    (cache / "analyses" / key / "importance.parquet").write_bytes(b"not parquet")
    app = open_learn(lesson=str(number), analysis=key)
    assert not app.exception
    assert "importance.parquet" in words(app) and "Traceback" not in words(app)


@pytest.mark.parametrize(
    "address",
    [
        {"lesson": "6"},
        {"lesson": "-1"},
        {"lesson": "2", "lesson_points": "<b>", "lesson_radius": "9.99.9"},
        {"lesson": "2", "lesson_points": "1_2~", "lesson_radius": "9"},
        {"lesson": "2", "lesson_points": "~" * 700, "lesson_question": "9", "lesson_panel": "second"},
        {"lesson": "1", "lesson_complex": "1_2-AB"},
        {"lesson": "3", "lesson_points": "none"},
        {"lesson": "3", "lesson_points": "1_1~1_1~1_1", "lesson_radius": "0", "lesson_panel": "diagram"},
        {"lesson": "1", "lesson_complex": "none"},
        {"lesson": "2", "lesson_points": "none", "lesson_panel": "points"},
    ],
)
def test_an_odd_address_is_ignored(address: dict[str, str]) -> None:
    app = open_learn(**address)
    assert not app.exception and not faults(app)
    assert "Your turn" in words(app)


def test_numbers_that_give_the_answer_away_are_covered_until_it_is_given() -> None:
    app = open_learn(lesson="2")
    question = rips.questions(read_scene("ring", "1.2"))[0]
    assert "<b>?</b><span>b₁ loops" in words(app)
    shown = answer(app, question, "1")
    assert "✓ Yes." in shown and question.why in shown
    assert "<b>1</b><span>b₁ loops" in shown


def test_a_wrong_answer_is_told_its_mistake() -> None:
    app = open_learn(lesson="3", lesson_radius="0.1")
    question = barcodes.questions(read_scene("ring", "0.1"))[0]
    assert "leaves out the bar that never ends" in answer(app, question, "11")


def test_uncovering_shows_every_number() -> None:
    app = open_learn(lesson="2", lesson_open="1")
    assert "<b>?</b>" not in words(app)


def test_other_points_ask_for_another_answer() -> None:
    app = open_learn(lesson="2", lesson_question="2")
    before = answer(app, rips.questions(read_scene("ring", "1.2"))[1], "1")
    assert "✓ Yes." in before
    group(app, "lesson-set").set_value("line").run()
    after = words(app)
    question = rips.questions(read_scene("line", "1.2"))[1]
    assert question.answer != "1" or question.why not in before
    assert "✓ Yes." not in after and "<b>?</b><span>b₀ parts" in after
    assert f"✓ Yes.</b> {question.why[:20]}" in answer(app, question, str(question.answer))
    assert app.query_params["lesson_points"] in ("line", ["line"])


def test_a_typed_number_is_judged() -> None:
    app = open_learn(lesson="3", lesson_question="2")
    question = barcodes.questions(read_scene("ring", "1.2"))[1]
    field = app.text_input(key=f"answer-{question.key}")
    field.input(str(2 * float(question.answer))).run()
    assert "That is the edge length" in words(app)
    app.text_input(key=f"answer-{question.key}").input(f"{float(question.answer):.2f}".replace(".", ",")).run()
    assert "✓ Yes." in words(app)


def test_the_strip_and_the_buttons_walk_through_the_lessons() -> None:
    app = open_learn()
    assert LESSONS[0].title in words(app)
    for lesson in LESSONS[1:]:
        app.button(key="lesson-on").click().run()
        assert lesson.title in words(app)
    group(app, "lesson-strip").set_value(2).run()
    assert LESSONS[1].title in words(app)
    app.button(key="lesson-back").click().run()
    assert LESSONS[0].title in words(app)


def test_the_drawing_of_a_link_asks_for_its_missing_faces() -> None:
    app = open_learn(lesson="1", lesson_complex="broken")
    question = complexes.questions(SHAPES["broken"])[0]
    assert "Not a complex" in words(app)
    assert question.why in answer(app, question, "AC")


def test_forty_points_at_the_largest_radius_are_shown() -> None:
    points = "~".join(f"{at % 8}_{at // 8}" for at in range(40))
    for panel in ("first", "second", "bars", "points"):
        app = open_learn(lesson="2", lesson_points=points, lesson_radius="4", lesson_panel=panel)
        assert not app.exception and not faults(app)
    assert len(SETS) == 4


def test_edge_lengths_double_what_lesson_3_shows() -> None:
    app = open_learn(lesson="3", edge_length="1", lesson_open="1")
    last = float(read_scene("ring", "1.2").bars.h0[-1])
    assert f"{2 * last:.2f}</b><span>all one part at" in words(app)


def table(app: AppTest) -> list[list[float]]:
    """Read the points that the editor starts from."""
    found = app.get("dataframe")
    assert not app.exception and len(found) == 1
    return found[0].value.to_numpy().tolist()


def type_into_table(app: AppTest, row: int, **cells: float) -> None:
    """Edit a cell of the table of points, as a browser says it."""
    key = app.get("dataframe")[0].key
    app.session_state[key] = {"edited_rows": {row: cells}, "added_rows": [], "deleted_rows": []}
    app.run()
    assert not app.exception and not faults(app)


@pytest.mark.parametrize("number", ["2", "3"])
def test_the_table_shows_the_edited_points_when_it_comes_back(number: str) -> None:
    app = open_learn(lesson=number, lesson_points="1_1~2_2~4_4", lesson_panel="points")
    type_into_table(app, 0, x=7.5)
    assert app.query_params["lesson_points"] in ("7.5_1~2_2~4_4", ["7.5_1~2_2~4_4"])
    panel = next(element.key for element in app.get("button_group") if element.key.startswith("lesson-panel-"))
    group(app, panel).set_value("bars").run()
    assert not app.get("dataframe")
    group(app, panel).set_value("points").run()
    assert table(app) == [[7.5, 1], [2, 2], [4, 4]]
    assert app.query_params["lesson_points"] in ("7.5_1~2_2~4_4", ["7.5_1~2_2~4_4"])
    type_into_table(app, 1, y=3.25)
    assert app.query_params["lesson_points"] in ("7.5_1~2_3.25~4_4", ["7.5_1~2_3.25~4_4"])


def test_the_table_keeps_its_edits_while_it_is_shown() -> None:
    app = open_learn(lesson="2", lesson_points="1_1~2_2~4_4", lesson_panel="points")
    key = app.get("dataframe")[0].key
    type_into_table(app, 0, x=7.5)
    app.run()
    assert app.get("dataframe")[0].key == key
    assert app.query_params["lesson_points"] in ("7.5_1~2_2~4_4", ["7.5_1~2_2~4_4"])


def test_another_page_and_back_leaves_the_edited_points() -> None:
    app = open_learn(lesson="2", lesson_points="1_1~2_2~4_4", lesson_panel="points")
    type_into_table(app, 0, x=7.5)
    app.switch_page(FILES["home"]).run()
    app.switch_page(FILES["learn"]).run()
    assert table(app) == [[7.5, 1], [2, 2], [4, 4]]
    assert app.query_params["lesson_points"] in ("7.5_1~2_2~4_4", ["7.5_1~2_2~4_4"])


def test_the_lesson_and_the_sidebar_switch_edge_lengths_together() -> None:
    app = open_learn(lesson="3", lesson_open="1")
    last = float(read_scene("ring", "1.2").bars.h0[-1])
    for key, on in (
        ("lesson-edge", True),
        ("edge-length", False),
        ("edge-length", True),
        ("lesson-edge", False),
        ("lesson-edge", True),
    ):
        app.toggle(key=key).set_value(on).run()
        assert not app.exception
        assert [app.toggle(key=each).value for each in ("lesson-edge", "edge-length")] == [on, on]
        assert ("edge_length" in app.query_params) == on
        assert f"<b>{amount((1 + on) * last)}</b><span>all one part at" in words(app)


@pytest.fixture(scope="module")
def token_analysis(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Analyse the tiny model with a point for every token."""
    return analyze(
        tiny_folder,
        sample(20, heldout=6),
        tokens="all",
        batch_size=8,
        out=tmp_path_factory.mktemp("analyses") / "tokens",
    )


def refuse(*_: object) -> None:
    raise AssertionError("this reads more than the lesson needs")


def test_tokens_are_called_tokens_and_only_one_column_is_read(
    token_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached, "outputs", refuse)
    app = open_learn(
        lesson="4", analysis=adopt(token_analysis, cache), layer="3", component="value", neuron="5", lesson_question="3"
    )
    shown = words(app)
    assert not app.exception and not faults(app)
    assert f"<b>{token_analysis.meta['rows']:,}</b><span>tokens" in shown
    assert "tokens set apart" in shown and "output for one token" in shown and "How many tokens lie" in shown
    question = neuron.questions(neuron.look(token_analysis.neuron(3, "value", 5)), noun="token")[2]
    assert question.why in answer(app, question, str(question.answer))


def test_too_many_outputs_are_not_read(token_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_lessons, "_MOST", 30)
    monkeypatch.setattr(cached, "outputs", refuse)
    monkeypatch.setattr(cached, "neuron", refuse)
    app = open_learn(lesson="4", analysis=adopt(token_analysis, cache), layer="3", component="value", neuron="5")
    assert not app.exception and not faults(app)
    assert (
        f"at most 30 outputs, this analysis has {token_analysis.meta['rows']:,}: choose one with fewer tokens"
        in words(app)
    )
    assert [button.key for button in app.button if button.key in ("lesson-back", "lesson-on")] == [
        "lesson-back",
        "lesson-on",
    ]


def test_the_way_to_the_demo_promises_no_time() -> None:
    assert "second" not in words(open_learn(lesson="4")).partition("no model was measured yet")[2].partition("</p>")[0]


def tie_upper_half(folder: Path, layer: int, component: str) -> None:
    """Give the upper half of a cell's neurons one r_f, so that no large percentile keeps any of them."""
    path = folder / "importance.parquet"
    stored = pd.read_parquet(path)
    mine = (stored["layer"] == layer) & (stored["component"] == component)
    stored.loc[mine, "r_f"] = stored.loc[mine, "r_f"].clip(upper=stored.loc[mine, "r_f"].median())
    stored.to_parquet(path)


def test_a_percentile_that_keeps_nothing_is_a_line_and_the_lesson_goes_on(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    tie_upper_half(cache / "analyses" / key, 3, "value")
    app = open_learn(lesson="5", analysis=key, layer="3", component="value", lesson_percentile="95")
    assert not app.exception and not faults(app)
    shown = words(app)
    assert "Layer 3 value: percentile 95 would keep 0 of 24 neurons (their r_f values are tied)." in shown
    assert "Your turn" in shown and "Choose a smaller percentile, or another cell." in shown
    assert [element.proto.component_name for element in app.get("bidi_component")].count("obce_threshold") == 1
    app.selectbox(key="lesson-component").set_value("key").run()
    shown = words(app)
    assert not app.exception and not faults(app)
    assert "Key · P95" in shown and "would keep 0" not in shown and "parameters cut" in shown
    app = open_learn(lesson="5", analysis=key, layer="3", component="value", lesson_percentile="30")
    assert "would keep 0" not in words(app) and "parameters cut" in words(app)


def test_a_constant_neuron_is_told_from_a_cell_where_all_is_equal(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = words(open_page("learn", analysis=key, lesson="4", layer="1", component="query"))
    assert "Every text gives the same value in this cell (on [CLS], layer 1" in shown
    monkeypatch.setattr("pages._shared.cached.neuron", lambda *_: np.zeros(20))
    shown = words(open_page("learn", analysis=key, lesson="4", layer="3", component="intermediate", neuron="7"))
    assert "This neuron gives every text the same value: there is no gap. Choose another neuron." in shown
    assert "in this cell" not in shown
