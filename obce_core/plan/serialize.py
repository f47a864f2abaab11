"""Prune specs as plain data, as rows of a table and as shell commands."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.errors import PlanError, UnknownName, shorten
from obce_core.plan.plan import left_whole
from obce_core.plan.spec import Compensation, Hardware, ManualOverride, PruneSpec

_SPEC_KEYS = ("criterion", "seed", "first_layer", "cells", "keep", "drop", "compensation", "hardware")
_OVERRIDE_KEYS = ("layer", "component", "neurons", "reason")


def check_keys(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise UnknownName for a key that is not in `known`."""
    for key in data:
        if key not in known:
            raise UnknownName(f"key in {where}", key, known)


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return the value after checking that it is an object."""
    if not isinstance(value, dict):
        raise PlanError(f"{where} must be an object, found {shorten(value)!r}.")
    return value


def layer_number(value: str, where: str) -> int:
    """Return the layer number that a key of an object states."""
    if not (value.isascii() and value.isdigit() and len(value) < 6 and value[0] != "0"):
        raise PlanError(f"{where}: {shorten(value)!r} is not a layer; layers count from 1.")
    return int(value)


def text(value: object, where: str) -> str:
    """Return the value after checking that it is text."""
    if not isinstance(value, str):
        raise PlanError(f"{where} is {shorten(value)!r}; expected a name.")
    return value


def pretty(value: Any, depth: int = 0) -> str:
    """Render JSON with one line for each entry of an object, down to a cell, and every list on one line."""
    if isinstance(value, dict) and value and depth < 4:
        inner = ",\n".join(
            f"{' ' * (depth + 1)}{json.dumps(key)}: {pretty(entry, depth + 1)}" for key, entry in value.items()
        )
        return "{\n" + inner + "\n" + " " * depth + "}"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def prune_spec_document(prune_spec: PruneSpec) -> dict[str, Any]:
    """Write a prune spec as plain data; `hardware` only if one of its options is set."""
    hardware = prune_spec.hardware
    document = {
        "criterion": prune_spec.criterion,
        "seed": prune_spec.seed,
        "first_layer": prune_spec.first_layer,
        "cells": {str(layer): {name: _short(p) for name, p in row.items()} for layer, row in prune_spec.cells.items()},
        "keep": [_override_document(override) for override in prune_spec.keep],
        "drop": [_override_document(override) for override in prune_spec.drop],
        "compensation": {"method": prune_spec.compensation.method, "tokens": prune_spec.compensation.tokens},
    }
    return document | (
        {"hardware": {"round_to": hardware.round_to, "per_head": hardware.per_head}} if hardware.is_set else {}
    )


def render_prune_spec(prune_spec: PruneSpec) -> str:
    """Render a prune spec as the text of a JSON file, for `obce plan --from`."""
    return pretty(prune_spec_document(prune_spec)) + "\n"


def parse_prune_spec(value: object, where: str = "intent") -> PruneSpec:
    """Read a prune spec from plain data; raise PlanError for unknown keys or components and invalid percentiles."""
    data = mapping(value, where)
    check_keys(data, _SPEC_KEYS, where)
    cells: dict[int, dict[str, float]] = {}
    for layer, row in mapping(data.get("cells", {}), f"{where}.cells").items():
        cells[layer_number(layer, f"{where}.cells")] = dict(mapping(row, f"{where}.cells.{shorten(layer)}"))
    compensation = mapping(data.get("compensation", {}), f"{where}.compensation")
    check_keys(compensation, ("method", "tokens"), f"{where}.compensation")
    hardware = mapping(data.get("hardware", {}), f"{where}.hardware")
    check_keys(hardware, ("round_to", "per_head"), f"{where}.hardware")
    tokens = text(compensation["tokens"], f"{where}.compensation.tokens") if "tokens" in compensation else None
    defaults = PruneSpec()
    return PruneSpec(
        criterion=text(data.get("criterion", defaults.criterion), f"{where}.criterion"),
        seed=data.get("seed", defaults.seed),
        first_layer=data.get("first_layer", defaults.first_layer),
        cells=cells,
        keep=_read_overrides(data.get("keep", []), f"{where}.keep"),
        drop=_read_overrides(data.get("drop", []), f"{where}.drop"),
        compensation=Compensation(
            method=compensation.get("method", defaults.compensation.method),
            tokens=cast(Any, tokens),
        ),
        hardware=Hardware(**hardware),
    )


def _read_overrides(value: object, where: str) -> tuple[ManualOverride, ...]:
    if not isinstance(value, list):
        raise PlanError(f"{where} must be a list.")
    overrides = []
    for entry in value:
        data = mapping(entry, where)
        check_keys(data, _OVERRIDE_KEYS, where)
        neurons = data.get("neurons")
        if not isinstance(neurons, list):
            raise PlanError(f"{where}: neurons must be a list of numbers.")
        overrides.append(
            ManualOverride(
                layer=data.get("layer", 0),
                component=data.get("component", ""),
                neurons=tuple(neurons),
                reason=data.get("reason", ""),
            )
        )
    return tuple(overrides)


def _override_document(override: ManualOverride) -> dict[str, Any]:
    return {
        "layer": override.layer,
        "component": override.component,
        "neurons": list(override.neurons),
        "reason": override.reason,
    }


def _short(percentile: float) -> float | int:
    return int(percentile) if float(percentile).is_integer() else percentile


def plan_rows(analysis: Analysis, prune_spec: PruneSpec) -> list[dict[str, Any]]:
    """Return a row for each layer: its number and the percentile of each component.

    0 means not cut, None that the cell cannot be cut.
    """
    return [
        {"layer": layer}
        | {
            name: prune_spec.percentile(layer, name) if _rankable(analysis, prune_spec, layer, name) else None
            for name in CUTTABLE
        }
        for layer in range(1, analysis.shape.layers + 1)
    ]


def read_rows(
    analysis: Analysis, prune_spec: PruneSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[PruneSpec, tuple[str, ...]]:
    """Return the prune spec with the percentiles of an edited table, and a note for each that cannot be applied.

    An empty field means that the cell is not cut.

    Raises:
        PlanError: a percentile is not between 0 and 100.
    """
    cells: dict[tuple[int, str], float] = {}
    notes = []
    for row in rows:
        layer = int(row["layer"])
        for name in CUTTABLE:
            value = row.get(name)
            if value is None or math.isnan(value) or not value:
                continue
            if _rankable(analysis, prune_spec, layer, name):
                cells[layer, name] = float(value)
            else:
                notes.append(left_whole(analysis, layer, name))
    return replace(prune_spec, cells={}).with_cells(cells), tuple(notes)


def _rankable(analysis: Analysis, prune_spec: PruneSpec, layer: int, component: str) -> bool:
    return analysis.width(layer, component) > 0 and not analysis.degenerate(layer, component, prune_spec.criterion)


def plan_commands(analysis: str, prune_spec: PruneSpec, *, out: str = "my-model") -> str:
    """Return the shell commands that resolve a prune spec saved as intent.json and build the model.

    The file holds the whole spec. A comment lists what is not the default, so that a reader need not open the file.
    """
    defaults, compensation = PruneSpec(), prune_spec.compensation
    options = [
        f"criterion {prune_spec.criterion}" + (f", seed {prune_spec.seed}" if prune_spec.seed else "")
        if prune_spec.criterion != defaults.criterion
        else "",
        f"compensation {compensation.method} over {'[CLS]' if compensation.tokens == 'cls' else 'all tokens'}"
        if compensation != defaults.compensation
        else "",
        prune_spec.hardware.words(),
        f"{_neurons(prune_spec.keep)} kept manually" if prune_spec.keep else "",
        f"{_neurons(prune_spec.drop)} dropped manually" if prune_spec.drop else "",
    ]
    comment = "; ".join(option for option in options if option)
    return "\n".join(
        [
            *([f"# {comment}"] if comment else []),
            f"obce plan --analysis {analysis} --from intent.json --out plan.json",
            f"obce compress --analysis {analysis} --plan plan.json --out {shlex.quote(out)}",
        ]
    )


def _neurons(overrides: Sequence[ManualOverride]) -> str:
    number = sum(len(override.neurons) for override in overrides)
    return f"{number:,} neuron{'' if number == 1 else 's'}"
