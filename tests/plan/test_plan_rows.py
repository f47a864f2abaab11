"""A plan as an editable table: its values become the plan, with notes on cells that cannot be cut."""

from __future__ import annotations

import math
from typing import Any

import pytest

from obce_core.components import CUTTABLE
from obce_core.errors import PlanError
from obce_core.plan import ManualOverride, PruneSpec
from obce_core.plan.serialize import plan_rows, read_rows


def test_the_table_of_a_plan_is_that_plan(tiny_analysis: Any) -> None:
    prune_spec = PruneSpec(
        cells={2: {"value": 12.5}, 3: {"query": 50, "key": 30}},
        keep=(ManualOverride(layer=2, component="value", neurons=(1,)),),
    )
    rows = plan_rows(tiny_analysis, prune_spec)
    assert [row["layer"] for row in rows] == [1, 2, 3, 4] and rows[1]["value"] == 12.5 and rows[3]["intermediate"] == 0
    assert [rows[0][name] for name in CUTTABLE] == [None, None, None, 0]  # on [CLS], layer 1 sees one token
    assert read_rows(tiny_analysis, prune_spec, rows) == (prune_spec, ())


def test_edited_percentiles_replace_the_old_ones(tiny_analysis: Any) -> None:
    rows = plan_rows(tiny_analysis, PruneSpec(cells={2: {"value": 30}}))
    rows[1]["value"], rows[2]["key"], rows[3]["query"], rows[0]["query"] = None, 70.0, math.nan, 50.0
    prune_spec, notes = read_rows(tiny_analysis, PruneSpec(cells={2: {"value": 30}}), rows)
    assert prune_spec.cells == {3: {"key": 70.0}}
    assert notes == ("Layer 1 query is not cut: every text gives the same value there.",)


@pytest.mark.parametrize("value", [-1.0, 100.0, 1e9])
def test_an_invalid_percentile_is_refused(tiny_analysis: Any, value: float) -> None:
    rows = plan_rows(tiny_analysis, PruneSpec())
    rows[2]["key"] = value
    with pytest.raises(PlanError):
        read_rows(tiny_analysis, PruneSpec(), rows)
