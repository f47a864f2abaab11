"""The sidebar: every part of the selection is a link, the plan says whether it stands under a name, names are text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pages_app import adopt, open_page, words

from obce_core.jobs import Status, create_run
from obce_core.plan import PruneSpec
from obce_core.plan.storage import read_draft, save_version, write_draft

EVIL = "<b>x</b> ![x](http://example.org/x.png) :red[y]"


def links(app: Any) -> list[str]:
    return [element.proto.label for element in app.sidebar.get("page_link")]


def below(app: Any) -> str:
    return "\n".join(element.proto.body for element in app.sidebar.get("html"))


@pytest.fixture
def key(tiny_analysis: Any, cache: Path) -> str:
    return adopt(tiny_analysis, cache)


def test_every_part_of_the_selection_is_a_link(key: str) -> None:
    app = open_page("importance", analysis=key, layer="3", component="value", neuron="5")
    assert not app.exception
    assert links(app) == ["Analysis", "Layer 3 · Value", "Neuron 5", "Plan: nothing cut yet"]
    write_draft(key, PruneSpec(cells={3: {"value": 50.0}}), seen="")
    app = open_page("importance", analysis=key, layer="3", component="value")
    assert links(app)[:2] == ["Analysis", "Layer 3 · Value"] and "% of the encoder" in links(app)[2]
    assert "draft without a version" in below(app)


def test_the_plan_says_under_which_name_it_stands(key: str) -> None:
    prune_spec = PruneSpec(cells={3: {"value": 50.0}})
    write_draft(key, prune_spec, seen="")
    save_version(key, EVIL, prune_spec)
    app = open_page("plan", analysis=key)
    told = 'saved as <b class="plain">&lt;b&gt;x&lt;/b&gt; ![x](http'
    assert told in below(app) and not any("example.org" in label for label in links(app))
    app.button(key="all-30").click().run()
    assert "saved as" not in below(app) and "edited since" not in below(app)  # it was never opened here
    app.button(key="undo").click().run()
    assert told in below(app)


def test_an_edit_of_an_opened_version_is_said(key: str) -> None:
    app = open_page("plan", analysis=key)
    app.button(key="all-50").click().run()
    app.button(key="versions").click().run()
    app.text_input(key="version-name").input("mine")
    app.button(key="version-save").click().run()
    assert 'saved as <b class="plain">mine' in below(app)
    app.button(key="all-30").click().run()
    assert 'edited since <b class="plain">mine' in below(app)


def test_a_plan_that_cannot_be_applied_is_still_a_link(key: str) -> None:
    write_draft(key, PruneSpec(cells={1: {"query": 50.0}}), seen=read_draft(key).stamp)
    assert "Plan: cannot be applied" in links(open_page("home", analysis=key))


def test_where_none_is_selected_the_newest_is_offered(key: str) -> None:
    app = open_page("learn", lesson="1")
    app.session_state[
        "obce"
    ].analysis = ""  # as a link straight to the lesson leaves it; Home, which was run first, selects one
    app.run()
    assert "none selected" in below(app) and "none yet" not in below(app)
    app.button(key="pick-newest").click().run()
    assert app.query_params["analysis"] in (key, [key]) and "none selected" not in below(app)
    assert "Your turn" in words(open_page("learn", lesson="4"))  # the lesson takes the newest


def test_without_an_analysis_there_is_none_to_offer() -> None:
    app = open_page("learn", lesson="1")
    assert "none yet" in below(app) and not [button for button in app.button if button.key == "pick-newest"]


def test_every_job_that_works_or_waits_is_a_link_with_its_state(key: str) -> None:
    create_run("analyze", {"model": "demo"}, form="analyze")
    working, _ = create_run("verify", {"model": "x"}, form="verify")
    working.write_status(Status(state="running"))
    with working.hold():
        app = open_page("home", analysis=key)
    assert sorted(label for label in links(app) if label[0] in "○◐") == ["○ Analysis", "◐ Proof"]


def test_the_switches_give_no_warning(key: str) -> None:
    app = open_page("learn", lesson="3", analysis=key, edge_length="1")
    app.toggle(key="lesson-edge").set_value(False).run()
    app.toggle(key="edge-length").set_value(True).run()
    assert not app.exception and not app.warning
    assert "default value" not in words(app)
