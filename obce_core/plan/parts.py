"""Parts of an intent and of a plan: a layer of it, or some cells alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from obce_core.analysis.analysis import Analysis
from obce_core.plan.plan import Plan
from obce_core.plan.spec import PruneSpec

Cell = tuple[int, str]
"""Layer (from 1) and component."""


def only(plan: Plan, cells: Iterable[Cell]) -> Plan:
    """Return the plan with nothing cut but in these cells."""
    expected = set(cells)
    kept_items = {
        layer: {name: mask for name, mask in row.items() if (layer, name) in expected}
        for layer, row in plan.kept.items()
    }
    return replace(plan, kept={layer: row for layer, row in kept_items.items() if row})


def alone(prune_spec: PruneSpec, cells: Iterable[Cell]) -> PruneSpec:
    """Return the intent with all left out that has no part in what these cells keep.

    Where neurons are added back for the hardware, a cell depends on the others of its layer, which then stay.
    """
    expected = set(cells)
    if prune_spec.hardware.asked:
        layers = {layer for layer, _ in expected}
        expected |= {(layer, name) for layer, row in prune_spec.cells.items() if layer in layers for name in row}
        expected |= {
            (hand.layer, hand.component) for hand in (*prune_spec.keep, *prune_spec.drop) if hand.layer in layers
        }
    left = {
        layer: {name: share for name, share in row.items() if (layer, name) in expected}
        for layer, row in prune_spec.cells.items()
    }
    keep, drop = (
        tuple(hand for hand in hands if (hand.layer, hand.component) in expected)
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
