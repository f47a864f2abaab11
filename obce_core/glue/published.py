"""Published GLUE results, shown next to ours and never as ours.

Numbers are in per cent, as printed. Which split and metric a row uses is stated where the paper states it; elsewhere it
is unknown, and a difference to such a row compares what may not be comparable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """A row of the paper's Table 4: scores as printed, the stated size, and what is known of split and metric.

    `stated`: both are stated. `other` names tasks whose metric is known to be another one than the original row's.
    """

    name: str
    scores: Mapping[str, str]
    split: str
    size: str = ""
    source: str = "arXiv 2312.10702, Table 4 (BERT Base)"
    stated: bool = False
    other: tuple[str, ...] = ()

    def numbers(self, task: str) -> list[float]:
        """Return a task's scores in per cent: one, MNLI's two, or none."""
        return [float(part) for part in self.scores.get(task, "").split("/") if part]


_UNKNOWN = "split and metric not stated"
TABLE_4: tuple[PublishedRow, ...] = (
    PublishedRow(
        name="Original",
        scores={
            "mnli": "84.6/83.4",
            "qqp": "71.2",
            "qnli": "90.5",
            "sst2": "93.5",
            "cola": "52.1",
            "stsb": "85.8",
            "mrpc": "88.9",
            "rte": "66.4",
        },
        split="GLUE test server; QQP and MRPC are F1, STS-B Spearman",
        size="110M",
        stated=True,
    ),
    PublishedRow(
        name="AE-BERT", scores={"qnli": "88.7", "stsb": "86.1", "mrpc": "89.5", "rte": "69.7"}, split=_UNKNOWN
    ),
    PublishedRow(
        name="ETbLSL",
        scores={
            "mnli": "82.9",
            "qqp": "90.7",
            "qnli": "88.2",
            "sst2": "89.3",
            "cola": "52.6",
            "stsb": "84.6",
            "mrpc": "88.3",
            "rte": "63.9",
        },
        split=_UNKNOWN,
    ),
    PublishedRow(
        name="LotteryTicketBert",
        scores={"qnli": "88.9", "cola": "53.8", "stsb": "88.2", "mrpc": "84.9", "rte": "66"},
        split=_UNKNOWN,
    ),
    PublishedRow(name="QBERT", scores={"mnli": "77.02/76.56", "sst2": "84.63"}, split=_UNKNOWN),
    PublishedRow(
        name="OBCE",
        scores={
            "mnli": "83.6/81.6",
            "qqp": "91.23",
            "qnli": "90.03",
            "sst2": "91.8",
            "cola": "62.96",
            "stsb": "87.16",
            "mrpc": "89.63",
            "rte": "70.2",
        },
        split="not the test server's metrics (its QQP is an accuracy); the split is not stated",
        size="58.47 % claimed; 62.8 % of the encoder, 70.8 % of the model counted from its Table 2",
        other=("qqp",),
    ),
)

TABLE_5: Mapping[str, str] = {
    "mnli": "+0.4/+0.33",
    "qnli": "+0.45",
    "cola": "+1.28",
    "mrpc": "below RPP",
    "rte": "below RPP",
}
"""What the paper's Table 5 (BERT Large) claims as differences to the original; its scores are not at hand."""


DAGGER = "†"
"""Marks a difference whose two sides differ, or may differ, in split or metric."""


def gap(row: PublishedRow, task: str) -> str:
    """Write the difference of a published row to the published original, in points, a number a validation split.

    It carries a † unless split and metric of both are stated and equal; where the metric is known to be another one the
    † stands alone, because the number would mean nothing. "" where one of the two has no score.

    >>> gap(TABLE_4[-1], "cola"), gap(TABLE_4[-1], "qqp")
    ('+10.9†', '†')
    """
    original = TABLE_4[0]
    if row is original or not row.numbers(task):
        return ""
    if task in row.other:
        return DAGGER
    pairs = zip(row.numbers(task), original.numbers(task), strict=False)
    text = "/".join(f"{ours - theirs:+.1f}".replace("-", "−") for ours, theirs in pairs)
    return text + ("" if row.stated and row.split == original.split else DAGGER)
