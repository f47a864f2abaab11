"""The second pass over the texts, against gathering every token; what it fits, on texts that it never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny import sentences

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE, HEADED
from obce_core.compression import cross_moments
from obce_core.compression.cross_moments import FOLDS, CrossMoments, layer_moments, split_folds
from obce_core.compression.fit_compensation import fit_maps
from obce_core.errors import Cancelled
from obce_core.models.batching import Encoded, encode
from obce_core.models.load import LoadedModel, load_model
from obce_core.plan import Compensation, make_plan, resolve
from obce_core.plan.spec import PruneSpec


@pytest.fixture(scope="module")
def loaded(tiny_analysis: Analysis) -> LoadedModel:
    return load_model(tiny_analysis.meta["model"]["spec"], device="cpu")


@pytest.fixture(scope="module")
def texts(loaded: LoadedModel) -> Encoded:
    return encode(loaded.tokenizer, sentences(23, seed=4))


def tokens_of(loaded: LoadedModel, layer: int, component: str, ids: tuple[int, ...]) -> np.ndarray:
    """Read a text's tokens one by one through a hook, float64, shape (tokens, neurons)."""
    point = loaded.report.family.hook_point(layer, component, "neuron")
    module, seen = loaded.base.get_submodule(point.path), []
    if point.side == "input":
        handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    else:
        handle = module.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.inference_mode():
        loaded.base(input_ids=torch.tensor([ids]))
    handle.remove()
    return seen[0][0].double().numpy()


