"""Plans as files: one exact form, and errors that state what is wrong, where, and what to do."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import memory_analysis

from obce_core.components import CUTTABLE
from obce_core.errors import AnalysisError, PathError, PlanError, UnknownName
from obce_core.plan import (
    METHODS,
    Compensation,
    Hardware,
    ManualOverride,
    Plan,
    PruneSpec,
    from_document,
    make_plan,
    parse_document,
    parse_prune_spec,
    read_plan,
    render,
    resolve,
    to_document,
    uniform,
    write_plan,
)
from obce_core.plan.plan_file import fits_yaml
from obce_core.plan.serialize import plan_commands, render_prune_spec
from obce_core.settings import MAX_PLAN_YAML_BYTES

ANALYSIS = memory_analysis(4, 8, 2, 12)
SPEC = PruneSpec(
    cells={3: {"query": 50, "value": 12.5}},
    keep=(ManualOverride(layer=3, component="value", neurons=(7,), reason="it reads dates"),),
    drop=(ManualOverride(layer=4, component="key", neurons=(2, 0)),),
    compensation=Compensation(method="mean", tokens="all"),
)


@pytest.fixture
def plan() -> Plan:
    return resolve(ANALYSIS, SPEC)


def test_the_form_of_a_plan_is_exactly_this() -> None:
    cell = ANALYSIS.cell(3, "query")
    cell["r_f"][:] = [1, 2, 3, 4, 5, 6, 7, 8]
    try:
        drop = (ManualOverride(layer=3, component="query", neurons=(6,), reason="a test"),)
        document = to_document(resolve(ANALYSIS, PruneSpec(cells={3: {"query": 50}}, drop=drop)))
    finally:
        cell["r_f"][:] = memory_analysis(4, 8, 2, 12).cell(3, "query")["r_f"]
    assert document == {
        "format": "obce-plan/1",
        "model": {"name": "in-memory", "revision": "", "weights_sha256": "ab" * 32},
        "analysis": "0123456789abcdef",
        "intent": {
            "criterion": "r_f",
            "seed": 0,
            "first_layer": 3,
            "cells": {"3": {"query": 50}},
            "keep": [],
            "drop": [{"layer": 3, "component": "query", "neurons": [6], "reason": "a test"}],
            "compensation": {"method": "mean+std", "tokens": "cls"},
        },
        "fact": {"kept": {"3": {"query": [[4, 5], 7]}}},
        "earlier": [],
    }
    assert list(document) == ["format", "model", "analysis", "intent", "fact", "earlier"]


OVERRIDES = st.dictionaries(
    st.tuples(st.integers(1, 4), st.sampled_from(CUTTABLE)),
    st.sets(st.integers(0, 7), min_size=1, max_size=4),
    max_size=3,
)
REASONS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
CELLS = st.dictionaries(
    st.integers(1, 4), st.dictionaries(st.sampled_from(CUTTABLE), st.floats(1, 80).map(lambda p: round(p, 3)))
)


@given(
    CELLS,
    OVERRIDES,
    OVERRIDES,
    REASONS,
    st.sampled_from(METHODS),
    st.sampled_from(["cls", "all"]),
    st.sampled_from(["r_f", "random"]),
    st.integers(0, 2**32 - 1),
)
def test_export_import_export_is_the_same_text_in_both_formats(
    cells: Any, keep: Any, drop: Any, reason: str, method: Any, tokens: Any, criterion: str, seed: int
) -> None:
    keep = {cell: neurons - drop.get(cell, set()) for cell, neurons in keep.items()}

    def overrides(cells: dict[Any, set[int]]) -> tuple[ManualOverride, ...]:
        return tuple(
            ManualOverride(layer=c[0], component=c[1], neurons=tuple(n), reason=reason) for c, n in cells.items()
        )

    prune_spec = PruneSpec(
        criterion=criterion,
        seed=seed,
        cells=cells,
        keep=overrides(keep),
        drop=overrides(drop),
        compensation=Compensation(method=method, tokens=None if method == "least-squares" else tokens),
    )
    plan = resolve(ANALYSIS, prune_spec)
    for name, yaml in (("p.json", False), ("p.yaml", True)):
        text = render(plan, yaml=yaml)
        back = from_document(parse_document(text.encode(), name), ANALYSIS, name)
        assert back.prune_spec == prune_spec
        assert render(back, yaml=yaml) == text
        assert to_document(back) == to_document(plan)
        assert back.digest == plan.digest
    assert json.loads(render(plan)) == to_document(plan)


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
def test_a_plan_file_reads_back_equal(suffix: str, plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / f"plan.{suffix}"
    write_plan(plan, path)
    back = read_plan(path, ANALYSIS)
    assert to_document(back) == to_document(plan)
    assert path.read_text().startswith("{" if suffix == "json" else "format: ")


def test_earlier_plans_stay_in_order(plan: Plan) -> None:
    document = to_document(plan) | {"earlier": [{"first": 1}, {"second": 2}]}
    assert to_document(from_document(document, ANALYSIS))["earlier"] == [{"first": 1}, {"second": 2}]


Change = Callable[[dict[str, Any]], Any]
# what is changed in a good plan, the start of the message
REFUSED: list[tuple[Change, str]] = [
    (lambda d: d.update(format="obce-plan/2"), "p.json: format is 'obce-plan/2'; this version reads obce-plan/1."),
    (lambda d: d.pop("format"), "p.json: format is 'None'"),
    (
        lambda d: d.update(layers=3),
        "Unknown key in p.json 'layers'; known: format, model, analysis, intent, fact, earlier.",
    ),
    (
        lambda d: d["model"].update(weights_sha256="cd" * 32),
        "p.json was made for model cdcdcdcdcdcd…, this analysis is of abababababab…. Use the",
    ),
    (lambda d: d["model"].pop("weights_sha256"), "p.json was made for model …, this analysis is of abababababab…."),
    (
        lambda d: d["model"].update(author="x"),
        "Unknown key in p.json: model 'author'; known: name, revision, weights_sha256, identity.",
    ),
    (lambda d: d.update(model="bert"), "p.json: model must be an object, found 'bert'."),
    (lambda d: d.pop("model"), "p.json: model must be an object, found 'None'."),
    (lambda d: d.pop("intent"), "p.json: intent must be an object"),
    (
        lambda d: d["intent"].update(percentile=50),
        "Unknown key in p.json: intent 'percentile'; known: criterion, seed, first_layer, cells,",
    ),
    (lambda d: d["intent"].update(criterion="rf"), "Unknown criterion 'rf'; known: r_f,"),
    (lambda d: d["intent"].update(criterion=["r_f"]), "p.json: intent.criterion is \"['r_f']\"; expected a name."),
    (lambda d: d["intent"].update(seed="0"), "seed is 0; expected a whole number from 0 to 4294967295."),
    (lambda d: d["intent"].update(cells=[]), "p.json: intent.cells must be an object, found '[]'."),
    (lambda d: d["intent"].update(cells={"3": 50}), "p.json: intent.cells.3 must be an object, found '50'."),
    (lambda d: d["intent"].update(cells={"0": {}}), "p.json: intent.cells: '0' is not a layer; layers count from 1."),
    (lambda d: d["intent"].update(cells={"03": {}}), "p.json: intent.cells: '03' is not a layer"),
    (lambda d: d["intent"].update(cells={"three": {}}), "p.json: intent.cells: 'three' is not a layer"),
    (lambda d: d["intent"].update(cells={"³": {}}), "p.json: intent.cells: '³' is not a layer"),
    (lambda d: d["intent"].update(cells={"9" * 5000: {}}), "p.json: intent.cells: '9999"),
    (lambda d: d["intent"].update(cells={"13": {"query": 50}}), "There is no layer 13; this model has layers 1–4."),
    (lambda d: d["intent"].update(cells={"3": {"query": 130}}), "Layer 3 query: percentile '130' is invalid"),
    (lambda d: d["intent"].update(cells={"3": {"query": 100}}), "Layer 3 query: percentile '100' is invalid"),
    (lambda d: d["intent"].update(cells={"3": {"query": -1}}), "Layer 3 query: percentile '-1' is invalid"),
    (lambda d: d["intent"].update(cells={"3": {"query": "abc"}}), "Layer 3 query: percentile 'abc' is invalid"),
    (
        lambda d: d["intent"].update(cells={"3": {"output": 50}}),
        "Layer 3 output is locked: it feeds a residual sum and cannot be cut. Components",
    ),
    (lambda d: d["intent"].update(cells={"3": {"attention_output": 50}}), "Layer 3 attention_output is locked"),
    (lambda d: d["intent"].update(keep={}), "p.json: intent.keep must be a list."),
    (lambda d: d["intent"].update(keep=[7]), "p.json: intent.keep must be an object, found '7'."),
    (
        lambda d: d["intent"]["keep"][0].update(why="x"),
        "Unknown key in p.json: intent.keep 'why'; known: layer, component, neurons, reason.",
    ),
    (lambda d: d["intent"]["keep"][0].update(neurons=7), "p.json: intent.keep: neurons must be a list of numbers."),
    (lambda d: d["intent"]["keep"][0].update(neurons=[8]), "Layer 3 value: neuron 8 is out of range 0–7."),
    (lambda d: d["intent"]["keep"][0].update(neurons=[7, 7]), "Layer 3 value: a manual override lists a neuron twice."),
    (lambda d: d["intent"]["keep"][0].update(layer=5), "There is no layer 5; this model has layers 1–4."),
    (lambda d: d["intent"]["keep"][0].pop("layer"), "Layer '0' is invalid; layers count from 1."),
    (
        lambda d: d["intent"].update(drop=d["intent"]["keep"]),
        "Layer 3 value: neuron 7 is in both manual overrides, keep and drop. Remove it from one list.",
    ),
    (lambda d: d["intent"].update(compensation="mean"), "p.json: intent.compensation must be an object, found 'mean'."),
    (
        lambda d: d["intent"]["compensation"].update(method="median"),
        "Unknown compensation 'median'; known: mean+std, mean, zero",
    ),
    (lambda d: d["intent"]["compensation"].update(method=["mean"]), "Unknown compensation \"['mean']\""),
    (
        lambda d: d["intent"]["compensation"].update(alpha=1),
        "Unknown key in p.json: intent.compensation 'alpha'; known: method, tokens.",
    ),
    (lambda d: d.pop("fact"), "p.json: fact must be an object, found 'None'."),
    (
        lambda d: d["intent"]["compensation"].update(method="least-squares", tokens="cls"),
        "least-squares over [CLS] alone overfits",
    ),
    (
        lambda d: d["intent"]["compensation"].update(tokens=None),
        "p.json: intent.compensation.tokens is 'None'; expected a name.",
    ),
    (lambda d: d["fact"].update(cut={}), "Unknown key in p.json: fact 'cut'; known: kept."),
    (lambda d: d["fact"].update(kept=None), "p.json: fact.kept must be an object"),
    (lambda d: d["fact"]["kept"].update({"5": {}}), "p.json: there is no layer 5; this model has layers 1–4."),
    (lambda d: d["fact"]["kept"].update({"3": []}), "p.json: fact.kept.3 must be an object"),
    (lambda d: d["fact"]["kept"]["4"].update(output=[]), "Layer 4 output is locked"),
    (lambda d: d["fact"]["kept"]["4"].update(keys=[]), "Unknown component 'keys'; known: query, key,"),
    (
        lambda d: d["fact"]["kept"]["4"].update(key=3),
        "p.json: layer 4 key: kept neurons are a list of numbers and [first, last] ranges.",
    ),
    (lambda d: d["fact"]["kept"]["4"].update(key=[8]), "p.json: layer 4 key: index 8 is out of range 0–7."),
    (lambda d: d["fact"]["kept"]["4"].update(key=[[5, 8]]), "p.json: layer 4 key: index 8 is out of range 0–7."),
    (lambda d: d["fact"]["kept"]["4"].update(key=[-1]), "p.json: layer 4 key: index -1 is out of range 0–7."),
    (lambda d: d["fact"]["kept"]["4"].update(key=[[0, 10**40]]), "p.json: layer 4 key: index 1000"),
    (
        lambda d: d["fact"]["kept"]["4"].update(key=[[5, 3]]),
        "p.json: layer 4 key: [5, 3] is not a neuron index or a [first, last] range.",
    ),
    (lambda d: d["fact"]["kept"]["4"].update(key=[[1, 2, 3]]), "p.json: layer 4 key: [1, 2, 3] is not a neuron index"),
    (lambda d: d["fact"]["kept"]["4"].update(key=["1"]), "p.json: layer 4 key: 1 is not a neuron index"),
    (lambda d: d["fact"]["kept"]["4"].update(key=[True]), "p.json: layer 4 key: True is not a neuron index"),
    (lambda d: d["fact"]["kept"]["4"].update(key=[[1, 3], 3]), "p.json: layer 4 key: neuron 3 is listed twice."),
    (
        lambda d: d["fact"]["kept"]["4"].update(key=[[1, 7]]),
        "p.json: the kept neurons of layer 4 key do not follow from the intent. Resolve it "
        "again: obce plan --analysis 0123456789abcdef --from p.json --out NEW.json.",
    ),
    (lambda d: d["fact"]["kept"].pop("4"), "p.json: the kept neurons of layer 4 key do not follow from the intent."),
    (
        lambda d: d["fact"]["kept"].update({"1": {"value": [0]}}),
        "p.json: the kept neurons of layer 1 value do not follow from the intent.",
    ),
    (
        lambda d: d["intent"]["cells"]["3"].update(query=70),
        "p.json: the kept neurons of layer 3 query do not follow from the intent.",
    ),
    (lambda d: d.update(earlier={}), "p.json: earlier must be a list of plans."),
    (lambda d: d.update(earlier=[3]), "p.json: earlier must be a list of plans."),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=range(len(REFUSED)))
def test_an_invalid_plan_is_refused_with_the_place_and_the_reason(change: Change, message: str, plan: Plan) -> None:
    document = copy.deepcopy(to_document(plan))
    change(document)
    with pytest.raises((PlanError, UnknownName)) as caught:
        from_document(document, ANALYSIS, "p.json")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_every_other_spelling_of_the_same_fact_is_accepted(plan: Plan) -> None:
    document = to_document(plan)
    document["fact"]["kept"]["4"]["key"] = [7, [1, 1], 3, 4, 6, 5]
    document["fact"]["kept"]["1"] = {"query": [[0, 7]]}
    assert to_document(from_document(document, ANALYSIS)) == to_document(plan)


def test_nothing_kept_is_an_empty_list() -> None:
    plan = resolve(
        ANALYSIS, PruneSpec(drop=(ManualOverride(layer=3, component="intermediate", neurons=tuple(range(12))),))
    )
    document = to_document(plan)
    assert document["fact"]["kept"] == {"3": {"intermediate": []}}
    assert not from_document(document, ANALYSIS).kept[3]["intermediate"].any()


@given(st.data())
def test_random_damage_to_a_plan_is_refused_or_gives_the_same_plan(data: st.DataObject) -> None:
    document = copy.deepcopy(to_document(resolve(ANALYSIS, SPEC)))
    places = (
        [(document, key) for key in document]
        + [(document["intent"], key) for key in document["intent"]]
        + [(document["fact"]["kept"]["3"], "query")]
    )
    owner, key = data.draw(st.sampled_from(places))
    owner[key] = data.draw(
        st.one_of(
            st.none(),
            st.integers(-5, 50),
            st.text(max_size=3),
            st.lists(st.integers(-1, 9), max_size=4),
            st.dictionaries(st.text(max_size=2), st.none(), max_size=2),
        )
    )
    try:
        parsed = from_document(document, ANALYSIS, "p.json")
    except (PlanError, UnknownName) as error:
        assert "\n" not in str(error)
    else:
        expected = resolve(ANALYSIS, parsed.prune_spec)
        assert to_document(parsed)["fact"] == to_document(expected)["fact"] == document["fact"]


def test_the_plan_of_another_analysis_is_looked_up_by_its_id(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.json"
    write_plan(plan, path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    assert str(caught.value) == (
        "plan.json was made on analysis '0123456789abcdef', which is not in the cache. Give its folder with --analysis."
    )
    path.write_text(json.dumps({key: value for key, value in to_document(plan).items() if key != "analysis"}))
    with pytest.raises(PlanError, match="was made on analysis 'None', which is not in the cache"):
        read_plan(path)


def test_a_path_that_holds_no_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="No plan file at"):
        read_plan(tmp_path / "none.json", ANALYSIS)
    with pytest.raises(PlanError, match="No plan file at"):
        read_plan("x" * 5000, ANALYSIS)
    with pytest.raises(PlanError, match="is not a regular file"):
        read_plan(tmp_path, ANALYSIS)
    (tmp_path / "big.json").write_bytes(b" " * 10_000_001)
    with pytest.raises(PlanError, match=r"big.json has 10,000,001 bytes; limit 10,000,000"):
        read_plan(tmp_path / "big.json", ANALYSIS)


def test_only_a_plan_of_this_tool_is_replaced(plan: Plan, tmp_path: Path) -> None:
    mine, theirs = tmp_path / "plan.json", tmp_path / "notes.json"
    write_plan(plan, mine)
    theirs.write_text("{}")
    with pytest.raises(PathError, match=r"already exists. Choose another --out, or give --overwrite"):
        write_plan(plan, mine)
    write_plan(resolve(ANALYSIS, PruneSpec()), mine, overwrite=True)
    assert read_plan(mine, ANALYSIS).kept == {}
    for path in (theirs, tmp_path):
        with pytest.raises(PathError, match="is not a plan that obce wrote, so --overwrite leaves it alone"):
            write_plan(plan, path, overwrite=True)
    assert theirs.read_text() == "{}"


def test_a_path_that_cannot_be_written_is_named(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PathError, match=r"Cannot write .*plan.json: "):
        write_plan(plan, tmp_path / "file" / "plan.json")


def test_a_yaml_plan_too_large_to_be_read_back_is_not_written(tmp_path: Path) -> None:
    analysis = memory_analysis(24, 1024, 16, 4096)
    plan = make_plan(analysis, percentile=50)
    with pytest.raises(PlanError, match=r"^plan.yaml would be larger than the 256 kB of a YAML plan. Write .json.$"):
        write_plan(plan, tmp_path / "plan.yaml")
    assert not (tmp_path / "plan.yaml").exists()
    write_plan(plan, tmp_path / "plan.json")
    assert to_document(read_plan(tmp_path / "plan.json", analysis)) == to_document(plan)


def test_a_prune_spec_is_read_from_a_plan_or_from_its_own_file(plan: Plan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "plan.json")
    (tmp_path / "intent.json").write_text(json.dumps(to_document(plan)["intent"]))
    (tmp_path / "short.yaml").write_text("cells:\n  3: {query: 50}\n")
    assert make_plan(ANALYSIS, prune_spec=tmp_path / "plan.json").prune_spec == SPEC
    assert make_plan(ANALYSIS, prune_spec=tmp_path / "intent.json").prune_spec == SPEC
    assert make_plan(ANALYSIS, prune_spec=str(tmp_path / "short.yaml")).prune_spec == PruneSpec(
        cells={3: {"query": 50}}
    )
    assert make_plan(ANALYSIS, prune_spec=SPEC).digest == plan.digest
    assert parse_prune_spec({}) == PruneSpec()


def test_kept_neurons_of_another_analysis_of_the_same_model_are_refused(plan: Plan) -> None:
    other = memory_analysis(4, 8, 2, 12, seed=1)
    assert not np.array_equal(other.cell(3, "query")["r_f"], ANALYSIS.cell(3, "query")["r_f"])
    with pytest.raises(PlanError, match="do not follow from the intent"):
        from_document(to_document(plan), other)


def test_an_unknown_analysis_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from obce_core import make_plan as facade

    monkeypatch.chdir(tmp_path)
    for name in ("0123456789", "", "x" * 5000, "~nobody-of-this-name/a", "a/b"):
        with pytest.raises(AnalysisError, match=r"^No analysis at"):
            facade(name, percentile=50)


@pytest.mark.parametrize(("layers", "intermediate"), [(2, 40), (6, 1536), (12, 3072), (24, 4096)])
def test_a_plan_that_fits_yaml_is_below_its_limit(layers: int, intermediate: int) -> None:
    source = memory_analysis(layers, intermediate // 4, 4, intermediate)
    plan = resolve(source, uniform(50, layers, PruneSpec(first_layer=1)))
    size = len(render(plan, yaml=True).encode()) if layers < 24 else None
    if fits_yaml(plan):
        assert size is not None and size < MAX_PLAN_YAML_BYTES
    else:
        assert size is None or size > 0.7 * MAX_PLAN_YAML_BYTES


def test_a_prune_spec_file_holds_every_option(tmp_path: Path) -> None:
    source = memory_analysis(3, 24, 3, 40)
    prune_spec = PruneSpec(
        criterion="random",
        seed=5,
        first_layer=2,
        cells={2: {"query": 12.5, "value": 70}},
        keep=(ManualOverride(layer=2, component="value", neurons=(1,)),),
        drop=(ManualOverride(layer=3, component="key", neurons=(0,), reason="ß"),),
        compensation=Compensation(method="mean", tokens="all"),
        hardware=Hardware(round_to=8, per_head=True),
    )
    (tmp_path / "intent.json").write_text(render_prune_spec(prune_spec))
    plan = make_plan(source, prune_spec=tmp_path / "intent.json")
    assert plan.prune_spec == prune_spec and plan.digest == resolve(source, prune_spec).digest
    commands = plan_commands("abc", prune_spec)
    assert (
        "--from intent.json" in commands
        and "random, seed 5" in commands
        and "mean over all tokens" in commands
        and "multiples of 8" in commands
    )
    assert "1 neuron kept manually; 1 neuron dropped manually" in commands
    assert plan_commands("abc", PruneSpec()).splitlines()[0].startswith("obce plan --analysis abc")


def test_a_plan_of_tiny_percentiles_is_read_back_from_the_yaml_that_was_written(tmp_path: Path) -> None:
    prune_spec = PruneSpec(cells={3: {"query": 1e-05, "value": 1.5e-07}})
    write_plan(resolve(ANALYSIS, prune_spec), tmp_path / "p.yaml")
    assert "query: 1.0e-05" in (tmp_path / "p.yaml").read_text("utf-8")
    assert read_plan(tmp_path / "p.yaml", ANALYSIS).prune_spec == prune_spec
