"""Planted mistakes in the folding: compress must notice each of them and write nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import some_of_everything

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import modeling_obce
from obce_core.compression import build, state
from obce_core.compression.compensation import mix_layer
from obce_core.compression.fold import FoldedLayer, fold_layer
from obce_core.compression.ridge import AffineMap
from obce_core.errors import Cancelled, Mismatch, ModelError
from obce_core.plan import Compensation, Plan, PruneSpec, resolve

Fold = Callable[..., FoldedLayer]


@pytest.fixture
def plan(tiny_analysis: Analysis) -> Plan:
    """Cut some of everything in every layer; heads 0 and 1 need an extra row, head 2 does not."""
    return some_of_everything(tiny_analysis)


def changed(
    constants: Mapping[str, np.ndarray], component: str, change: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    return {**constants, component: change(constants[component])}


def with_constants(component: str, change: Callable[[np.ndarray], np.ndarray]) -> Fold:
    """Fold with other constants than the masked twin has."""
    return lambda weights, masks, constants, shape: fold_layer(
        weights, masks, changed(constants, component, change), shape
    )


def with_tensors(change: Callable[[dict[str, np.ndarray]], None]) -> Fold:
    """Fold rightly, then spoil a tensor."""

    def fold(*args: Any) -> FoldedLayer:
        folded = fold_layer(*args)
        change(folded.tensors)
        return folded

    return fold


def swap_rows(tensors: dict[str, np.ndarray]) -> None:
    tensors["key.extra"] = tensors["key.extra"][::-1].copy()


# what goes wrong, the wrong fold
FAULTS: list[tuple[str, Fold]] = [
    ("value constants with the wrong sign", with_constants("value", np.negative)),
    ("query constants with the wrong sign", with_constants("query", np.negative)),
    ("intermediate constants with the wrong sign", with_constants("intermediate", np.negative)),
    (
        "one intermediate constant left out",
        with_constants("intermediate", lambda c: np.where(np.arange(len(c)) == 3, 0.0, c)),
    ),
    ("one value constant left out", with_constants("value", lambda c: np.where(np.arange(len(c)) == 12, 0.0, c))),
    ("the extra rows left out", with_tensors(lambda t: t["key.extra"].fill(0.0))),
    ("the extra rows of two heads exchanged", with_tensors(swap_rows)),
    ("a bias forgotten", with_tensors(lambda t: t["query.bias"].fill(0.0))),
    ("two rows of a map exchanged", with_tensors(lambda t: t.update({"value.weight": t["value.weight"][::-1].copy()}))),
    ("a tensor that is not finite", with_tensors(lambda t: t["output.bias"].fill(np.nan))),
]


def assert_nothing_written(home: Path) -> None:
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(("name", "fold"), FAULTS, ids=[name for name, _ in FAULTS])
def test_a_wrong_fold_is_caught_and_nothing_is_written(
    name: str, fold: Fold, tiny_analysis: Analysis, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "out"
    home.mkdir()
    monkeypatch.setattr(state, "fold_layer", fold)
    with pytest.raises(
        Mismatch,
        match=r"^The cut model differs from its masked twin by .* of the largest output .*; nothing was written.",
    ):
        build.compress(tiny_analysis, plan, home / "cut", device="cpu")
    assert_nothing_written(home)


def test_an_extra_row_dropped_from_tensors_and_widths_is_caught_by_the_count(
    tiny_analysis: Analysis, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fold(*args: Any) -> FoldedLayer:
        folded = fold_layer(*args)
        tensors = {name: tensor for name, tensor in folded.tensors.items() if name != "key.extra"}
        widths = replace(folded.stored.widths, extra=(0, 0, 0))
        return FoldedLayer(tensors=tensors, stored=replace(folded.stored, widths=widths))

    home = tmp_path / "out"
    home.mkdir()
    monkeypatch.setattr(state, "fold_layer", fold)
    with pytest.raises(Mismatch, match=r"^Layer 1: folding gave other widths than the plan counts.$"):
        build.compress(tiny_analysis, plan, home / "cut", device="cpu")
    assert_nothing_written(home)


def test_a_softmax_scale_of_the_kept_width_is_caught(
    tiny_analysis: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = {layer: {"query": 50.0, "key": 50.0, "value": 50.0} for layer in (3, 4)}
    plan = resolve(tiny_analysis, PruneSpec(cells=cells))
    right = modeling_obce.shrink_layer

    def wrong(layer: torch.nn.Module, widths: Mapping[str, Any], *args: Any) -> None:
        right(layer, widths, *args)
        attention = layer.get_submodule("attention.self")
        assert attention.attention_head_size < 8
        attention.scaling = attention.attention_head_size**-0.5

    home = tmp_path / "out"
    home.mkdir()
    monkeypatch.setattr(modeling_obce, "shrink_layer", wrong)
    with pytest.raises(Mismatch, match="The cut model differs from its masked twin"):
        build.compress(tiny_analysis, plan, home / "cut", device="cpu")
    assert_nothing_written(home)


def test_a_shape_that_was_not_planned_is_caught(
    tiny_analysis: Analysis, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: Any) -> torch.nn.Module:
        model = right(*args)
        model.encoder.layer[2].output.dense = torch.nn.Linear(40, 24)
        return model

    right = build.build_compact
    monkeypatch.setattr(build, "build_compact", wrong)
    with pytest.raises(
        Mismatch,
        match=r"^encoder.layer.2.output.dense.weight was built with shape \(24, 40\), the plan asks for \(24, 26\).$",
    ):
        build.compress(tiny_analysis, plan, tmp_path / "cut", device="cpu")
    assert not (tmp_path / "cut").exists()


def test_without_a_fault_the_same_plan_is_written(tiny_analysis: Analysis, plan: Plan, tmp_path: Path) -> None:
    assert build.compress(tiny_analysis, plan, tmp_path / "cut", device="cpu").difference <= 1e-5


def test_a_cancelled_cut_leaves_nothing(tiny_analysis: Analysis, plan: Plan, tmp_path: Path) -> None:
    home = tmp_path / "out"
    home.mkdir()
    for allowed in range(8):
        told: list[tuple[int, int]] = []
        with pytest.raises(Cancelled):
            build.compress(
                tiny_analysis,
                plan,
                home / "cut",
                device="cpu",
                progress=lambda at, total, told=told: told.append((at, total)),
                cancelled=lambda told=told, allowed=allowed: len(told) >= allowed,
            )
        assert told == [(at, 8) for at in range(1, allowed + 1)]
        assert_nothing_written(home)


def test_a_cut_with_predictions_takes_a_step_more_for_each_cut_layer_and_can_be_cancelled(
    tiny_analysis: Analysis, plan: Plan, tmp_path: Path
) -> None:
    plan = resolve(tiny_analysis, replace(plan.prune_spec, compensation=Compensation(method="least-squares")))
    told: list[tuple[int, int]] = []
    home = tmp_path / "out"
    home.mkdir()
    for allowed in (0, 2, 5, 11):
        told.clear()
        with pytest.raises(Cancelled):
            build.compress(
                tiny_analysis,
                plan,
                home / "cut",
                device="cpu",
                progress=lambda at, total: told.append((at, total)),
                cancelled=lambda allowed=allowed: len(told) >= allowed,
            )
        assert told == [(at, 12) for at in range(1, allowed + 1)]
        assert_nothing_written(home)
    build.compress(tiny_analysis, plan, home / "cut", device="cpu", progress=lambda at, total: told.append((at, total)))
    assert told[-1] == (12, 12)


def spoiled_map(change: Callable[[AffineMap], AffineMap]) -> Fold:
    """Fold with another map of the intermediate neurons than the masked twin has."""

    def fold(weights: Any, masks: Any, maps: Mapping[str, AffineMap], shape: Any) -> FoldedLayer:
        return mix_layer(weights, masks, {**maps, "intermediate": change(maps["intermediate"])}, shape)

    return fold


def mix_then(change: Callable[[dict[str, np.ndarray]], None]) -> Fold:
    """Mix rightly, then spoil a tensor."""

    def fold(*args: Any) -> FoldedLayer:
        folded = mix_layer(*args)
        change(folded.tensors)
        return folded

    return fold


MIX_FAULTS: list[tuple[str, Fold]] = [
    ("the intercepts left out", spoiled_map(lambda m: replace(m, bias=np.zeros_like(m.bias)))),
    ("the slopes left out", spoiled_map(lambda m: replace(m, weight=np.zeros_like(m.weight)))),
    ("two removed neurons exchanged", spoiled_map(lambda m: replace(m, weight=m.weight[::-1], bias=m.bias[::-1]))),
    ("the extra rows left out", mix_then(lambda t: t["key.extra"].fill(0.0))),
    ("a query bias forgotten", mix_then(lambda t: t["query.bias"].fill(0.0))),
    ("two key rows exchanged", mix_then(lambda t: t.update({"key.weight": t["key.weight"][::-1].copy()}))),
]


@pytest.mark.parametrize(("name", "fold"), MIX_FAULTS, ids=[name for name, _ in MIX_FAULTS])
def test_a_wrong_mix_is_caught_and_nothing_is_written(
    name: str, fold: Fold, tiny_analysis: Analysis, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = resolve(tiny_analysis, replace(plan.prune_spec, compensation=Compensation(method="least-squares")))
    home = tmp_path / "out"
    home.mkdir()
    monkeypatch.setattr(state, "mix_layer", fold)
    with pytest.raises(Mismatch, match=r"^The cut model differs from its masked twin"):
        build.compress(tiny_analysis, plan, home / "cut", device="cpu")
    assert_nothing_written(home)


def test_weights_of_another_model_are_refused(tiny_analysis: Analysis, plan: Plan, tmp_path: Path) -> None:
    from tiny import save_tiny

    other = save_tiny(tmp_path / "other", seed=9)
    with pytest.raises(
        ModelError,
        match=r"^other has other weights .* than the analysis was made on\. Analyse it again, or name the original "
        r"with --model.",
    ):
        build.compress(tiny_analysis, plan, tmp_path / "cut", model=other)
    assert not (tmp_path / "cut").exists()
