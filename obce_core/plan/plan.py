"""A pruning plan: a prune spec, and the neurons that it keeps on one analysis of one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape
from obce_core.components import CUTTABLE, Cell
from obce_core.criteria import criterion
from obce_core.errors import PlanError
from obce_core.plan.spec import Compensation, ManualOverride, PruneSpec
from obce_core.plan.widths import LayerToWiden, cut_widths, stored_widths, widen
from obce_core.storage.digests import digest

Kept = Mapping[int, Mapping[str, np.ndarray]]
"""Boolean masks by layer and component over the original's neurons, shape (neurons,): False for those it cuts.

An absent cell keeps all neurons. A plan states only its own cuts: in a model that was cut before, the neurons that are
already gone stay True."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The neurons to keep in every cell, with the prune spec that they follow from.

    `model` names the model (`name`, `revision`, `weights_sha256`, `identity`: see `Identity`; plans of the older kind
    have no `identity`). `analysis` is the id of the analysis. `earlier` holds the plans by which the model was cut
    before, in order.
    """

    model: Mapping[str, str]
    analysis: str
    prune_spec: PruneSpec
    kept: Kept
    notes: tuple[str, ...] = ()
    earlier: tuple[Mapping[str, Any], ...] = ()

    def mask(self, layer: int, component: str, shape: EncoderShape) -> np.ndarray:
        """Return the kept neurons of a cell as booleans, shape (neurons,)."""
        row = self.kept.get(layer, {})
        return row[component] if component in row else np.ones(shape.width(component), dtype=bool)

    def cut(self, layer: int, component: str) -> int:
        """Count the neurons cut in a cell."""
        row = self.kept.get(layer, {})
        return int((~row[component]).sum()) if component in row else 0

    @property
    def neurons_cut(self) -> int:
        """Count the neurons cut by the plan, without the rows that folding drops in addition."""
        return sum(int((~mask).sum()) for row in self.kept.values() for mask in row.values())

    @property
    def digest(self) -> str:
        """Return the digest of the cut: of model, kept neurons and constants (which come from the analysis)."""
        return cut_digest(self.model["weights_sha256"], self.analysis, self.kept, self.prune_spec.compensation)


def resolve(analysis: Analysis, prune_spec: PruneSpec) -> Plan:
    """Apply a prune spec to an analysis: a percentile keeps the neurons strictly above it, in float64.

    Manual overrides are applied next, then the hardware options add neurons back (see `widen`).

    Raises:
        PlanError: a layer or a manually overridden neuron that does not exist, or a percentile in a degenerate cell or
            one that keeps no neuron.
    """
    masks = _above_percentiles(analysis, prune_spec)
    notes = []
    for overrides, value in ((prune_spec.keep, True), (prune_spec.drop, False)):
        for override in overrides:
            mask = _mask_to_override(override, analysis, masks)
            mask[list(override.neurons)] = value
            if not mask[analysis.neurons(override.layer, override.component)].any():
                notes.append(f"Layer {override.layer} {override.component}: manual overrides drop every neuron.")
    if prune_spec.hardware.is_set:
        for layer in sorted(masks):
            widened, messages = widen(_to_widen(analysis, prune_spec, layer, masks[layer]), prune_spec.hardware)
            masks[layer] = {name: widened[name] for name in masks[layer]}
            notes += messages
    model = {name: str(analysis.meta["model"][name]) for name in ("name", "revision", "weights_sha256")}
    if analysis.identity is not None:
        model["identity"] = analysis.identity.digest
    kept = {
        layer: {name: row[name] for name in CUTTABLE if name in row and not row[name].all()}
        for layer, row in sorted(masks.items())
    }
    return Plan(
        model=model,
        analysis=analysis.id,
        prune_spec=prune_spec,
        kept={layer: row for layer, row in kept.items() if row},
        notes=tuple(notes),
    )


def cut_digest(weights_sha256: str, analysis: str, kept: Kept, compensation: Compensation) -> str:
    """Return the digest of what determines a cut: the model, the kept neurons, and the source of the constants."""
    fact = {str(layer): {c: to_ranges(m) for c, m in row.items()} for layer, row in kept.items()}
    return digest([weights_sha256, analysis, fact, compensation.method, compensation.tokens])


def keep_above(scores: np.ndarray, percentile: float) -> np.ndarray:
    """Return a mask of the scores strictly above the percentile, shape (neurons,).

    The percentile is numpy's `linear` quantile, in float64.
    """
    values = np.asarray(scores, dtype=np.float64)
    return values > np.percentile(values, percentile, method="linear")


def to_ranges(mask: np.ndarray) -> list[Any]:
    """Write kept neurons as [first, last] pairs (both included) and single numbers."""
    where = np.flatnonzero(mask)
    if not len(where):
        return []
    parts = np.split(where, np.flatnonzero(np.diff(where) != 1) + 1)
    return [int(part[0]) if len(part) == 1 else [int(part[0]), int(part[-1])] for part in parts]


def only(plan: Plan, cells: Iterable[Cell]) -> Plan:
    """Return the plan reduced to the cuts in these cells."""
    selection = set(cells)
    kept = {
        layer: {name: mask for name, mask in row.items() if (layer, name) in selection}
        for layer, row in plan.kept.items()
    }
    return replace(plan, kept={layer: row for layer, row in kept.items() if row})


def alone(prune_spec: PruneSpec, cells: Iterable[Cell]) -> PruneSpec:
    """Return the prune spec without everything that does not affect which neurons these cells keep.

    If hardware options add neurons back, a cell depends on the others of its layer, which are then included.
    """
    selection = set(cells)
    if prune_spec.hardware.is_set:
        layers = {layer for layer, _ in selection}
        selection |= {(layer, name) for layer, row in prune_spec.cells.items() if layer in layers for name in row}
        selection |= {
            (override.layer, override.component)
            for override in (*prune_spec.keep, *prune_spec.drop)
            if override.layer in layers
        }
    percentiles = {
        layer: {name: percentile for name, percentile in row.items() if (layer, name) in selection}
        for layer, row in prune_spec.cells.items()
    }
    keep, drop = (
        tuple(override for override in overrides if (override.layer, override.component) in selection)
        for overrides in (prune_spec.keep, prune_spec.drop)
    )
    return replace(prune_spec, cells={layer: row for layer, row in percentiles.items() if row}, keep=keep, drop=drop)


def of_layer(prune_spec: PruneSpec, layer: int) -> PruneSpec:
    """Return the prune spec reduced to one layer."""
    keep, drop = (
        tuple(override for override in overrides if override.layer == layer)
        for overrides in (prune_spec.keep, prune_spec.drop)
    )
    return replace(
        prune_spec,
        cells={number: row for number, row in prune_spec.cells.items() if number == layer},
        keep=keep,
        drop=drop,
    )


def without_equal(analysis: Analysis, prune_spec: PruneSpec) -> tuple[PruneSpec, tuple[str, ...]]:
    """Clear the cells that the spec's criterion cannot rank (all neurons equal), and return a note for each."""
    equal = [
        (layer, name)
        for layer, row in prune_spec.cells.items()
        for name in row
        if layer <= analysis.shape.layers and analysis.degenerate(layer, name, prune_spec.criterion)
    ]
    return prune_spec.with_cells(dict.fromkeys(equal, 0.0)), tuple(left_whole(analysis, *cell) for cell in equal)


