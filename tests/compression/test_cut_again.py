"""A model that was cut is analysed, planned and cut again, and stays what both masks make of the original."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import sample, sentences

from obce_core import verify
from obce_core.analysis.analysis import Analysis
from obce_core.analysis.analyze import analyze
from obce_core.compression.build import compress
from obce_core.compression.checkpoint import load
from obce_core.compression.fidelity import largest_difference
from obce_core.compression.result import Compressed
from obce_core.errors import AnalysisError, ModelError, PlanError
from obce_core.models.batching import encode
from obce_core.models.load import load_model
from obce_core.plan import Compensation, ManualOverride, PruneSpec, count, make_plan, read_plan, resolve, to_document
from obce_core.plan.plan_file import from_document


@pytest.fixture(scope="module")
def once(tiny_analysis: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Compressed:
    plan = make_plan(tiny_analysis, percentile=40, first_layer=2)
    return compress(tiny_analysis, plan, tmp_path_factory.mktemp("once") / "cut", device="cpu")


@pytest.fixture(scope="module")
def again(once: Compressed, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analyze(once.folder, sample(20), device="cpu", out=tmp_path_factory.mktemp("again") / "analysis")


def test_its_neurons_are_the_stored_rows_by_their_original_index(again: Analysis, tiny_analysis: Analysis) -> None:
    plan = make_plan(tiny_analysis, percentile=40, first_layer=2)
    for layer in range(1, 5):
        for component in ("value", "intermediate"):
            kept = np.flatnonzero(plan.mask(layer, component, again.shape))
            assert again.neurons(layer, component).tolist() == kept.tolist()
            assert again.outputs(layer, component).shape == (20, len(kept))
            assert again.width(layer, component) == len(again.scores(layer, component)) == len(kept)
        pairs = plan.mask(layer, "query", again.shape) & plan.mask(layer, "key", again.shape)
        assert (
            again.neurons(layer, "query").tolist()
            == again.neurons(layer, "key").tolist()
            == np.flatnonzero(pairs).tolist()
        )
    table = again.importance
    cell = table[(table.layer == 3) & (table.component == "value")]
    assert cell.neuron.tolist() == again.neurons(3, "value").tolist()
    assert cell["head"].tolist() == (again.neurons(3, "value") // 8).tolist()


def test_its_outputs_are_those_of_the_compact_model(again: Analysis, once: Compressed) -> None:
    model, tokenizer = load(once.folder, device="cpu")
    texts = encode(tokenizer, again.texts.texts, max_length=128, positions=model.config.max_position_embeddings)
    rows: list[np.ndarray] = []
    middle = model.encoder.layer[2].output.dense.register_forward_pre_hook(
        lambda _, args: rows.append(args[0][0, 0].numpy())
    )
    with torch.inference_mode():
        for ids in texts.ids:
            model(input_ids=torch.tensor([ids]))
    middle.remove()
    assert np.abs(again.outputs(3, "intermediate") - np.stack(rows)).max() <= 1e-5
    assert (
        again.neuron(3, "intermediate", int(again.neurons(3, "intermediate")[2])).tolist()
        == again.outputs(3, "intermediate")[:, 2].tolist()
    )


def test_a_neuron_that_is_gone_is_said_to_be(again: Analysis) -> None:
    gone = int(np.setdiff1d(np.arange(40), again.neurons(3, "intermediate"))[0])
    with pytest.raises(AnalysisError, match=f"^Layer 3 intermediate: neuron {gone} was cut before this analysis.$"):
        again.neuron(3, "intermediate", gone)
    with pytest.raises(PlanError, match=f"^Layer 3 intermediate: neuron {gone} was cut before this analysis.$"):
        resolve(again, PruneSpec(drop=(ManualOverride(layer=3, component="intermediate", neurons=(gone,)),)))


@pytest.mark.parametrize("method", ["mean+std", "zero", "least-squares"])
def test_cut_twice_it_is_counted_proven_and_verified_against_each_model_before(
    method: Any, again: Analysis, once: Compressed, tiny_folder: Path, tmp_path: Path
) -> None:
    plan = make_plan(
        again, percentile=50, first_layer=1, criterion="std_all", compensation=method, compensation_tokens="all"
    )
    assert 0 < plan.cut(3, "value") < len(again.neurons(3, "value"))
    assert to_document(from_document(to_document(plan), again)) == to_document(plan)
    done = compress(again, plan, tmp_path / "twice", device="cpu")
    assert done.difference <= 1e-5
    assert done.budget == count(again, plan)
    assert done.budget.parameters == once.budget.parameters_left
    model, tokenizer = load(done.folder, device="cpu")
    assert (
        sum(tensor.numel() for tensor in model.state_dict().values())
        == done.budget.parameters_left
        == model.num_parameters()
    )
    assert (done.folder / "model.safetensors").stat().st_size == done.budget.bytes_left
    plans = json.loads((done.folder / "pruning_plan.json").read_text())
    assert [entry["intent"]["criterion"] for entry in plans["earlier"]] == ["r_f"] and plans["intent"][
        "criterion"
    ] == "std_all"
    for original in (once.folder, tiny_folder):
        proof = verify(done.folder, original, device="cpu")
        assert proof.equal, proof
    assert (
        largest_difference(load_model(done.folder, device="cpu").model, model, encode(tokenizer, sentences(7))) <= 1e-5
    )


def test_after_least_squares_on_queries_only_the_model_in_between_can_be_masked(
    tiny_analysis: Analysis, tiny_folder: Path, tmp_path: Path
) -> None:
    plan = make_plan(tiny_analysis, percentile=40, first_layer=3, compensation="least-squares")
    first = compress(tiny_analysis, plan, tmp_path / "one", device="cpu")
    second = analyze(first.folder, sample(20), device="cpu", out=tmp_path / "analysis")
    mixed = [layer.rows.mixed.any() for layer in second.layers if layer is not None]
    assert mixed and all(mixed)
    done = compress(second, make_plan(second, percentile=30, first_layer=3), tmp_path / "two", device="cpu")
    assert verify(done.folder, first.folder, device="cpu").equal
    with pytest.raises(
        ModelError, match=r"^Layer 3: least-squares mixed its queries or keys before they were cut again"
    ):
        verify(done.folder, tiny_folder, device="cpu")


def test_a_cut_model_that_another_program_saved_is_cut_again(again: Analysis, once: Compressed, tmp_path: Path) -> None:
    model, tokenizer = load(once.folder, device="cpu")
    model.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    analysis = analyze(tmp_path / "saved", sample(20), device="cpu", out=tmp_path / "analysis")
    assert analysis.neurons(3, "value").tolist() == again.neurons(3, "value").tolist()
    done = compress(analysis, make_plan(analysis, percentile=50), tmp_path / "twice", device="cpu")
    assert json.loads((done.folder / "pruning_plan.json").read_text())["earlier"] == []
    assert verify(done.folder, tmp_path / "saved", device="cpu").equal


def test_every_neuron_of_a_cell_can_be_gone(tiny_analysis: Analysis, tmp_path: Path) -> None:
    drop = tuple(
        ManualOverride(layer=2, component=name, neurons=tuple(range(width)))
        for name, width in (("value", 24), ("query", 24), ("intermediate", 40))
    )
    empty = compress(tiny_analysis, resolve(tiny_analysis, PruneSpec(drop=drop)), tmp_path / "cut", device="cpu")
    analysis = analyze(empty.folder, sample(20), device="cpu", out=tmp_path / "analysis")
    assert [analysis.width(2, name) for name in ("query", "key", "value", "intermediate")] == [0, 0, 0, 0]
    with pytest.raises(PlanError, match=r"^Layer 2 query has no neurons left; an earlier cut removed them all.$"):
        make_plan(analysis, percentile=50, first_layer=2)
    plan = make_plan(analysis, percentile=50, first_layer=3)
    done = compress(analysis, plan, tmp_path / "twice", device="cpu")
    assert verify(done.folder, empty.folder, device="cpu").equal
    assert read_plan(done.folder / "pruning_plan.json", analysis).digest == plan.digest
    assert Compensation().method == plan.prune_spec.compensation.method
