"""The Plan page: what is edited, saved, compared and measured; a table of answers replaces the background worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pages_app import adopt, faults, open_page, words
from streamlit.testing.v1 import AppTest

from obce_core.background import Answer
from obce_core.compression.result import Fidelity
from obce_core.errors import PlanError
from obce_core.plan import ManualOverride, PruneSpec, make_plan, parse_prune_spec, prune_spec_document, resolve
from obce_core.plan.storage import list_versions, read_draft, save_version, write_draft

Ask = Callable[..., Answer]
EVIL = "<b>bold</b> ![x](http://example.org/x.png)"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, Any], int]]:
    """Replace the background worker by one that never answers; return the list of its requests."""
    found: list[tuple[str, Mapping[str, Any], int]] = []

    def ask(task: str, arguments: Mapping[str, Any], *, priority: int = 1) -> Answer:
        found.append((task, arguments, priority))
        return Answer(state="waiting")

    monkeypatch.setattr("pages._shared.background.ask", ask)
    return found


@pytest.fixture
def key(tiny_analysis: Any, cache: Path) -> str:
    return adopt(tiny_analysis, cache)


def opened(key: str) -> AppTest:
    app = open_page("plan", analysis=key)
    assert not app.exception
    return app


def answers(cosine: Callable[[str, Mapping[str, Any]], float]) -> Ask:
    def ask(task: str, arguments: Mapping[str, Any], *, priority: int = 1) -> Answer:
        value = cosine(task, arguments)
        return Answer(
            state="done", value={"texts": 6, "cls": value, "pooled": value, "cls_lowest": value, "pooled_lowest": value}
        )

    return ask


def test_clear_all_cuts_is_one_step(key: str, tiny_analysis: Any, asked: list[Any]) -> None:
    hand = {
        "keep": (ManualOverride(layer=3, component="value", neurons=(7,), reason="mine"),),
        "drop": (ManualOverride(layer=4, component="intermediate", neurons=(1, 2)),),
    }
    before = PruneSpec(first_layer=2, cells={3: {"value": 50.0, "query": 30.0}}, **hand)
    write_draft(key, before, seen="")
    app = opened(key)
    app.button(key="all-0").click().run()
    whole = read_draft(key).prune_spec
    assert not whole.cells and not whole.keep and not whole.drop
    assert resolve(tiny_analysis, whole).neurons_cut == 0
    app.button(key="undo").click().run()
    assert read_draft(key).prune_spec == before
    app.button(key="redo").click().run()
    assert read_draft(key).prune_spec == whole


def test_sizes_do_not_wait_for_what_is_measured(key: str, asked: list[Any]) -> None:
    app = opened(key)
    app.button(key="all-50").click().run()
    shown = words(app)
    assert "measuring" in shown and "neurons cut" in shown and "of 12 cells" not in shown
    tasks = {(task, priority) for task, _, priority in asked}
    assert ("preview_plan", 0) in tasks and ("preview_cell", 2) in tasks and ("preview_cell", 3) in tasks
    first = next(arguments for task, arguments, priority in asked if (task, priority) == ("preview_cell", 2))
    assert len(first["cells"]) == 1 and parse_prune_spec(first["intent"]).percentile(*first["cells"][0]) == 50


def test_measured_cosines_are_among_the_numbers(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pages._shared.background.ask", answers(lambda task, arguments: 0.625 if task == "preview_plan" else 0.875)
    )
    app = opened(key)
    app.button(key="all-50").click().run()
    shown = words(app)
    assert ".625" in shown and "6 held-out texts" in shown and "measuring" not in shown


def test_a_failure_is_a_line_and_can_be_tried_again(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pages._shared.background.ask", lambda *_, **__: Answer(state="failed", reason=f"No model {EVIL}.")
    )
    app = opened(key)
    app.button(key="all-50").click().run()
    shown = words(app)
    assert "not measured" in shown and "&lt;b&gt;bold" in shown and "<b>bold" not in shown
    monkeypatch.setattr("pages._shared.background.ask", answers(lambda *_: 0.75))
    next(button for button in app.button if button.label == "Measure again").click().run()
    assert ".750" in words(app)


def test_least_squares_is_not_measured_before_it_is_built(key: str, asked: list[Any]) -> None:
    app = opened(key)
    app.button(key="all-50").click().run()
    app.selectbox(key="plan-method").select("least-squares").run()
    del asked[:]
    app.run()
    assert "least-squares is fitted when the model is built" in words(app)
    assert {
        task for task, arguments, _ in asked if arguments["intent"]["compensation"]["method"] == "least-squares"
    } == set()


def test_hardware_and_other_options_are_one_edit_each(key: str, asked: list[Any]) -> None:
    app = opened(key)
    app.button(key="all-50").click().run()
    app.selectbox(key="plan-round").select(8).run()
    app.toggle(key="plan-heads").set_value(True).run()
    prune_spec = read_draft(key).prune_spec
    assert (prune_spec.hardware.round_to, prune_spec.hardware.per_head) == (8, True)
    app.button(key="undo").click().run()
    assert app.toggle(key="plan-heads").value is False and app.selectbox(key="plan-round").value == 8
    app.selectbox(key="plan-criterion").select("random").run()
    app.number_input(key="plan-seed").set_value(9).run()
    assert (read_draft(key).prune_spec.criterion, read_draft(key).prune_spec.seed) == ("random", 9)


def test_a_criterion_that_cannot_rank_a_cell_leaves_it_whole_and_says_so(key: str, asked: list[Any]) -> None:
    write_draft(key, PruneSpec(criterion="magnitude", cells={1: {"query": 50}, 2: {"value": 30}}), seen="")
    app = opened(key)
    app.selectbox(key="plan-criterion").select("r_f").run()
    assert "Layer 1 query is not cut" in words(app)
    assert read_draft(key).prune_spec.cells == {2: {"value": 30}}


def test_presets_and_targets_leave_manual_overrides_and_hardware(key: str, asked: list[Any]) -> None:
    start = PruneSpec(drop=(ManualOverride(layer=2, component="value", neurons=(3,), reason="r"),))
    write_draft(key, start, seen="")
    app = opened(key)
    app.selectbox(key="plan-round").select(8).run()
    app.button(key="preset-paper-scaled").click().run()
    assert read_draft(key).prune_spec.drop == start.drop and read_draft(key).prune_spec.hardware.round_to == 8
    app.button(key="target").click().run()
    assert not app.exception
    assert read_draft(key).prune_spec.drop == start.drop and "come on top" in words(app)


def test_manual_overrides_are_listed_and_can_be_removed(key: str, asked: list[Any]) -> None:
    write_draft(
        key, PruneSpec(keep=(ManualOverride(layer=2, component="value", neurons=(3, 5), reason=EVIL),)), seen=""
    )
    app = opened(key)
    texts = [element.value for element in app.text]
    assert "Layer 2 · Value · 3" in texts and "Layer 2 · Value · 5" in texts and texts.count(EVIL) == 2
    app.button(key="release-0").click().run()
    assert read_draft(key).prune_spec.keep == (ManualOverride(layer=2, component="value", neurons=(5,), reason=EVIL),)
    app.button(key="undo").click().run()
    assert len(read_draft(key).prune_spec.keep[0].neurons) == 2


def test_two_tabs_do_not_overwrite_each_other(key: str, asked: list[Any]) -> None:
    one, two = opened(key), opened(key)
    one.button(key="all-30").click().run()
    assert read_draft(key).prune_spec.percentile(3, "query") == 30
    two.button(key="all-70").click().run()
    assert "Another tab changed this plan" in words(two)
    assert read_draft(key).prune_spec.percentile(3, "query") == 30, "nothing is overwritten before the user chooses"
    next(button for button in two.button if button.label == "Keep mine").click().run()
    assert "Another tab" not in words(two) and read_draft(key).prune_spec.percentile(3, "query") == 70
    one.run()
    assert "Another tab changed this plan" in words(one)
    next(button for button in one.button if button.label == "Take theirs").click().run()
    assert "Another tab" not in words(one)
    one.button(key="undo").click().run()
    assert read_draft(key).prune_spec.percentile(3, "query") == 30, "one's own draft comes back by undo"


def test_a_version_is_saved_opened_compared_renamed_deleted_and_restored(key: str, asked: list[Any]) -> None:
    app = opened(key)
    app.button(key="all-30").click().run()
    app.button(key="versions").click().run()
    app.text_input(key="version-name").input(EVIL)
    app.text_input(key="version-note").input("a note")
    app.button(key="version-save").click().run()
    saved = list_versions(key)
    assert [(version.name, version.note) for version in saved] == [(EVIL, "a note")]
    app.button(key="all-70").click().run()
    app.button(key="versions").click().run()
    app.button(key="version-compare").click().run()
    assert not app.exception and "Difference" in words(app)
    table = next(frame.value for frame in app.dataframe if "component" in frame.value.columns)
    assert set(table["component"]) == {"Query", "Key", "Value", "Intermediate"} and set(table["percentile, first"]) == {
        "P70"
    }
    app.button(key="versions").click().run()
    app.button(key="version-open").click().run()
    assert read_draft(key).prune_spec.percentile(3, "query") == 30 and "Both plans cut the same neurons" in words(app)
    app.button(key="versions").click().run()
    app.text_input(key="version-new-name").input("light")
    app.button(key="version-rename").click().run()
    assert list_versions(key)[0].name == "light"
    app.button(key="versions").click().run()
    app.button(key="version-delete").click().run()
    assert list_versions(key) == [] and not app.exception
    app.button(key="versions").click().run()
    app.button(key="version-undo").click().run()
    assert list_versions(key)[0].name == "light"
    for kind in ("markdown", "html", "subheader"):
        assert not any("example.org" in str(getattr(element, "value", "")) for element in app.get(kind))


def test_a_name_that_exists_is_refused(key: str, asked: list[Any]) -> None:
    save_version(key, "one", PruneSpec())
    app = opened(key)
    app.button(key="versions").click().run()
    app.text_input(key="version-name").input("one")
    app.button(key="version-save").click().run()
    assert "exists" in words(app) and len(list_versions(key)) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("plan.json", '{"cells": {"3": {"pooler": 50}}}', "Unknown component 'pooler'"),
        ("plan.yaml", "cells: {3: {query: 150}}", "percentile"),
        ("plan.json", "{", "plan.json"),
        ("plan.json", '{"cells": {"9": {"query": 50}}}', "There is no layer 9"),
    ],
)
def test_an_import_says_what_is_wrong_and_where(name: str, text: str, message: str, key: str, asked: list[Any]) -> None:
    app = opened(key)
    app.button(key="versions").click().run()
    app.file_uploader(key="plan-upload").upload(name, text.encode(), "text/plain").run()
    assert message in words(app) and not app.exception
    assert read_draft(key).stamp == ""


def test_an_import_replaces_the_draft_and_can_be_undone(key: str, asked: list[Any], tiny_analysis: Any) -> None:
    made = make_plan(tiny_analysis, percentile=40, first_layer=2, compensation="mean")
    app = opened(key)
    app.button(key="all-70").click().run()
    app.button(key="versions").click().run()
    app.file_uploader(key="plan-upload").upload(
        "mine.json", json.dumps({"intent": prune_spec_document(made.prune_spec)}).encode(), "text/plain"
    ).run()
    assert read_draft(key).prune_spec == made.prune_spec
    app.button(key="undo").click().run()
    assert read_draft(key).prune_spec.percentile(3, "query") == 70


def test_a_draft_that_cannot_be_applied_says_so_and_counts_nothing(key: str, asked: list[Any]) -> None:
    write_draft(key, PruneSpec(cells={1: {"query": 50}}), seen="")
    app = opened(key)
    shown = words(app)
    assert "every text gives the same value" in shown and "cannot be applied" in shown
    assert shown.count('<div class="value">– <small>') == 7


def test_every_number_has_that_of_the_papers_plan(key: str, asked: list[Any]) -> None:
    shown = words(opened(key))
    assert shown.count("◇") >= 8 and "scaled to 4 layers" in shown


def test_a_paper_that_cannot_be_applied_leaves_the_page(
    key: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise PlanError("No such table.")

    monkeypatch.setattr("pages._shared.cached.preset", never)
    app = opened(key)
    app.button(key="all-50").click().run()
    shown = words(app)
    assert not app.exception and not faults(app)
    assert "The paper&#x27;s plan cannot be applied here: No such table." in shown and shown.count("◇ –") == 7
    assert "neurons cut" in shown and "Cuts <b>" in shown and "Cheapest next cuts" in shown
    write_draft(key, PruneSpec(cells={1: {"query": 50}}), seen=read_draft(key).stamp)
    shown = words(opened(key))
    assert (
        shown.count("◇ –") == 7 and shown.count('<div class="value">– <small>') == 7 and "Cheapest next cuts" in shown
    )


def test_the_link_of_query_and_key_is_in_the_address_when_it_is_off(key: str, asked: list[Any]) -> None:
    app = opened(key)
    assert "link_qk" not in app.query_params
    app.toggle(key="link").set_value(False).run()
    assert app.query_params["link_qk"] in ("0", ["0"])
    again = open_page("plan", analysis=key, link_qk="0")
    assert not again.exception and again.toggle(key="link").value is False


def test_previews_on_disk_need_no_worker(key: str, asked: list[Any], tiny_analysis: Any) -> None:
    from obce_core.measure.preview import keep_preview, preview_key

    plan = make_plan(tiny_analysis, percentile=50, first_layer=3)
    found = Fidelity(texts=6, cls=0.5, pooled=0.4321, cls_lowest=0.1, pooled_lowest=0.1)
    keep_preview(preview_key(key, plan.kept, plan.prune_spec.compensation), found)
    write_draft(key, plan.prune_spec, seen="")
    assert ".432" in words(opened(key))
    assert not any(task == "preview_plan" and priority == 0 for task, _, priority in asked)


def test_the_plan_can_be_typed_as_a_table(key: str, asked: list[Any]) -> None:
    app = opened(key)
    assert not any(
        (frame.key or "").startswith("plan-rows-") for frame in app.get("dataframe")
    )  # drawn once it is opened
    app.session_state["plan-table"] = True
    app.run()
    table = next(frame for frame in app.get("dataframe") if (frame.key or "").startswith("plan-rows-"))
    app.session_state[table.key] = {
        "edited_rows": {2: {"value": 50.0}, 0: {"query": 50.0}},
        "added_rows": [],
        "deleted_rows": [],
    }
    next(button for button in app.button if button.label == "Apply").click().run()
    assert not app.exception
    assert read_draft(key).prune_spec.cells == {3: {"value": 50.0}}
    assert "Layer 1 query is not cut" in words(app)
    app.button(key="undo").click().run()
    assert read_draft(key).prune_spec.cells == {}


def test_undo_redo_and_the_version_survive_a_reload(key: str, asked: list[Any]) -> None:
    app = open_page("plan", analysis=key)
    app.button(key="all-30").click().run()
    app.button(key="versions").click().run()
    app.text_input(key="version-name").input("mine")
    app.button(key="version-save").click().run()
    app.button(key="all-50").click().run()
    app.button(key="all-70").click().run()
    app.button(key="undo").click().run()
    again = open_page("plan", analysis=key)
    assert not again.button(key="undo").disabled and not again.button(key="redo").disabled
    assert any('edited since <b class="plain">mine' in element.proto.body for element in again.sidebar.get("html"))
    again.button(key="redo").click().run()
    assert read_draft(key).prune_spec.percentile(3, "value") == 70 and again.button(key="redo").disabled
    for _ in range(3):
        again.button(key="undo").click().run()
    assert again.button(key="undo").disabled and not read_draft(key).prune_spec.cells
