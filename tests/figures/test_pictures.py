"""Figures are returned, hold what they should, and never show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obce_core.components import COMPONENTS, CUTTABLE
from obce_core.figures.base import size_ticks
from obce_core.figures.sizes import sizes
from obce_core.figures.widgets.cell_map.data import cell_map, cell_map_assets
from obce_core.figures.widgets.cell_view.export import distribution, strip
from obce_core.figures.widgets.plan_grid.data import plan_grid, plan_grid_assets
from obce_core.plan import PruneSpec, count, make_plan, uniform


def test_the_map_has_a_cell_for_every_layer_and_component(tiny_analysis: Any) -> None:
    data = cell_map(tiny_analysis)
    assert len(data["cells"]) == 4 * 6
    first = {cell["component"]: cell for cell in data["cells"] if cell["layer"] == 1}
    assert [name for name in COMPONENTS if first[name].get("equal")] == ["query", "key", "value"]
    assert all("hill" not in first[name] for name in ("query", "key", "value"))
    cell = next(c for c in data["cells"] if (c["layer"], c["component"]) == (3, "value"))
    assert max(cell["hill"]) == 1.0 and cell["light"] != cell["dark"]
    assert {c["component"] for c in data["columns"] if c["locked"]} == {"attention_output", "output"}


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("component", ["value", "intermediate"])
def test_a_distribution_shows_every_neuron_once(tiny_analysis: Any, component: str, mode: str) -> None:
    scores = tiny_analysis.scores(3, component)
    kept = scores > np.percentile(scores, 50)
    figure = distribution(scores, kept, component, mode=mode)
    assert sum(sum(trace.y) for trace in figure.data) == len(scores)
    assert [note.text for note in figure.layout.annotations] == ["P30", "P50", "P70"]
    dots = strip(scores, kept, component, 8 if component == "value" else 0, mode=mode)
    assert sorted(int(row[0]) for trace in dots.data for row in trace.customdata) == list(range(len(scores)))


def test_scores_of_zero_do_not_break_a_distribution() -> None:
    for scores in (np.zeros(5), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0])):
        kept = np.ones(len(scores), dtype=bool)
        distribution(scores, kept, "value")
        strip(scores, kept, "value", 0)


def test_bars_of_size_add_up_to_the_original(tiny_analysis: Any) -> None:
    budget = count(tiny_analysis, make_plan(tiny_analysis, percentile=50))
    figure = sizes([("this plan", budget)])
    total = [sum(trace.x[row] for trace in figure.data) for row in range(2)]
    assert total == [budget.parameters, budget.parameters]
    assert [trace.name for trace in figure.data] == [
        "embeddings and the rest",
        "encoder",
        "cut",
    ] and figure.layout.showlegend


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0, 22_713_216, ["0", "5 M", "10 M", "15 M", "20 M"]),
        (0, 109_482_240, ["0", "50 M", "100 M"]),
        (0, 940, ["0", "200", "400", "600", "800"]),
        (14.1e6, 24.9e6, ["15 M", "20 M"]),
        (7e6, 7e6, ["7 M"]),
        (0, 1.774e6, ["0", "500 k", "1 M", "1.5 M"]),
        (0, 0, ["0"]),
    ],
)
def test_ticks_of_sizes_are_round(low: float, high: float, told: list[str]) -> None:
    assert size_ticks(low, high)["ticktext"] == told


def test_the_grid_tells_what_stays_and_what_cannot_be_cut(tiny_analysis: Any) -> None:
    prune_spec = uniform(50, 4, PruneSpec())
    data = plan_grid(tiny_analysis, prune_spec, make_plan(tiny_analysis, prune_spec=prune_spec), linked=True)
    cells = {(cell["layer"], cell["component"]): cell for cell in data["cells"]}
    assert len(cells) == 4 * len(CUTTABLE)
    assert cells[3, "value"]["kept"] == 12 and cells[3, "value"]["percentile"] == 50
    assert cells[2, "value"]["kept"] == cells[2, "value"]["width"] and cells[1, "query"]["equal"]


@pytest.mark.parametrize("assets", [cell_map_assets, plan_grid_assets])
def test_the_components_come_with_their_files(assets: Any) -> None:
    css, js = assets()
    assert "light-dark(" in css and "export default function" in js
    assert "innerHTML" not in js, "foreign text must go through textContent"
