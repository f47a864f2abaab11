"""transformers' Trainer with atomic checkpoints, a reproducible order, and checks for a cancellation."""

from __future__ import annotations

import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import PrinterCallback, TrainerState

from obce_core.errors import Cancelled
from obce_core.glue.batches import ByLength
from obce_core.storage import checkpoints

Guard = Callable[[], None]
BEST = "best.safetensors"


@dataclass(kw_only=True)
class Saving:
    """Where checkpoints go (None: nowhere) and for which attempt; `guard` raises when it is a stale one.

    One is due `every` so many steps after the last, at the end of an epoch when the last is `seconds` old (of epochs
    that pass in a second or two not each is worth three times the model's bytes), and within one when it is ten times
    as old. `extra` fills a checkpoint's folder with more files.
    """

    home: Path | None = None
    every: int = 500
    seconds: float = 60.0
    attempt: int = 1
    guard: Guard = lambda: None
    extra: Callable[[Path], None] = field(default=lambda folder: None)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def scratch(self) -> Path:
        """The temporary folder of a checkpoint, shared by the processes of one `torchrun`."""
        assert self.home is not None
        together = int(os.environ.get("WORLD_SIZE", "1")) > 1
        return self.home / f"saving.tmp-{self.attempt}{'' if together else f'-{self.mark}'}"


class WholeTrainer(Trainer):
    """A Trainer that saves through `checkpoints.commit` and takes its examples by length."""

    def __init__(self, *args: Any, saving: Saving, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.saving = saving
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> ByLength:
        rows: Any = train_dataset if train_dataset is not None else self.train_dataset
        seed = self.args.data_seed if self.args.data_seed is not None else self.args.seed
        return ByLength(
            rows.lengths,
            self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size,
            seed,
        )

    def _get_output_dir(self, trial: Any) -> str:
        return str(self.saving.scratch) if self.saving.home is not None else super()._get_output_dir(trial)

    def take_up(self, checkpoint: Path) -> None:
        """Take a checkpoint's weights and history, without training on."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        saving, home = self.saving, self.saving.home
        if home is None:
            return
        # Every process of a distributed run writes its part aside; the first one commits them together.
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        folder = saving.scratch / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:

            def move(stage: Path) -> None:
                saving.extra(folder)
                for path in folder.iterdir():
                    if path.name != "training_args.bin":  # a pickle that is never read
                        shutil.move(path, stage / path.name)

            checkpoints.commit(home, self.state.global_step, move, attempt=saving.attempt, guard=saving.guard)
            shutil.rmtree(saving.scratch, ignore_errors=True)
        self.accelerator.wait_for_everyone()


class Watch(TrainerCallback):
    """Counts steps and their time (without evaluations and checkpoints), saves when it is due, evaluates at the end of
    an epoch, and stops when it is asked to.

    `evaluate(epoch)` is called at the end of each epoch and says whether training ends early.
    """

    def __init__(
        self,
        saving: Saving,
        *,
        evaluate: Callable[[float], bool],
        progress: Callable[[int, int], None],
        cancelled: Callable[[], bool],
        agree: Callable[[bool], bool],
        steps_an_epoch: int,
    ) -> None:
        self.saving, self.evaluate, self.progress, self.cancelled, self.agree = (
            saving,
            evaluate,
            progress,
            cancelled,
            agree,
        )
        self.steps_an_epoch = steps_an_epoch
        self.seconds, self.steps, self.stopped = 0.0, 0, False
        self._began = 0.0
        self._saved_step, self._saved_at = 0, time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.on_save(args, state, control)  # a resume begins at a checkpoint
        # Cancelled at the last step of an epoch, before its evaluation: that comes first now.
        if state.global_step and state.global_step % self.steps_an_epoch == 0:
            visited = any("at" in row and row["step"] == state.global_step for row in state.log_history)
            if not visited and self.evaluate(state.global_step / self.steps_an_epoch):
                control.should_training_stop = True

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = time.perf_counter()
        self.seconds += now - self._began  # with the loading of its batch
        self._began = now
        self.steps += 1
        self.progress(state.global_step, state.max_steps)
        if self.agree(self.cancelled()):
            self.stopped = True
            control.should_save = control.should_training_stop = True
        elif state.global_step % self.steps_an_epoch and state.global_step < state.max_steps:
            control.should_save = self._many_steps(state) or self.agree(self._long_ago(10))

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._saved_step, self._saved_at = state.global_step, time.monotonic()
        self._began = time.perf_counter()  # saving does not count as a step

    def _many_steps(self, state: Any) -> bool:
        return bool(state.global_step - self._saved_step >= self.saving.every)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.stopped:
            return
        if self.evaluate(state.epoch):
            control.should_training_stop = True
        elif self.agree(state.global_step < state.max_steps and (self._many_steps(state) or self._long_ago())):
            control.should_save = True  # after the evaluation, so that a resume continues after it
        control.should_log = True

    def _long_ago(self, times: int = 1) -> bool:
        return time.monotonic() - self._saved_at >= times * self.saving.seconds

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.agree(self.cancelled()):
            raise Cancelled(
                "The fine-tuning was cancelled during an evaluation; a resume continues with that evaluation."
            )


@contextmanager
def same_draws() -> Iterator[None]:
    """Leave every random generator as it was found: what is only looked at must not change what is learned next."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
