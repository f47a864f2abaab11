"""Replacements of removed neurons: computed from a plan, written to a file, and read back.

`compensation.safetensors` holds, float64, for every cell that the plan cuts the constant of each of its neurons,
`layer.<l>.<component>`, or the map by which they follow from the kept ones, `….weight` (removed, kept) and `….bias`
(removed,). Those of earlier cuts of the same model follow under `earlier.1.`, `earlier.2.`, …, the oldest first. Proof
and a second cut read it, never the analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from safetensors import safe_open

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import StoredLayer
from obce_core.components import CUTTABLE
from obce_core.compression.ridge import AffineMap
from obce_core.errors import ModelError, NotFinite, shorten
from obce_core.models.locate import ModelSource
from obce_core.models.weights import TensorInfo, read_header
from obce_core.plan.plan import Kept, Plan
from obce_core.plan.widths import before, stored_layer

COMPENSATION = "compensation.safetensors"

Maps = Mapping[tuple[int, str], AffineMap]
Removed = Mapping[tuple[int, str], tuple[torch.Tensor, ...]]
"""For each cut cell (layer from 1, component): the removed neurons, booleans of shape (neurons,), and what they become:
their constants, shape (neurons,), or weight (removed, kept) and bias (removed,) of removed = weight @ kept + bias."""


def removed_neurons(analysis: Analysis, plan: Plan, maps: Maps | None = None) -> Removed:
    """Return the removed neurons of each cut cell and what they become, float64.

    `maps` are those of `fit_maps`, for a plan whose compensation predicts.
    """
    results: dict[tuple[int, str], tuple[torch.Tensor, ...]] = {}
    for layer, row in plan.kept.items():
        for component, mask in row.items():
            how = maps.get((layer, component)) if maps else None
            if how is None:
                values = np.zeros(len(mask))
                values[analysis.neurons(layer, component)] = plan.prune_spec.compensation.constants(
                    analysis.cell(layer, component)
                )
            become = (values,) if how is None else (how.weight, how.bias)
            results[layer, component] = (
                torch.from_numpy(~mask),
                *(torch.from_numpy(np.ascontiguousarray(part)) for part in become),
            )
    return results


def to_tensors(removed: Removed, earlier: Sequence[Removed] = ()) -> dict[str, torch.Tensor]:
    """Name what `compensation.safetensors` holds."""
    results: dict[str, torch.Tensor] = {}
    for prefix, cut in [("", removed), *((f"earlier.{number}.", past) for number, past in enumerate(earlier, start=1))]:
        for (layer, component), (_, *become) in cut.items():
            name = f"{prefix}layer.{layer}.{component}"
            results |= (
                {name: become[0]} if len(become) == 1 else {f"{name}.weight": become[0], f"{name}.bias": become[1]}
            )
    return results


def read_removed(source: ModelSource, cuts: Sequence[tuple[Kept, bool]], shape: EncoderShape) -> list[Removed]:
    """Read `compensation.safetensors` of a compressed folder.

    Args:
        cuts: the kept neurons of each plan, the oldest first, and whether it predicts.

    Returns:
        One entry a plan, in that order.

    Raises:
        ModelError: the file is missing or damaged, or holds other cells, shapes or dtypes than the plans ask for.
        NotFinite: a value is NaN or inf.
    """
    path = source.required(COMPENSATION)
    header = read_header(path)
    known_values: set[str] = set()
    results: list[Removed] = []
    with safe_open(path, framework="pt") as file:
        for number, (kept, predicts) in enumerate(cuts, start=1):
            prefix = f"earlier.{number}." if number < len(cuts) else ""
            cells: dict[tuple[int, str], tuple[torch.Tensor, ...]] = {}
            for layer, row in kept.items():
                for component, mask in row.items():
                    gone = ~mask
                    name = f"{prefix}layer.{layer}.{component}"
                    sizes: dict[str, tuple[int, ...]] = {"": (len(mask),)}
                    if predicts:
                        sizes = {".weight": (int(gone.sum()), int(mask.sum())), ".bias": (int(gone.sum()),)}
                    parts = []
                    for part, size in sizes.items():
                        _check_tensor(header, name + part, size)
                        known_values.add(name + part)
                        parts.append(file.get_tensor(name + part))
                        if not bool(torch.isfinite(parts[-1]).all()):
                            raise NotFinite(
                                f"{COMPENSATION}: {name + part} contains NaN or inf.", hint="The file is damaged."
                            )
                    cells[layer, component] = (torch.from_numpy(gone), *parts)
            results.append(cells)
    strange = [name for name in header if name not in known_values]
    if strange:
        raise ModelError(f"{COMPENSATION}: tensor {shorten(strange[0])} belongs to no cell that the plan cuts.")
    return results


def _check_tensor(header: Mapping[str, TensorInfo], name: str, size: tuple[int, ...]) -> None:
    info = header.get(name)
    if info is None:
        raise ModelError(f"{COMPENSATION}: tensor {name} is missing, but the plan cuts that cell.")
    if (info.dtype, info.shape) != ("F64", size):
        raise ModelError(f"{COMPENSATION}: {name} is {info.dtype} {list(info.shape)}; expected F64 {list(size)}.")


def removed_layers(
    removed: Removed, shape: EncoderShape, earlier: Sequence[StoredLayer | None] = ()
) -> list[StoredLayer | None]:
    """Say what every layer stores once these neurons are folded away; None for an uncut layer.

    `earlier` is what each layer stored before.
    """
    results: list[StoredLayer | None] = []
    for layer in range(1, shape.layers + 1):
        past = earlier[layer - 1] if earlier else None
        if not any((layer, name) in removed for name in CUTTABLE):
            results.append(past)
            continue
        masks, constants, maps = layer_cut(removed, layer, shape, past)
        stored = stored_layer(masks, None if maps else constants["query"], shape)
        results.append(stored if past is None else stored.marked(past))
    return results


def layer_cut(
    removed: Removed, layer: int, shape: EncoderShape, earlier: StoredLayer | None = None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, AffineMap]]:
    """Say by component how a layer, in the stock shapes, is to be folded.

    Returns:
        Kept neurons (booleans) and constants (float64; zeros where a cell is whole), each of shape (neurons,). Where a
        cell of the layer is predicted, maps for all cells that are cut; then the constants are of no use.
    """
    masks = {name: np.ones(shape.width(name), dtype=bool) for name in CUTTABLE}
    constants = {name: np.zeros(shape.width(name)) for name in CUTTABLE}
    weights: dict[str, np.ndarray] = {}  # (neurons, neurons): a removed neuron from the others
    for name in CUTTABLE:
        if (layer, name) not in removed:
            continue
        gone, *become = (part.numpy() for part in removed[layer, name])
        masks[name] = ~gone
        if len(become) == 1:
            constants[name] = become[0].astype(np.float64)
        else:
            weights[name] = np.zeros((len(gone), len(gone)))
            weights[name][np.ix_(gone, ~gone)], constants[name][gone] = become
    masks, queries = before(earlier, masks, constants["query"], shape)
    constants |= {} if queries is None else {"query": queries}
    maps: dict[str, AffineMap] = {}
    if weights:
        for name, mask in masks.items():
            if not mask.all():
                full = weights.get(name, np.zeros((0, 0)))
                weight = full[np.ix_(~mask, mask)] if full.size else np.zeros((int((~mask).sum()), int(mask.sum())))
                maps[name] = AffineMap(weight=weight, bias=constants[name][~mask])
    return masks, constants, maps