def two_sweeps(rows: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (groups, width) and cross (groups, width, width), a pair of neurons at a time."""
    width = rows.shape[1] // groups
    mean = rows.mean(axis=0)
    off = rows - mean
    cross = np.array(
        [
            [[off[:, g * width + a] @ off[:, g * width + b] for b in range(width)] for a in range(width)]
            for g in range(groups)
        ]
    )
    return mean.reshape(groups, width), cross


@pytest.mark.parametrize("layer", [1, 3])
def test_the_pass_gathers_what_every_token_says(layer: int, loaded: LoadedModel, texts: Encoded) -> None:
    folds = split_folds(texts)
    found = layer_moments(loaded, folds, layer, CUTTABLE, batch_size=4)
    for component in CUTTABLE:
        groups = loaded.report.shape.heads if component in HEADED else 1
        for fold, moments in zip(folds, found[component], strict=True):
            rows = np.concatenate([tokens_of(loaded, layer, component, ids) for ids in fold.ids])
            mean, cross = two_sweeps(rows, groups)
            assert moments.count == len(rows) == int(fold.lengths.sum())
            assert moments.mean == pytest.approx(mean, abs=1e-5)
            assert moments.cross == pytest.approx(cross, abs=1e-4)


def test_only_what_is_asked_is_read_and_the_pass_stops_there(loaded: LoadedModel, texts: Encoded) -> None:
    ran: list[str] = []
    names = (
        "encoder.layer.1.attention.output.dense",
        "encoder.layer.0.output.dense",
        "encoder.layer.2.attention.self.query",
    )
    handles = [
        loaded.base.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name)) for name in names
    ]
    found = layer_moments(loaded, split_folds(texts), 2, ("key", "value"))
    for handle in handles:
        handle.remove()
    assert list(found) == ["key", "value"]
    assert set(ran) == {"encoder.layer.0.output.dense"}
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in loaded.base.modules())


def test_the_model_is_as_before(loaded: LoadedModel, texts: Encoded) -> None:
    ids = torch.tensor([texts.ids[0]])
    with torch.inference_mode():
        before = loaded.base(input_ids=ids).last_hidden_state
        layer_moments(loaded, split_folds(texts), 2, CUTTABLE)
        assert torch.equal(loaded.base(input_ids=ids).last_hidden_state, before)


def test_every_text_is_in_one_fold_and_the_folds_do_not_change(texts: Encoded) -> None:
    folds = split_folds(texts)
    assert sorted(ids for fold in folds for ids in fold.ids) == sorted(texts.ids)
    assert [len(fold.ids) for fold in folds] == [5, 5, 5, 4, 4]
    assert [fold.ids for fold in split_folds(texts)] == [fold.ids for fold in folds]
    assert folds[0].ids != texts.ids[::FOLDS]  # a permutation, since texts may come in an order
    few = Encoded(ids=texts.ids[:2], max_length=128, truncated=0, pad_id=0)
    assert [len(fold.ids) for fold in split_folds(few)] == [1, 1]


def test_rows_in_blocks_are_the_rows_at_once() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(57, 6)) * [1, 1e3, 1e-3, 1, 1, 1] + [0, 1e4, 0, 50, -7, 0]
    found, other = CrossMoments(2, 3), CrossMoments(2, 3)
    for block in np.split(rows[:40], [1, 1, 13, 30]):
        found.add(torch.from_numpy(block))
    other.add(torch.from_numpy(rows[40:]))
    found.join(other)
    found.join(CrossMoments(2, 3))
    mean, cross = two_sweeps(rows, 2)
    assert found.count == 57
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert np.abs(found.cross - cross).max() <= 1e-12 * np.abs(cross).max()


def test_it_can_be_cancelled_between_two_batches(loaded: LoadedModel, texts: Encoded) -> None:
    asked: list[int] = []

    def third() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(Cancelled):
        layer_moments(loaded, split_folds(texts), 1, CUTTABLE, batch_size=2, cancelled=third)
    assert len(asked) == 3
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in loaded.base.modules())


def test_one_layer_is_in_memory_at_a_time(
    tiny_analysis: Analysis, loaded: LoadedModel, texts: Encoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[tuple[int, tuple[str, ...]]] = []
    right = cross_moments.layer_moments

    def counted(original: Any, folds: Any, layer: int, components: Any, **rest: Any) -> Any:
        passes.append((layer, components))
        return right(original, folds, layer, components, **rest)

    monkeypatch.setattr("obce_core.compression.fit_compensation.layer_moments", counted)
    plan = resolve(tiny_analysis, PruneSpec(cells={3: {"key": 50.0, "value": 50.0}, 4: {"intermediate": 50.0}}))
    assert set(fit_maps(loaded, texts, plan)) == {(3, "key"), (3, "value"), (4, "intermediate")}
    assert passes == [(3, ("key", "value")), (4, ("intermediate",))]


@pytest.fixture(scope="module")
def predicted(demo_analysis: Analysis) -> dict[tuple[float, str], tuple[float, float]]:
    """Return, by percentile and component, the mean squared errors on held-out texts: least squares, mean(all).

    They are of the removed neurons of layer 4 of the demo.
    """
    original = load_model("demo", device="cpu")
    encoded, held = (
        encode(original.tokenizer, each) for each in (demo_analysis.texts.texts, demo_analysis.texts.heldout)
    )
    rows = {name: np.concatenate([tokens_of(original, 4, name, ids) for ids in held.ids]) for name in CUTTABLE}
    found = {}
    for percentile in (30.0, 70.0):
        cells = {4: dict.fromkeys(CUTTABLE, percentile)}
        plan = resolve(demo_analysis, PruneSpec(cells=cells, compensation=Compensation(method="least-squares")))
        for (_, name), how in fit_maps(original, encoded, plan).items():
            kept, seen = plan.kept[4][name], rows[name]
            mean = demo_analysis.cell(4, name)["mean_all"][~kept]
            off = (seen[:, kept] @ how.weight.T + how.bias - seen[:, ~kept], mean - seen[:, ~kept])
            found[percentile, name] = (float((off[0] ** 2).mean()), float((off[1] ** 2).mean()))
    return found


@pytest.mark.parametrize("component", CUTTABLE)
@pytest.mark.parametrize("percentile", [30.0, 70.0])
def test_on_texts_never_seen_it_predicts_better_than_the_mean(
    component: str, percentile: float, predicted: dict[tuple[float, str], tuple[float, float]]
) -> None:
    by_least_squares, by_mean = predicted[percentile, component]
    assert by_least_squares < 0.9 * by_mean


def test_the_plan_takes_least_squares_by_name(tiny_analysis: Analysis) -> None:
    plan = make_plan(tiny_analysis, percentile=50, compensation="least-squares")
    assert plan.prune_spec.compensation == Compensation(method="least-squares", tokens="all")
    assert plan.digest != make_plan(tiny_analysis, percentile=50, compensation="mean", compensation_tokens="all").digest
