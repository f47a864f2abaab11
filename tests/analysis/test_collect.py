"""What is collected is what each neuron hands on, text by text, as a naive forward pass with hooks sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from naive import two_pass
from safetensors.numpy import load_file
from tiny import sentences

from obce_core.analysis.collect import Collected, collect, tensor_name
from obce_core.components import COMPONENTS
from obce_core.errors import BadInput, Cancelled, NotFinite
from obce_core.models.batching import Encoded, batches, encode
from obce_core.models.load import LoadedModel, load_model

TEXTS = sentences(13, seed=2)


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path) -> LoadedModel:
    return load_model(tiny_folder, device="cpu")


@pytest.fixture(scope="module")
def encoded(loaded: LoadedModel) -> Encoded:
    return encode(loaded.tokenizer, TEXTS)


def one_text(loaded: LoadedModel, ids: tuple[int, ...], tap: str) -> dict[tuple[int, str], np.ndarray]:
    """Run one text alone, without padding; return (tokens, neurons) of every cell by explicit BERT names."""
    seen: dict[str, torch.Tensor] = {}
    handles = []
    for name, module in loaded.base.named_modules():
        handles.append(
            module.register_forward_hook(
                lambda _, __, out, name=name: seen.update({name: out[0] if isinstance(out, tuple) else out})
            )
        )
    with torch.inference_mode():
        loaded.base(input_ids=torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    found = {}
    for index in range(loaded.report.shape.layers):
        at = f"encoder.layer.{index}."
        places = {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "attention_output": "attention.output" if tap == "block" else "attention.output.dense",
            "intermediate": "intermediate.dense" if tap == "linear" else "intermediate",
            "output": "output" if tap == "block" else "output.dense",
        }
        if tap == "block":
            places["intermediate"] = "intermediate.dense"
        for component, place in places.items():
            found[index + 1, component] = seen[at + place][0].double().numpy()
    return found


def naive(loaded: LoadedModel, encoded: Encoded, tap: str, tokens: str) -> dict[str, np.ndarray]:
    """Collect every cell a text at a time."""
    every = [one_text(loaded, ids, tap) for ids in encoded.ids]
    reduce = {"cls": lambda x: x[:1], "mean": lambda x: x.mean(axis=0, keepdims=True), "all": lambda x: x}[tokens]
    return {tensor_name(*cell): np.concatenate([reduce(text[cell]) for text in every]) for cell in every[0]}


def close(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name].dtype == np.float32
        assert found[name].shape == wanted[name].shape
        assert np.abs(found[name] - wanted[name]).max() <= 2e-5 * np.abs(wanted[name]).max(), name


@pytest.mark.parametrize("tap", ["neuron", "linear", "block"])
@pytest.mark.parametrize("tokens", ["cls", "mean", "all"])
def test_every_cell_is_what_a_single_text_gives(
    tokens: Any, tap: Any, loaded: LoadedModel, encoded: Encoded, tmp_path: Path
) -> None:
    found = collect(loaded, encoded, tmp_path / "a", tokens=tokens, tap=tap, batch_size=4)
    wanted = naive(loaded, encoded, tap, tokens)
    close(load_file(tmp_path / "a"), wanted)
    assert (found.rows, found.n_tokens) == (len(wanted["layer.1.query"]), sum(encoded.lengths))


def test_on_the_demo_model_too(needs_demo: None, tmp_path: Path) -> None:
    demo = load_model("demo", device="cpu")
    texts = encode(demo.tokenizer, ["Tin melts.", "Rivers carry silt down to the sea, slowly.", "Owls hunt at night."])
    collect(demo, texts, tmp_path / "a", tokens="all")
    close(load_file(tmp_path / "a"), naive(demo, texts, "neuron", "all"))


@pytest.mark.parametrize("tap", ["neuron", "block"])
def test_moments_are_of_tap_neuron_over_all_tokens_and_padding_never_counts(
    tap: Any, loaded: LoadedModel, encoded: Encoded, tmp_path: Path
) -> None:
    found = collect(loaded, encoded, tmp_path / "a", tap=tap, tokens="mean", batch_size=5)
    everywhere, at_cls = naive(loaded, encoded, "neuron", "all"), naive(loaded, encoded, "neuron", "cls")
    for cell, moments in found.moments.items():
        name = tensor_name(*cell)
        for told, rows in (
            ((moments.mean_all, moments.std_all), everywhere[name]),
            ((moments.mean_cls, moments.std_cls), at_cls[name]),
        ):
            mean, std = two_pass(rows)
            largest = np.abs(rows).max()
            assert np.abs(told[0] - mean).max() <= 1e-5 * largest
            assert np.abs(told[1] - std).max() <= 2e-5 * largest
            assert told[0].dtype == told[1].dtype == np.float64


@pytest.mark.parametrize("batch_size", [1, 3, 13, 100])
def test_the_size_of_a_batch_changes_nothing_but_rounding(
    batch_size: int, loaded: LoadedModel, encoded: Encoded, tmp_path: Path
) -> None:
    collect(loaded, encoded, tmp_path / "a", batch_size=batch_size)
    close(load_file(tmp_path / "a"), naive(loaded, encoded, "neuron", "cls"))


def test_the_same_pass_twice_gives_the_same_bytes(loaded: LoadedModel, encoded: Encoded, tmp_path: Path) -> None:
    collect(loaded, encoded, tmp_path / "a", batch_size=4)
    collect(loaded, encoded, tmp_path / "b", batch_size=4)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_mean_a_thousand_times_its_spread_keeps_its_digits(
    tiny_folder: Path, encoded: Encoded, tmp_path: Path
) -> None:
    shifted = load_model(tiny_folder, device="cpu")
    linear = shifted.base.get_submodule(shifted.report.family.linear(2, "value"))
    with torch.no_grad():
        linear.bias += 1000.0 * linear(torch.randn(50, 24, generator=torch.Generator().manual_seed(0))).std(0)
    found = collect(shifted, encoded, tmp_path / "a", tokens="all", batch_size=5).moments[2, "value"]
    mean, std = two_pass(load_file(tmp_path / "a")["layer.2.value"])
    assert (np.abs(mean) > 300 * std).any()
    assert found.mean_all == pytest.approx(mean, rel=1e-6)
    assert found.std_all == pytest.approx(std, rel=1e-4)


def test_a_model_in_bfloat16_still_gives_a_float32_file(tiny_folder: Path, encoded: Encoded, tmp_path: Path) -> None:
    half = load_model(tiny_folder, device="cpu", dtype="bfloat16")
    collect(half, encoded, tmp_path / "a")
    found, exact = load_file(tmp_path / "a"), naive(load_model(tiny_folder, device="cpu"), encoded, "neuron", "cls")
    for name in exact:
        assert found[name].dtype == np.float32
        assert np.abs(found[name] - exact[name]).max() < 0.2 * np.abs(exact[name]).max()


def test_progress_counts_texts_up_to_all_of_them(loaded: LoadedModel, encoded: Encoded, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    collect(loaded, encoded, tmp_path / "a", batch_size=4, progress=lambda done, total: told.append((done, total)))
    ends = np.cumsum([len(batch.rows) for batch in batches(encoded, 4)]).tolist()
    assert told == [(end, 13) for end in ends]
    assert len(told) >= 4 and told[-1] == (13, 13)


def test_it_ends_between_two_batches_when_asked(loaded: LoadedModel, encoded: Encoded, tmp_path: Path) -> None:
    told: list[int] = []
    with pytest.raises(Cancelled, match="Collecting the activations was cancelled"):
        collect(
            loaded,
            encoded,
            tmp_path / "a",
            batch_size=4,
            progress=lambda done, _: told.append(done),
            cancelled=lambda: bool(told),
        )
    assert told == [len(next(batches(encoded, 4)).rows)]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in loaded.base.modules())


def test_a_batch_of_nothing_is_refused(loaded: LoadedModel, encoded: Encoded, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--batch-size is 0"):
        collect(loaded, encoded, tmp_path / "a", batch_size=0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("tokens", ["cls", "all"])
def test_outputs_that_are_not_finite_name_layer_component_and_how_many(
    tokens: Any, bad: float, tiny_folder: Path, encoded: Encoded, tmp_path: Path
) -> None:
    broken = load_model(tiny_folder, device="cpu")
    with torch.no_grad():
        broken.base.get_submodule(broken.report.family.linear(3, "key")).bias[[2, 5]] = bad
    with pytest.raises(NotFinite, match=r"^Layer 3 key: 2 neurons gave NaN or inf. Use --dtype float32"):
        collect(broken, encoded, tmp_path / "a", tokens=tokens, batch_size=4)


def test_a_tap_that_is_not_folded_is_checked_too(tiny_folder: Path, encoded: Encoded, tmp_path: Path) -> None:
    broken = load_model(tiny_folder, device="cpu")
    with torch.no_grad():  # relu hides minus infinity from the neuron tap
        broken.base.encoder.layer[1].intermediate.dense.bias[4] = float("-inf")
        broken.base.encoder.layer[1].intermediate.intermediate_act_fn = torch.nn.ReLU()
    assert isinstance(collect(broken, encoded, tmp_path / "a", tap="neuron"), Collected)
    with pytest.raises(NotFinite, match=r"^Layer 2 intermediate: "):
        collect(broken, encoded, tmp_path / "b", tap="linear")


def test_all_six_components_of_all_layers_are_there(loaded: LoadedModel, encoded: Encoded, tmp_path: Path) -> None:
    found = collect(loaded, encoded, tmp_path / "a")
    assert list(found.moments) == [(layer, component) for layer in range(1, 5) for component in COMPONENTS]
    assert set(load_file(tmp_path / "a")) == {
        f"layer.{layer}.{component}" for layer in range(1, 5) for component in COMPONENTS
    }
