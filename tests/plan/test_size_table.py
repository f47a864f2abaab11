"""The table of what a model stores: from a plan and from a file alike, and the paper's totals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import count_each_side, count_layer, flops_layer
from tiny import copy_folder, memory_analysis, sample, save_tiny, some_of_everything

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import FAMILIES
from obce_core.components import COMPONENTS, CUTTABLE, LOCKED
from obce_core.errors import ModelError, PlanError
from obce_core.models import check_model
from obce_core.plan import (
    METHODS,
    Compensation,
    ManualOverride,
    Plan,
    PruneSpec,
    SizeTable,
    count,
    make_plan,
    model_size_table,
    plan_size_table,
    plan_widths,
    resolve,
)
from obce_core.plan.fact import read_kept_of_model
from obce_core.plan.presets import published

LAYERS, HIDDEN, HEADS, MIDDLE = 2, 12, 3, 10
SMALL = memory_analysis(LAYERS, HIDDEN, HEADS, MIDDLE)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw any plan of the small analysis by naming what is dropped."""
    drop = []
    for layer in range(1, LAYERS + 1):
        for component in CUTTABLE:
            width = SMALL.shape.width(component)
            gone = draw(st.sets(st.integers(0, width - 1)))
            drop.append(ManualOverride(layer=layer, component=component, neurons=tuple(gone)))
    method: Any = draw(st.sampled_from(METHODS))
    return resolve(SMALL, PruneSpec(drop=tuple(drop), compensation=Compensation(method=method)))


@given(plans(), st.sampled_from([1, 128]))
def test_the_sums_of_the_table_are_the_budget(plan: Plan, length: int) -> None:
    table, size = plan_size_table(SMALL, plan, length=length), count(SMALL, plan, length=length)
    assert (table.total.parameters, table.total.parameters_left) == (size.parameters, size.parameters_left)
    assert (table.encoder.parameters, table.encoder.parameters_left) == (size.encoder, size.encoder_left)
    assert (table.total.bytes, table.total.bytes_left) == (size.bytes, size.bytes_left)
    assert (table.flops, table.flops_left, table.length) == (size.flops, size.flops_left, size.length)
    assert table.readings.of_total == size.model_share
    assert table.readings.encoder_only == size.encoder_share
    assert sum(e.neurons - (e.kept or 0) for e in table.entries) == size.neurons_cut
    assert sum(e.parameters_left for e in table.entries) + sum(table.parts.values()) == size.parameters_left


@given(plans())
def test_neurons_kept_rows_stored_and_extra_rows_are_three_counts(plan: Plan) -> None:
    table, widths = plan_size_table(SMALL, plan), plan_widths(SMALL, plan)
    assert [(e.layer, e.component) for e in table.entries] == [(layer, name) for layer in (1, 2) for name in COMPONENTS]
    for entry in table.entries:
        row = widths[entry.layer - 1]
        rows = {
            "query": sum(row.pairs),
            "key": sum(row.pairs),
            "value": sum(row.values),
            "intermediate": row.intermediate,
        }
        assert entry.neurons == SMALL.shape.width(entry.component)
        assert entry.rows == rows.get(entry.component, HIDDEN)
        assert entry.extra == (sum(row.extra) if entry.component == "key" else 0)
        kept_count = (
            HIDDEN if entry.component in LOCKED else int(plan.mask(entry.layer, entry.component, SMALL.shape).sum())
        )
        assert entry.kept == kept_count


@given(plans())
def test_a_layers_parameters_and_operations_are_those_counted_a_neuron_at_a_time(plan: Plan) -> None:
    table = plan_size_table(SMALL, plan, length=7)
    for layer in (1, 2):
        m = {name: plan.mask(layer, name, SMALL.shape) for name in CUTTABLE}
        constants = plan.prune_spec.compensation.constants(SMALL.cell(layer, "query"))
        entries = [entry for entry in table.entries if entry.layer == layer]
        arguments = (m["query"], m["key"], m["value"], m["intermediate"], constants, HIDDEN, HEADS)
        assert sum(entry.parameters_left for entry in entries) == count_layer(*arguments)
        assert sum(entry.flops_left for entry in entries) == flops_layer(*arguments, 7)


@given(plans())
def test_the_papers_convention_counts_each_side_on_its_own(plan: Plan) -> None:
    table = plan_size_table(SMALL, plan)
    layers = [{name: plan.mask(layer, name, SMALL.shape) for name in CUTTABLE} for layer in (1, 2)]
    assert table.paper_left == sum(table.parts.values()) + sum(count_each_side(masks, HIDDEN) for masks in layers)


