"""The preview against the slow way: the whole masked pass, from the first layer on, for every plan anew."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import some_of_everything

from obce_core.background import FUNCTIONS
from obce_core.components import CUTTABLE
from obce_core.compression.fidelity import fidelity
from obce_core.compression.masked import masked
from obce_core.compression.replacement import removed_neurons
from obce_core.compression.result import Fidelity
from obce_core.errors import ModelError, ObceError
from obce_core.measure.preview import not_measured, preview_key, preview_texts, read_preview
from obce_core.measure.preview_pass import PreviewPass, answer, measured, prepare
from obce_core.models.batching import Encoded, encode
from obce_core.models.load import LoadedModel, load_model
from obce_core.plan import (
    Compensation,
    Hardware,
    ManualOverride,
    Plan,
    PruneSpec,
    make_plan,
    prune_spec_document,
    resolve,
)
from obce_core.plan.plan import alone, only


@pytest.fixture(scope="module")
def original(tiny_folder: Path) -> LoadedModel:
    return load_model(tiny_folder, device="cpu")


@pytest.fixture(scope="module")
def encoded(original: LoadedModel, tiny_analysis: Any) -> Encoded:
    return encode(
        original.tokenizer, tiny_analysis.texts.heldout, max_length=tiny_analysis.meta["max_length"], positions=130
    )


def slow(original: LoadedModel, encoded: Encoded, analysis: Any, plan: Plan) -> Fidelity:
    import copy

    twin = copy.deepcopy(original.base)
    with masked(twin, original.report.family, removed_neurons(analysis, plan)):
        return fidelity(original.base, twin, encoded)


@pytest.mark.parametrize("layer", [1, 2, 3, 4])
@pytest.mark.parametrize("component", CUTTABLE)
def test_a_cell_alone_is_the_whole_masked_pass(
    layer: int, component: str, original: LoadedModel, encoded: Encoded, tiny_analysis: Any
) -> None:
    plan = resolve(
        tiny_analysis,
        PruneSpec(drop=(ManualOverride(layer=layer, component=component, neurons=tuple(range(0, 24, 2))),)),
    )
    found = PreviewPass(original, encoded).measure(removed_neurons(tiny_analysis, plan))
    wanted = slow(original, encoded, tiny_analysis, plan)
    assert found == wanted and found.texts == 6
    assert found.pooled < 1 - 1e-9


def test_a_whole_plan_is_the_whole_masked_pass_wherever_states_are_stored(
    original: LoadedModel, encoded: Encoded, tiny_analysis: Any
) -> None:
    plan = some_of_everything(tiny_analysis)
    wanted = slow(original, encoded, tiny_analysis, plan)
    for room, starts in ((10**9, (1, 2, 3, 4)), (4 * 24 * 2 * 6 * int(encoded.lengths.max()), (1, 3)), (1, (1,))):
        preview = PreviewPass(original, encoded, room=room)
        assert preview.starts == starts
        for cells in ([(4, "value")], [(2, "query"), (2, "key")]):
            part = only(plan, cells)
            assert preview.measure(removed_neurons(tiny_analysis, part)) == slow(original, encoded, tiny_analysis, part)
        assert preview.measure(removed_neurons(tiny_analysis, plan)) == wanted


def test_nothing_cut_is_no_difference_and_the_model_is_as_before(original: LoadedModel, encoded: Encoded) -> None:
    layers = original.base.get_submodule("encoder.layer")
    before = {name: value.clone() for name, value in original.base.state_dict().items()}
    preview = PreviewPass(original, encoded)
    assert preview.measure({}).pooled == pytest.approx(1.0, abs=1e-12)
    assert original.base.get_submodule("encoder.layer") is layers
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in original.base.modules())
    assert all(torch.equal(before[name], value) for name, value in original.base.state_dict().items())


def test_an_error_within_leaves_the_model_as_before(original: LoadedModel, encoded: Encoded) -> None:
    preview = PreviewPass(original, encoded)
    with pytest.raises(RuntimeError):
        preview.measure({(3, "value"): (torch.ones(7, dtype=torch.bool), torch.zeros(7))})
    assert len(original.base.get_submodule("encoder.layer")) == 4
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in original.base.modules())


def test_a_cut_model_is_measured_again(tiny_cut: Path, tiny_folder: Path, cache: Path) -> None:
    from tiny import sample

    from obce_core.analysis.analyze import analyze

    again = analyze(tiny_cut, sample(12, heldout=5), device="cpu")
    loaded = load_model(tiny_cut, device="cpu")
    plan = make_plan(again, percentile=40, first_layer=2)
    preview = prepare(again, loaded)
    held = encode(loaded.tokenizer, again.texts.heldout, max_length=128, positions=130)
    assert preview.measure(removed_neurons(again, plan)) == slow(loaded, held, again, plan)


def test_what_was_measured_is_kept_by_digest(
    original: LoadedModel, tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = prepare(tiny_analysis, original)
    plan = make_plan(tiny_analysis, percentile=50, first_layer=2)
    key = preview_key(tiny_analysis.id, plan.kept, plan.prune_spec.compensation)
    assert read_preview(key) is None
    first = measured(tiny_analysis, plan, lambda: preview)
    assert read_preview(key) == first and first.texts == 6
    monkeypatch.setattr(PreviewPass, "measure", lambda *_: pytest.fail("measured twice"))
    assert measured(tiny_analysis, plan, lambda: preview) == first
    (cache / "previews" / f"{key}.json").write_text("{")
    assert read_preview(key) is None


def test_the_key_names_all_that_a_measurement_depends_on(tiny_analysis: Any) -> None:
    plan = make_plan(tiny_analysis, percentile=50, first_layer=2)
    keys = {
        preview_key(tiny_analysis.id, plan.kept, plan.prune_spec.compensation),
        preview_key("another", plan.kept, plan.prune_spec.compensation),
        preview_key(
            tiny_analysis.id, make_plan(tiny_analysis, percentile=70, first_layer=2).kept, plan.prune_spec.compensation
        ),
        preview_key(tiny_analysis.id, only(plan, [(3, "value")]).kept, plan.prune_spec.compensation),
        preview_key(tiny_analysis.id, plan.kept, Compensation(method="mean")),
        preview_key(tiny_analysis.id, plan.kept, Compensation(method="mean", tokens="all")),
    }
    assert len(keys) == 6
    other = make_plan(tiny_analysis, percentile=50, first_layer=2, criterion="r_f")
    assert preview_key(tiny_analysis.id, other.kept, other.prune_spec.compensation) in keys


def test_what_cannot_be_measured_says_why(tiny_analysis: Any, original: LoadedModel) -> None:
    fitted = make_plan(tiny_analysis, percentile=50, compensation="least-squares")
    assert "built" in not_measured(tiny_analysis, fitted.prune_spec.compensation)
    with pytest.raises(ObceError, match="Not measured: least-squares"):
        measured(tiny_analysis, fitted, lambda: pytest.fail("loaded"))
    bare = replace(tiny_analysis, meta={**tiny_analysis.meta, "texts": {**tiny_analysis.meta["texts"], "heldout": 0}})
    assert "left out" in not_measured(bare, Compensation())
    assert not_measured(tiny_analysis, Compensation()) == ""


@pytest.mark.parametrize("hardware", [Hardware(), Hardware(round_to=8), Hardware(per_head=True)])
def test_a_cell_keeps_the_same_whether_its_intent_is_alone_or_not(hardware: Hardware, tiny_analysis: Any) -> None:
    prune_spec = replace(
        make_plan(tiny_analysis, percentile=60, first_layer=2).prune_spec,
        keep=(ManualOverride(layer=3, component="value", neurons=(1,)),),
        drop=(ManualOverride(layer=4, component="query", neurons=(0, 5)),),
        hardware=hardware,
    )
    plan = resolve(tiny_analysis, prune_spec)
    for cells in ([(3, "value")], [(4, "query")], [(2, "query"), (2, "key")], [(2, "intermediate")]):
        part = alone(prune_spec, cells)
        found = only(resolve(tiny_analysis, part), cells)
        wanted = only(plan, cells)
        assert {layer: {name: mask.tolist() for name, mask in row.items()} for layer, row in found.kept.items()} == {
            layer: {name: mask.tolist() for name, mask in row.items()} for layer, row in wanted.kept.items()
        }
        assert sum(len(row) for row in part.cells.values()) < sum(len(row) for row in prune_spec.cells.values())


def test_texts_are_drawn_from_all_that_were_held_out() -> None:
    assert preview_texts(6).tolist() == [0, 1, 2, 3, 4, 5]
    drawn = preview_texts(450)
    assert len(set(drawn.tolist())) == 150 and (np.diff(drawn) > 0).all()
    assert drawn[-1] > 400 and np.array_equal(drawn, preview_texts(450))


def test_the_warm_worker_is_answered_and_loads_a_model_once(
    tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_analysis.folder, cache / "analyses" / tiny_analysis.id)
    prune_spec = make_plan(tiny_analysis, percentile=50, first_layer=2).prune_spec
    memory: dict[str, Any] = {}
    question = {"analysis": tiny_analysis.id, "intent": prune_spec_document(prune_spec)}
    whole = FUNCTIONS["preview_plan"].work(question, memory)
    loaded = memory["preview"].loaded
    cell = FUNCTIONS["preview_cell"].work({**question, "cells": [[3, "value"]]}, memory)
    assert memory["preview"].loaded is loaded
    assert 0 < whole["pooled"] < cell["pooled"] < 1 and whole["texts"] == 6
    part = answer(
        {"analysis": tiny_analysis.id, "intent": prune_spec_document(alone(prune_spec, [(3, "value")]))}, memory
    )
    assert part == cell
    fresh: dict[str, Any] = {}
    assert answer(question, fresh) == whole and fresh["preview"].loaded is None, "what is known needs no model"


def test_a_model_that_changed_is_not_measured(tiny_analysis: Any, tmp_path: Path, cache: Path) -> None:
    folder = cache / "analyses" / tiny_analysis.id
    shutil.copytree(tiny_analysis.folder, folder)
    meta = json.loads((folder / "analysis.json").read_text())
    meta["model"]["weights_sha256"] = "0" * 64
    (folder / "analysis.json").write_text(json.dumps(meta))
    prune_spec = make_plan(tiny_analysis, percentile=50, first_layer=2).prune_spec
    with pytest.raises(ModelError, match="other weights"):
        answer({"analysis": tiny_analysis.id, "intent": prune_spec_document(prune_spec)}, {})
