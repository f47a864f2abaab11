"""The classifier of a model, read for a task: whether it is complete, and which output is which class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from obce_core.errors import ModelError, shorten
from obce_core.glue.tasks import Task
from obce_core.models import ModelReport
from obce_core.models.head import head_of


@dataclass(frozen=True, kw_only=True)
class KeptHead:
    """The order of a classifier's outputs: class k is output `order[k]`; `note` describes it."""

    order: tuple[int, ...]
    note: str

    @property
    def is_reordered(self) -> bool:
        """Return True if the outputs are not in the task's order."""
        return self.order != tuple(range(len(self.order)))


def kept_head(report: ModelReport, task: Task) -> KeptHead:
    """Read a model's own classifier as that of a task, from the names in its `id2label`.

    Names that are not the task's at all (LABEL_0, …) are taken in the task's order. A regression has one output,
    whatever its name.

    Raises:
        ModelError: the classifier, or the pooler that it reads, is not in the file; it has another number of outputs;
            or its names match the task's in part, or twice.
    """
    _require_classifier(report)
    weight = f"{report.family.outputs}.weight"
    outputs = next(info.shape[0] for name, info in report.tensors.items() if report.family.strip_root(name) == weight)
    if outputs != task.classes:
        raise ModelError(
            f"{report.source.name}: the classifier has {outputs} outputs; {task.title} needs {task.classes}.",
            hint="Fine-tune the model on the task, or name a task that it was trained for.",
        )
    labels = report.config.get("id2label") or {at: f"LABEL_{at}" for at in range(outputs)}
    if len(labels) != outputs:
        raise ModelError(
            f"{report.source.name}: id2label in config.json has {len(labels)} names; the classifier has {outputs} "
            "outputs.",
            hint="Name every output once.",
        )
    return (
        KeptHead(order=(0,), note="")
        if task.regression
        else _by_name([str(labels[at]) for at in range(outputs)], task, report)
    )


def _require_classifier(report: ModelReport) -> None:
    """Raise ModelError unless the file holds a classifier for whole texts and the pooler that it reads."""
    family, source = report.family, report.source
    head = head_of(family, family.classifier, report.config, report.tensors)
    unnamed = report.architecture == family.architectures()[0]  # config.json names the base model, or nothing
    hint = "Fine-tune it on the task (--epochs 1 or more), or name a model that was."
    if not head.is_complete:
        raise ModelError(
            f"{source.name} ({report.architecture}) has no classifier to keep: {source.weights.name} lacks "
            f"{head.absent_words}.",
            hint=hint,
        )
    if not unnamed and report.architecture != family.classifier:
        raise ModelError(
            f"{source.name} has no classifier to keep: it is a {report.architecture}, not a {family.classifier}.",
            hint=hint,
        )


def _by_name(names: Sequence[str], task: Task, report: ModelReport) -> KeptHead:
    """Match the names of the outputs with those of the classes."""
    numbered = [re.fullmatch(r"label_(\d{1,4})", _plain(name)) for name in names]
    classes = [
        next((at for at, known in enumerate(task.names) if _plain(name) in map(_plain, known)), None) for name in names
    ]
    listed = ", ".join(shorten(name, 30) for name in names[:8])
    if all(place is None for place in classes) and all(
        match is None or int(match[1]) == at for at, match in enumerate(numbered)
    ):
        taken = ", ".join(f"{at} as {known[0]}" for at, known in enumerate(task.names))
        note = (
            f"The model's own classifier: its names ({listed}) are not those of {task.title}; its outputs were "
            f"read in order, {taken}."
        )
        return KeptHead(order=tuple(range(len(names))), note=note)
    if sorted(place for place in classes if place is not None) != list(range(len(names))):
        expected = ", ".join(known[0] for known in task.names)
        raise ModelError(
            f"{report.source.name}: id2label names the outputs {listed}; {task.title} has {expected}, each once.",
            hint="Name every output in config.json by its class, or LABEL_0, LABEL_1, … to take them in this order.",
        )
    order = tuple(classes.index(at) for at in range(len(names)))
    told = ", ".join(f"{at} is {task.names[place or 0][0]}" for at, place in enumerate(classes))
    return KeptHead(order=order, note=f"The model's own classifier, by the names in id2label: output {told}.")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
