"""Carry a unit of evaluation out, once: what is there already is read, what was begun is gone on with."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from obce_core.analysis import read_analysis
from obce_core.errors import Cancelled, PlanError
from obce_core.glue.classifier import classifier, cut_state
from obce_core.glue.evaluation import CURVE, MODEL, RESULT, UNIT, Evaluation, evaluations_home, read_evaluation
from obce_core.glue.finetune import Finetuned, finetune
from obce_core.glue.metrics import answers, score
from obce_core.glue.trainer import Guard, Saving
from obce_core.glue.unit import Prepared, Unit, Variant, intent_of, prepare
from obce_core.models import ModelReport, check_model
from obce_core.models.load import choose_device, load_tokenizer
from obce_core.pipeline import analyze
from obce_core.plan.document import from_document
from obce_core.plan.plan import Plan, resolve
from obce_core.store import is_complete, staged_folder, write_json
from obce_core.tasks import Task, task_of
from obce_core.version import versions

_WAIT_SECONDS = 2.0
"""Between two looks whether somebody else is done with the same unit."""

Heard = Callable[[Mapping[str, Any]], None]


def perform(
    prepared: Prepared,
    *,
    save_model: bool = False,
    device: str = "auto",
    attempt: int = 1,
    guard: Guard = lambda: None,
    save_every: int = 500,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    heard: Heard = lambda row: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Fine-tune and score one unit, or read what is there already.

    Checkpoints lie beside the evaluations until the result is there, under the unit's id: whoever asks for the same unit goes on
    from them. While another process works on it, this one waits and takes its result.

    Args:
        save_model: keep the fine-tuned model in the evaluation's folder.
        attempt, guard, save_every: see `checkpoints.commit`; steps between two checkpoints within an epoch.
        batch_size: examples computed at once, to need less memory; the recipe, and its own batch, stay what they are.
        progress: hears (steps done, steps in all); heard: hears the rows of the curve.

    Raises:
        Cancelled: asked to stop; the work so far is kept.
    """
    target = evaluations_home() / prepared.id
    with _only_one(prepared.id, cancelled):
        if is_complete(target) and (not save_model or (target / MODEL).is_dir()):
            return read_evaluation(target)
        home = _workshop(prepared.id)
        began = time.time()
        task = task_of(prepared.unit.task)
        original: Evaluation | None = None
        if prepared.unit.variant.order == "finetune-first" and prepared.fact is not None:
            original = _finetuned_original(prepared, device, attempt, guard, save_every, batch_size, progress, heard, cancelled)
            model, report, told = _cut_afterwards(prepared, original, task, device, cancelled)
        else:
            model, report = _model(prepared, task), prepared.report
            told = []
        sizes = _sizes(model, report)
        saving = Saving(home=home / "checkpoints", every=save_every, attempt=attempt, guard=guard)
        done = finetune(
            model,
            load_tokenizer(report),
            prepared.train if original is None else None,
            prepared.others,
            prepared.unit.recipe.in_parts(batch_size),
            prepared.unit.seed,
            device=device,
            saving=saving,
            progress=progress,
            heard=heard,
            cancelled=cancelled,
        )
        guard()
        curve = original.curve if original is not None else list(done.curve)
        notes = [*told, *(note for part in (prepared.train, *prepared.others) if part is not None for note in part.notes)]
        result = {
            "scores": {
                part.split: score(task, part.labels, answers(task, done.logits[part.split]))
                for part in prepared.others
                if not part.split.startswith("test")
            },
            "examples": {part.split: len(part) for part in (prepared.train, *prepared.others) if part is not None},
            "sources": {part.split: part.source for part in (prepared.train, *prepared.others) if part is not None},
            "epoch": original.result["epoch"] if original is not None else done.epoch,
            "steps": original.result["steps"] if original is not None else done.steps,
            "rate": done.rate,
            "resumed": done.resumed,
            "seconds": time.time() - began,
            "weights_sha256": _weights_sha256(model),
            **sizes,
            "notes": notes,
            "device": str(choose_device(device)),
            "precision": done.precision,
            "threads": torch.get_num_threads(),
            "versions": versions(),
        }
        if _first_process():
            _write(target, prepared, model, report, done, curve, result, save_model)
            shutil.rmtree(home, ignore_errors=True)
        while not is_complete(target):
            time.sleep(_WAIT_SECONDS)  # another process of this torchrun writes it
        return read_evaluation(target)


def _model(prepared: Prepared, task: Task) -> PreTrainedModel:
    """Build the model of a unit, cut before it is trained."""
    unit = prepared.unit
    keep_head = not unit.recipe.epochs
    if unit.variant.plan is None:
        return classifier(prepared.report, task, unit.seed, keep_head=keep_head)
    analysis = read_analysis(prepared.fact.analysis if prepared.fact else "")
    plan = from_document(unit.variant.plan, analysis)
    return classifier(prepared.report, task, unit.seed, cut=cut_state(analysis, plan, prepared.report), keep_head=keep_head)


