"""The file of a sweep, made from the choices of a form, and the command that runs it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from obce_core.glue.recipe import TIERS
from obce_core.storage.yaml_input import render_yaml


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What is to be compared: of `model`, the original, uniform percentiles and plan files (by name), each with
    `controls` of its shape and in each of `orders`; beside them `models`, folders by name, as they lie there."""

    model: str
    analysis: str
    tasks: Sequence[str]
    seeds: Sequence[int]
    tier: str
    original: bool = True
    percentiles: Sequence[float] = ()
    plans: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    controls: Sequence[str] = ()
    draws: int = 1
    orders: Sequence[str] = ("cut-first",)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    tests: bool = False


def sweep_document(chosen: Choices) -> dict[str, Any]:
    """Return a sweep as the plain data that `read_sweep` takes, without numbers that equal the tier's."""
    rows: list[Any] = ["original"] if chosen.original else []
    shared: dict[str, Any] = {}
    if chosen.controls:
        shared["controls"] = list(chosen.controls)
    if "random" in chosen.controls and chosen.draws != 1:
        shared["draws"] = chosen.draws
    cuts: list[dict[str, Any]] = [{"percentile": _plain(value)} for value in chosen.percentiles]
    for name, path in chosen.plans.items():
        cuts.append({"plan": path, "label": name})
    for order in chosen.orders:
        for cut in cuts:
            row = {**cut, **shared}
            if order != "cut-first":
                row["order"] = order
                if "label" in row:
                    row["label"] = f"{row['label']}, cut after fine-tuning"
            rows.append(row)
    rows += [{"model": path, "label": name} for name, path in chosen.models.items()]
    tier = TIERS[chosen.tier].plain()
    recipe = {
        name: value for name, value in chosen.recipe.items() if value != tier[name]
    }  # None: no limit, where the tier has one
    document: dict[str, Any] = {"model": chosen.model}
    if cuts:
        document["analysis"] = chosen.analysis
    document |= {"variants": rows, "tasks": list(chosen.tasks), "tier": chosen.tier}
    if recipe:
        document["recipe"] = recipe
    document["seeds"] = list(chosen.seeds)
    if chosen.tests:
        document["tests"] = True
    return document


def sweep_file(document: Mapping[str, Any]) -> str:
    """Write a sweep as YAML."""
    return render_yaml(dict(document))


def sweep_command(
    *,
    glue_dir: str | None,
    save_model: bool,
    launcher: str,
    remote: bool,
    address: str | None,
    workers: int,
    device: str = "auto",
    cpus: float = 1.0,
    gpus: float = 0.0,
    name: str = "sweep.yaml",
) -> str:
    """Write the command that runs a sweep's file as the form would."""
    parts = ["obce", "sweep", name]
    if glue_dir:
        parts += ["--glue-dir", shlex.quote(glue_dir)]
    if save_model:
        parts += ["--save-model"]
    parts += ["--launcher", launcher]
    if remote:
        parts += ["--address", shlex.quote(address or "http://HOST:8265"), "--cpus", f"{cpus:g}", "--gpus", f"{gpus:g}"]
    if workers > 1:
        parts += ["--workers", str(workers)]
    if device != "auto":
        parts += ["--device", shlex.quote(device)]
    return " ".join(parts)


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
