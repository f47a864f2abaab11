"""A pruning plan: a prune spec, and the neurons that it keeps on one analysis of one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape
from obce_core.components import CUTTABLE
from obce_core.criteria import criterion
from obce_core.errors import PlanError
from obce_core.plan.spec import Compensation, ManualOverride, PruneSpec
from obce_core.plan.widths import LayerToWiden, cut_widths, stored_widths, widen
from obce_core.storage.atomic import digest

Kept = Mapping[int, Mapping[str, np.ndarray]]
"""Boolean masks by layer and component over the original's neurons, shape (neurons,): False for those that this plan cuts.

An absent cell keeps all. A plan speaks of nothing but what it cuts itself: in a model that was cut before, the neurons
that are gone already stay True."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is kept, where, and why.

    `model` names the model (`name`, `revision`, `weights_sha256`, `identity`: see `Identity`; none in a plan of the
    older kind), `analysis` is the analysis's id, `earlier` holds
    the plans by which the model was cut before, in order.
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
        """Count the neurons cut by the plan, not the rows that folding drops besides."""
        return sum(int((~mask).sum()) for row in self.kept.values() for mask in row.values())

    @property
    def digest(self) -> str:
        """Name the cut: the digest of model, kept neurons and constants (which come from the analysis)."""
        return cut_digest(self.model["weights_sha256"], self.analysis, self.kept, self.prune_spec.compensation)


def resolve(analysis: Analysis, prune_spec: PruneSpec) -> Plan:
    """Carry out an intent on an analysis: a percentile keeps the neurons strictly above it, in float64.

    Then neurons named by hand are kept or dropped, and then the hardware's options add some back (see `widen`).

    Raises:
        PlanError: a layer that is not there, a percentile in a degenerate cell or one that keeps nothing, a neuron
            named by hand that does not exist.
    """
    shape = analysis.shape
    row = criterion(prune_spec.criterion)
    kept: dict[int, dict[str, np.ndarray]] = {}
    for layer, cells in prune_spec.cells.items():
        _check_layer(layer, shape)
        for component in (name for name in CUTTABLE if name in cells):
            columns = analysis.cell(layer, component)
            if not analysis.width(layer, component):
                raise PlanError(f"Layer {layer} {component} has no neuron left; an earlier cut took them all.")
            if row.degenerate(columns):
                raise PlanError(
                    f"Layer {layer} {component} cannot be cut by {prune_spec.criterion}: every text gives the same value there, "
                    "so all neurons are equal.",
                    hint="Start at a later layer (--first-layer 2), or choose another criterion.",
                )
            scores = analysis.scores(layer, component, prune_spec.criterion, seed=prune_spec.seed)
            above = keep_above(scores, cells[component])
            if not above.any():
                raise PlanError(
                    f"Layer {layer} {component}: percentile {cells[component]:g} would keep 0 of {len(above)} neurons "
                    f"(their {prune_spec.criterion} are tied).",
                    hint="Drop them by hand if you mean it.",
                )
            mask = np.ones(shape.width(component), dtype=bool)
            mask[analysis.neurons(layer, component)] = above
            kept.setdefault(layer, {})[component] = mask
    notes = []
    for hands, value in ((prune_spec.keep, True), (prune_spec.drop, False)):
        for hand in hands:
            mask = _by_hand(hand, analysis, kept)
            mask[list(hand.neurons)] = value
            if not mask[analysis.neurons(hand.layer, hand.component)].any():
                notes.append(f"Layer {hand.layer} {hand.component}: every neuron is dropped by hand.")
    if prune_spec.hardware.asked:
        for layer in sorted(kept):
            widened, told = widen(_to_widen(analysis, prune_spec, layer, kept[layer]), prune_spec.hardware)
            kept[layer] = {name: widened[name] for name in kept[layer]}
            notes += told
    model = {name: str(analysis.meta["model"][name]) for name in ("name", "revision", "weights_sha256")}
    if analysis.identity is not None:
        model["identity"] = analysis.identity.digest
    ordered = {layer: {name: kept[layer][name] for name in CUTTABLE if name in kept[layer]} for layer in sorted(kept)}
    cut = {layer: {c: m for c, m in cells.items() if not m.all()} for layer, cells in ordered.items()}
    return Plan(
        model=model,
        analysis=analysis.id,
        prune_spec=prune_spec,
        kept={layer: cells for layer, cells in cut.items() if cells},
        notes=tuple(notes),
    )


def cut_digest(weights_sha256: str, analysis: str, kept: Kept, compensation: Compensation) -> str:
    """Return the digest of what decides a cut: the model, the kept neurons, and where the constants come from."""
    fact = {str(layer): {c: to_ranges(m) for c, m in row.items()} for layer, row in kept.items()}
    return digest([weights_sha256, analysis, fact, compensation.method, compensation.tokens])


def keep_above(scores: np.ndarray, percentile: float) -> np.ndarray:
    """Keep what lies strictly above the percentile (numpy's `linear` quantile), in float64, shape (neurons,)."""
    values = np.asarray(scores, dtype=np.float64)
    return values > np.percentile(values, percentile, method="linear")


