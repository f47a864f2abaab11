"""The proof: an untouched folder passes, every planted fault fails, and what is given wrongly is said in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny import copy_folder, edit_tensors, sample, save_tiny, some_of_everything

import obce_core
from obce_core.analysis.analysis import Analysis
from obce_core.analysis.analyze import analyze
from obce_core.architectures import FAMILIES
from obce_core.compression import build, checkpoint, state
from obce_core.compression.build import compress
from obce_core.compression.fold import FoldedLayer, fold_layer
from obce_core.errors import Cancelled, ModelError, PlanError
from obce_core.measure import verify as proof
from obce_core.measure.samples import draw, mixed
from obce_core.measure.verification import Measured, Verification
from obce_core.measure.verify import first_difference, verify
from obce_core.plan import Compensation, make_plan, render, to_document, write_plan

Fold = Callable[..., FoldedLayer]
ROWS = [(dtype, kind) for dtype in ("float32", "float64") for kind in ("random", "real")]


def test_an_untouched_folder_is_its_masked_original(tiny_cut: Path, tiny_folder: Path) -> None:
    told: list[tuple[int, int]] = []
    found = verify(tiny_cut, tiny_folder, device="cpu", progress=lambda at, total: told.append((at, total)))
    assert found.equal and found.differs is None
    assert [(row.dtype, row.texts) for row in found.measured] == ROWS
    for row in found.measured:
        assert 0.0 < row.hidden <= {"float32": 1e-5, "float64": 1e-12}[row.dtype]
        assert row.logits is None  # the tiny model has no head
        assert (row.count, row.longest) == (16, 128) and row.shortest < row.longest
    assert max(row.hidden for row in found.measured[2:]) < 1e-14 < min(row.hidden for row in found.measured[:2])
    assert found.difference == max(row.hidden for row in found.measured[:2])
    assert told == [(at, 6) for at in range(7)]
    assert json.loads(json.dumps(found.plain(), allow_nan=False))["measured"][3]["tolerance"] == 1e-12


def test_the_analysis_is_not_needed(tiny_folder: Path, tmp_path: Path) -> None:
    analysis = analyze(tiny_folder, sample(12, heldout=3), out=tmp_path / "analysis")
    plan = some_of_everything(analysis)
    compress(analysis, plan, tmp_path / "cut", device="cpu")
    (tmp_path / "analysis").rename(tmp_path / "gone")
    write_plan(plan, tmp_path / "plan.yaml")
    assert verify(tmp_path / "cut", tiny_folder, tmp_path / "plan.yaml", device="cpu").plan == plan.digest


@pytest.mark.parametrize("head", FAMILIES["bert"].architectures()[1:])
def test_the_outputs_of_every_head_are_compared(head: str, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", getattr(transformers, head), seed=1, num_hidden_layers=2)
    analysis = analyze(folder, sample(10, heldout=3), out=tmp_path / "analysis")
    compress(analysis, some_of_everything(analysis), tmp_path / "cut", device="cpu")
    found = verify(tmp_path / "cut", folder, device="cpu")
    assert found.equal and all(row.logits is not None and row.logits > 0.0 for row in found.measured)


def test_a_head_that_the_file_lacks_starts_alike_in_both_models(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", num_hidden_layers=2)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForSequenceClassification"]}))
    analysis = analyze(folder, sample(10, heldout=3), out=tmp_path / "analysis")
    compress(analysis, some_of_everything(analysis), tmp_path / "cut", device="cpu")
    assert verify(tmp_path / "cut", folder, device="cpu").equal


def test_the_demo_is_its_masked_original(demo_analysis: Analysis, tmp_path: Path) -> None:
    plan = make_plan(demo_analysis, preset="paper-scaled", compensation="mean", compensation_tokens="all")
    compress(demo_analysis, plan, tmp_path / "cut")
    found = verify(tmp_path / "cut", "demo")
    assert found.equal and found.difference <= 1e-5
    assert all(row.hidden <= row.tolerance for row in found.measured)


# --- planted faults


def with_constants(component: str, change: Callable[[np.ndarray], np.ndarray]) -> Fold:
    """Fold with other constants than the masked twin has."""
    return lambda weights, masks, constants, shape: fold_layer(
        weights, masks, {**constants, component: change(constants[component])}, shape
    )


def with_tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Fold:
    """Fold rightly, then spoil a tensor."""

    def fold(*args: Any) -> FoldedLayer:
        folded = fold_layer(*args)
        change(folded.tensors)
        return folded

    return fold


def wrong_columns(tensors: dict[str, np.ndarray]) -> None:
    """Give the output map the columns of head 2 (7 of them) in the place of those of head 1 (7 too)."""
    columns = tensors["attention_output.weight"]
    assert columns.shape[1] == 5 + 7 + 7
    tensors["attention_output.weight"] = np.concatenate([columns[:, :5], columns[:, 12:], columns[:, 5:12]], axis=1)


def one_left_out(constants: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(constants)) == 3, 0.0, constants)


# what goes wrong, the wrong fold
FOLDS: list[tuple[str, Fold]] = [
    (
        "a value constant with the wrong sign",
        with_constants("value", lambda c: np.where(np.arange(len(c)) == 12, -c, c)),
    ),
    (
        "a query constant with the wrong sign",
        with_constants("query", lambda c: np.where(np.arange(len(c)) == 9, -c, c)),
    ),
    (
        "an intermediate constant with the wrong sign",
        with_constants("intermediate", lambda c: np.where(np.arange(len(c)) == 6, -c, c)),
    ),
    ("the extra key rows left out", with_tensors(lambda t: t["key.extra"].fill(0.0))),
    ("one extra key row left out", with_tensors(lambda t: t["key.extra"][1].fill(0.0))),
    (
        "the extra key row given to another head",
        with_tensors(lambda t: t.update({"key.extra": t["key.extra"][::-1].copy()})),
    ),
    ("columns of a wrong head", with_tensors(wrong_columns)),
    ("one intermediate constant left out", with_constants("intermediate", one_left_out)),
    ("one value constant left out", with_constants("value", one_left_out)),
]


def failing(found: Verification, dtype: str) -> bool:
    """Say whether every row of a dtype fails, clearly."""
    rows = [row for row in found.measured if row.dtype == dtype]
    return all(not row.equal and row.hidden > 10 * row.tolerance for row in rows)


@pytest.mark.parametrize(("name", "fold"), FOLDS, ids=[name for name, _ in FOLDS])
def test_a_wrong_fold_in_the_folder_fails(
    name: str, fold: Fold, tiny_analysis: Analysis, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(state, "fold_layer", fold)
        patch.setattr(build, "TOLERANCE", np.inf)  # else compress refuses to write it
        compress(tiny_analysis, some_of_everything(tiny_analysis), tmp_path / "cut", device="cpu")
    found = verify(tmp_path / "cut", tiny_folder, device="cpu")
    assert not found.equal and failing(found, "float32") and not failing(found, "float64")
    assert found.differs is not None and " differs by up to " in found.differs


def moved_extra(*args: Any) -> FoldedLayer:
    """Fold rightly, then give the extra rows to other heads."""
    folded = fold_layer(*args)
    assert folded.stored.widths.extra == (1, 1, 0)
    widths = replace(folded.stored.widths, extra=(0, 1, 1))
    return FoldedLayer(tensors=folded.tensors, stored=replace(folded.stored, widths=widths))


@pytest.mark.parametrize(
    ("name", "fold"),
    [*FOLDS, ("the extra key rows in other heads", moved_extra)],
    ids=[*(name for name, _ in FOLDS), "other heads"],
)
def test_a_wrong_fold_in_the_proof_fails(
    name: str, fold: Fold, tiny_cut: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "fold_layer", fold)
    found = verify(tiny_cut, tiny_folder, device="cpu")
    assert not found.equal and failing(found, "float64") and not failing(found, "float32")


def kept_scale(model: Any) -> None:
    """Scale the softmax by the kept width of layer 2."""
    model.encoder.layer[1].attention.self.scaling = 7**-0.5


def no_padding(model: Any) -> None:
    """Let padding be attended to."""

    def ones(_: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "attention_mask": torch.ones_like(kwargs["attention_mask"])}

    model.register_forward_pre_hook(ones, with_kwargs=True)


def no_mask(model: Any) -> None:
    """Never hear of padding."""
    model.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {**kwargs, "attention_mask": None}), with_kwargs=True
    )


@pytest.mark.parametrize("fault", [kept_scale, no_padding, no_mask])
@pytest.mark.parametrize(
    ("module", "dtype"), [(checkpoint, "float32"), (proof, "float64")], ids=["folder", "folded again"]
)
def test_a_cut_model_that_computes_otherwise_fails(
    fault: Callable[[Any], None],
    module: Any,
    dtype: str,
    tiny_cut: Path,
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = module.build_compact

    def wrong(*args: Any, **kwargs: Any) -> Any:
        model = right(*args, **kwargs)
        fault(model)
        return model

    monkeypatch.setattr(module, "build_compact", wrong)
    found = verify(tiny_cut, tiny_folder, device="cpu")
    assert failing(found, dtype) and found.differs is None
    assert [row.equal for row in found.measured if row.dtype != dtype] == [True, True]


# --- what is stored, and what is given


QUERY, EMBEDDING = "encoder.layer.1.attention.self.query.weight", "embeddings.word_embeddings.weight"
# what is done to the tensors, the one named
STORED: list[tuple[str, Callable[[dict[str, torch.Tensor]], object], str]] = [
    ("one number", lambda s: s[QUERY][3].__setitem__(2, s[QUERY][3, 2] + 1e-6), f"{QUERY} differs by up to 1"),
    ("not cut by the plan", lambda s: s[EMBEDDING][70].add_(1e-5), f"{EMBEDDING} differs by up to 1"),
    (
        "half precision",
        lambda s: s.update({n: t.half() for n, t in s.items()}),
        "embeddings.LayerNorm.bias differs by up to",
    ),
    ("a pooler left out", lambda s: s.pop("pooler.dense.bias"), "pooler.dense.bias is missing"),
]


@pytest.mark.parametrize(("name", "change", "words"), STORED, ids=[name for name, _, _ in STORED])
def test_the_first_stored_tensor_that_is_not_the_folded_one_is_named(
    name: str,
    change: Callable[[dict[str, torch.Tensor]], object],
    words: str,
    tiny_cut: Path,
    tiny_folder: Path,
    tmp_path: Path,
) -> None:
    folder = copy_folder(tiny_cut, tmp_path / "cut")
    edit_tensors(folder, change)
    found = verify(folder, tiny_folder, device="cpu")
    assert not found.equal and found.differs is not None and found.differs.startswith(words)


def test_tensors_are_compared_to_the_last_place() -> None:
    exact = {"a": torch.tensor([1.0, 3e-20, -7.1], dtype=torch.float64), "none": torch.zeros(0, 4, dtype=torch.float64)}
    stored = {name: tensor.float() for name, tensor in exact.items()}
    assert first_difference(stored, exact) is None
    assert first_difference({**stored, "a": torch.nextafter(stored["a"], torch.full((3,), 9.0))}, exact) is None
    assert (
        first_difference({**stored, "a": stored["a"] * (1 + 3e-7)}, exact)
        == "a differs by up to 2.3e-06 from the folded one"
    )
    assert first_difference({**stored, "a": torch.zeros(2)}, exact) == "a has shape [2], folding gives [3]"
    assert first_difference({"none": torch.zeros(0, 4)}, exact) == "a is missing"
    assert first_difference({**stored, "more": torch.zeros(2)}, exact) == "more is not in the original"
    assert first_difference({**stored, "a": torch.full((3,), torch.nan)}, exact) is not None


def row(hidden: float, logits: float | None = None, dtype: str = "float32") -> Measured:
    return Measured(dtype=dtype, texts="real", count=1, shortest=1, longest=1, hidden=hidden, logits=logits)


@pytest.mark.parametrize(
    ("measured", "equal"),
    [
        (row(1e-5), True),
        (row(1.1e-5), False),
        (row(0.0, 1.1e-5), False),
        (row(1e-12, 1e-12, "float64"), True),
        (row(1.1e-12, 0.0, "float64"), False),
        (row(float("nan")), False),
        (row(0.0, float("nan")), False),
        (row(float("inf")), False),
    ],
)
def test_a_difference_beyond_tolerance_or_not_finite_is_never_equal(measured: Measured, equal: bool) -> None:
    found = Verification(folder=Path(), original="a", plan="b", tensors=1, differs=None, measured=(measured,))
    assert (measured.equal, found.equal) == (equal, equal)
    assert not replace(found, differs="x is missing").equal
    json.dumps(found.plain(), allow_nan=False)


def test_samples_have_padding_many_lengths_and_a_seed(tiny_folder: Path) -> None:
    from obce_core.models.load import load_model

    loaded = load_model(tiny_folder, device="cpu")
    for kind in ("random", "real"):
        texts = draw(kind, loaded, seed=3)
        assert texts == draw(kind, loaded, seed=3) != draw(kind, loaded, seed=4)
        assert len(set(texts.lengths.tolist())) >= 5
        batches = list(mixed(texts, torch.device("cpu")))
        assert sorted(np.concatenate([batch.rows for batch in batches]).tolist()) == list(range(16))
        assert all((batch.mask == 0).any() and batch.mask[:, 0].all() for batch in batches)


def test_the_plan_must_be_that_of_the_folder(
    tiny_analysis: Analysis, tiny_cut: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    plan = some_of_everything(tiny_analysis)
    document = to_document(plan)
    document["fact"]["kept"]["1"]["query"] = [
        n for n in range(24) if n not in (0, 1, 9, 17)
    ]  # the same, in other words
    document["intent"]["drop"][0]["reason"] = "to see"
    (tmp_path / "same.json").write_text(json.dumps(document))
    assert verify(tiny_cut, tiny_folder, tmp_path / "same.json", device="cpu").equal
    others = {
        "neurons": (
            render(make_plan(tiny_analysis, percentile=50)),
            "layer 1 query keeps different neurons (24 and 20)",
        ),
        "constants": (
            render(some_of_everything(tiny_analysis, compensation=Compensation(method="mean"))),
            "its compensation is mean over cls tokens, not mean+std over cls tokens",
        ),
        "analysis": (render(plan).replace(plan.analysis, "ab" * 32), "it was made on analysis 'abababababababab', not"),
        "model": (
            render(plan).replace(plan.model["weights_sha256"], "cd" * 32),
            "it is for the weights cdcdcdcdcdcd…, not",
        ),
    }
    for name, (text, words) in others.items():
        (tmp_path / f"{name}.json").write_text(text)
        with pytest.raises(PlanError) as caught:
            verify(tiny_cut, tiny_folder, tmp_path / f"{name}.json", device="cpu")
        assert str(caught.value).startswith(f"{name}.json is not the plan that cut was cut by: {words}")


def test_other_models_are_refused_in_words(tiny_cut: Path, tiny_folder: Path, tmp_path: Path) -> None:
    other = save_tiny(tmp_path / "other", seed=9)
    with pytest.raises(ModelError, match=r"^other has other weights \(.*…\) than the model was cut from"):
        verify(tiny_cut, other, device="cpu")
    with pytest.raises(
        ModelError, match=r"^tiny is not a model that obce cut. Name the folder that obce compress wrote."
    ):
        verify(tiny_folder, tiny_folder, device="cpu")
    bare = copy_folder(tiny_cut, tmp_path / "bare")
    for name in ("obce.json", "pruning_plan.json", "compensation.safetensors"):
        (bare / name).unlink()
    with pytest.raises(ModelError, match=r"has no pruning_plan\.json: another program saved it"):
        verify(bare, tiny_folder, device="cpu")


def test_it_ends_when_asked(tiny_cut: Path, tiny_folder: Path) -> None:
    for allowed in range(6):
        told: list[int] = []
        with pytest.raises(Cancelled, match="The proof was cancelled"):
            verify(
                tiny_cut,
                tiny_folder,
                device="cpu",
                progress=lambda at, _, told=told: told.append(at),
                cancelled=lambda told=told, allowed=allowed: len(told) >= allowed,
            )
        assert told == list(range(allowed))


def test_it_is_in_the_facade() -> None:
    assert obce_core.verify is verify