def _finetuned_original(
    prepared: Prepared,
    device: str,
    attempt: int,
    guard: Guard,
    save_every: int,
    batch_size: int | None,
    progress: Any,
    heard: Heard,
    cancelled: Any,
) -> Evaluation:
    """Fine-tune the uncut model of a unit, or read it, and keep it."""
    unit = prepared.unit
    whole = Unit(
        variant=Variant(label="original", model=unit.variant.model), task=unit.task, seed=unit.seed, recipe=unit.recipe, tests=False
    )
    parts = {part.split: part for part in prepared.others}

    def read(_: str, split: str, **__: Any) -> Any:
        return prepared.train if split == "train" else parts[split]

    return perform(
        prepare(whole, read=read), save_model=True, device=device, attempt=attempt, guard=guard, save_every=save_every,
        batch_size=batch_size, progress=progress, heard=heard, cancelled=cancelled,
    )  # fmt: skip


def _cut_afterwards(
    prepared: Prepared, original: Evaluation, task: Task, device: str, cancelled: Callable[[], bool]
) -> tuple[PreTrainedModel, ModelReport, list[str]]:
    """Measure the fine-tuned model on the plan's own texts, carry the plan's intent out there, and cut it."""
    unit, report = prepared.unit, check_model(original.folder / MODEL)
    assert unit.variant.plan is not None and prepared.fact is not None
    first = read_analysis(prepared.fact.analysis)
    with tempfile.TemporaryDirectory(prefix="obce-") as aside:
        analysis = analyze(
            original.folder / MODEL, texts=first.texts, out=Path(aside) / "analysis", max_length=first.meta["max_length"],
            tokens=first.meta["tokens"], tap=first.meta["tap"], device=device, cancelled=cancelled,
        )  # fmt: skip
        plan: Plan = resolve(analysis, intent_of(unit.variant.plan))
        model = classifier(report, task, unit.seed, cut=cut_state(analysis, plan, report), keep_head=True)
    if not plan.neurons_cut:
        raise PlanError("The plan cuts nothing.")
    return model, report, [f"Cut after fine-tuning, on the fine-tuned model's own importance: {plan.neurons_cut:,} neurons."]


def _sizes(model: PreTrainedModel, report: ModelReport) -> dict[str, Any]:
    """Count stored parameters, of the whole model with its head and of the encoder's layers."""
    names = {report.family.strip_root(name): tensor.numel() for name, tensor in model.state_dict().items()}
    return {
        "parameters": sum(names.values()),
        "encoder": sum(size for name, size in names.items() if report.family.part(name) == "layers"),
        "original_encoder": report.encoder_parameters if not report.layers else None,
    }


def _weights_sha256(model: PreTrainedModel) -> str:
    """Return the digest of the stored tensors, so that two runs can be held against each other."""
    hasher = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        hasher.update(f"{name} {tuple(tensor.shape)}".encode())
        hasher.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()


def _write(
    target: Path,
    prepared: Prepared,
    model: PreTrainedModel,
    report: ModelReport,
    done: Finetuned,
    curve: list[Any],
    result: Mapping[str, Any],
    save_model: bool,
) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    task = task_of(prepared.unit.task)
    with staged_folder(target, overwrite=True) as stage:
        write_json(stage / UNIT, prepared.document)
        write_json(stage / RESULT, result)
        write_json(stage / CURVE, curve)
        for part in prepared.others:
            logits = done.logits[part.split]
            columns: dict[str, np.ndarray] = {"label": part.labels, "prediction": answers(task, logits)}
            columns |= {f"output_{at}": logits[:, at] for at in range(logits.shape[1])}
            parquet.write_table(arrow.table(columns), stage / f"predictions.{part.split}.parquet")
        if save_model:
            model.cpu().save_pretrained(stage / MODEL)
            load_tokenizer(report).save_pretrained(stage / MODEL)


def _workshop(unit: str) -> Path:
    home = evaluations_home() / ".work" / unit
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextmanager
def _only_one(unit: str, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Hold a unit, so that one process at a time computes it; the processes of one `torchrun` hold it together."""
    if not _first_process():
        yield
        return
    home = evaluations_home() / ".work"
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home / f"{unit}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if cancelled():
                    raise Cancelled("Cancelled while another process computed the same evaluation.") from None
                time.sleep(_WAIT_SECONDS)
        yield
    finally:
        os.close(handle)


def _first_process() -> bool:
    return int(os.environ.get("RANK", "0")) == 0
