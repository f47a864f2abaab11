"""The ridge regressions from moments, against scikit-learn and a loop over folds on the raw rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from obce_core.compression.cross_moments import CrossMoments
from obce_core.compression.ridge import RIDGES, choose_ridge, fit, held_out_errors, take_apart


def moments(rows: np.ndarray, groups: int) -> CrossMoments:
    found = CrossMoments(groups, rows.shape[1] // groups)
    found.add(torch.from_numpy(rows))
    return found


def draw(seed: int, width: int, sizes: Sequence[int], *, noise: float = 0.3, factors: int = 4) -> list[np.ndarray]:
    """Draw correlated neurons of uneven scales and means in folds, each a little shifted, shape (rows, width) each."""
    rng = np.random.default_rng(seed)
    loads, scale, mean = rng.normal(size=(factors, width)), np.exp(rng.normal(size=width)), 3 * rng.normal(size=width)
    return [
        (
            rng.normal(size=(size, factors)) @ loads
            + noise * rng.normal(size=(size, width))
            + 0.2 * rng.normal(size=width)
        )
        * scale
        + mean
        for size in sizes
    ]


def ridge_regression(rows: np.ndarray, kept: np.ndarray, strength: float) -> Ridge:
    """Fit scikit-learn's ridge on raw rows; its penalty is ours times rows times the kept neurons' mean variance."""
    x = rows[:, kept]
    return Ridge(alpha=strength * len(x) * x.var(axis=0).mean(), solver="svd").fit(x, rows[:, ~kept])


def naive_errors(folds: list[np.ndarray], kept: np.ndarray) -> np.ndarray:
    """Predict each fold from the others, for every strength."""
    errors = np.zeros(len(RIDGES))
    for index, strength in enumerate(RIDGES):
        for out, held in enumerate(folds):
            model = ridge_regression(
                np.concatenate([fold for other, fold in enumerate(folds) if other != out]), kept, strength
            )
            errors[index] += ((model.predict(held[:, kept]) - held[:, ~kept]) ** 2).sum()
    return errors


def test_the_grid_has_eleven_strengths() -> None:
    assert (len(RIDGES), RIDGES[0], RIDGES[-1]) == (11, pytest.approx(1e-8), pytest.approx(1e2))


CASES = [  # seed, neurons, rows of each fold, noise
    (0, 9, (40, 37, 50, 31, 44), 0.3),
    (1, 9, (40, 37, 50, 31, 44), 3.0),
    (2, 30, (8, 9, 7, 11, 6), 0.5),  # hardly more rows than neurons
    (3, 40, (5, 6, 4, 5, 6), 1.0),  # fewer rows than neurons
    (4, 6, (20, 30), 0.1),
]


@pytest.mark.parametrize(("seed", "width", "sizes", "noise"), CASES, ids=range(len(CASES)))
def test_errors_and_choice_are_those_of_a_loop_over_the_folds(
    seed: int, width: int, sizes: tuple[int, ...], noise: float
) -> None:
    folds = draw(seed, width, sizes, noise=noise)
    kept = np.random.default_rng(seed).random(width) < 0.5
    parts = [take_apart(moments(fold, 1), 0, kept) for fold in folds]
    wanted = naive_errors(folds, kept)
    assert held_out_errors(parts) == pytest.approx(wanted, rel=1e-6)
    assert choose_ridge(parts) == RIDGES[int(np.argmin(wanted))]


@pytest.mark.parametrize(("seed", "width", "sizes", "noise"), CASES, ids=range(len(CASES)))
def test_the_map_is_the_ridge_regression_on_the_raw_rows(
    seed: int, width: int, sizes: tuple[int, ...], noise: float
) -> None:
    folds = draw(seed, width, sizes, noise=noise)
    kept = np.random.default_rng(seed).random(width) < 0.5
    found = fit([moments(fold, 1) for fold in folds], kept)
    model = ridge_regression(np.concatenate(folds), kept, RIDGES[int(np.argmin(naive_errors(folds, kept)))])
    assert found.weight == pytest.approx(model.coef_, rel=1e-6, abs=1e-9)
    assert found.bias == pytest.approx(model.intercept_, rel=1e-6, abs=1e-8)


def test_the_choices_differ_where_the_noise_does() -> None:
    chosen = set()
    for seed, width, sizes, noise in CASES:
        kept = np.random.default_rng(seed).random(width) < 0.5
        chosen.add(
            choose_ridge([take_apart(moments(fold, 1), 0, kept) for fold in draw(seed, width, sizes, noise=noise)])
        )
    assert len(chosen) >= 3


def test_without_noise_it_is_plain_least_squares() -> None:
    folds = draw(7, 8, (50, 60, 70, 80, 90), noise=0.0, factors=5)
    kept = np.array([1, 1, 1, 1, 1, 0, 0, 0], dtype=bool)
    rows = np.concatenate(folds)
    rows[:, ~kept] = rows[:, kept] @ np.random.default_rng(0).normal(size=(5, 3)) + [1.0, 2.0, 3.0]
    found = fit([moments(part, 1) for part in np.split(rows, 5)], kept)
    exact = np.linalg.lstsq(np.c_[rows[:, kept], np.ones(len(rows))], rows[:, ~kept], rcond=None)[0]
    assert found.weight == pytest.approx(exact[:-1].T, abs=1e-4)
    assert rows[:, kept] @ found.weight.T + found.bias == pytest.approx(rows[:, ~kept], abs=1e-4)


def test_heads_are_fitted_each_on_its_own() -> None:
    folds = draw(8, 12, (30, 40, 35, 33, 28))
    kept = np.array([1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)  # half, none, all
    found = fit([moments(fold, 3) for fold in folds], kept)
    assert (found.weight.shape, found.bias.shape) == ((6, 6), (6,))
    alone = fit([moments(fold[:, :4], 1) for fold in folds], kept[:4])
    assert found.weight[:2, :2] == pytest.approx(alone.weight, rel=1e-12)
    assert found.bias[:2] == pytest.approx(alone.bias, rel=1e-12)
    assert not found.weight[2:].any() and not found.weight[:2, 2:].any()
    assert found.bias[2:] == pytest.approx(np.concatenate(folds)[:, 4:8].mean(axis=0), rel=1e-12)


def test_nothing_removed_and_everything_removed() -> None:
    folds = draw(9, 6, (20, 20, 20, 20, 20))
    some = [moments(fold, 2) for fold in folds]
    assert fit(some, np.ones(6, dtype=bool)).weight.shape == (0, 6)
    gone = fit(some, np.zeros(6, dtype=bool))
    assert gone.weight.shape == (6, 0)
    assert gone.bias == pytest.approx(np.concatenate(folds).mean(axis=0), rel=1e-12)


def test_constant_and_duplicate_neurons_do_no_harm() -> None:
    folds = draw(10, 8, (30, 40, 35, 33, 28))
    kept = np.array([1, 1, 1, 1, 1, 0, 0, 0], dtype=bool)
    for fold in folds:
        fold[:, 1] = fold[:, 0]  # a kept duplicate
        fold[:, 2] = 5.0  # a kept constant
        fold[:, 5] = fold[:, 0]  # a removed copy of a kept neuron
        fold[:, 6] = -2.5  # a removed constant
    found = fit([moments(fold, 1) for fold in folds], kept)
    rows = np.concatenate(folds)
    guess = rows[:, kept] @ found.weight.T + found.bias
    assert np.abs(found.weight).max() < 100
    assert np.abs(guess[:, 0] - rows[:, 5]).max() < 1e-2 * rows[:, 5].std()
    assert guess[:, 1] == pytest.approx(np.full(len(rows), -2.5))
    assert ((guess[:, 2] - rows[:, 7]) ** 2).mean() < rows[:, 7].var()


@pytest.mark.parametrize("rounding", [0.0, 1e-7])
def test_kept_neurons_that_never_vary_give_the_mean(rounding: float) -> None:
    folds = draw(11, 5, (30, 40, 35, 33, 28))
    kept = np.array([1, 1, 0, 0, 0], dtype=bool)
    rng = np.random.default_rng(0)
    for fold in folds:
        fold[:, :2] = [4.0, -1.0] + rounding * rng.normal(size=(len(fold), 2)) * np.sign(fold[:, 2:3])
    found = fit([moments(fold, 1) for fold in folds], kept)
    assert not found.weight.any()
    assert found.bias == pytest.approx(np.concatenate(folds)[:, 2:].mean(axis=0), rel=1e-12)


def test_one_fold_takes_the_strongest_ridge() -> None:
    (rows,) = draw(12, 6, (50,))
    kept = np.array([1, 1, 1, 0, 0, 0], dtype=bool)
    found = fit([moments(rows, 1)], kept)
    assert found.weight == pytest.approx(ridge_regression(rows, kept, RIDGES[-1]).coef_, rel=1e-8)
