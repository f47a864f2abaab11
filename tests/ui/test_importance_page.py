"""The Importance page: the figure, the selected cell, and the comparison with another analysis."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pages_app import adopt, faults, open_page, words
from tiny import memory_analysis, sample

from obce_core import analyze
from obce_core.analysis.catalog import rename
from obce_core.analysis.ranking import NEAR_RULE
from obce_core.plan import PruneSpec
from obce_core.plan.storage import write_draft


@pytest.fixture(scope="module")
def other(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Analyse the tiny model on other texts."""
    return analyze(
        tiny_folder, sample(20, heldout=6, seed=5), batch_size=8, out=tmp_path_factory.mktemp("other") / "tiny"
    )


def near_zero(cache: Path, key: str) -> None:
    """Make half of layer 3's values nearly 0 in a stored analysis."""
    import numpy as np
    import pyarrow.parquet as pq

    path = cache / "analyses" / key / "importance.parquet"
    table = pq.read_table(path)
    rows = (
        (table["layer"].to_numpy() == 3)
        & (np.array(table["component"].to_pylist()) == "value")
        & (table["neuron"].to_numpy() % 2 == 0)
    )
    values = np.where(rows, 1e-12, table["r_f"].to_numpy())
    pq.write_table(table.set_column(table.column_names.index("r_f"), "r_f", [values]), path)


