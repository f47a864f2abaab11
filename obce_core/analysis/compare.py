"""Compare two analyses cell by cell, after checking that they are comparable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.catalog import Saved
from obce_core.analysis.ranking import jaccard, spearman, summarize
from obce_core.components import COMPONENTS, LOCKED
from obce_core.errors import AnalysisError

PERCENTILE = 50
"""Removed sets are compared at this percentile."""

_WORDS = {"cls": "[CLS]", "mean": "the mean of the tokens", "all": "all tokens"}


@dataclass(frozen=True, kw_only=True)
class CellComparison:
    """One cell of two analyses. `reason` says why it cannot be compared; then the numbers are None.

    `first` and `second` are the summaries; `spearman` correlates the neurons' scores; `jaccard` compares what P50
    removes in each, `chance` is what two random sets of that size would give.
    """

    layer: int
    component: str
    reason: str = ""
    first: float | None = None
    second: float | None = None
    spearman: float | None = None
    jaccard: float | None = None
    chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far two sets of texts agree on one criterion: medians over the cuttable cells that can be compared."""

    criterion: str
    cells: int
    spearman: float
    jaccard: float
    chance: float


def check_comparable(first: Analysis, second: Analysis) -> None:
    """Refuse two analyses whose neurons do not correspond; raises AnalysisError with the reason."""
    if first.meta["model"]["family"] != second.meta["model"]["family"]:
        raise AnalysisError(
            f"One model is a {first.meta['model']['family']}, the other a {second.meta['model']['family']}: their "
            "cells do not correspond."
        )
    for what in ("layers", "hidden", "heads", "intermediate"):
        a, b = getattr(first.shape, what), getattr(second.shape, what)
        if a != b:
            named_items = {"hidden": "a hidden size of", "intermediate": "an intermediate size of"}.get(what, "")
            difference = f"{named_items} {a} and the other {b}" if named_items else f"{a} {what} and the other {b}"
            raise AnalysisError(
                f"One model has {difference.strip()}: their cells do not correspond.",
                hint="Compare models of one shape.",
            )


def differences(first: Analysis, second: Analysis) -> list[str]:
    """Say in words what differs between two analyses, beside the numbers."""
    a, b = first.meta, second.meta
    results = []
    if a["model"]["weights_sha256"] != b["model"]["weights_sha256"]:
        results.append("other weights (neuron 7 of one need not do what neuron 7 of the other does)")
    elif first.identity is not None and second.identity is not None:
        results += first.identity.differences(second.identity)
    if a["texts"]["digest"] != b["texts"]["digest"]:
        shared = len(set(first.texts.texts) & set(second.texts.texts)) if first.folder and second.folder else None
        more = "" if shared is None else f", {shared:,} texts in both"
        results.append(f"other texts ({a['texts']['n']:,} and {b['texts']['n']:,}{more})")
    if a["tokens"] != b["tokens"]:
        results.append(f"other tokens ({_WORDS[a['tokens']]} and {_WORDS[b['tokens']]})")
    if a["tap"] != b["tap"]:
        results.append(f"another tap ({a['tap']} and {b['tap']})")
    if a["max_length"] != b["max_length"]:
        results.append(f"another longest text ({a['max_length']} and {b['max_length']} tokens)")
    return results


def compare(
    first: Analysis, second: Analysis, name: str = "r_f", *, aggregate: str = "median", below: float = 0.0
) -> list[CellComparison]:
    """Compare a criterion in every cell of two analyses, in the order layer, component.

    Raises:
        AnalysisError: their shapes differ.
    """
    check_comparable(first, second)
    return [
        _cell(first, second, layer, component, name, aggregate, below)
        for layer in range(1, first.shape.layers + 1)
        for component in COMPONENTS
    ]


def agreement(first: Analysis, second: Analysis, name: str = "r_f") -> Agreement | None:
    """Say how far two analyses agree on a criterion; None where no cuttable cell can be compared."""
    rows = [row for row in compare(first, second, name) if row.spearman is not None and row.component not in LOCKED]
    if not rows:
        return None
    values = np.array([[row.spearman, row.jaccard, row.chance] for row in rows], dtype=np.float64)
    middle = np.median(values, axis=0)
    return Agreement(
        criterion=name, cells=len(rows), spearman=float(middle[0]), jaccard=float(middle[1]), chance=float(middle[2])
    )


def find_sibling(analysis: Analysis, saved: Iterable[Saved]) -> Saved | None:
    """Find an analysis of the same model with the same options on other texts, nearest in the number of texts.

    The same model is the same whole identity; two analyses of the older kind pass with the same weights.
    """
    meta = analysis.meta
    same = [
        entry
        for entry in saved
        if entry.id != analysis.id
        and entry.meta["model"]["weights_sha256"] == meta["model"]["weights_sha256"]
        and entry.meta["model"].get("identity") == meta["model"].get("identity")
        and all(entry.meta[key] == meta[key] for key in ("tokens", "tap", "max_length"))
        and entry.meta["texts"]["digest"] != meta["texts"]["digest"]
    ]
    return min(same, key=lambda entry: (abs(entry.meta["texts"]["n"] - meta["texts"]["n"]), entry.id), default=None)


def _cell(
    first: Analysis, second: Analysis, layer: int, component: str, name: str, aggregate: str, below: float
) -> CellComparison:
    for source in (first, second):
        if not source.width(layer, component):
            return CellComparison(layer=layer, component=component, reason="an earlier cut left no neuron")
    for source in (first, second):
        if source.degenerate(layer, component, name):
            return CellComparison(layer=layer, component=component, reason="all equal")
    a, b = first.scores(layer, component, name), second.scores(layer, component, name)
    if not np.array_equal(first.neurons(layer, component), second.neurons(layer, component)):
        return CellComparison(layer=layer, component=component, reason="an earlier cut left other neurons")
    shared, chance = jaccard(a, b, PERCENTILE)
    return CellComparison(
        layer=layer,
        component=component,
        spearman=spearman(a, b),
        jaccard=shared,
        chance=chance,
        first=summarize(a, aggregate, below=below),
        second=summarize(b, aggregate, below=below),
    )
