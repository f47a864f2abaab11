"""The data of the plan grid and of the next cuts: what is known, what is not, and how it is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tiny import memory_analysis

from obce_core.components import CUTTABLE
from obce_core.figures.widgets.next_cuts.data import next_cut_assets, next_cut_list, signed
from obce_core.figures.widgets.plan_grid.data import Closeness, decimal, plan_grid, plan_grid_assets
from obce_core.plan import ManualOverride, PruneSpec, resolve
from obce_core.plan.next_cuts import next_cuts

ANALYSIS = memory_analysis(3, 24, 3, 40)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.979, ".979"),
        (0.99972, "1.000"),
        (1.0, "1.000"),
        (0.9994, ".999"),
        (0.0, ".000"),
        (-0.25, "−.250"),
        (-1.0, "−1.000"),
    ],
)
def test_a_cosine_in_a_cell_is_short(value: float, text: str) -> None:
    assert decimal(value) == text


def test_a_cell_says_whether_its_cosine_is_new_old_or_not_there() -> None:
    assert Closeness(cosine=0.979).words == "Cosine .979 when this cell alone is cut"
    assert Closeness(cosine=0.979, old=True).words == "Cosine being measured" == Closeness().words
    assert Closeness(reason="no text was left out").words == "Cosine not measured: no text was left out"


def test_the_grid_tells_every_cell_and_the_locked_columns() -> None:
    prune_spec = replace(
        PruneSpec(cells={2: {"query": 50, "key": 12.5}}),
        keep=(ManualOverride(layer=2, component="query", neurons=(0, 1)),),
    )
    data = plan_grid(
        ANALYSIS, prune_spec, resolve(ANALYSIS, prune_spec), linked=True, close={(2, "query"): Closeness(cosine=0.5)}
    )
    cells = {(cell["layer"], cell["component"]): cell for cell in data["cells"]}
    assert len(cells) == 3 * len(CUTTABLE) and data["locked"] == ["Attention output", "Output"]
    query = cells[2, "query"]
    assert (query["percentile"], query["hands"], query["cosine"], query["old"]) == (50, 2, ".500", False)
    assert 12 <= query["kept"] <= 14 and cells[2, "key"]["percentile"] == 12.5
    assert cells[1, "value"]["cosine"] == "" and not cells[1, "value"]["equal"]


def test_the_list_puts_the_cheapest_first_and_numbers_only_what_was_measured() -> None:
    cuts = next_cuts(ANALYSIS, PruneSpec(), linked=True)
    lost: list[float | None] = [None] * len(cuts)
    lost[3], lost[5] = 0.02, -0.001
    rows = next_cut_list(cuts, lost, waiting=True)["rows"]
    assert [row["place"] for row in rows[:2]] == [5, 3] and [row["lost"] for row in rows[:3]] == [
        "+0.001",
        "−0.020",
        "measuring",
    ]
    assert {row["lost"] for row in next_cut_list(cuts, [None] * len(cuts), waiting=False)["rows"]} == {"not measured"}
    pair = next(row for row in rows if len(row["chips"]) == 2)
    assert pair["component"] == "Query + key" and pair["step"] == "– → P30" and pair["label"].startswith("Apply: layer")
    assert signed(0.0001) == "±0.000"


@pytest.mark.parametrize("assets", [plan_grid_assets, next_cut_assets])
def test_components_put_text_in_by_text_content_only(assets: Callable[[], tuple[str, str]]) -> None:
    css, js = assets()
    assert (
        "innerHTML" not in js
        and "insertAdjacentHTML" not in js
        and "http://" not in js.replace("http://www.w3.org/2000/svg", "")
    )
    assert "light-dark(" in css and "\n" in js