def test_the_lead_and_the_table_follow_the_criterion(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("importance", analysis=adopt(tiny_analysis, cache), layer="3", component="value")
    assert not app.exception and not faults(app)
    assert "has the largest median" in words(app) and "half of the widest gap" in words(app)
    assert list(app.dataframe[0].value.columns)[:4] == ["neuron", "head", "offset", "r_f (radius)"]
    app.selectbox(key="importance-criterion").select("std").run()
    assert not app.exception
    assert "standard deviation of the cloud" in words(app)
    assert "not measured (analyse other texts" in words(app)
    assert "std" in app.query_params["criterion"]


def test_a_share_under_a_value_asks_for_the_value(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("importance", analysis=adopt(tiny_analysis, cache), layer="3", component="value")
    app.selectbox(key="importance-aggregate").select("share under").run()
    assert not app.exception
    app.number_input(key="importance-below").set_value(0.05).run()
    assert not app.exception and not faults(app)
    assert "largest share under 0.0500" in words(app) and " %" in words(app)
    assert app.query_params["aggregate"] in ("share under", ["share under"])
    app.selectbox(key="importance-aggregate").select("mean").run()
    assert "below" not in app.query_params


@pytest.mark.parametrize(
    ("below", "told"), [("0.05", "0.0500"), ("2", "2.00"), ("1e-3", "0.00100"), ("-1", "0.00100"), ("nan", "0.00100")]
)
def test_an_address_says_under_which_value(below: str, told: str, tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    app = open_page(
        "importance", analysis=key, layer="3", component="value", aggregate="share under", below=below, scale="linear"
    )
    assert not app.exception and not faults(app)
    assert f"largest share under {told} (" in words(app)
    assert app.segmented_control(key="importance-scale").value == "linear"


@pytest.mark.parametrize("below", [0.05, 2.0, 0.00001, 1.5e-9, 0.0])
def test_the_value_of_a_share_is_written_so_that_it_can_be_read(below: float, tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    app = open_page("importance", analysis=key, layer="3", component="value", aggregate="share under")
    app.number_input(key="importance-below").set_value(below).run()
    given = {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
    again = open_page("importance", **given)
    assert not again.exception and again.session_state["obce"].below == below


def test_lines_come_from_the_address(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("importance", analysis=adopt(tiny_analysis, cache), layer="3", component="value", figure="lines")
    assert not app.exception and not faults(app)
    assert "Figure 6" in words(app)
    assert "lines" in app.query_params["figure"]


def test_edge_lengths_are_named_everywhere(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("importance", analysis=adopt(tiny_analysis, cache), layer="3", component="value", edge_length="1")
    assert not app.exception
    assert "(edge length) is the widest gap" in words(app)
    assert "r_f (edge length)" in app.dataframe[0].value.columns


@pytest.mark.parametrize(("edge_length", "told"), [("", "r_f (radius)"), ("1", "r_f (edge length)")])
def test_a_picture_of_a_cell_names_the_unit_of_its_numbers(
    edge_length: str, told: str, tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr("pages._shared.downloads.row", lambda name, *, figure=None, **_: made.update({name: figure}))
    app = open_page(
        "importance", analysis=adopt(tiny_analysis, cache), layer="3", component="value", edge_length=edge_length
    )
    assert not app.exception
    layout = made["layer3-value-r_f"]().layout
    assert (layout.xaxis.title.text, layout.yaxis2.title.text) == (f"{told}, log scale", told)


def test_a_plan_that_cannot_be_applied_is_not_drawn_as_one_that_keeps_all(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    app = open_page("importance", analysis=key, layer="3", component="value")
    assert "which keeps 24 of 24" in words(app) and set(app.dataframe[0].value["plan"]) == {"kept"}
    write_draft(key, PruneSpec(cells={1: {"query": 50}}), seen="")
    app = open_page("importance", analysis=key, layer="3", component="value")
    assert not app.exception and not faults(app)
    assert "The current plan cannot be applied" in words(app) and "which keeps" not in words(app)
    assert set(app.dataframe[0].value["plan"]) == {"–"}


def test_a_cell_near_zero_has_a_banner_that_names_it(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    near_zero(cache, key)
    app = open_page("importance", analysis=key, layer="3", component="value")
    assert not app.exception
    (banner,) = app.info
    assert f"Share of r_f near zero ({NEAR_RULE}): layer 3 value (50 %)." in banner.value and not app.warning
    shown = words(app)
    assert (
        f"50 % of these values lie near zero</b> ({NEAR_RULE})" in shown and "means nothing" not in shown + banner.value
    )
    assert set(re.findall(r"below 1 % of [a-z0-9' ]+", shown + banner.value)) == {
        NEAR_RULE
    }  # one definition on the page


def test_a_cell_with_none_near_zero_has_no_banner(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("importance", analysis=adopt(tiny_analysis, cache), layer="3", component="value")
    assert not app.info and "lie near zero" not in words(app)


def test_a_degenerate_cell_says_so_and_has_no_table(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("importance", analysis=adopt(tiny_analysis, cache), layer="1", component="query")
    assert not app.exception
    assert "Every text gives the same value here" in words(app) and not app.dataframe


def test_two_analyses_are_shown_side_by_side(tiny_analysis: Any, other: Any, cache: Path) -> None:
    key, second = adopt(tiny_analysis, cache), adopt(other, cache)
    rename(second, "<b>other</b> set")
    app = open_page("importance", analysis=key, layer="3", component="value", compare=second)
    assert not app.exception and not faults(app)
    shown = words(app)
    assert "B against A" in shown and "other texts (20 and 20" in shown and "chance 0.33" in shown
    assert "&lt;b&gt;other&lt;/b&gt; set" in shown and "<b>other</b>" not in shown
    for number in ("spearman", "jaccard"):
        app.segmented_control(key="importance-number").set_value(number).run()
        assert not app.exception and not faults(app)
    app.segmented_control(key="importance-figure").set_value("lines").run()
    assert not app.exception and not faults(app)
    app.selectbox(key="importance-compare").select("").run()
    assert "B against A" not in words(app) and "compare" not in app.query_params
    assert "between two sets of 20 texts" in words(app)


def test_another_shape_is_refused_with_the_reason(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    six = memory_analysis(6, 24, 3, 40)
    target = cache / "analyses" / "abcdef0123456789"
    shutil.copytree(cache / "analyses" / key, target)
    meta = json.loads((target / "analysis.json").read_text())
    meta |= {"id": target.name, "model": meta["model"] | {"shape": six.meta["model"]["shape"]}}
    (target / "analysis.json").write_text(json.dumps(meta))
    app = open_page("importance", analysis=key, compare=target.name)
    assert not app.exception
    assert "One model has 4 layers and the other 6" in words(app) and "Neurons of this cell" in words(app)


def test_a_compared_analysis_that_is_missing_is_noted_until_dismissed(tiny_analysis: Any, cache: Path) -> None:
    app = open_page("importance", analysis=adopt(tiny_analysis, cache), compare="0123456789abcdef").run()
    assert not app.exception and not faults(app)
    assert "Analysis 0123456789abcdef was deleted" in words(app)
    app.button(key="dismiss-gone-compare").click().run()
    assert "was deleted" not in words(app) and "compare" not in app.query_params
