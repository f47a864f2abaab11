"""Training a cut model with transformers' Trainer: saved compact, resumed exactly."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny import sentences

from obce_core.architectures.modeling_obce import HeadRows, slotted


@pytest.fixture
def rows(cut: Path) -> list[dict[str, Any]]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(cut)
    return [{**tokenizer(text), "labels": len(text) % 2} for text in sentences(24, seed=8)]


def trainer(
    folder: Path, out: Path, rows: list[dict[str, Any]], model: Any = None, **options: Any
) -> transformers.Trainer:
    """Make a trainer of 6 steps that saves at the third; dropout and order of texts are drawn from the seed."""
    transformers.set_seed(1)
    model = model or transformers.AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    arguments = transformers.TrainingArguments(
        output_dir=str(out),
        max_steps=6,
        save_steps=3,
        per_device_train_batch_size=4,
        learning_rate=0.01,
        weight_decay=0.1,
        report_to=[],
        seed=1,
        use_cpu=True,
        disable_tqdm=True,
        logging_strategy="no",
        dataloader_pin_memory=False,
        **options,
    )
    collate = transformers.DataCollatorWithPadding(transformers.AutoTokenizer.from_pretrained(folder))
    return transformers.Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collate)


@pytest.mark.filterwarnings("ignore::UserWarning:torch", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["cut", "emptied"])
@pytest.mark.parametrize("start", ["from the folder", "from another model"])
def test_a_resumed_training_ends_with_the_same_weights(
    kind: str, start: str, rows: list[dict[str, Any]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    whole = trainer(folder, tmp_path / "whole", rows)
    before = {name: tensor.clone() for name, tensor in whole.model.state_dict().items()}
    whole.train()
    after = whole.model.state_dict()
    checkpoint = tmp_path / "whole" / "checkpoint-3"
    model = None
    if start == "from another model":  # nothing of what the resumed model was may matter
        config = transformers.AutoConfig.from_pretrained(folder, num_labels=2)
        model = transformers.AutoModelForSequenceClassification.from_config(config)
    second = trainer(folder, tmp_path / "second", rows, model)
    second.train(resume_from_checkpoint=str(checkpoint))
    resumed = second.model.state_dict()
    assert resumed.keys() == after.keys()
    assert [name for name in after if not torch.equal(after[name], resumed[name])] == []
    layer = "bert.encoder.layer.1.attention.self."
    if kind == "cut":
        for name in ("query.weight", "key.weight", "key.extra", "value.bias"):
            assert not torch.equal(before[layer + name], after[layer + name]), name

    saved = load_file(checkpoint / "model.safetensors")
    assert {name: tensor.shape for name, tensor in saved.items()} == {
        name: tensor.shape for name, tensor in before.items()
    }
    assert (checkpoint / "modeling_obce.py").is_file()
    opened = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint)
    assert all(torch.equal(saved[name], tensor) for name, tensor in opened.state_dict().items())


def test_unused_slots_stay_as_they_are_to_the_bit(cut: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    run = trainer(cut, tmp_path / "run", rows)
    run.train()
    for module in slotted(run.model):
        used = {*module.slots, *getattr(module, "extra_slots", [])}
        weight = module.weight if isinstance(module, HeadRows) else module.weight.T  # slots first
        assert not weight[sorted(set(range(len(weight))) - used)].any()
        if isinstance(module, HeadRows):
            assert not module.bias[sorted(set(range(len(weight))) - set(module.slots))].any()


def test_a_step_an_evaluation_and_a_reload_agree(cut: Path, words: Any, tmp_path: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(cut, num_labels=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)

    def step(model: Any, optimizer: Any) -> None:
        model.train()
        torch.manual_seed(4)
        optimizer.zero_grad()
        model(**words, labels=torch.zeros(6, dtype=torch.long)).loss.backward()
        optimizer.step()

    def logits(model: Any) -> torch.Tensor:
        with torch.inference_mode():
            return model.eval()(**words).logits

    before = logits(model)
    step(model, optimizer)
    after = logits(model)
    assert not torch.equal(before, after)
    assert torch.equal(after, logits(model))
    model.save_pretrained(tmp_path / "one")
    again = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "one")
    assert torch.equal(after, logits(again))
    other = torch.optim.AdamW(again.parameters(), lr=0.01)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(model, optimizer)
    step(again, other)
    assert torch.equal(logits(model), logits(again)) and not torch.equal(after, logits(model))
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