def to_ranges(mask: np.ndarray) -> list[Any]:
    """Write kept neurons as [first, last] pairs (both included) and single numbers."""
    where = np.flatnonzero(mask)
    if not len(where):
        return []
    parts = np.split(where, np.flatnonzero(np.diff(where) != 1) + 1)
    return [int(part[0]) if len(part) == 1 else [int(part[0]), int(part[-1])] for part in parts]


def _to_widen(analysis: Analysis, prune_spec: PruneSpec, layer: int, row: Mapping[str, np.ndarray]) -> LayerToWiden:
    shape = analysis.shape
    scores = {name: np.full(shape.width(name), -np.inf) for name in CUTTABLE}
    barred = {name: np.zeros(shape.width(name), dtype=bool) for name in CUTTABLE}
    for name in CUTTABLE:
        scores[name][analysis.neurons(layer, name)] = analysis.scores(
            layer, name, prune_spec.criterion, seed=prune_spec.seed
        )
    for hand in prune_spec.drop:
        if hand.layer == layer:
            barred[hand.component][list(hand.neurons)] = True
    return LayerToWiden(
        layer=layer,
        masks={name: row.get(name, np.ones(shape.width(name), dtype=bool)) for name in CUTTABLE},
        scores=scores,
        barred=barred,
        widths=partial(cut_widths, analysis, prune_spec.compensation, layer),
        limits=stored_widths(analysis, layer),
    )


def _by_hand(hand: ManualOverride, analysis: Analysis, kept: dict[int, dict[str, np.ndarray]]) -> np.ndarray:
    _check_layer(hand.layer, analysis.shape)
    width = analysis.shape.width(hand.component)
    over = [neuron for neuron in hand.neurons if neuron >= width]
    if over:
        raise PlanError(f"Layer {hand.layer} {hand.component}: neuron {over[0]} is out of range 0–{width - 1}.")
    gone = np.setdiff1d(hand.neurons, analysis.neurons(hand.layer, hand.component))
    if len(gone):
        raise PlanError(f"Layer {hand.layer} {hand.component}: neuron {int(gone[0])} was cut before this analysis.")
    return kept.setdefault(hand.layer, {}).setdefault(hand.component, np.ones(width, dtype=bool))


def _check_layer(layer: int, shape: EncoderShape) -> None:
    if layer > shape.layers:
        raise PlanError(f"There is no layer {layer}; this model has layers 1–{shape.layers}.")


Cell = tuple[int, str]
"""Layer (from 1) and component."""


def only(plan: Plan, cells: Iterable[Cell]) -> Plan:
    """Return the plan with nothing cut but in these cells."""
    wanted = set(cells)
    kept = {
        layer: {name: mask for name, mask in row.items() if (layer, name) in wanted} for layer, row in plan.kept.items()
    }
    return replace(plan, kept={layer: row for layer, row in kept.items() if row})


def alone(prune_spec: PruneSpec, cells: Iterable[Cell]) -> PruneSpec:
    """Return the intent with all left out that has no part in what these cells keep.

    Where neurons are added back for the hardware, a cell depends on the others of its layer, which then stay.
    """
    wanted = set(cells)
    if prune_spec.hardware.asked:
        layers = {layer for layer, _ in wanted}
        wanted |= {(layer, name) for layer, row in prune_spec.cells.items() if layer in layers for name in row}
        wanted |= {
            (hand.layer, hand.component) for hand in (*prune_spec.keep, *prune_spec.drop) if hand.layer in layers
        }
    left = {
        layer: {name: share for name, share in row.items() if (layer, name) in wanted}
        for layer, row in prune_spec.cells.items()
    }
    keep, drop = (
        tuple(hand for hand in hands if (hand.layer, hand.component) in wanted)
        for hands in (prune_spec.keep, prune_spec.drop)
    )
    return replace(prune_spec, cells={layer: row for layer, row in left.items() if row}, keep=keep, drop=drop)


def of_layer(prune_spec: PruneSpec, layer: int) -> PruneSpec:
    """Return the intent with every other layer untouched."""
    keep, drop = (tuple(hand for hand in hands if hand.layer == layer) for hands in (prune_spec.keep, prune_spec.drop))
    return replace(
        prune_spec,
        cells={number: row for number, row in prune_spec.cells.items() if number == layer},
        keep=keep,
        drop=drop,
    )


def without_equal(analysis: Analysis, prune_spec: PruneSpec) -> tuple[PruneSpec, tuple[str, ...]]:
    """Leave the cells whole that the intent's criterion cannot rank (all neurons equal), and say which."""
    equal = [
        (layer, name)
        for layer, row in prune_spec.cells.items()
        for name in row
        if layer <= analysis.shape.layers and analysis.degenerate(layer, name, prune_spec.criterion)
    ]
    return prune_spec.with_cells(dict.fromkeys(equal, 0.0)), tuple(left_whole(analysis, *cell) for cell in equal)


def left_whole(analysis: Analysis, layer: int, component: str) -> str:
    """Say why a cell that cannot be ranked is not cut."""
    if not analysis.width(layer, component):
        return f"Layer {layer} {component} has no neuron left to cut: an earlier cut took them all."
    return f"Layer {layer} {component} is left whole: every text gives the same value there."