def test_parts_that_no_plan_cuts_are_listed_separately() -> None:
    table = plan_size_table(SMALL)
    hidden = HIDDEN
    assert table.parts == {
        "embeddings": (100 + 64 + 2 + 2) * hidden,
        "layers": LAYERS * 4 * hidden,
        "pooler": hidden * (hidden + 1),
    }
    total, encoder, bare = table.scopes
    assert (total.name, encoder.name, bare.name) == ("total", "encoder only", "without embeddings")
    assert total.parameters == bare.parameters + table.parts["embeddings"] == count(SMALL).parameters
    assert bare.parameters == encoder.parameters + table.parts["pooler"]
    assert (encoder.bytes, bare.bytes) == (4 * encoder.parameters, 4 * bare.parameters)
    assert all(e.parameters == e.parameters_left and e.neurons == e.kept == e.rows for e in table.entries)
    assert table.paper_left == table.total.parameters and table.claim is None
    assert table.readings.of_nominal is None and table.readings.of_total == 1.0


# preset, sizes, before, left by the paper's convention, left as stored with random outputs of seed 0, the paper's
# readings in percent: of total, encoder only, encoder after / nominal size
PAPER = [
    ("paper-bert-base", (12, 768, 12, 3072), 108_310_272, 76_672_051, 74_121_927, (70.79, 62.80, 48.56)),
    ("paper-bert-large", (24, 1024, 16, 4096), 333_579_264, 208_924_871, 198_891_819, (62.63, 58.77, 52.25)),
]


@pytest.mark.parametrize(("preset", "sizes", "before", "paper", "stored", "readings"), PAPER)
def test_the_papers_models_have_these_totals(
    preset: str, sizes: tuple[int, int, int, int], before: int, paper: int, stored: int, readings: tuple[float, ...]
) -> None:
    analysis = memory_analysis(*sizes, vocab=28_996, positions=512)
    table = plan_size_table(analysis, make_plan(analysis, preset=preset))
    assert (table.total.parameters, table.paper_left) == (before, paper)
    shares = table.paper_readings
    assert shares is not None and shares.of_nominal is not None
    assert (
        tuple(round(100 * share, 2) for share in (shares.of_total, shares.encoder_only, shares.of_nominal)) == readings
    )
    assert table.total.parameters_left == stored < paper
    zero = plan_size_table(analysis, make_plan(analysis, preset=preset, compensation="zero"))
    layers, hidden, heads, _ = sizes
    assert (
        stored - zero.total.parameters_left == (layers - 2) * heads * hidden
    )  # an extra key row in every head from layer 3 on


def test_the_papers_claim_stands_beside_models_of_its_shapes_only() -> None:
    base, large = (published(FAMILIES["bert"], memory_analysis(*row[1]).shape) for row in PAPER)
    assert base is not None and large is not None
    assert (base.nominal, base.claim, large.nominal, large.claim) == (110_000_000, 0.5847, 340_000_000, 0.523)
    assert round(100 * 64 / 110, 2) != 58.47 and "none of the three ways to count" in base.words
    assert published(FAMILIES["bert"], SMALL.shape) is None


def test_a_file_and_the_plan_that_it_was_cut_by_give_the_same_table(tiny_analysis: Analysis, tiny_cut: Path) -> None:
    report = check_model(tiny_cut)
    by_file = model_size_table(report, read_kept_of_model(report), length=9)
    assert by_file == plan_size_table(tiny_analysis, some_of_everything(tiny_analysis), length=9)
    assert by_file.total.bytes_left == (tiny_cut / "model.safetensors").stat().st_size
    assert by_file.total.parameters_left == report.parameters < by_file.total.parameters


def test_a_stock_file_is_whole(tiny_analysis: Analysis, tiny_folder: Path) -> None:
    table = model_size_table(check_model(tiny_folder))
    assert table == plan_size_table(tiny_analysis)
    assert table.total.bytes == table.total.bytes_left == (tiny_folder / "model.safetensors").stat().st_size


def test_a_head_is_counted_in_the_total_and_not_in_the_encoder(tmp_path: Path) -> None:
    from transformers import BertForSequenceClassification

    table = model_size_table(check_model(save_tiny(tmp_path / "head", BertForSequenceClassification)))
    assert table.parts["head"] == 2 * 24 + 2
    assert table.total.parameters == table.encoder.parameters + table.parts["embeddings"] + table.parts["pooler"] + 50


