"""The provenance of a compressed folder: its plan, constants and facts, checked against its config and each other.

`obce.json` records the digest of the plan and the config that the model was cut with, so that a file edited by hand
afterwards is named and not believed. A folder that another program saved again has none of the three files; a folder
with some of them is cut short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from obce_core.architectures.config import read_config
from obce_core.architectures.stored import StoredLayer, read_entries
from obce_core.compression.replacement import COMPENSATION, Removed, read_removed, removed_layers
from obce_core.compression.result import RESULT
from obce_core.errors import ConfigError, ModelError, shorten
from obce_core.models.check import ModelReport
from obce_core.models.identity import Identity, read_identity
from obce_core.plan.fact import PLAN, Fact, read_facts
from obce_core.plan.plan_file import load_document
from obce_core.storage.digests import digest

MODEL_FORMAT = "obce-model/1"


@dataclass(frozen=True, kw_only=True, eq=False)
class Origin:
    """What a model was cut by: the plan's stated fact, what replaces the removed neurons, and what went before.

    `document` is the plan as the file has it; `earlier` holds the same of the plans before it, the oldest first,
    and `before` what each layer stored when this plan was made (empty: everything). `identity` is that of the model
    that the last plan cut; None in a folder of the older kind.
    """

    document: Mapping[str, Any]
    fact: Fact
    removed: Removed
    earlier: tuple[tuple[Fact, Removed], ...]
    before: tuple[StoredLayer | None, ...]
    identity: Identity | None = None

    @property
    def cuts(self) -> list[tuple[Fact, Removed]]:
        """Every plan by which the model was cut and what it removed, the oldest first."""
        return [*self.earlier, (self.fact, self.removed)]

    @property
    def plans(self) -> list[dict[str, Any]]:
        """The plans by which the model was cut, the oldest first, each without its own list of earlier ones."""
        return [*self.document["earlier"], {**self.document, "earlier": []}]


def fixed_config(report: ModelReport) -> dict[str, Any]:
    """Return what must not change in config.json after a cut, as `obce.json` records it."""
    return {
        "architecture": report.architecture,
        **{field.name: report.config[field.name] for field in report.family.fields},
    }


def read_origin(report: ModelReport) -> Origin | None:
    """Read a compressed folder's plan and constants and check that all of its files tell the same.

    Args:
        report: what `config.json` and `model.safetensors` say (see `check_compressed`).

    Returns:
        None for a folder without any of the three files.

    Raises:
        ModelError: a file is missing, damaged, or was altered after the cut; names it and what differs.
        PlanError: the plan is not a plan of this model.
        NotFinite: a constant is NaN or inf.
    """
    source = report.source
    files = {name: source.file(name) for name in (RESULT, PLAN, COMPENSATION)}
    missing = [name for name, path in files.items() if path is None]
    if len(missing) == len(files):
        return None
    if missing:
        raise ModelError(
            f"{source.folder} is incomplete: {missing[0]} is missing.",
            hint="Copy the whole folder, or cut the model again.",
        )
    facts = _facts(report)
    document = load_document(source.required(PLAN))
    plan_digest = digest(document)
    if plan_digest != facts["plan_document"]:
        raise ModelError(
            f"{PLAN} was altered after the cut: its digest is {plan_digest[:12]}…, {RESULT} says "
            f"{shorten(facts['plan_document'][:12])}….",
            hint="Put it back, or compress by the new plan.",
        )
    *past, fact = read_facts(document, report.shape, PLAN)
    if fact.digest != facts["plan"]:
        raise ModelError(
            f"{RESULT} was altered after the cut: it names the plan {shorten(facts['plan'][:12])}…, not "
            f"{fact.digest[:12]}…."
        )
    cuts = [(entry.kept, entry.compensation.predicts) for entry in (*past, fact)]
    *earlier, removed = read_removed(source, cuts, report.shape)
    before = () if facts["before"] is None else tuple(read_entries(facts["before"], report.shape))
    _check_config(report, facts["config"])
    _check_layers(report.layers, removed_layers(removed, report.shape, before))
    return Origin(
        document=document,
        fact=fact,
        removed=removed,
        earlier=tuple(zip(past, earlier, strict=True)),
        before=before,
        identity=read_identity(facts.get("identity")),
    )


def _facts(report: ModelReport) -> Mapping[str, Any]:
    facts = read_config(report.source.required(RESULT))
    if facts.get("format") != MODEL_FORMAT:
        raise ModelError(f"{RESULT}: format is {shorten(facts.get('format'))!r}; this version reads {MODEL_FORMAT}.")
    for name, kind in (("plan", str), ("plan_document", str), ("config", dict)):
        if not isinstance(facts.get(name), kind):
            raise ModelError(f"{RESULT}: {name} is missing or damaged.", hint="Cut the model again.")
    if "before" not in facts:
        raise ModelError(f"{RESULT}: before is missing.", hint="Cut the model again.")
    return facts


def _check_config(report: ModelReport, stated: Mapping[str, Any]) -> None:
    for name, value in fixed_config(report).items():
        if name not in stated or stated[name] != value:
            raise ConfigError(
                f"config.json was edited after the cut: {name} is {shorten(value)}, {RESULT} says "
                f"{shorten(stated.get(name))}.",
                hint="Put it back; save a model that was trained further in a folder of its own.",
            )


def _check_layers(have: Sequence[StoredLayer | None], expected: Sequence[StoredLayer | None]) -> None:
    for layer, (found, planned) in enumerate(zip(have, expected, strict=True), start=1):
        if found is None or planned is None:
            if found is not planned:
                raise ConfigError(
                    f"config.json: layer {layer} is {'cut' if found else 'whole'}, the plan leaves it "
                    f"{'cut' if planned else 'whole'}."
                )
            continue
        told, asked = asdict(found.widths), asdict(planned.widths)
        for name in told:
            if told[name] != asked[name]:
                values = [list(value) if isinstance(value, tuple) else value for value in (told[name], asked[name])]
                raise ConfigError(
                    f"config.json: widths of layer {layer}: {name} is {shorten(values[0])}, the plan leaves "
                    f"{shorten(values[1])}."
                )
        for name in ("pairs", "mixed", "values", "intermediate"):
            if not np.array_equal(getattr(found.rows, name), getattr(planned.rows, name)):
                raise ConfigError(
                    f"config.json: widths of layer {layer}: rows.{name} names other rows than the plan leaves."
                )
