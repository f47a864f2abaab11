"""What compensation.safetensors holds: what each cut cell's removed neurons became, and what the stored rows were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from obce_core.compression.fold import FoldedLayer
from obce_core.compression.least_squares import AffineMap


def compensation_tensors(
    layer: int, cut: Iterable[str], constants: Mapping[str, np.ndarray], maps: Mapping[str, AffineMap], folded: FoldedLayer
) -> dict[str, torch.Tensor]:
    """Name the tensors of one cut layer (from 1).

    For each cut component its constants, `layer.<l>.<component>`, shape (neurons,), or its map, `….weight`, shape
    (removed, kept), and `….bias`, (removed,); float64. Of the layer `layer.<l>.rows.pairs`, `.mixed`, `.values` and
    `.intermediate`, int64, as `FoldedLayer` describes them.
    """
    found: dict[str, np.ndarray] = {}
    for component in cut:
        if component in maps:
            found[f"{component}.weight"], found[f"{component}.bias"] = maps[component].weight, maps[component].bias
        else:
            found[component] = constants[component]
    rows = {"pairs": folded.pair_index, "mixed": folded.mixed, "values": folded.values, "intermediate": folded.intermediate}
    found |= {f"rows.{name}": index.astype(np.int64) for name, index in rows.items()}
    return {f"layer.{layer}.{name}": torch.from_numpy(np.ascontiguousarray(values)) for name, values in found.items()}
