"""The Neuron page: its numbers, what it separates, its plan, its clouds; empty, loaded and failing."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages_app import adopt, faults, open_page, words
from tiny import sample

from obce_core.analysis.analyze import analyze
from obce_core.background import Answer
from obce_core.formatting import amount
from obce_core.plan import ManualOverride
from obce_core.plan.storage import read_draft
from obce_core.texts import Texts
from obce_core.topology import barcode, bootstrap_r_f, most_isolated, r_f_without
from pages.neuron import story

EVIL = "<img src=x onerror=alert(1)> ![x](http://example.org/x.png)"


@pytest.fixture
def key(tiny_analysis: Any, cache: Path) -> str:
    return adopt(tiny_analysis, cache)


def neuron_page(key: str, **address: str) -> Any:
    return open_page("neuron", **{"analysis": key, "layer": "3", "component": "value", "neuron": "7", **address})


def clean(app: Any) -> str:
    assert not app.exception and not faults(app), words(app)
    return words(app)


def test_its_numbers_are_those_of_the_engine(key: str, tiny_analysis: Any) -> None:
    shown = clean(neuron_page(key))
    values = tiny_analysis.neuron(3, "value", 7)
    scores = tiny_analysis.scores(3, "value")
    interval = bootstrap_r_f(values)
    assert f"rank {(scores > scores[7]).sum() + 1} of 24" in shown
    assert f"bootstrap 90 %: {amount(interval.low, 2)} – {amount(interval.high, 2)}" in shown
    assert amount(r_f_without(values, most_isolated(values))) in shown
    assert amount(float(np.median(scores))) in shown
    assert "Head 0, offset 7." in shown
    assert "not consistent" in shown


def test_edge_lengths_are_twice_the_radii(key: str, tiny_analysis: Any) -> None:
    shown = clean(neuron_page(key, edge_length="1"))
    assert amount(2 * tiny_analysis.scores(3, "value")[7]) in shown
    assert "edge length, 2 r_f" in shown


def test_keep_with_a_reason_is_written_into_the_plan_and_taken_back(key: str) -> None:
    app = neuron_page(key)
    app.text_input[0].set_value(EVIL)
    next(button for button in app.button if button.label == "Keep this neuron").click().run()
    shown = clean(app)
    assert "kept by hand" in shown
    assert read_draft(key).prune_spec.keep == (ManualOverride(layer=3, component="value", neurons=(7,), reason=EVIL),)
    for element in [*app.get("markdown"), *app.get("html")]:
        assert "onerror=alert" not in str(getattr(element, "value", "")) + str(
            getattr(getattr(element, "proto", None), "body", "")
        )
    next(button for button in app.button if button.label == "Drop this neuron").click().run()
    assert "dropped by hand" in clean(app)
    app.button(key="release-drop-7").click().run()
    assert "by hand" not in clean(app)
    assert (read_draft(key).prune_spec.keep, read_draft(key).prune_spec.drop) == ((), ())


def test_a_locked_neuron_can_be_neither_kept_nor_dropped(key: str) -> None:
    app = neuron_page(key, component="output")
    assert "feeds a residual sum" in clean(app)
    assert [app.button(key=f"locked-{side}").disabled for side in ("keep", "drop")] == [True, True]


def test_the_threshold_of_the_cell_is_shown(key: str, tiny_analysis: Any, cache: Path) -> None:
    plan = open_page("plan", analysis=key)
    plan.button(key="all-50").click().run()
    shown = clean(neuron_page(key))
    assert f"cut at r_f ≤ {amount(float(np.percentile(tiny_analysis.scores(3, 'value'), 50)))}" in shown
    assert "by the plan (P50 here)" in shown


def test_pinning_is_in_the_address_and_the_next_neuron_plays_beside_it(key: str) -> None:
    app = neuron_page(key)
    next(button for button in app.button if button.label == "Pin").click().run()
    clean(app)
    assert app.query_params["pinned"] == "3.value.7"
    next(button for button in app.button if button.label == "Lower").click().run()
    assert "Both films show the same radius at the same time" in clean(app)
    again = neuron_page(key, neuron="9", pinned="3.value.7")
    assert "Both films show the same radius" in clean(again)
    next(button for button in again.button if button.label.startswith("Unpin")).click().run()
    assert "Both films" not in clean(again)
    assert "pinned" not in again.query_params


@pytest.mark.parametrize("pinned", ["99.value.1", "3.value.99999", "3.pooler.1", "x", "3.value.<b>"])
def test_a_pinned_neuron_that_is_not_there_is_forgotten(key: str, pinned: str) -> None:
    app = neuron_page(key, pinned=pinned)
    assert "Both films" not in clean(app)
    assert "pinned" not in app.query_params


def test_the_next_neuron_is_the_next_by_rank(key: str, tiny_analysis: Any) -> None:
    app = neuron_page(key)
    order = np.argsort(-tiny_analysis.scores(3, "value"), kind="stable").tolist()
    next(button for button in app.button if button.label == "Higher").click().run()
    assert f"neuron {order[order.index(7) - 1]}" in clean(app)


@pytest.mark.parametrize("view", ["head", "component"])
def test_vector_clouds_say_their_dimension_and_that_no_disk_is_true_there(
    key: str, view: str, tiny_analysis: Any
) -> None:
    from obce_core.topology import r_f

    shown = clean(neuron_page(key, view=view))
    cloud = tiny_analysis.cloud(3, "value", 0 if view == "head" else None)
    assert f"20 texts in {cloud.shape[1]} dimensions" in shown
    assert "The barcode uses distances in all dimensions" in shown
    assert amount(r_f(cloud)) in shown
    assert "of the variance" in shown


def test_a_component_without_heads_has_no_head_to_show(key: str) -> None:
    shown = clean(neuron_page(key, component="intermediate", view="head"))
    assert "dimensions" not in shown


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(state="waiting"), "Computing UMAP."),
        (Answer(state="failed", reason=f"No memory {EVIL}"), "No memory"),
        (
            Answer(state="done", value={"points": [[float(i), 0.0] for i in range(20)], "neighbours": 15}),
            "UMAP with 15 neighbours",
        ),
    ],
    ids=["waiting", "failed", "done"],
)
def test_umap_is_computed_by_the_background_worker(
    key: str, answer: Answer, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []

    def ask(task: str, arguments: Any, **_: Any) -> Answer:
        asked.append((task, arguments))
        return answer

    monkeypatch.setattr("pages._shared.background.ask", ask)
    shown = clean(neuron_page(key, view="head", projection="umap"))
    assert message in shown
    assert ("umap", {"analysis": key, "layer": 3, "component": "value", "head": 0, "seed": 0}) in asked


@pytest.fixture(scope="module")
def labelled(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Analyse texts with columns, of which one has a name that would be markup."""
    texts = sample(20, heldout=0)
    columns = {"topic": tuple(f"{i % 9} {EVIL}" for i in range(20)), EVIL[:60]: tuple(str(i) for i in range(20))}
    found = Texts(texts=texts.texts, columns=columns, source="test", available=20)
    return analyze(tiny_folder, found, out=tmp_path_factory.mktemp("labelled") / "a")


