"""The contents of a plan file without its analysis: enough to check a compressed model against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from obce_core.architectures import EncoderShape
from obce_core.components import CUTTABLE
from obce_core.errors import ModelError, PlanError
from obce_core.models import ModelReport
from obce_core.plan.plan import Kept, cut_digest
from obce_core.plan.plan_file import load_document, read_kept, read_model
from obce_core.plan.serialize import parse_prune_spec
from obce_core.plan.spec import Compensation

PLAN = "pruning_plan.json"
"""The name of the plan file in the folder of a cut model."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fact:
    """The facts that a plan states: the weights it is for, the neurons it keeps, and the source of the constants.

    `kept` has only cells that are cut, as in `Plan`. `identity` is the digest of the model's identity ("" in a plan of
    the older kind, which states none).
    """

    weights_sha256: str
    analysis: str
    kept: Kept
    compensation: Compensation
    identity: str = ""

    @property
    def digest(self) -> str:
        """Return the digest of the cut, equal to that of the plan that this was read from."""
        return cut_digest(self.weights_sha256, self.analysis, self.kept, self.compensation)

    def differs(self, other: Fact, shape: EncoderShape) -> str | None:
        """Describe the first difference from another fact, or return None if they are equal."""
        if self.weights_sha256 != other.weights_sha256:
            return f"it is for the weights {self.weights_sha256[:12]}…, not {other.weights_sha256[:12]}…"
        if self.identity and other.identity and self.identity != other.identity:
            return "it is for a model with the same weights, but another architecture, config.json or tokenizer"
        for layer in range(1, shape.layers + 1):
            for component in CUTTABLE:
                full = np.ones(shape.width(component), dtype=bool)
                a, b = (fact.kept.get(layer, {}).get(component, full) for fact in (self, other))
                if not np.array_equal(a, b):
                    return f"layer {layer} {component} keeps different neurons ({int(a.sum())} and {int(b.sum())})"
        if self.compensation != other.compensation:
            names = [f"{one.method} over {one.tokens} tokens" for one in (self.compensation, other.compensation)]
            return f"its compensation is {names[0]}, not {names[1]}"
        if self.analysis != other.analysis:
            return f"it was made on analysis {self.analysis[:16]!r}, not {other.analysis[:16]!r}"
        return None


def read_fact(document: Mapping[str, Any], shape: EncoderShape, name: str = "plan") -> Fact:
    """Read the facts from a plan's plain data, without resolving it.

    Raises:
        PlanError: unknown keys, another format, layers or neurons that a model of this shape does not have.
    """
    weights, identity = read_model(document, name)
    return Fact(
        weights_sha256=weights,
        identity=identity,
        kept=read_kept(document, shape, name),
        analysis=str(document.get("analysis", "")),
        compensation=parse_prune_spec(document.get("intent"), f"{name}: intent").compensation,
    )


def read_facts(document: Mapping[str, Any], shape: EncoderShape, name: str = "plan") -> list[Fact]:
    """Read the facts of a plan and of the earlier plans that it contains, the oldest first (see `read_fact`)."""
    earlier = document.get("earlier", [])
    if not isinstance(earlier, list) or not all(isinstance(entry, dict) for entry in earlier):
        raise PlanError(f"{name}: earlier must be a list of plans.")
    facts = [read_fact(entry, shape, f"{name}: earlier plan {number}") for number, entry in enumerate(earlier, start=1)]
    return [*facts, read_fact(document, shape, name)]


def read_kept_of_model(report: ModelReport) -> Kept | None:
    """Return the neurons of the original that the plans in a cut model's folder keep, by layer and component.

    Returns:
        None if the folder has no plan, because another program saved the model again.

    Raises:
        PlanError: the file is not a plan of this model.
        ModelError: the plans keep different neurons from those that the model stores.
    """
    path = report.source.file(PLAN)
    if path is None:
        return None
    kept: dict[int, dict[str, np.ndarray]] = {}
    for fact in read_facts(load_document(path), report.shape, PLAN):
        for layer, row in fact.kept.items():
            for component, mask in row.items():
                kept.setdefault(layer, {})[component] = kept.get(layer, {}).get(component, True) & mask
    for layer in range(1, report.shape.layers + 1):
        for component in ("value", "intermediate"):
            mask = kept.get(layer, {}).get(component, np.ones(report.shape.width(component), dtype=bool))
            if not np.array_equal(np.flatnonzero(mask), report.neurons(layer, component)):
                raise ModelError(f"{PLAN} and config.json keep different neurons of layer {layer} {component}.")
    return kept
