"""The smallest uniform percentile that fits a size, against trying all of them."""

from __future__ import annotations

from typing import Any

import pytest
from tiny import memory_analysis

from obce_core.errors import PlanError
from obce_core.plan import Compensation, PruneSpec, count, make_plan, resolve, uniform
from obce_core.plan.create import SEARCH_STEPS, reach

ANALYSIS = memory_analysis(3, 16, 4, 20, vocab=40, seed=3)


@pytest.fixture(scope="module", params=["mean+std", "zero", "least-squares"])
def tried(request: pytest.FixtureRequest) -> tuple[PruneSpec, list[tuple[float, float]]]:
    """Resolve every percentile; return the prune spec and (share of the encoder, share of the model) of each step."""
    base = PruneSpec(first_layer=1, compensation=Compensation(method=request.param))
    shares = []
    for step in range(1, SEARCH_STEPS + 1):
        budget = count(ANALYSIS, resolve(ANALYSIS, uniform(step / 10, 3, base)))
        shares.append((budget.encoder_share, budget.model_share))
    return base, shares


@pytest.mark.parametrize("of", ["encoder", "model"])
def test_it_is_the_first_of_all_steps_that_fits(of: Any, tried: tuple[PruneSpec, list[tuple[float, float]]]) -> None:
    base, shares = tried
    column = [row[0 if of == "encoder" else 1] for row in shares]
    edges = {share + change for share in column[::83] for change in (-1e-9, 0.0, 1e-9)}
    targets = sorted({0.999, 0.9, 0.6, 0.35, *edges})
    checked = 0
    for target in targets:
        if min(column) <= target < 1:
            step = next(i for i, share in enumerate(column, start=1) if share <= target)
            assert reach(ANALYSIS, base, target, of) == uniform(step / 10, 3, base), target
            checked += 1
    assert checked > 12


@pytest.mark.parametrize("of", ["encoder", "model"])
def test_out_of_reach_names_the_floor(of: Any, tried: tuple[PruneSpec, list[tuple[float, float]]]) -> None:
    base, shares = tried
    floor = min(row[0 if of == "encoder" else 1] for row in shares)
    option = "--target-encoder" if of == "encoder" else "--target-params"
    with pytest.raises(PlanError) as caught:
        reach(ANALYSIS, base, floor - 1e-6, of)
    assert str(caught.value) == (
        f"{option} {floor - 1e-6:g} cannot be reached by cutting from layer 1: the floor is {floor:.3f}. "
        "Choose a larger share or an earlier --first-layer."
    )


def test_the_count_never_rises_with_the_percentile(tried: tuple[PruneSpec, list[tuple[float, float]]]) -> None:
    _, shares = tried
    assert sorted(shares, reverse=True) == shares


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_share_lies_between_0_and_1(share: float) -> None:
    with pytest.raises(PlanError, match=r"^--target-encoder is .*; a share lies strictly between 0 and 1.$"):
        make_plan(ANALYSIS, target_encoder=share)


def test_both_ways_of_naming_a_size_make_a_plan_that_fits() -> None:
    one = make_plan(ANALYSIS, target_encoder=0.7, first_layer=1)
    two = make_plan(ANALYSIS, target_params=0.7, first_layer=1)
    assert count(ANALYSIS, one).encoder_share <= 0.7
    assert count(ANALYSIS, two).model_share <= 0.7 < count(ANALYSIS, one).model_share
    with pytest.raises(PlanError, match="--first-layer is 4; this model has layers 1–3"):
        make_plan(ANALYSIS, target_encoder=0.7, first_layer=4)
