"""Two analyses beside each other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny import memory_analysis, sample

from obce_core import analyze
from obce_core.analysis.catalog import Saved
from obce_core.analysis.compare import agreement, check_comparable, compare, differences, find_sibling
from obce_core.components import COMPONENTS
from obce_core.errors import AnalysisError


@pytest.fixture(scope="module")
def other(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Analyse the tiny model on other texts."""
    return analyze(
        tiny_folder, sample(20, heldout=6, seed=5), batch_size=8, out=tmp_path_factory.mktemp("other") / "tiny"
    )


def test_every_cell_is_compared_or_says_why_not(tiny_analysis: Any, other: Any) -> None:
    from scipy.stats import spearmanr

    rows = {(row.layer, row.component): row for row in compare(tiny_analysis, other, "std")}
    assert list(rows) == [(layer, component) for layer in range(1, 5) for component in COMPONENTS]
    assert rows[1, "query"].reason == "all equal" and rows[1, "query"].spearman is None
    row, a, b = rows[3, "value"], *(source.scores(3, "value", "std") for source in (tiny_analysis, other))
    assert (row.first, row.second) == (np.median(a), np.median(b))
    assert row.spearman == pytest.approx(spearmanr(a, b).statistic)
    assert 0 <= (row.jaccard or 0) <= 1 and row.chance == pytest.approx(1 / 3)


def test_an_analysis_agrees_with_itself(tiny_analysis: Any) -> None:
    found = agreement(tiny_analysis, tiny_analysis)
    assert found is not None and (found.spearman, found.jaccard, found.cells) == (1.0, 1.0, 4 * 4 - 3)
    assert differences(tiny_analysis, tiny_analysis) == []


def test_what_differs_is_said(tiny_analysis: Any, other: Any) -> None:
    told = differences(tiny_analysis, other)
    shared = len(set(tiny_analysis.texts.texts) & set(other.texts.texts))
    assert told == [f"other texts (20 and 20, {shared} texts in both)"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"layers": 6}, "has 4 layers and the other 6"),
        ({"hidden": 48}, "a hidden size of 24 and the other 48"),
        ({"heads": 6}, "has 3 heads and the other 6"),
        ({"intermediate": 80}, "an intermediate size of 40 and the other 80"),
    ],
)
def test_other_shapes_are_refused_with_the_reason(changed: dict[str, int], reason: str) -> None:
    shape = {"layers": 4, "hidden": 24, "heads": 3, "intermediate": 40}
    with pytest.raises(AnalysisError, match=reason):
        check_comparable(memory_analysis(**shape), memory_analysis(**(shape | changed)))


def test_a_cell_that_was_cut_before_is_left_out(tiny_analysis: Any, tiny_cut: Path, tmp_path: Path) -> None:
    again = analyze(tiny_cut, sample(20), device="cpu", out=tmp_path / "again")
    rows = {(row.layer, row.component): row for row in compare(tiny_analysis, again)}
    assert rows[3, "value"].reason == "an earlier cut left other neurons" and rows[3, "value"].jaccard is None
    assert not rows[3, "output"].reason


def test_the_sibling_has_the_same_model_and_other_texts(tiny_analysis: Any, other: Any) -> None:
    def saved(key: str, source: Any, **changes: Any) -> Saved:
        return Saved(meta={**source.meta, "id": key, **changes}, folder=Path("nowhere"))

    told = other.meta
    far = saved("3", other, texts={**told["texts"], "n": 900, "digest": "far"})
    strangers = [
        saved("4", tiny_analysis),
        saved("5", other, tokens="all"),
        saved("6", other, model={**told["model"], "weights_sha256": "00"}),
    ]
    assert find_sibling(tiny_analysis, strangers) is None
    found = find_sibling(tiny_analysis, [*strangers, far, saved("7", other)])
    assert found is not None and found.id == "7"
    assert (
        find_sibling(SimpleNamespace(meta=tiny_analysis.meta, id="7"), [saved("7", other)]) is None
    )  # reads no more of it
