"""Every page: empty, loaded, failing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made import make_board
from pages_app import FILES, adopt, faults, open_page, words
from tiny import sample

from obce_core import analyze, compress
from obce_core.jobs import Status, create_run
from obce_core.plan import ManualOverride, make_plan, resolve

EMPTY = {
    "home": "Nothing yet",
    "analysis": "None yet",
    "importance": "No analysis yet",
    "neuron": "No analysis yet",
    "plan": "No analysis yet",
    "model": "No analysis yet",
    "launch": "No analysis yet, so there is no plan",
    "runs": "No run yet",
    "results": "No evaluation yet",
    "learn": "Click to add a point",
}
LOADED = {
    "home": "Your work",
    "analysis": "Saved analyses",
    "importance": "Neurons of this cell",
    "neuron": "Its widest gap separates",
    "plan": "of the whole model left",
    "model": "cuts nothing yet",
    "launch": "from the official counts",
    "runs": "Jobs continue when you leave",
    "results": "the best cut relative to its original",
    "learn": "Your turn",
}


@pytest.mark.parametrize("name", FILES)
def test_an_empty_page_says_what_to_do(name: str) -> None:
    app = open_page(name)
    assert not app.exception
    assert EMPTY[name] in words(app)


@pytest.fixture
def jobs_and_evaluations(cache: Path) -> None:
    """Put a finished run and a table of evaluations into the cache."""
    run, _ = create_run("analyze", {"model": "demo", "n_texts": 9}, "finished", launcher="local")
    run.write_status(Status(state="done", started=1.0, ended=2.0, launcher="local"))
    make_board(cache / "evaluations", tasks=("cola",))


@pytest.mark.usefixtures("jobs_and_evaluations")
@pytest.mark.parametrize("name", FILES)
def test_a_loaded_page_shows_the_analysis(name: str, tiny_analysis: Any, cache: Path) -> None:
    app = open_page(name, analysis=adopt(tiny_analysis, cache))
    assert not app.exception and not faults(app)
    assert LOADED[name] in words(app)


@pytest.fixture(scope="module")
def cut_again(tiny_analysis: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Analyse a model of which half was cut, and in layer 4 every value neuron."""
    home = tmp_path_factory.mktemp("again")
    half = make_plan(tiny_analysis, percentile=50, first_layer=2).prune_spec
    gone = ManualOverride(layer=4, component="value", neurons=tuple(range(24)))
    done = compress(tiny_analysis, resolve(tiny_analysis, replace(half, drop=(gone,))), home / "cut", device="cpu")
    return analyze(done.folder, sample(20), device="cpu", out=home / "analysis")


@pytest.mark.usefixtures("jobs_and_evaluations")
@pytest.mark.parametrize("name", FILES)
def test_an_analysis_of_a_cut_model_is_shown_by_original_indices(name: str, cut_again: Any, cache: Path) -> None:
    key = adopt(cut_again, cache)
    for component in ("query", "value", "intermediate", "output"):
        app = open_page(name, analysis=key, layer="3", component=component)
        assert not app.exception and not faults(app)
        assert LOADED[name] in words(app)


@pytest.mark.parametrize(
    ("name", "message"),
    [("importance", "An earlier cut left no neuron here"), ("neuron", "An earlier cut left no neuron here")],
)
def test_a_cell_of_which_nothing_is_left_says_so(name: str, message: str, cut_again: Any, cache: Path) -> None:
    app = open_page(name, analysis=adopt(cut_again, cache), layer="4", component="value")
    assert not app.exception and not faults(app)
    assert message in words(app)


