"""Fine-tune a model on a task, resumable at any moment, and predict: the training loop is transformers' Trainer."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from transformers import (
    DataCollatorWithPadding,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
)
from transformers.utils import logging as hf_logging

from obce_core.analysis.coverage import check_unknown
from obce_core.errors import Cancelled, NotFinite
from obce_core.glue.batches import Rows, check_tokenizer, tokenized
from obce_core.glue.evaluation import BASELINE_SUFFIX
from obce_core.glue.examples import Examples
from obce_core.glue.execution import Listener
from obce_core.glue.metrics import answers, baseline, score
from obce_core.glue.recipe import Recipe
from obce_core.glue.tasks import TASKS
from obce_core.glue.trainer import BEST, Saving, Watch, WholeTrainer, same_draws
from obce_core.glue.training_arguments import training_arguments
from obce_core.models.load import choose_device
from obce_core.storage import checkpoints

hf_logging.set_verbosity_error()


Logits = Float[np.ndarray, "examples classes"]


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """What a fine-tuning left.

    `logits` by split, float32 of shape (examples, classes), of the epoch that counts; `curve` has a row an event:
    `step`, `epoch` and `loss` or the scores of each split; `epoch` is the one that counts; `rate` is training examples
    a second, of the steps of this process; `resumed` is the step that it went on from (0: from the start); `precision`
    is that of the products; `notes` are sentences for people.
    """

    logits: Mapping[str, Logits]
    curve: tuple[Mapping[str, Any], ...]
    epoch: float
    steps: int
    rate: float | None
    resumed: int
    precision: str
    notes: tuple[str, ...] = ()


def finetune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Examples | None,
    others: Sequence[Examples],
    recipe: Recipe,
    seed: int,
    *,
    device: str = "auto",
    saving: Saving | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    listener: Listener = lambda row: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Finetuned:
    """Train a model on `train` and predict `others`, in place.

    Validation splits among `others` are scored at the end of each epoch; test splits are predicted at the end of the
    one that counts. On CPU with the same number of threads, a run that was resumed ends with the same weights as an
    undisturbed one.

    Args:
        train: training examples; None, or a recipe of 0 epochs: only predict.
        saving: where checkpoints go; the newest one there that verifies is gone on from.
        progress: called with (steps done, total steps); listener: called with each row of the curve.

    Raises:
        Cancelled: asked to stop; a checkpoint of this step was written.
        ModelError, TextsError: the tokenizer does not fit the model or the examples (see `check_tokenizer`,
            `check_unknown`).
        NotFinite: the loss or an output became NaN or inf.
    """
    task = TASKS[(train or others[0]).task]
    recipe = recipe.at_width(int(model.config.hidden_size))
    keep = saving or Saving()
    positions = int(model.config.max_position_embeddings)
    segments = int(model.config.type_vocab_size)
    check_tokenizer(tokenizer)
    rows = {part.split: tokenized(part, tokenizer, recipe.max_length, positions, segments) for part in others}
    fit = (
        tokenized(train, tokenizer, recipe.max_length, positions, segments)
        if train is not None and recipe.epochs
        else Rows([])
    )
    every = [fit, *rows.values()]
    notes = check_unknown(sum(part.unknown for part in every), sum(part.pieces for part in every), tokenizer)
    where = choose_device(device)
    with tempfile.TemporaryDirectory(prefix="obce-") as aside:
        trainer = WholeTrainer(
            model=model,
            args=training_arguments(recipe, seed, where, keep.home or Path(aside), len(fit)),
            train_dataset=fit,
            data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8 if where.type == "cuda" else None),
            processing_class=tokenizer,
            saving=keep,
        )
        judge = _Judge(trainer, task.name, others, rows, recipe, listener)
        if not len(fit):
            judge.look(0.0)
            return replace(judge.outcome(steps=0, rate=None, resumed=0), notes=notes)
        each = max(1, math.ceil(len(fit) / recipe.batch_size))
        watch = Watch(
            keep,
            evaluate=judge.look,
            progress=progress,
            cancelled=cancelled,
            agree=lambda wish: _any_process(trainer, wish),
            steps_an_epoch=each,
        )
        trainer.add_callback(watch)
        keep.extra = judge.save
        checkpoint = checkpoints.newest(keep.home).checkpoint if keep.home is not None else None
        if checkpoint is not None:
            judge.load(checkpoint.folder)
            progress(checkpoint.step, recipe.steps_over(len(fit)))
        if checkpoint is not None and checkpoint.step >= recipe.steps_over(len(fit)):
            trainer.take_up(checkpoint.folder)  # stopped behind its last step; the Trainer would make another
        else:
            try:
                trainer.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
            except (
                Cancelled
            ):  # during an evaluation: the epoch is learned, and its generators are as training left them
                trainer._save_checkpoint(trainer.model, None)
                raise
        if watch.stopped:
            raise Cancelled("The fine-tuning was cancelled; a resume continues from this step.")
        rate = watch.steps * recipe.batch_size / watch.seconds if watch.steps else None
        outcome = judge.outcome(
            steps=trainer.state.global_step, rate=rate, resumed=checkpoint.step if checkpoint else 0
        )
        return replace(outcome, notes=notes)


class _Judge:
    """Scores a model at the end of each epoch and remembers the epoch that counts."""

    def __init__(
        self,
        trainer: WholeTrainer,
        task: str,
        parts: Sequence[Examples],
        rows: Mapping[str, Rows],
        recipe: Recipe,
        event: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.trainer, self.task, self.parts, self.rows, self.recipe, self.listener = (
            trainer,
            TASKS[task],
            parts,
            rows,
            recipe,
            event,
        )
        self.best: dict[str, torch.Tensor] = {}
        self.logits: dict[str, Logits] = {}
        trainer.add_callback(_Listener(event))

    def look(self, epoch: float) -> bool:
        """Score the validation splits, add a row to the curve, and say whether training ends early."""
        self.logits = {
            part.split: self._predict(part.split) for part in self.parts if not part.split.startswith("test")
        }
        scores = {
            f"{part.split}_{name}": value
            for part in self.parts
            if part.split in self.logits
            for name, value in score(self.task, part.labels, answers(self.task, self.logits[part.split])).items()
        }
        floors = {
            f"{part.split}_{name}{BASELINE_SUFFIX}": value
            for part in self.parts
            if part.split in self.logits
            for name, value in baseline(self.task, part.labels).items()
        }
        self.trainer.log({"at": epoch, **scores, **floors})
        history = self._history()
        values = [row[self._key] for row in history if self._key in row]
        if self.recipe.keep == "best" and values and values[-1] > max(values[:-1], default=-math.inf):
            self._remember(epoch)
        since = len(values) - 1 - int(np.argmax(values)) if values else 0
        return bool(self.recipe.patience) and since >= self.recipe.patience

    def outcome(self, *, steps: int, rate: float | None, resumed: int) -> Finetuned:
        """Return what counts: the last epoch, or the best one, whose weights the model then has."""
        history = self._history()
        epoch = next((row["at"] for row in reversed(history) if "at" in row), 0.0)
        if self.best:
            weights = {name[7:]: tensor for name, tensor in self.best.items() if name.startswith("weight.")}
            self.trainer.model.load_state_dict(weights)
            self.logits = {name[7:]: tensor.numpy() for name, tensor in self.best.items() if name.startswith("logits.")}
            epoch = float(self.best["epoch"])
        elif not self.logits:  # gone on from the very last step
            epoch = float(self.trainer.state.epoch or epoch)
            self.look(epoch)
            history = self._history()
        precision = "bfloat16" if self.trainer.args.bf16 else "float32"
        tests = {part.split: self._predict(part.split) for part in self.parts if part.split.startswith("test")}
        curve = tuple(_row(entry) for entry in history if "loss" in entry or "at" in entry)
        return Finetuned(
            logits={**self.logits, **tests},
            curve=curve,
            epoch=epoch,
            steps=steps,
            rate=rate,
            resumed=resumed,
            precision=precision,
        )

    def save(self, folder: Path) -> None:
        """Put the best epoch so far into a checkpoint."""
        if self.best:
            save_file(self.best, folder / BEST)

    def load(self, folder: Path) -> None:
        """Take the best epoch so far from a checkpoint."""
        if (folder / BEST).is_file():
            self.best = load_file(folder / BEST)

    @property
    def _key(self) -> str:
        return f"{self.task.validation[0]}_{self.task.metric}"

    def _history(self) -> list[dict[str, Any]]:
        return list(self.trainer.state.log_history)

    def _remember(self, epoch: float) -> None:
        state = self.trainer.accelerator.unwrap_model(self.trainer.model).state_dict()
        self.best = {f"weight.{name}": tensor.detach().cpu().clone() for name, tensor in state.items()}
        self.best |= {
            f"logits.{name}": torch.from_numpy(np.ascontiguousarray(found)) for name, found in self.logits.items()
        }
        self.best["epoch"] = torch.tensor(epoch)

    def _predict(self, split: str) -> Logits:
        """Predict a split in batches of similar length, and return the outputs in the given order."""
        rows = self.rows[split]
        order = np.argsort(-rows.lengths, kind="stable")
        with same_draws():
            outputs: Any = self.trainer.predict(Rows([rows[int(at)] for at in order])).predictions
        logits = np.empty(outputs.shape, dtype=np.float32)
        logits[order] = outputs
        if not np.isfinite(logits).all():
            raise NotFinite(
                f"The model's outputs on {self.task.title}, {split}, hold NaN or inf.",
                hint="Try a lower learning rate.",
            )
        return logits


class _Listener(TrainerCallback):
    """Hands each row of the curve on as it comes."""

    def __init__(self, event: Callable[[Mapping[str, Any]], None]) -> None:
        self.listener = event

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        entry = state.log_history[-1] if state.log_history else {}
        if state.is_world_process_zero and ("loss" in entry or "at" in entry):
            self.listener(_row(entry))
        if not math.isfinite(entry.get("loss", 0.0)):
            raise NotFinite(
                f"The loss became {entry['loss']} at step {state.global_step}.", hint="Try a lower learning rate."
            )


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Write one entry of the Trainer's history as a row of the curve."""
    left_out = {"grad_norm", "total_flos", "at"}
    return {name: value for name, value in entry.items() if name not in left_out}


def _any_process(trainer: WholeTrainer, wish: bool) -> bool:
    """Return True if any process of a distributed run was asked to stop, so that all of them stop at the same step."""
    if trainer.args.world_size <= 1:
        return wish
    flag = torch.tensor([float(wish)], device=trainer.args.device)
    return bool(trainer.accelerator.reduce(flag, reduction="sum").item() > 0)
