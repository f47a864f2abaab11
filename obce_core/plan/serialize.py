"""Intents as plain data: what a plan asks for, written and read. What is unknown is refused."""

from __future__ import annotations

from typing import Any, cast

from obce_core.errors import PlanError, shorten
from obce_core.plan.fields import layer_number, mapping, only, pretty, text
from obce_core.plan.hardware import Hardware
from obce_core.plan.spec import Compensation, ManualOverride, PruneSpec

_INTENT_KEYS = ("criterion", "seed", "first_layer", "cells", "keep", "drop", "compensation", "hardware")
_HAND_KEYS = ("layer", "component", "neurons", "reason")


def prune_spec_document(prune_spec: PruneSpec) -> dict[str, Any]:
    """Write an intent as plain data; `hardware` only where it asks for something."""
    hardware = prune_spec.hardware
    document = {
        "criterion": prune_spec.criterion,
        "seed": prune_spec.seed,
        "first_layer": prune_spec.first_layer,
        "cells": {str(layer): {name: _short(p) for name, p in row.items()} for layer, row in prune_spec.cells.items()},
        "keep": [_hand_document(hand) for hand in prune_spec.keep],
        "drop": [_hand_document(hand) for hand in prune_spec.drop],
        "compensation": {"method": prune_spec.compensation.method, "tokens": prune_spec.compensation.tokens},
    }
    return document | (
        {"hardware": {"round_to": hardware.round_to, "per_head": hardware.per_head}} if hardware.asked else {}
    )


def render_prune_spec(prune_spec: PruneSpec) -> str:
    """Render an intent as the text of a JSON file, for `obce plan --from`."""
    return pretty(prune_spec_document(prune_spec)) + "\n"


def parse_prune_spec(value: object, where: str = "intent") -> PruneSpec:
    """Check an intent's plain data; unknown keys, components and impossible percentiles are refused."""
    data = mapping(value, where)
    only(data, _INTENT_KEYS, where)
    cells: dict[int, dict[str, float]] = {}
    for layer, row in mapping(data.get("cells", {}), f"{where}.cells").items():
        cells[layer_number(layer, f"{where}.cells")] = dict(mapping(row, f"{where}.cells.{shorten(layer)}"))
    selection = mapping(data.get("compensation", {}), f"{where}.compensation")
    only(selection, ("method", "tokens"), f"{where}.compensation")
    hardware = mapping(data.get("hardware", {}), f"{where}.hardware")
    only(hardware, ("round_to", "per_head"), f"{where}.hardware")
    defaults = PruneSpec()
    return PruneSpec(
        criterion=text(data.get("criterion", defaults.criterion), f"{where}.criterion"),
        seed=data.get("seed", defaults.seed),
        first_layer=data.get("first_layer", defaults.first_layer),
        cells=cells,
        keep=_hands(data.get("keep", []), f"{where}.keep"),
        drop=_hands(data.get("drop", []), f"{where}.drop"),
        compensation=Compensation(
            method=selection.get("method", defaults.compensation.method),
            tokens=cast(Any, text(selection["tokens"], f"{where}.compensation.tokens"))
            if "tokens" in selection
            else None,
        ),
        hardware=Hardware(**hardware),
    )


def _hands(value: object, where: str) -> tuple[ManualOverride, ...]:
    if not isinstance(value, list):
        raise PlanError(f"{where} must be a list.")
    results = []
    for entry in value:
        data = mapping(entry, where)
        only(data, _HAND_KEYS, where)
        neurons = data.get("neurons")
        if not isinstance(neurons, list):
            raise PlanError(f"{where}: neurons must be a list of numbers.")
        results.append(
            ManualOverride(
                layer=data.get("layer", 0),
                component=data.get("component", ""),
                neurons=tuple(neurons),
                reason=data.get("reason", ""),
            )
        )
    return tuple(results)


def _hand_document(hand: ManualOverride) -> dict[str, Any]:
    return {"layer": hand.layer, "component": hand.component, "neurons": list(hand.neurons), "reason": hand.reason}


def _short(percentile: float) -> float | int:
    return int(percentile) if float(percentile).is_integer() else percentile
