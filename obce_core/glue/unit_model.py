"""The model that a unit fine-tunes or scores: as stored, cut before the training, or cut after it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel

from obce_core.analysis.analysis import read_analysis
from obce_core.analysis.analyze import analyze
from obce_core.errors import PlanError
from obce_core.glue.classifier import classifier, cut_state, head_note
from obce_core.glue.evaluation import MODEL, Evaluation
from obce_core.glue.tasks import task_of
from obce_core.glue.unit import Prepared, prune_spec_of, whole
from obce_core.models import ModelReport, check_model
from obce_core.plan.matched_control import same_shape
from obce_core.plan.plan import Plan, resolve
from obce_core.plan.plan_file import from_document


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A model with a head for the unit's task, on the CPU.

    `report` is of the folder that it comes from; `original` is the evaluation of the uncut model that was fine-tuned
    first, when the cut came after the training (then there is nothing left to train); `notes` say what was done.
    """

    model: PreTrainedModel
    report: ModelReport
    original: Evaluation | None = None
    notes: tuple[str, ...] = ()


def build_unit(
    prepared: Prepared, evaluate: Callable[[Prepared], Evaluation], *, device: str, cancelled: Callable[[], bool]
) -> Built:
    """Build the model of a unit.

    Args:
        evaluate: fine-tunes the uncut model of a unit whose cut comes after the training, or reads it, and keeps it.
    """
    unit, task = prepared.unit, task_of(prepared.unit.task)
    if unit.variant.order == "finetune-first":
        return _cut_afterwards(prepared, evaluate(whole(prepared)), device, cancelled)
    keep_head = not unit.recipe.epochs
    notes = tuple(filter(None, [head_note(prepared.report, task, keep_head=keep_head)]))
    if unit.variant.plan is None or prepared.fact is None:
        return Built(
            model=classifier(prepared.report, task, unit.seed, keep_head=keep_head), report=prepared.report, notes=notes
        )
    analysis = read_analysis(prepared.fact.analysis)
    cut = cut_state(analysis, from_document(unit.variant.plan, analysis), prepared.report)
    return Built(
        model=classifier(prepared.report, task, unit.seed, cut=cut, keep_head=keep_head),
        report=prepared.report,
        notes=notes,
    )


def _cut_afterwards(prepared: Prepared, original: Evaluation, device: str, cancelled: Callable[[], bool]) -> Built:
    """Measure the fine-tuned model on the plan's own texts, carry the plan's intent out there, and cut it."""
    unit, report = prepared.unit, check_model(original.folder / MODEL)
    assert unit.variant.plan is not None and prepared.fact is not None
    first = read_analysis(prepared.fact.analysis)
    with tempfile.TemporaryDirectory(prefix="obce-") as aside:
        analysis = analyze(
            original.folder / MODEL,
            texts=first.texts,
            out=Path(aside) / "analysis",
            max_length=first.meta["max_length"],
            tokens=first.meta["tokens"],
            tap=first.meta["tap"],
            device=device,
            cancelled=cancelled,
        )
        plan: Plan = resolve(analysis, prune_spec_of(unit.variant.plan))
        if unit.variant.control is not None:  # of the shape that the plan has on the fine-tuned model
            plan = same_shape(analysis, plan, unit.variant.control, seed=unit.variant.draw)
        cut = cut_state(analysis, plan, report)
        model = classifier(report, task_of(unit.task), unit.seed, cut=cut, keep_head=True)
    if not plan.neurons_cut:
        raise PlanError("The plan cuts nothing.")
    note = f"Cut after fine-tuning, on the fine-tuned model's own importance: {plan.neurons_cut:,} neurons."
    return Built(model=model, report=report, original=original, notes=(note,))
