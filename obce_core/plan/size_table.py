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

    `neurons` counts those before the cut, `kept` those that the plan keeps (None: the plan is unknown). `rows` are the
    stored rows of the linear map; they differ from `kept`, since query and key are stored in pairs. `extra` key rows
    are counted in neither. Parameters are weights, biases and extra rows. `flops` are for one text, two for a
    multiply-add: the linear map, with QKᵀ added to the key and attention times V to the value.
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
    """A part of the model with its parameters and its bytes in float32 (for `total`: of the whole file)."""

    name: str
    parameters: int
    parameters_left: int
    bytes: int
    bytes_left: int


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The share that is left, counted in three ways.

    Of the whole model, of the encoder alone, and the encoder's parameters left divided by the nominal size.
    """

    of_total: float
    encoder_only: float
    of_nominal: float | None


@dataclass(frozen=True, kw_only=True)
class SizeTable:
    """The table: `entries` by layer and component, `parts` of the model that no plan cuts, and the sums by scope.

    `paper_left` is the total left under the paper's convention (each side of Q/K cut on its own, coupled columns cut
    too); None if the plan is unknown. `claim` is the paper's claim for a model of this shape, if any.
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
        """Return the three shares of what is stored."""
        return self._read(self.total.parameters_left)

    @property
    def paper_readings(self) -> Readings | None:
        """Return the three shares under the paper's convention, or None if the plan is unknown."""
        return None if self.paper_left is None else self._read(self.paper_left)

    def plain(self) -> dict[str, Any]:
        """Return the table as plain data, with the shares."""
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
"""The parts that each scope excludes (see `Family.part`)."""


def plan_size_table(analysis: Analysis, plan: Plan | None = None, *, length: int = FLOPS_LENGTH) -> SizeTable:
    """Fill the table for a plan of an analysis, without building a model; `plan` None means the analysed model itself.

    Args:
        length: number of tokens of the text for which FLOPs are counted.
    """
    family, shape = analysis.family, analysis.shape
    before = original_tensors(analysis)
    after = before if plan is None else cut_tensors(analysis, before, plan_widths(analysis, plan))

    def kept(layer: int, component: str) -> int:
        if plan is None or component not in CUTTABLE:
            return analysis.width(layer, component)
        return int(plan.mask(layer, component, shape)[analysis.neurons(layer, component)].sum())

    names = family.file_names(analysis.meta["model"]["tensors"])
    return _size_table(family, shape, before, after, names, analysis.width, kept, length)


def model_size_table(report: ModelReport, kept: Kept | None = None, *, length: int = FLOPS_LENGTH) -> SizeTable:
    """Fill the table for a model from the header of its safetensors file, compared with the uncut model of its config.

    Args:
        kept: neurons that the plans of a cut model keep of the original (see `read_kept_of_model`); None: unknown.
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

    return _size_table(family, shape, before, after, family.file_names(report.tensors), width, left, length)


def _size_table(
    family: Family,
    shape: EncoderShape,
    before: Tensors,
    after: Tensors,
    names: Mapping[str, str],
    neurons: Callable[[int, str], int],
    kept: Callable[[int, str], int | None],
    length: int,
) -> SizeTable:
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
    total, encoder, without_embeddings = (
        _scope(name, excluded, family, before, after, names) for name, excluded in _SCOPES.items()
    )
    return SizeTable(
        entries=entries,
        parts=parts,
        scopes=(total, encoder, without_embeddings),
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
        sizes = {part: tensors[f"{path}.{part}"] for part in ("weight", "bias", "extra") if f"{path}.{part}" in tensors}
        rows, extra = sizes["weight"][0], sizes.get("extra", (0,))[0]
        maps = math.prod(sizes["weight"]) + math.prod(sizes.get("extra", (0,)))
        products = rows + extra if component in ("key", "value") else 0  # columns of QKᵀ or of attention times V
        return rows, extra, sum(map(math.prod, sizes.values())), 2 * length * (maps + length * products)

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
    name: str, excluded: tuple[str, ...], family: Family, before: Tensors, after: Tensors, names: Mapping[str, str]
) -> Scope:
    counts, sizes = [], []
    for tensors in (before, after):
        included = {names[key]: size for key, size in tensors.items() if family.part(key) not in excluded}
        counts.append(sum(map(math.prod, included.values())))
        sizes.append(4 * counts[-1] if excluded else file_bytes(included))
    return Scope(name=name, parameters=counts[0], parameters_left=counts[1], bytes=sizes[0], bytes_left=sizes[1])


def _paper_left(entries: tuple[Entry, ...], rest: int, shape: EncoderShape) -> int | None:
    """Count as the paper does: for each kept neuron a row and a bias; for value and intermediate also a column."""
    left = rest
    for entry in entries:
        if entry.kept is None:
            return None
        if entry.component in CUTTABLE:
            columns = shape.hidden if entry.component in ("value", "intermediate") else 0
            left += entry.kept * (shape.hidden + 1 + columns)
        else:
            left += shape.hidden  # the bias; the columns are counted with the neurons that they read
    return left