@pytest.mark.parametrize("colour", ["", "characters", "words", "column.topic", f"column.{EVIL[:60]}", "column.absent"])
@pytest.mark.parametrize("view", ["", "component"])
def test_dots_are_coloured_by_any_column(labelled: Any, cache: Path, colour: str, view: str) -> None:
    app = neuron_page(adopt(labelled, cache), colour=colour, view=view)
    clean(app)
    assert [box.label for box in app.selectbox if box.label == "Colour by"] == ["Colour by"]
    for element in [*app.get("markdown"), *app.get("html")]:
        assert "<img" not in str(getattr(element, "value", "")) + str(
            getattr(getattr(element, "proto", None), "body", "")
        )
    if colour == "column.topic" and not view:
        assert "the 4 rarer values share the last one" in words(app)


def test_choosing_a_colour_is_kept_in_the_address(labelled: Any, cache: Path) -> None:
    app = neuron_page(adopt(labelled, cache))
    next(box for box in app.selectbox if box.label == "Colour by").select("column.topic").run()
    clean(app)
    assert app.query_params["colour"] == "column.topic"


def test_tokens_are_called_tokens_and_have_no_interval(
    tiny_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = analyze(tiny_folder, sample(12, heldout=0), tokens="all")
    shown = clean(neuron_page(found.id))
    assert "tokens from the others" in shown or "tokens give the same value" in shown
    assert "bootstrap: not measured" in shown
    assert "A vector cloud is measured on at most" in clean(neuron_page(found.id, view="component"))


def test_a_fault_is_a_line_with_a_number(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret path /home/somebody")

    monkeypatch.setattr("obce_core.topology.thin_line", broken)
    app = neuron_page(key)
    assert not app.exception
    assert "Something went wrong (log entry" in words(app)
    assert "secret" not in words(app)


def test_files_of_a_pair_hold_both_neurons(tiny_analysis: Any) -> None:
    clouds = {f"neuron {at}": tiny_analysis.neuron(3, "value", at) for at in (5, 7)}
    points = list(csv.DictReader(io.StringIO(story.values_csv(tiny_analysis, clouds))))
    assert [row["neuron"] for row in points] == ["neuron 5"] * 20 + ["neuron 7"] * 20
    assert (
        float(points[23]["output"]) == pytest.approx(float(clouds["neuron 7"][3]))
        and points[23]["words"] == tiny_analysis.texts.texts[3]
    )
    rows = list(csv.DictReader(io.StringIO(story.diagram_csv(clouds))))
    assert [row["neuron"] for row in rows] == ["neuron 5"] * 20 + ["neuron 7"] * 20
    deaths = [row["death (radius)"] for row in rows]
    assert deaths.count("inf") == 2
    assert max(float(death) for death in deaths[20:] if death != "inf") == pytest.approx(
        barcode(clouds["neuron 7"]).deaths[-1]
    )
