"""Execute one unit of evaluation: read an existing result, resume an interrupted one, or start it."""

from __future__ import annotations

import hashlib
import platform
import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from obce_core.errors import PathError
from obce_core.glue.evaluation import (
    BASELINE,
    CURVE,
    MODEL,
    RESULT,
    UNIT,
    Evaluation,
    evaluations_home,
    read_evaluation,
)
from obce_core.glue.execution import Execution
from obce_core.glue.metrics import answers, baseline, score
from obce_core.glue.tasks import task_of
from obce_core.glue.train import Finetuned, finetune
from obce_core.glue.trainer import Saving
from obce_core.glue.unit import Prepared
from obce_core.glue.unit_model import Built, build_unit
from obce_core.glue.workspace import checkpoints_of, first_process, only_one
from obce_core.models import ModelReport
from obce_core.models.load import choose_device
from obce_core.models.tokenizer import load_tokenizer
from obce_core.storage.atomic import write_json
from obce_core.storage.staging import is_complete, staged_folder
from obce_core.version import versions

_WAIT_SECONDS = 2.0
"""Between two looks whether the first process of this `torchrun` has written the result."""

_TRIES = 4
"""So often a unit is begun whose files vanish under it."""


def perform(
    prepared: Prepared, execution: Execution | None = None, *, save_model: bool = False, wait: bool = True
) -> Evaluation:
    """Fine-tune and score one unit, or read what is there already.

    Checkpoints are stored next to the evaluations under the unit's id until the result exists; the next request for the
    same unit resumes from them. While another process works on it, this one waits and takes its result, or does not
    wait.

    Args:
        execution: device, checkpoints, callbacks (None: the defaults of `Execution`).
        save_model: keep the fine-tuned model in the evaluation's folder.
        wait: for another process that works on the unit.

    Raises:
        Cancelled: asked to stop; the work so far is kept.
        Taken: another process works on it, and `wait` is False.
    """
    execution = execution or Execution()
    target = evaluations_home() / prepared.id
    with only_one(prepared.id, execution.cancelled, wait=wait):
        for left in range(_TRIES - 1, -1, -1):
            if is_complete(target) and (not save_model or (target / MODEL).is_dir()):
                break
            try:
                _make(prepared, target, execution, save_model=save_model)
            except Exception as error:
                if not _vanished(error) or not left:
                    raise
    return read_evaluation(target)


def _make(prepared: Prepared, target: Path, execution: Execution, *, save_model: bool) -> None:
    """Build, fine-tune, score, write."""
    home = checkpoints_of(prepared.id)
    began = time.time()
    older = _older_note(prepared)
    again = partial(perform, execution=execution, save_model=True)
    built = build_unit(prepared, again, device=execution.device, cancelled=execution.cancelled)
    sizes = _sizes(built.model, built.report, prepared.document.get("origin"))
    tokenizer = finetune(
        built.model,
        load_tokenizer(built.report),
        prepared.train if built.original is None else None,
        prepared.others,
        prepared.recipe.in_parts(execution.batch_size),
        prepared.unit.seed,
        device=execution.device,
        saving=Saving(home=home, every=execution.save_every, attempt=execution.attempt, guard=execution.guard),
        progress=execution.progress,
        listener=execution.listener,
        cancelled=execution.cancelled,
    )
    execution.guard()
    where = choose_device(execution.device)
    result = {
        **_told(prepared, built, tokenizer, older),
        **sizes,
        "seconds": time.time() - began,
        "device": str(where),
        "machine": torch.cuda.get_device_name(where)
        if where.type == "cuda"
        else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    if first_process():
        _write(target, prepared, built, tokenizer, result, save_model=save_model)
        shutil.rmtree(home.parent, ignore_errors=True)
    while not is_complete(target):
        time.sleep(_WAIT_SECONDS)  # another process of this torchrun writes it


def _vanished(error: Exception) -> bool:
    """Say whether a checkpoint's file was gone that had just been there: where locks do nothing (some network disks)
    another process makes the same unit, takes old checkpoints away, and all of them once it is done. torch says so in a
    RuntimeError."""
    if isinstance(error, PathError):
        return "swept away" in str(error)
    message = str(error)
    return isinstance(error, (FileNotFoundError, RuntimeError)) and (
        "checkpoints" in message or "open file failed" in message
    )


def _older_note(prepared: Prepared) -> tuple[str, ...]:
    """Say why an interrupted fine-tuning of the older kind is not resumed, where there is one."""
    older = prepared.older_id
    if older == prepared.id or not checkpoints_of(older).is_dir():
        return ()
    return (
        f"An interrupted fine-tuning of the older kind ({older}) was not resumed: it does not record the config and "
        "tokenizer that it "
        "began with.",
    )


def _told(prepared: Prepared, built: Built, finetuned: Finetuned, notes: tuple[str, ...]) -> dict[str, Any]:
    """Say what came out: scores by split, and what they were made from."""
    task, parts = task_of(prepared.unit.task), [part for part in (prepared.train, *prepared.others) if part is not None]
    scored = [part for part in prepared.others if not part.split.startswith("test")]
    trained = (
        built.original.result if built.original is not None else {"epoch": finetuned.epoch, "steps": finetuned.steps}
    )
    return {
        "scores": {
            part.split: score(task, part.labels, answers(task, finetuned.logits[part.split])) for part in scored
        },
        BASELINE: {part.split: baseline(task, part.labels) for part in scored},
        "examples": {part.split: len(part) for part in parts},
        "sources": {part.split: part.source for part in parts},
        "epoch": trained["epoch"],
        "steps": trained["steps"],
        "rate": finetuned.rate,
        "resumed": finetuned.resumed,
        "precision": finetuned.precision,
        "weights_sha256": _weights_sha256(built.model),
        "notes": [*notes, *built.notes, *finetuned.notes, *(note for part in parts for note in part.notes)],
    }


def _sizes(model: PreTrainedModel, report: ModelReport, origin: Mapping[str, Any] | None) -> dict[str, Any]:
    """Count stored parameters, of the whole model with its head and of the encoder's layers."""
    names = {report.family.strip_root(name): tensor.numel() for name, tensor in model.state_dict().items()}
    return {
        "parameters": sum(names.values()),
        "encoder": sum(size for name, size in names.items() if report.family.part(name) == "layers"),
        "original_encoder": origin["encoder"] if origin is not None else report.encoder_parameters,
    }


def _weights_sha256(model: PreTrainedModel) -> str:
    """Return the digest of the stored tensors, so that two runs can be held against each other."""
    hasher = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        hasher.update(f"{name} {tuple(tensor.shape)}".encode())
        hasher.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()


def _write(
    target: Path, prepared: Prepared, built: Built, done: Finetuned, result: Mapping[str, Any], *, save_model: bool
) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    task = task_of(prepared.unit.task)
    with staged_folder(target, overwrite=save_model, keep_existing=not save_model) as stage:
        write_json(stage / UNIT, prepared.document)
        write_json(stage / RESULT, result)
        write_json(stage / CURVE, built.original.curve if built.original is not None else list(done.curve))
        for part in prepared.others:
            logits = done.logits[part.split]
            columns: dict[str, np.ndarray] = {"label": part.labels, "prediction": answers(task, logits)}
            columns |= {f"output_{at}": logits[:, at] for at in range(logits.shape[1])}
            parquet.write_table(arrow.table(columns), stage / f"predictions.{part.split}.parquet")
        if save_model:
            built.model.cpu().save_pretrained(stage / MODEL)
            load_tokenizer(built.report).save_pretrained(stage / MODEL)
