"""What stands in the place of removed neurons: from a plan, into a file, and back.

`compensation.safetensors` holds a tensor `layer.<l>.<component>` for every cut cell: the constant of each of its
neurons, float64. Proof and a second cut read it, never the analysis.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from safetensors.torch import load_file

from obce_core.analysis import Analysis
from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import StoredLayer
from obce_core.components import CUTTABLE
from obce_core.errors import ModelError, NotFinite, shorten
from obce_core.models.locate import ModelSource
from obce_core.models.weights import read_header
from obce_core.plan.plan import Kept, Plan
from obce_core.plan.widths import stored_layer

COMPENSATION = "compensation.safetensors"

Removed = Mapping[tuple[int, str], tuple[torch.Tensor, torch.Tensor]]
"""For each cut cell (layer from 1, component): the removed neurons, shape (neurons,), booleans, and their constants."""


def removed_neurons(analysis: Analysis, plan: Plan) -> Removed:
    """Return the removed neurons of each cut cell and the constants in their place, float64."""
    found: dict[tuple[int, str], tuple[torch.Tensor, torch.Tensor]] = {}
    for layer, row in plan.kept.items():
        for component, mask in row.items():
            values = plan.intent.compensation.constants(analysis.cell(layer, component))
            found[layer, component] = torch.from_numpy(~mask), torch.from_numpy(np.ascontiguousarray(values))
    return found


def to_tensors(removed: Removed) -> dict[str, torch.Tensor]:
    """Name the constants of each cut cell as `compensation.safetensors` holds them."""
    return {f"layer.{layer}.{component}": constants for (layer, component), (_, constants) in removed.items()}


def read_removed(source: ModelSource, kept: Kept, shape: EncoderShape) -> Removed:
    """Read `compensation.safetensors` of a compressed folder for the cells that its plan cuts.

    Raises:
        ModelError: the file is missing or damaged, or holds other cells, shapes or dtypes than the plan asks for.
        NotFinite: a constant is NaN or inf.
    """
    path = source.required(COMPENSATION)
    wanted = {f"layer.{layer}.{name}": (layer, name) for layer, row in kept.items() for name in row}
    header = read_header(path)
    for name, (_, component) in wanted.items():
        size = (shape.width(component),)
        if name not in header:
            raise ModelError(f"{COMPENSATION}: tensor {name} is missing, but the plan cuts that cell.")
        if (header[name].dtype, header[name].shape) != ("F64", size):
            raise ModelError(f"{COMPENSATION}: {name} is {header[name].dtype} {list(header[name].shape)}; expected F64 {list(size)}.")
    strange = [name for name in header if name not in wanted]
    if strange:
        raise ModelError(f"{COMPENSATION}: tensor {shorten(strange[0])} belongs to no cell that the plan cuts.")
    tensors = load_file(path, device="cpu")
    bad = [name for name in wanted if not bool(torch.isfinite(tensors[name]).all())]
    if bad:
        raise NotFinite(f"{COMPENSATION}: {bad[0]} contains NaN or inf.", hint="The file is damaged.")
    return {cell: (torch.from_numpy(~kept[cell[0]][cell[1]]), tensors[name]) for name, cell in wanted.items()}


def removed_layers(removed: Removed, shape: EncoderShape) -> list[StoredLayer | None]:
    """Say what every layer stores once these neurons are folded away; None for an uncut layer."""
    found: list[StoredLayer | None] = []
    for layer in range(1, shape.layers + 1):
        masks, constants = layer_cut(removed, layer, shape)
        cut = any((layer, name) in removed for name in CUTTABLE)
        found.append(stored_layer(masks, constants["query"], shape) if cut else None)
    return found


def layer_cut(removed: Removed, layer: int, shape: EncoderShape) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return a layer's kept neurons (booleans) and constants (float64; zeros where a cell is whole) by component."""
    masks = {name: np.ones(shape.width(name), dtype=bool) for name in CUTTABLE}
    constants = {name: np.zeros(shape.width(name)) for name in CUTTABLE}
    for name in CUTTABLE:
        if (layer, name) in removed:
            gone, values = removed[layer, name]
            masks[name], constants[name] = ~gone.numpy(), values.double().numpy()
    return masks, constants
