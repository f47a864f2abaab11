"""The GLUE tasks, one row each: labels, files in a folder and on the hub, metrics.

Folders hold the official files: tab separated, without quoting, CoLA's train and dev without a header. Metrics are
    those
of the paper's Table 1 and of the GLUE server; the first one is the task's own when a single number is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from obce_core.errors import UnknownName

DATASET = "nyu-mll/glue"
"""The tasks on the hub."""

Columns = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task.

    `sentences` and `label` name columns of the train and dev files (positions where these have no header); `test` names
    the sentences of the test files, where they differ. `hub` names the sentences on the hub. `words` are the labels
    that the hub numbers 0, 1, 2 and the files write out; `spoken` are names of the classes that models use, where there
    are no words. `classes` is 1 for a regression, whose labels lie in `bounds`. `files` maps a split to its file,
    `counts` to its official number of examples, `submission` names what the GLUE server expects of a test split.
    `usual` is False for a task that is only run when it is named.
    """

    name: str
    title: str
    folder: str
    sentences: Columns
    hub: tuple[str, ...]
    metrics: tuple[str, ...]
    counts: Mapping[str, int]
    label: str | int = "label"
    test: Columns = ()
    words: tuple[str, ...] = ()
    spoken: tuple[tuple[str, ...], ...] = ()
    classes: int = 2
    bounds: tuple[float, float] | None = None
    files: Mapping[str, str] = field(
        default_factory=lambda: {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
    )
    submission: Mapping[str, str] = field(default_factory=dict)
    usual: bool = True

    @property
    def metric(self) -> str:
        """The metric that stands for the task when one number is asked for."""
        return self.metrics[0]

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """Names of each class, the one to show first, its number last; none for a regression."""
        if self.regression:
            return ()
        spoken = self.spoken or tuple((word,) for word in self.words)
        return tuple((*names, str(at)) for at, names in enumerate(spoken))

    @property
    def validation(self) -> tuple[str, ...]:
        """The validation splits: one, or MNLI's two."""
        return tuple(split for split in self.files if split.startswith("validation"))

    @property
    def tests(self) -> tuple[str, ...]:
        """The test splits: one, or MNLI's two."""
        return tuple(split for split in self.files if split.startswith("test"))

    @property
    def regression(self) -> bool:
        return self.classes == 1


_ONE, _TWO = ("sentence",), ("sentence1", "sentence2")
_ENTAILS = ("entailment", "not_entailment")
_MNLI_FILES = {
    "train": "train.tsv",
    "validation_matched": "dev_matched.tsv",
    "validation_mismatched": "dev_mismatched.tsv",
    "test_matched": "test_matched.tsv",
    "test_mismatched": "test_mismatched.tsv",
}
_MNLI_COUNTS = {
    "train": 392_702,
    "validation_matched": 9_815,
    "validation_mismatched": 9_832,
    "test_matched": 9_796,
    "test_mismatched": 9_847,
}


def _counts(train: int, validation: int, test: int) -> dict[str, int]:
    return {"train": train, "validation": validation, "test": test}


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="mnli",
            title="MNLI",
            folder="MNLI",
            sentences=_TWO,
            label="gold_label",
            hub=("premise", "hypothesis"),
            classes=3,
            words=("entailment", "neutral", "contradiction"),
            metrics=("accuracy",),
            files=_MNLI_FILES,
            counts=_MNLI_COUNTS,
            submission={"test_matched": "MNLI-m.tsv", "test_mismatched": "MNLI-mm.tsv"},
        ),
        Task(
            name="qqp",
            title="QQP",
            folder="QQP",
            sentences=("question1", "question2"),
            label="is_duplicate",
            hub=("question1", "question2"),
            metrics=("f1", "accuracy"),
            counts=_counts(363_846, 40_430, 390_965),
            submission={"test": "QQP.tsv"},
            spoken=(("not_duplicate", "different", "not_paraphrase"), ("duplicate", "paraphrase")),
        ),
        Task(
            name="qnli",
            title="QNLI",
            folder="QNLI",
            sentences=("question", "sentence"),
            hub=("question", "sentence"),
            words=_ENTAILS,
            metrics=("accuracy",),
            counts=_counts(104_743, 5_463, 5_463),
            submission={"test": "QNLI.tsv"},
        ),
        Task(
            name="sst2",
            title="SST-2",
            folder="SST-2",
            sentences=_ONE,
            hub=_ONE,
            metrics=("accuracy",),
            counts=_counts(67_349, 872, 1_821),
            submission={"test": "SST-2.tsv"},
            spoken=(("negative", "neg"), ("positive", "pos")),
        ),
        Task(
            name="cola",
            title="CoLA",
            folder="CoLA",
            sentences=(3,),
            label=1,
            test=_ONE,
            hub=_ONE,
            metrics=("matthews",),
            counts=_counts(8_551, 1_043, 1_063),
            submission={"test": "CoLA.tsv"},
            spoken=(("unacceptable", "ungrammatical"), ("acceptable", "grammatical")),
        ),
        Task(
            name="stsb",
            title="STS-B",
            folder="STS-B",
            sentences=_TWO,
            label="score",
            hub=_TWO,
            classes=1,
            bounds=(0.0, 5.0),
            metrics=("pearson", "spearman"),
            counts=_counts(5_749, 1_500, 1_379),
            submission={"test": "STS-B.tsv"},
        ),
        Task(
            name="mrpc",
            title="MRPC",
            folder="MRPC",
            sentences=("#1 String", "#2 String"),
            label="Quality",
            hub=_TWO,
            metrics=("f1", "accuracy"),
            counts=_counts(3_668, 408, 1_725),
            submission={"test": "MRPC.tsv"},
            spoken=(("not_equivalent", "not_paraphrase"), ("equivalent", "paraphrase")),
        ),
        Task(
            name="rte",
            title="RTE",
            folder="RTE",
            sentences=_TWO,
            hub=_TWO,
            words=_ENTAILS,
            metrics=("accuracy",),
            counts=_counts(2_490, 277, 3_000),
            submission={"test": "RTE.tsv"},
        ),
        Task(
            name="wnli",
            title="WNLI",
            folder="WNLI",
            sentences=_TWO,
            hub=_TWO,
            metrics=("accuracy",),
            counts=_counts(635, 71, 146),
            submission={"test": "WNLI.tsv"},
            usual=False,
            spoken=(("not_entailment",), ("entailment",)),
        ),
    )
}
"""In the order of the paper's Table 4; WNLI, which the paper leaves out, last."""


def task_of(name: object) -> Task:
    """Return a task by name; `SST-2`, `sst2` and `STS-B` are understood. Raises UnknownName."""
    plain = name.lower().replace("-", "").replace("_", "") if isinstance(name, str) else ""
    if plain not in TASKS:
        raise UnknownName("GLUE task", name, TASKS)
    return TASKS[plain]


def usual_tasks() -> tuple[str, ...]:
    """Name the tasks of the paper: all but WNLI."""
    return tuple(task.name for task in TASKS.values() if task.usual)
