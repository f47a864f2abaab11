"""A model with a head for one task: the encoder of a checked folder, or a cut of it, and a fresh or kept classifier."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from obce_core.analysis.analysis import Analysis
from obce_core.architectures.modeling_obce import pad_layers
from obce_core.architectures.stored import StoredLayer, to_entry
from obce_core.compression.fit_compensation import fit_maps
from obce_core.compression.provenance import read_origin
from obce_core.compression.replacement import removed_neurons
from obce_core.compression.state import fold_state
from obce_core.glue.head import kept_head
from obce_core.glue.tasks import Task
from obce_core.models import ModelReport
from obce_core.models.batching import encode
from obce_core.models.head import head_of
from obce_core.models.load import build, load_model, read_state, stock_state
from obce_core.plan.plan import Plan

State = dict[str, torch.Tensor]


def classifier(
    report: ModelReport,
    task: Task,
    seed: int,
    *,
    cut: tuple[list[StoredLayer | None], State] | None = None,
    keep_head: bool = False,
) -> PreTrainedModel:
    """Build the model that is fine-tuned on a task, on the CPU, in float32.

    Args:
        report: a checked model, stock or cut; its encoder and pooler are read, a missing pooler is drawn from `seed`.
        seed: draws the head too, unless it is kept.
        cut: stored layers and compact tensors that stand in for the model's own (see `cut_state`).
        keep_head: take the model's own head, its outputs put into the task's order (see `kept_head`).

    Raises:
        ModelError: `keep_head`, and the model has no head for this task.
    """
    family = report.family
    if report.layers and cut is None:
        read_origin(report)
    layers, state = cut if cut is not None else (list(report.layers), read_state(report))
    if keep_head:
        order = list(kept_head(report, task).order)
        rows = (f"{family.outputs}.weight", f"{family.outputs}.bias")
        state = {name: tensor[order].contiguous() if name in rows else tensor for name, tensor in state.items()}
    else:
        state = {name: tensor for name, tensor in state.items() if family.part(name) != "head"}
    cls: Any = family.compact_class(family.classifier) if any(layers) else family.model_class(family.classifier)
    config = cls.config_class(**_config(report, task, layers), architectures=[family.classifier])
    model = build(cls, config, report, state, seed=seed)
    pad_layers(model)
    return model


def head_note(report: ModelReport, task: Task, *, keep_head: bool) -> str:
    """Say which classifier a model was given: its own, or a fresh one that is then trained."""
    if keep_head:
        return kept_head(report, task).note
    family = report.family
    head = head_of(family, family.classifier, report.config, report.tensors)
    pooler = [name for name in head.absent if family.part(name) == "pooler"]
    return (
        "The classifier"
        + (" and the pooler, which is not in the file," if pooler else "")
        + " started at random, drawn from the seed."
    )


def cut_state(analysis: Analysis, plan: Plan, report: ModelReport) -> tuple[list[StoredLayer | None], State]:
    """Fold a plan into the tensors of the analysed model: what each layer stores, and the compact tensors by name."""
    maps = {}
    if plan.prune_spec.compensation.predicts:
        original = load_model(report)
        positions = report.config.get("max_position_embeddings", 512)
        encoded = encode(
            original.tokenizer, analysis.texts.texts, max_length=analysis.meta["max_length"], positions=positions
        )
        maps = fit_maps(original, encoded, plan)
    removed = removed_neurons(analysis, plan, maps)
    return fold_state(stock_state(report), report.family, report.shape, removed, earlier=report.layers)


def _config(report: ModelReport, task: Task, layers: list[StoredLayer | None]) -> dict[str, Any]:
    """Return the model's checked config with the task's labels."""
    labels = task.words or (("score",) if task.regression else tuple(map(str, range(task.classes))))
    kind = "regression" if task.regression else "single_label_classification"
    config = {
        **report.config,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
    }
    config["problem_type"] = kind
    return config | (
        {"widths": [None if layer is None else to_entry(layer, report.shape) for layer in layers]}
        if any(layers)
        else {}
    )
