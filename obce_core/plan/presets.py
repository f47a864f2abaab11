"""The percentiles of the paper's Tables 2 and 3, scaled to any number of layers, and the sizes it claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape, Family
from obce_core.components import CUTTABLE
from obce_core.errors import PlanError, UnknownName
from obce_core.plan.plan import keep_above, left_whole
from obce_core.plan.spec import PruneSpec

Table = Mapping[str, Mapping[int, tuple[int, ...]]]
"""Component -> percentile -> layers."""

_BASE_QK = {30: (3, 4, 11, 12), 50: (8, 9, 10), 70: (5, 6, 7)}
_LARGE_QK = {30: (11, 12, 14, 15, 16, 17), 50: (4, 5, 6, 7, 8, 9, 10, 18), 70: (3, 13, 19, 20, 21, 22, 23, 24)}

TABLE_2: Table = {
    "query": _BASE_QK,
    "key": _BASE_QK,
    "value": {30: (4,), 50: (3, 11, 12), 70: (5, 6, 7, 8, 9, 10)},
    "intermediate": {30: (3, 4, 10, 11, 12), 50: (5, 6, 7, 8, 9)},
}
TABLE_3: Table = {
    "query": _LARGE_QK,
    "key": _LARGE_QK,
    "value": {50: (4, 9, 10, 11, 12, 14, 15, 16, 17), 70: (3, 5, 6, 7, 8, 13, 18, 19, 20, 21, 22, 23, 24)},
    "intermediate": {30: (3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18), 50: (5, 6, 7, 17, 19, 20, 21, 22, 23, 24)},
}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One preset: its percentiles by layer, and the number of layers that it is for (None: scaled to any number)."""

    name: str
    description: str
    table: Table
    layers: int | None = None
    notes: tuple[str, ...] = ()

    def fits(self, layers: int) -> bool:
        """Return True if the preset applies to a model of `layers` layers."""
        return self.layers is None or self.layers == layers

    def cells(self, layers: int) -> dict[int, dict[str, float]]:
        """Return the percentiles by layer and component; PlanError if it is for another number of layers."""
        if not self.fits(layers):
            raise PlanError(
                f"{self.name} is for {self.layers} layers; this model has {layers}.",
                hint="Use --preset paper-scaled, or --percentile.",
            )
        rows = _rows(self.table)
        if self.layers is not None:
            return rows
        scaled = {layer: rows.get(math.ceil(12 * layer / layers), {}) for layer in range(1, layers + 1)}
        return {layer: dict(row) for layer, row in scaled.items() if row}


PRESETS: dict[str, Preset] = {
    row.name: row
    for row in (
        Preset(name="paper-bert-base", description="Table 2 of the paper: 12 layers", table=TABLE_2, layers=12),
        Preset(
            name="paper-bert-large",
            description="Table 3 of the paper: 24 layers",
            table=TABLE_3,
            layers=24,
            notes=("Table 3 lists layer 13 of query and key under both P30 and P70; this preset uses P70.",),
        ),
        Preset(
            name="paper-scaled",
            description="Table 2 scaled to any number of layers: layer l of L takes the row of paper layer "
            "ceil(12 l / L)",
            table=TABLE_2,
        ),
    )
}


def preset_named(name: str) -> Preset:
    """Return a preset by name, or raise UnknownName."""
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]


def preset_for(layers: int) -> Preset:
    """Return the preset of the paper's model with this number of layers, else the scaled one."""
    return next(row for row in PRESETS.values() if row.fits(layers))


def preset_cells(name: str, layers: int) -> dict[int, dict[str, float]]:
    """Return a preset's percentiles by layer and component, for a model of `layers` layers.

    Raises:
        UnknownName: the preset does not exist.
        PlanError: the preset is for another number of layers.
    """
    return preset_named(name).cells(layers)


def preset(name: str, analysis: Analysis, base: PruneSpec) -> tuple[PruneSpec, tuple[str, ...]]:
    """Return a prune spec with a preset's percentiles, and notes on what it omitted or decided.

    A degenerate cell, or one whose percentile would keep no neuron, is not cut and gets a note.
    """
    cells = preset_cells(name, analysis.shape.layers)
    notes = list(preset_named(name).notes)
    changes: dict[tuple[int, str], float] = {}
    for layer, row in cells.items():
        for component, percentile in row.items():
            if analysis.degenerate(layer, component, base.criterion):
                notes.append(left_whole(analysis, layer, component))
                continue
            scores = analysis.scores(layer, component, base.criterion, seed=base.seed)
            if keep_above(scores, percentile).any():
                changes[layer, component] = percentile
            else:
                notes.append(
                    f"Layer {layer} {component} is not cut: P{percentile:g} would keep 0 of {len(scores)} neurons."
                )
    first = min(cells, default=1)
    blank = PruneSpec(criterion=base.criterion, seed=base.seed, first_layer=first, compensation=base.compensation)
    return blank.with_cells(changes), tuple(notes)


def uniform(percentile: float, layers: int, base: PruneSpec) -> PruneSpec:
    """Return a prune spec with one percentile for every component that can be cut, from `base.first_layer` on."""
    if not 1 <= base.first_layer <= layers:
        raise PlanError(f"--first-layer is {base.first_layer}; this model has layers 1–{layers}.")
    if not isinstance(percentile, (int, float)) or isinstance(percentile, bool) or not 0 < percentile < 100:
        raise PlanError(f"A percentile lies strictly between 0 and 100; got {percentile}.")
    return base.with_cells(
        {(layer, component): percentile for layer in range(base.first_layer, layers + 1) for component in CUTTABLE}
    )


def _rows(table: Table) -> dict[int, dict[str, float]]:
    rows: dict[int, dict[str, float]] = {}
    for component, by_percentile in table.items():
        for percentile, layers in by_percentile.items():
            for layer in layers:
                rows.setdefault(layer, {})[component] = float(percentile)
    return {layer: rows[layer] for layer in sorted(rows)}


@dataclass(frozen=True, kw_only=True)
class Published:
    """A size that the paper claims: `claim` is the share left of `nominal` parameters, `words` describes the count."""

    model: str
    nominal: int
    claim: float
    words: str


_CLAIMS = {
    (12, 768, 12, 3072): Published(
        model="BERT Base",
        nominal=110_000_000,
        claim=0.5847,
        words="58.47 % of BERT Base (110M to 64M); none of the three ways to count its own Table 2 gives it",
    ),
    (24, 1024, 16, 4096): Published(
        model="BERT Large",
        nominal=340_000_000,
        claim=0.523,
        words=(
            "52.3 % of BERT Large (340M to 177.2M): what its Table 3 leaves of the encoder, divided by the nominal size"
        ),
    ),
}
"""Claims by (layers, hidden width, heads, intermediate width); shown beside the counts, never used in them."""


def published(family: Family, shape: EncoderShape) -> Published | None:
    """Return the paper's claim for an encoder of this family and shape, or None if there is no claim."""
    if family.model_type != "bert":
        return None
    return _CLAIMS.get((shape.layers, shape.hidden, shape.heads, shape.intermediate))
