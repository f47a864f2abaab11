"""One contract for every criterion, then the values of each by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from obce_core.components import COMPONENTS
from obce_core.criteria import CRITERIA, DEGENERATE, CellData, Criterion, criterion, random_scores
from obce_core.errors import NotFinite, UnknownName
from obce_core.topology import line_deaths

OUTPUTS = np.array([[0.0, 5.0, -1.0, 2.0], [1.0, 5.0, 1.0, 4.0], [4.0, 5.0, 3.0, 2.0]], dtype=np.float32)
CELL = CellData(
    layer=2,
    component="value",
    outputs=OUTPUTS,
    std_all=np.array([0.5, 0.0, 2.0, 1.0]),
    weight=np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0], [-6.0, 8.0]], dtype=np.float32),
)
# criterion, scores of the four neurons of CELL
BY_HAND = [
    ("r_f", [1.5, 0.0, 1.0, 1.0]),
    ("std", [math.sqrt(26.0 / 9.0), 0.0, math.sqrt(8.0 / 3.0), math.sqrt(8.0 / 9.0)]),
    ("std_all", [0.5, 0.0, 2.0, 1.0]),
    ("range", [4.0, 0.0, 4.0, 2.0]),
    ("total_persistence", [0.25 + 2.25, 0.0, 2.0, 1.0]),
    ("magnitude", [5.0, 0.0, 1.0, 10.0]),
    ("random", np.random.default_rng([0, 2, 2]).random(4).tolist()),
]
ROWS = list(CRITERIA.values())


def columns(width: float, largest: float, std_all: float = 1.0, mean_all: float = 1.0) -> dict[str, np.ndarray]:
    """Make a cell of two neurons: one that ranges over 0 .. width, one that is always `largest`."""
    return {
        "max": np.array([width, largest]),
        "min": np.array([0.0, largest]),
        "std_all": np.array([std_all, 0.0]),
        "mean_all": np.array([mean_all, 0.0]),
    }


@pytest.mark.parametrize("row", ROWS, ids=list(CRITERIA))
def test_every_row_says_what_it_is(row: Criterion) -> None:
    assert CRITERIA[row.name] is criterion(row.name) is row
    assert row.title and row.definition and not row.definition.endswith(".")
    assert row.reads in {"cloud", "tokens", "weights", "seed"}


@pytest.mark.parametrize("row", ROWS, ids=list(CRITERIA))
def test_every_score_is_one_finite_float64_a_neuron_and_the_same_each_time(row: Criterion) -> None:
    cell = replace(
        CELL,
        outputs=np.random.default_rng(1).normal(size=(9, 7)).astype(np.float32),
        std_all=np.random.default_rng(2).random(7),
        weight=np.random.default_rng(3).normal(size=(7, 5)).astype(np.float32),
    )
    scores = row.score(cell)
    assert (scores.shape, scores.dtype) == ((7,), np.float64)
    assert np.isfinite(scores).all()
    assert scores.tolist() == row.score(cell).tolist()


@pytest.mark.parametrize("row", ROWS, ids=list(CRITERIA))
def test_every_score_grows_with_what_it_reads_and_with_nothing_else(row: Criterion) -> None:
    parts = {"cloud": "outputs", "tokens": "std_all", "weights": "weight"}
    before = row.score(CELL)
    for reads, part in parts.items():
        after = row.score(replace(CELL, **{part: getattr(CELL, part) * 3}))
        if reads == row.reads:
            assert (after[before > 0] > before[before > 0]).all()
            assert after[before == 0].tolist() == [0.0] * int((before == 0).sum())
        else:
            assert after.tolist() == before.tolist()


@pytest.mark.parametrize("row", ROWS, ids=list(CRITERIA))
def test_one_text_and_a_shifted_cloud_are_no_trouble(row: Criterion) -> None:
    alone = row.score(replace(CELL, outputs=OUTPUTS[:1]))
    assert np.isfinite(alone).all()
    if row.reads == "cloud":
        assert alone.tolist() == [0.0] * 4
        assert row.score(replace(CELL, outputs=OUTPUTS + 100.0)) == pytest.approx(row.score(CELL), abs=1e-12)


@pytest.mark.parametrize(("name", "scores"), BY_HAND, ids=[name for name, _ in BY_HAND])
def test_scores_by_hand(name: str, scores: list[float]) -> None:
    assert CRITERIA[name].score(CELL) == pytest.approx(scores, rel=1e-15)


def test_every_criterion_has_a_value_by_hand() -> None:
    assert {name for name, _ in BY_HAND} == set(CRITERIA)


def test_total_persistence_with_p_1_would_be_half_the_range() -> None:
    outputs = np.random.default_rng(0).normal(size=(40, 6))
    cell = replace(CELL, outputs=outputs)
    assert line_deaths(outputs).sum(axis=1) == pytest.approx(CRITERIA["range"].score(cell) / 2, rel=1e-12)


def test_spread_is_taken_in_float64_far_from_zero() -> None:
    values = (np.arange(64) % 2 + 4096.0).astype(np.float32).reshape(-1, 1)
    assert CRITERIA["std"].score(replace(CELL, outputs=values)).tolist() == [0.5]


def test_random_scores_depend_on_seed_layer_and_component_alone() -> None:
    draws = [random_scores(s, layer, c, 50) for s in (0, 1) for layer in (1, 2) for c in COMPONENTS]
    assert len({tuple(draw) for draw in draws}) == len(draws)
    assert random_scores(7, 3, "key", 50).tolist() == np.random.default_rng([7, 3, 1]).random(50).tolist()
    assert random_scores(7, 3, "key", 20).tolist() == random_scores(7, 3, "key", 50)[:20].tolist()


def test_outputs_that_are_not_finite_are_refused_by_the_barcode() -> None:
    bad = OUTPUTS.copy()
    bad[1, 1] = np.nan
    for name in ("r_f", "total_persistence"):
        with pytest.raises(NotFinite, match="1 outputs are NaN or inf"):
            CRITERIA[name].score(replace(CELL, outputs=bad))


# range of the widest neuron, largest |output|, degenerate for what reads the cloud
DEGENERATE_CASES = [
    (0.0, 0.0, True),
    (0.0, 4.0, True),
    (DEGENERATE * 1024.0, 1024.0, True),
    (DEGENERATE * 1024.0 * (1 + 1e-9), 1024.0, False),
    (1.0, 1024.0, False),
]


@pytest.mark.parametrize(("width", "largest", "expected"), DEGENERATE_CASES)
@pytest.mark.parametrize("row", ROWS, ids=list(CRITERIA))
def test_a_cell_is_degenerate_when_no_range_exceeds_a_hundred_thousandth(
    row: Criterion, width: float, largest: float, expected: bool
) -> None:
    assert row.degenerate(columns(width, largest)) is (expected and row.reads == "cloud")


def test_the_first_layer_on_cls_is_degenerate_for_r_f_but_not_over_all_tokens() -> None:
    cell = columns(1e-7, 2.0, std_all=0.8)
    degenerate = {name for name, row in CRITERIA.items() if row.degenerate(cell)}
    assert {"r_f", "std", "range", "total_persistence"} <= degenerate
    assert degenerate & {"std_all", "magnitude", "random"} == set()


def test_all_tokens_alike_are_degenerate_for_std_all_too() -> None:
    assert CRITERIA["std_all"].degenerate(columns(1.0, 1.0, std_all=1e-6, mean_all=2.0))
    assert not CRITERIA["std_all"].degenerate(columns(1.0, 1.0, std_all=2e-5, mean_all=2.0))


def test_an_unknown_criterion_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"Unknown criterion 'rf'; known: r_f, std, .*Did you mean 'r_f'"):
        criterion("rf")