@pytest.mark.parametrize("name", ["importance", "neuron", "plan", "model"])
def test_a_damaged_analysis_is_a_line_and_a_way_out(name: str, tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    (cache / "analyses" / key / "importance.parquet").write_bytes(b"not parquet")
    app = open_page(name, analysis=key)
    assert not app.exception
    shown = words(app)
    assert "importance.parquet" in shown and "Run obce analyze again" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("name", ["importance", "neuron", "plan", "model"])
def test_an_unknown_analysis_in_the_address_is_a_line(name: str) -> None:
    app = open_page(name, analysis="0123456789abcdef")
    assert not app.exception
    assert "Analysis 0123456789abcdef was deleted, or is in another cache." in words(app)


@pytest.mark.parametrize("name", ["home", "importance", "neuron", "plan", "model", "launch"])
def test_a_deleted_analysis_is_noted_until_another_one_is_chosen(
    name: str, tiny_analysis: Any, cut_again: Any, cache: Path
) -> None:
    gone, other = adopt(tiny_analysis, cache), adopt(cut_again, cache)
    app = open_page(name, analysis=gone)
    assert not faults(app)
    shutil.rmtree(cache / "analyses" / gone)
    for _ in range(2):  # the second run must not choose by itself
        app.run()
        assert f"Analysis {gone} (" in words(app) and "was deleted" in words(app)
        assert app.query_params["analysis"] in (gone, [gone])
    button = next(button for button in app.button if button.label == "Select it")
    button.click().run()
    assert not app.exception and not faults(app)
    assert app.query_params["analysis"] in (other, [other])


def test_an_unexpected_error_shows_a_number_and_no_traceback(
    tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret path /home/somebody")

    monkeypatch.setattr("obce_core.figures.widgets.cell_map.data.cell_map", broken)
    monkeypatch.setattr("pages._shared.cached.cell_map", broken)
    app = open_page("importance", analysis=adopt(tiny_analysis, cache))
    assert not app.exception
    assert "Something went wrong (log entry" in words(app)
    assert "secret" not in words(app)


def test_the_address_opens_the_same_neuron(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("neuron", analysis=adopt(tiny_analysis, cache), layer="3", component="intermediate", neuron="7")
    assert "Layer 3 · Intermediate · neuron 7" in words(app)


@pytest.mark.parametrize(
    "address", [{"layer": "99"}, {"neuron": "99999"}, {"component": "pooler"}, {"layer": "abc"}, {"neuron": "-1"}]
)
def test_an_odd_address_is_ignored(address: dict[str, str], tiny_analysis: Any, cache: Path) -> None:
    app = open_page("neuron", analysis=adopt(tiny_analysis, cache), **address)
    assert not app.exception
    assert "Its widest gap separates" in words(app)


def test_a_plan_edit_changes_the_numbers_and_survives_a_new_session(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    app = open_page("plan", analysis=key)
    before = words(app)
    app.button(key="all-50").click().run()
    after = words(app)
    assert not app.exception
    assert "100 %" in before and before != after
    again = open_page("plan", analysis=key)
    left = [line for line in words(again).splitlines() if "of the encoder left" in line]
    assert left and "100 %" not in left[0].split("of the encoder left")[1][:60]
    draft = json.loads((cache / "plans" / key / "draft.json").read_text())["intent"]
    assert draft["cells"]["3"] == {"query": 50, "key": 50, "value": 50, "intermediate": 50}


def test_undo_and_redo_walk_through_the_edits(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("plan", analysis=adopt(tiny_analysis, cache))
    app.button(key="all-30").click().run()
    thirty = words(app)
    app.button(key="all-70").click().run()
    assert words(app) != thirty
    app.button(key="undo").click().run()
    assert words(app) == thirty
    assert not app.button(key="redo").disabled


def test_least_squares_is_offered_and_fixes_the_tokens_to_all(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    app = open_page("plan", analysis=key)
    app.button(key="all-50").click().run()
    before = words(app)
    app.selectbox(key="plan-method").select("least-squares").run()
    assert not app.exception
    tokens = app.selectbox(key="plan-tokens")
    assert (tokens.value, tokens.disabled) == ("all", True)
    assert words(app) != before  # more pairs stay
    draft = json.loads((cache / "plans" / key / "draft.json").read_text())["intent"]
    assert draft["compensation"] == {"method": "least-squares", "tokens": "all"}
    app.button(key="undo").click().run()
    assert [app.selectbox(key=f"plan-{name}").value for name in ("method", "tokens")] == ["mean+std", "cls"]
    app.selectbox(key="plan-tokens").select("all").run()
    app.selectbox(key="plan-method").select("mean").run()
    draft = json.loads((cache / "plans" / key / "draft.json").read_text())["intent"]
    assert draft["compensation"] == {"method": "mean", "tokens": "all"}


def test_text_of_a_user_is_never_markup(tiny_folder: Path, cache: Path) -> None:
    from obce_core.analysis.analyze import analyze
    from obce_core.texts import Texts

    evil = ("<script>alert(1)</script> acid", "![x](http://example.org/x.png) baby", "<b>cake</b> dark", "able join")
    analysis = analyze(tiny_folder, Texts(texts=evil, source="test", available=4))
    app = open_page("neuron", analysis=analysis.id)
    assert not app.exception
    shown = {
        kind: [_body(element) for element in app.get(kind)] for kind in ("markdown", "html", "title", "error", "info")
    }
    assert not any(
        "alert(1)" in body or "example.org" in body for kind in set(shown) - {"html"} for body in shown[kind]
    )
    told = "".join(shown["html"])  # there a text would stand with its marks escaped
    assert "<script" not in told and "<b>cake" not in told
    assert any("<script>alert(1)" in element.value for element in app.text)  # plain text, as it was given


@pytest.mark.parametrize("name", FILES)
def test_the_sidebar_stays_where_a_page_has_nothing_to_show(name: str) -> None:
    app = open_page(name)
    assert [toggle.key for toggle in app.sidebar.toggle] == ["edge-length", "presentation"]


def test_home_says_that_the_analysis_of_a_link_is_not_here_and_selects_none_by_itself(
    tiny_analysis: Any, cache: Path
) -> None:
    adopt(tiny_analysis, cache)
    app = open_page("home", analysis="0123456789abcdef")
    assert not app.exception and len(faults(app)) == 1
    assert "Your work" in words(app) and app.query_params["analysis"] in ("0123456789abcdef", ["0123456789abcdef"])


def test_the_beginning_of_an_id_becomes_the_id(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    app = open_page("importance", analysis=key[:8])
    assert not app.exception and app.query_params["analysis"] == key


def test_another_visitors_job_is_not_taken_for_ones_own(cache: Path) -> None:
    from obce_core.jobs import create_run

    run, _ = create_run("analyze", {"model": "demo"}, form="analyze")
    cancel = f"cancel-{run.id}"
    assert cancel not in [button.key for button in open_page("analysis").button]
    assert cancel in [
        button.key for button in open_page("analysis", run=run.id).button
    ]  # after a reload it is found again
    assert cancel not in [button.key for button in open_page("home", run=run.id).button]  # it is of another form


def test_a_fault_of_streamlits_own_is_a_line_with_a_number(
    tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit.errors import StreamlitAPIException

    def broken(*_: Any, **__: Any) -> None:
        raise StreamlitAPIException("secret")

    monkeypatch.setattr("pages._shared.cached.importance_map", broken)
    app = open_page("importance", analysis=adopt(tiny_analysis, cache))
    assert not app.exception and "Something went wrong (log entry" in words(app) and "secret" not in words(app)


def test_an_edit_that_another_tab_has_overtaken_is_said_to_be_unsaved(tiny_analysis: Any, cache: Path) -> None:
    from obce_core.plan import PruneSpec
    from obce_core.plan.storage import read_draft, write_draft

    key = adopt(tiny_analysis, cache)
    app = open_page("plan", analysis=key)
    assert "not saved" not in words(app)
    write_draft(key, PruneSpec().with_cells({(3, "value"): 30.0}), seen=read_draft(key).stamp)  # the other tab
    app.switch_page("pages/neuron/page.py").run()
    assert "<b>not saved</b>" in words(app)


def _body(element: Any) -> str:
    return str(getattr(element, "value", "")) + str(getattr(getattr(element, "proto", None), "body", ""))


@pytest.mark.parametrize(("row", "title"), [(0, "Importance"), (1, "Model")])
def test_a_tick_in_your_work_opens_it(tiny_analysis: Any, cache: Path, row: int, title: str) -> None:
    key = adopt(tiny_analysis, cache)
    built = compress(
        tiny_analysis, resolve(tiny_analysis, make_plan(tiny_analysis, percentile=50).prune_spec), device="cpu"
    )
    app = open_page("home")
    app.session_state["your-work"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    app.run()
    assert not app.exception and app.title[0].value == title and app.query_params["analysis"] == key
    assert ("model" in app.query_params) == (title == "Model") and app.query_params.get(
        "model", built.folder.name
    ) == built.folder.name
