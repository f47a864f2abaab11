"""What people do with a BERT works with a cut one: pipelines, number types, kernels, compilers, checkpointing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from obce_core.architectures.modeling_obce import AUTO_CLASSES

FOLDERS = pytest.mark.parametrize("kind", ["cut", "emptied"])


@pytest.fixture
def model(kind: str, request: pytest.FixtureRequest) -> Any:
    return transformers.AutoModel.from_pretrained(request.getfixturevalue(kind)).eval()


def run(model: Any, words: Any, **options: Any) -> Any:
    with torch.no_grad():
        return model(**words, **options)


def differ(one: torch.Tensor, other: torch.Tensor, words: Any) -> float:
    """Return the largest difference at tokens that are no padding."""
    return float((one.float() - other.float())[words["attention_mask"].bool()].abs().max())


@FOLDERS
def test_eager_and_sdpa_give_the_same(model: Any, words: Any) -> None:
    assert model.config._attn_implementation == "sdpa"
    before = run(model, words).last_hidden_state
    model.set_attn_implementation("eager")
    assert differ(run(model, words).last_hidden_state, before, words) < 5e-6


@FOLDERS
@pytest.mark.parametrize("head", [False, True], ids=["base", "head"])
def test_attentions_and_hidden_states_of_every_layer_come_out(
    kind: str, head: bool, words: Any, request: pytest.FixtureRequest
) -> None:
    auto = transformers.AutoModelForTokenClassification if head else transformers.AutoModel
    model = auto.from_pretrained(request.getfixturevalue(kind), attn_implementation="eager").eval()
    out = run(model, words, output_attentions=True, output_hidden_states=True)
    rows, tokens = words["input_ids"].shape
    assert [tuple(layer.shape) for layer in out.attentions] == [(rows, 3, tokens, tokens)] * 4
    assert all(torch.allclose(layer.sum(-1), torch.ones(rows, 3, tokens)) for layer in out.attentions)
    assert [tuple(layer.shape) for layer in out.hidden_states] == [(rows, tokens, 24)] * 5
    if not head:
        assert torch.equal(out.hidden_states[-1], out.last_hidden_state)
    if kind == "emptied":  # no pairs and no extra key row are left: every token is as important as another
        seen = words["attention_mask"][:, None, None].float()
        assert torch.allclose(out.attentions[3], (seen / seen.sum(-1, keepdim=True)).expand_as(out.attentions[3]))


@FOLDERS
@pytest.mark.parametrize(
    ("change", "dtype", "near"), [("half", torch.float16, 0.02), ("bfloat16", torch.bfloat16, 0.15)]
)
def test_shorter_numbers_run(model: Any, change: str, dtype: torch.dtype, near: float, words: Any) -> None:
    before = run(model, words).last_hidden_state
    after = run(getattr(model, change)(), words).last_hidden_state
    assert after.dtype is dtype and 0 < differ(after, before, words) < near
    assert {tensor.dtype for tensor in model.state_dict().values()} == {dtype}


def test_a_number_type_can_be_asked_for_at_loading(cut: Path, tmp_path: Path, words: Any) -> None:
    model = transformers.AutoModel.from_pretrained(cut, dtype=torch.bfloat16).eval()
    assert {tensor.dtype for tensor in model.parameters()} == {torch.bfloat16}
    model.save_pretrained(tmp_path / "short")
    again = transformers.AutoModel.from_pretrained(tmp_path / "short", dtype="auto").eval()
    assert torch.equal(run(model, words).last_hidden_state, run(again, words).last_hidden_state)


@FOLDERS
def test_it_moves_to_another_device_whole(model: Any, words: Any) -> None:
    device = "cuda" if torch.cuda.is_available() else "meta"
    model.to(device)
    moved = {name: value.to(device) for name, value in words.items()}
    out = model(
        input_ids=moved["input_ids"], attention_mask=moved["attention_mask"].float()[:, None, None]
    ).last_hidden_state
    assert out.device.type == device and out.shape == (*words["input_ids"].shape, 24)
    assert {tensor.device.type for tensor in (*model.parameters(), *model.buffers())} == {device}


def test_a_device_map_places_it(cut: Path, words: Any) -> None:
    plain = transformers.AutoModel.from_pretrained(cut).eval()
    placed = transformers.AutoModel.from_pretrained(cut, device_map="cpu").eval()
    assert torch.equal(run(plain, words).last_hidden_state, run(placed, words).last_hidden_state)


def gradients(model: Any, words: Any) -> dict[str, torch.Tensor]:
    model.train()
    model.zero_grad()
    model(**words).last_hidden_state[words["attention_mask"].bool()].pow(2).mean().backward()
    return {name: tensor.grad.clone() for name, tensor in model.named_parameters() if tensor.grad is not None}


@FOLDERS
def test_checkpointing_the_activations_changes_no_gradient(
    kind: str, words: Any, request: pytest.FixtureRequest
) -> None:
    options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = transformers.AutoModel.from_pretrained(request.getfixturevalue(kind), **options)
    before = gradients(model, words)
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
    after = gradients(model, words)
    assert model.encoder.layer[1].gradient_checkpointing and before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-7) for name in before)


@FOLDERS
def test_the_compiler_takes_a_cut_model(model: Any, words: Any) -> None:
    before = run(model, words).last_hidden_state
    compiled = torch.compile(model, backend="aot_eager")
    assert differ(run(compiled, words).last_hidden_state, before, words) < 5e-6
    assert (
        torch._dynamo.explain(model.encoder.layer[1].attention.self.query)(torch.ones(2, 3, 24)).graph_break_count == 0
    )


# task, Auto class, what of the first answer is looked at
PIPELINES = [
    ("text-classification", "AutoModelForSequenceClassification", {"label", "score"}),
    ("token-classification", "AutoModelForTokenClassification", {"entity", "score", "index", "word", "start", "end"}),
    ("fill-mask", "AutoModelForMaskedLM", {"score", "token", "token_str", "sequence"}),
]


@pytest.mark.parametrize(("task", "auto", "fields"), PIPELINES)
def test_pipelines_take_a_folder_and_a_model(
    task: str, auto: str, fields: set[str], cut: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(cut)
    model = getattr(transformers, auto).from_pretrained(cut)
    model.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    transformers.utils.logging.set_verbosity_warning()
    caplog.clear()
    text = "able [MASK] dawn" if task == "fill-mask" else "able acid dawn"
    by_folder = transformers.pipeline(task, model=str(tmp_path / "m"), device="cpu")
    by_model = transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu")
    assert type(by_folder.model).__name__ == AUTO_CLASSES[auto]
    assert "is not supported" not in caplog.text
    one, two = by_folder(text), by_model(text)
    assert set(one[0]) == fields and one == two


def test_features_come_out_of_a_pipeline(cut: Path) -> None:
    pipe = transformers.pipeline("feature-extraction", model=str(cut), device="cpu")
    words = pipe.tokenizer("able acid", return_tensors="pt")
    assert torch.allclose(torch.tensor(pipe("able acid")[0]), run(pipe.model, words).last_hidden_state[0], atol=1e-6)