def left_whole(analysis: Analysis, layer: int, component: str) -> str:
    """Return a note on why a cell that cannot be ranked is not cut."""
    if not analysis.width(layer, component):
        return f"Layer {layer} {component} has no neurons left to cut: an earlier cut removed them all."
    return f"Layer {layer} {component} is not cut: every text gives the same value there."


def _above_percentiles(analysis: Analysis, prune_spec: PruneSpec) -> dict[int, dict[str, np.ndarray]]:
    """Return the masks by layer and component, shape (neurons,), that the percentiles alone give."""
    shape = analysis.shape
    row = criterion(prune_spec.criterion)
    masks: dict[int, dict[str, np.ndarray]] = {}
    for layer, cells in prune_spec.cells.items():
        _check_layer(layer, shape)
        for component in (name for name in CUTTABLE if name in cells):
            columns = analysis.cell(layer, component)
            if not analysis.width(layer, component):
                raise PlanError(f"Layer {layer} {component} has no neurons left; an earlier cut removed them all.")
            if row.degenerate(columns):
                raise PlanError(
                    f"Layer {layer} {component} cannot be cut by {prune_spec.criterion}: "
                    "every text gives the same value there, so all neurons are equal.",
                    hint="Start at a later layer (--first-layer 2), or choose another criterion.",
                )
            scores = analysis.scores(layer, component, prune_spec.criterion, seed=prune_spec.seed)
            above = keep_above(scores, cells[component])
            if not above.any():
                raise PlanError(
                    f"Layer {layer} {component}: percentile {cells[component]:g} would keep 0 of {len(above)} neurons "
                    f"(their {prune_spec.criterion} values are tied).",
                    hint="To cut them all, drop them with a manual override.",
                )
            mask = np.ones(shape.width(component), dtype=bool)
            mask[analysis.neurons(layer, component)] = above
            masks.setdefault(layer, {})[component] = mask
    return masks


def _to_widen(analysis: Analysis, prune_spec: PruneSpec, layer: int, row: Mapping[str, np.ndarray]) -> LayerToWiden:
    shape = analysis.shape
    scores = {name: np.full(shape.width(name), -np.inf) for name in CUTTABLE}
    barred = {name: np.zeros(shape.width(name), dtype=bool) for name in CUTTABLE}
    for name in CUTTABLE:
        scores[name][analysis.neurons(layer, name)] = analysis.scores(
            layer, name, prune_spec.criterion, seed=prune_spec.seed
        )
    for override in prune_spec.drop:
        if override.layer == layer:
            barred[override.component][list(override.neurons)] = True
    return LayerToWiden(
        layer=layer,
        masks={name: row.get(name, np.ones(shape.width(name), dtype=bool)) for name in CUTTABLE},
        scores=scores,
        barred=barred,
        widths=partial(cut_widths, analysis, prune_spec.compensation, layer),
        limits=stored_widths(analysis, layer),
    )


def _mask_to_override(
    override: ManualOverride, analysis: Analysis, masks: dict[int, dict[str, np.ndarray]]
) -> np.ndarray:
    """Return the mask of the override's cell in `masks`, added if absent, after checking its layer and neurons."""
    _check_layer(override.layer, analysis.shape)
    width = analysis.shape.width(override.component)
    where = f"Layer {override.layer} {override.component}"
    too_high = [neuron for neuron in override.neurons if neuron >= width]
    if too_high:
        raise PlanError(f"{where}: neuron {too_high[0]} is out of range 0–{width - 1}.")
    gone = np.setdiff1d(override.neurons, analysis.neurons(override.layer, override.component))
    if len(gone):
        raise PlanError(f"{where}: neuron {int(gone[0])} was cut before this analysis.")
    return masks.setdefault(override.layer, {}).setdefault(override.component, np.ones(width, dtype=bool))


def _check_layer(layer: int, shape: EncoderShape) -> None:
    if layer > shape.layers:
        raise PlanError(f"There is no layer {layer}; this model has layers 1–{shape.layers}.")