@pytest.mark.parametrize("method", ["mean+std", "least-squares"])
def test_after_a_second_cut_the_file_is_what_the_second_plan_counts(
    method: Any, tiny_cut: Path, tmp_path: Path
) -> None:
    from obce_core.analysis.analyze import analyze
    from obce_core.compression.build import compress

    again = analyze(tiny_cut, sample(20, heldout=6), batch_size=8, out=tmp_path / "again")
    drop = tuple(ManualOverride(layer=3, component="key", neurons=(int(n),)) for n in again.neurons(3, "key")[:6])
    plan = resolve(
        again, PruneSpec(drop=drop, cells={2: {"query": 40, "value": 30}}, compensation=Compensation(method=method))
    )
    folder = compress(again, plan, tmp_path / "twice", device="cpu").folder
    planned, report = plan_size_table(again, plan), check_model(folder)
    stored = model_size_table(report, read_kept_of_model(report))
    left = [(e.rows, e.extra, e.parameters_left, e.flops_left) for e in planned.entries]
    assert [(e.rows, e.extra, e.parameters_left, e.flops_left) for e in stored.entries] == left
    assert stored.total.bytes_left == planned.total.bytes_left == (folder / "model.safetensors").stat().st_size
    assert planned.total.parameters_left == count(again, plan).parameters_left
    assert [e.neurons for e in planned.entries] == [again.width(e.layer, e.component) for e in planned.entries]
    assert [e.kept for e in stored.entries if e.component in ("value", "intermediate")] == [
        e.rows for e in stored.entries if e.component in ("value", "intermediate")
    ]


def test_an_extra_row_of_an_earlier_cut_that_is_not_needed_any_more_is_not_counted(
    tiny_cut: Path, tmp_path: Path
) -> None:
    from obce_core.analysis.analyze import analyze

    again = analyze(tiny_cut, sample(8, heldout=2), batch_size=8, out=tmp_path / "again")
    every = ManualOverride(layer=2, component="key", neurons=tuple(map(int, again.neurons(2, "key"))))
    plan = resolve(again, PruneSpec(drop=(every,), compensation=Compensation(method="least-squares")))
    widths = plan_widths(again, plan)[1]
    table = plan_size_table(again, plan)
    (key,) = (e for e in table.entries if (e.layer, e.component) == (2, "key"))
    assert (key.rows, key.extra) == (sum(widths.pairs), sum(widths.extra))
    assert any("layer.1." in name and name.endswith("extra") for name in again.meta["model"]["tensors"])
    assert key.extra == 0
    assert table.total.parameters_left == count(again, plan).parameters_left
    assert table.total.bytes_left == count(again, plan).bytes_left


def test_without_its_plan_a_cut_model_does_not_know_what_was_kept(tiny_cut: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_cut, tmp_path / "bare")
    (folder / "pruning_plan.json").unlink()
    report = check_model(folder)
    assert read_kept_of_model(report) is None
    table = model_size_table(report)
    assert {e.kept for e in table.entries if e.component in CUTTABLE} == {None}
    assert table.paper_left is None and table.paper_readings is None
    assert table.total == model_size_table(check_model(tiny_cut)).total


def test_a_plan_of_another_cut_is_refused(tiny_cut: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_cut, tmp_path / "other")
    path = folder / "pruning_plan.json"
    document = json.loads(path.read_text())
    document["fact"]["kept"]["2"]["intermediate"] = [[0, 38]]
    path.write_text(json.dumps(document))
    with pytest.raises(
        ModelError, match=r"pruning_plan.json and config.json keep different neurons of layer 2 intermediate"
    ):
        read_kept_of_model(check_model(folder))
    path.write_text(json.dumps(document | {"earlier": 3}))
    with pytest.raises(PlanError, match="earlier must be a list of plans"):
        read_kept_of_model(check_model(folder))


def test_plain_data_is_json_with_the_readings() -> None:
    table: SizeTable = plan_size_table(SMALL, make_plan(SMALL, percentile=50, first_layer=1))
    plain = json.loads(json.dumps(table.plain()))
    assert plain["readings"] == {
        "of_total": table.readings.of_total,
        "encoder_only": table.readings.encoder_only,
        "of_nominal": None,
    }
    assert plain["entries"][0]["component"] == "query" and plain["paper_left"] == table.paper_left
    assert table.paper_left is not None
    assert np.isclose(plain["paper_readings"]["of_total"], table.paper_left / table.total.parameters)
