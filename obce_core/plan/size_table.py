"""A table of what a model stores before and after a cut, counted from the tensors, never from percentages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape, Family
from obce_core.components import COMPONENTS, CUTTABLE
from obce_core.models import ModelReport
from obce_core.plan.plan import Kept, Plan
from obce_core.plan.presets import Published, published
from obce_core.plan.size import FLOPS_LENGTH, cut_tensors, file_bytes, original_tensors, plan_widths


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One component of one layer (from 1).

    `neurons` before the cut and `kept` by the plan (None: no plan is known) are not `rows`, the stored rows of the linear
    map, since query and key are stored in pairs; `extra` key rows stand apart from both. Parameters are weights, biases and
    extra rows; `flops` are two for a multiply-add, of one text: the linear map, QKᵀ with the key, attention times V with
    the value.
    """

    layer: int
    component: str
    neurons: int
    kept: int | None
    rows: int
    extra: int
    parameters: int
    parameters_left: int
    flops: int
    flops_left: int


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A part of the model that people count: its parameters, and its bytes in float32 (of `total`: the whole file)."""

    name: str
    parameters: int
    parameters_left: int
    bytes: int
    bytes_left: int


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Three ways to say how much is left, as shares: of the whole model, of the encoder, and encoder left / nominal size."""

    of_total: float
    encoder_only: float
    of_nominal: float | None


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The table: `entries` by layer and component, `parts` of the model that no plan cuts, and the `scopes` in sum.

    `paper_left` is the total left under the paper's convention (each side of Q/K cut on its own, coupled columns cut too);
    None where no plan is known. `claim` is what the paper says of a model of this shape, if it does.
    """

    entries: tuple[Entry, ...]
    parts: Mapping[str, int]
    scopes: tuple[Scope, Scope, Scope]
    length: int
    flops: int
    flops_left: int
    paper_left: int | None
    claim: Published | None

    @property
    def total(self) -> Scope:
        return self.scopes[0]

    @property
    def encoder(self) -> Scope:
        return self.scopes[1]

    @property
    def readings(self) -> Readings:
        """The three readings of what is stored."""
        return self._read(self.total.parameters_left)

    @property
    def paper_readings(self) -> Readings | None:
        """The three readings of the count under the paper's convention."""
        return None if self.paper_left is None else self._read(self.paper_left)

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data, readings included."""
        paper = self.paper_readings
        return {
            **asdict(self),
            "readings": asdict(self.readings),
            "paper_readings": None if paper is None else asdict(paper),
        }

    def _read(self, left: int) -> Readings:
        encoder_left = left - (self.total.parameters - self.encoder.parameters)
        return Readings(
            of_total=left / self.total.parameters,
            encoder_only=encoder_left / self.encoder.parameters,
            of_nominal=None if self.claim is None else encoder_left / self.claim.nominal,
        )


Tensors = Mapping[str, tuple[int, ...]]
"""Shapes of stored tensors by name relative to the base model."""

_SCOPES: dict[str, tuple[str, ...]] = {
    "total": (),
    "encoder only": ("embeddings", "pooler", "head"),
    "without embeddings": ("embeddings",),
}
"""What each scope leaves out (see `Family.part`)."""


def plan_ledger(analysis: Analysis, plan: Plan | None = None, *, length: int = FLOPS_LENGTH) -> Ledger:
    """Count a plan on its analysis, no model being built; without a plan, the analysed model as it is.

    Args:
        length: tokens of the text that FLOPs are counted for.
    """
    family, shape = analysis.family, analysis.shape
    before = original_tensors(analysis)
    after = before if plan is None else cut_tensors(analysis, before, plan_widths(analysis, plan))

    def kept(layer: int, component: str) -> int:
        if plan is None or component not in CUTTABLE:
            return analysis.width(layer, component)
        return int(plan.mask(layer, component, shape)[analysis.neurons(layer, component)].sum())

    names = family.file_names(analysis.meta["model"]["tensors"])
    return _ledger(family, shape, before, after, names, analysis.width, kept, length)


def model_ledger(report: ModelReport, kept: Kept | None = None, *, length: int = FLOPS_LENGTH) -> Ledger:
    """Count a model from the header of its safetensors file alone, beside the uncut model that its config describes.

    Args:
        kept: what the plans of a cut model keep of the original (see `read_kept_of_model`); None: not known.
    """
    family, shape = report.family, report.shape
    after = {
        family.strip_root(name): info.shape
        for name, info in report.tensors.items()
        if info.dtype.startswith(("F", "BF"))
    }
    layers = family.layers + "."
    rest = {name: size for name, size in after.items() if not name.startswith(layers)}
    before = {**rest, **{name: size for name, size in family.tensors(report.config).items() if name.startswith(layers)}}

    def width(_: int, component: str) -> int:
        return shape.width(component)

    def left(layer: int, component: str) -> int | None:
        if not report.layers or component not in CUTTABLE:
            return shape.width(component)
        if kept is None:
            return None
        mask = kept.get(layer, {}).get(component)
        return shape.width(component) if mask is None else int(mask.sum())

    return _ledger(family, shape, before, after, family.file_names(report.tensors), width, left, length)


def _ledger(
    family: Family,
    shape: EncoderShape,
    before: Tensors,
    after: Tensors,
    names: Mapping[str, str],
    neurons: Callable[[int, str], int],
    kept: Callable[[int, str], int | None],
    length: int,
) -> Ledger:
    entries = tuple(
        _entry(layer, component, family, before, after, neurons(layer, component), kept(layer, component), length)
        for layer in range(1, shape.layers + 1)
        for component in COMPONENTS
    )
    linear = {f"{family.linear(layer, component)}." for layer in range(1, shape.layers + 1) for component in COMPONENTS}
    parts: dict[str, int] = {}
    for name, size in before.items():
        if name.rpartition(".")[0] + "." not in linear:
            part = family.part(name)
            parts[part] = parts.get(part, 0) + math.prod(size)
    total, encoder, bare = (_scope(name, without, family, before, after, names) for name, without in _SCOPES.items())
    return Ledger(
        entries=entries,
        parts=parts,
        scopes=(total, encoder, bare),
        length=length,
        flops=sum(entry.flops for entry in entries),
        flops_left=sum(entry.flops_left for entry in entries),
        paper_left=_paper_left(entries, sum(parts.values()), shape),
        claim=published(family, shape),
    )


def _entry(
    layer: int,
    component: str,
    family: Family,
    before: Tensors,
    after: Tensors,
    neurons: int,
    kept: int | None,
    length: int,
) -> Entry:
    path = family.linear(layer, component)

    def measure(tensors: Tensors) -> tuple[int, int, int, int]:
        """Return rows, extra rows, parameters and FLOPs."""
        found = {part: tensors[f"{path}.{part}"] for part in ("weight", "bias", "extra") if f"{path}.{part}" in tensors}
        rows, extra = found["weight"][0], found.get("extra", (0,))[0]
        maps = math.prod(found["weight"]) + math.prod(found.get("extra", (0,)))
        met = rows + extra if component in ("key", "value") else 0
        return rows, extra, sum(map(math.prod, found.values())), 2 * length * (maps + length * met)

    (_, _, parameters, flops), (rows, extra, parameters_left, flops_left) = measure(before), measure(after)
    return Entry(
        layer=layer,
        component=component,
        neurons=neurons,
        kept=kept,
        rows=rows,
        extra=extra,
        parameters=parameters,
        parameters_left=parameters_left,
        flops=flops,
        flops_left=flops_left,
    )


def _scope(
    name: str, without: tuple[str, ...], family: Family, before: Tensors, after: Tensors, names: Mapping[str, str]
) -> Scope:
    counts, sizes = [], []
    for tensors in (before, after):
        found = {names[key]: size for key, size in tensors.items() if family.part(key) not in without}
        counts.append(sum(map(math.prod, found.values())))
        sizes.append(4 * counts[-1] if without else file_bytes(found))
    return Scope(name=name, parameters=counts[0], parameters_left=counts[1], bytes=sizes[0], bytes_left=sizes[1])


def _paper_left(entries: tuple[Entry, ...], rest: int, shape: EncoderShape) -> int | None:
    """Count kept neurons as the paper does: a row and a bias each, and of value and intermediate the column they meet too."""
    left = rest
    for entry in entries:
        if entry.kept is None:
            return None
        if entry.component in CUTTABLE:
            columns = shape.hidden if entry.component in ("value", "intermediate") else 0
            left += entry.kept * (shape.hidden + 1 + columns)
        else:
            left += shape.hidden  # the bias: its columns are counted with the neurons that they read
    return left
