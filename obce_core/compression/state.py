"""Fold a whole model: from the original's tensors and what replaces the removed neurons to compact tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from obce_core.architectures import EncoderShape, Family
from obce_core.architectures.stored import StoredLayer
from obce_core.components import CUTTABLE
from obce_core.compression.compensation import mix_layer
from obce_core.compression.fold import fold_layer
from obce_core.compression.replacement import Removed, layer_cut


def fold_state(
    state: Mapping[str, torch.Tensor],
    family: Family,
    shape: EncoderShape,
    removed: Removed,
    *,
    earlier: Sequence[StoredLayer | None] = (),
    dtype: torch.dtype = torch.float32,
    next_layer: Callable[[], None] = lambda: None,
) -> tuple[list[StoredLayer | None], dict[str, torch.Tensor]]:
    """Fold every cut layer in float64 and hand all tensors on in `dtype`.

    Args:
        state: the original's tensors in the stock shapes, named relative to the base model.
        removed: the removed neurons of each cut cell and what stands in their place.
        earlier: what each layer stored before, for a model that was cut already.
        next_layer: called before each layer; may raise to end the work.

    Returns:
        What each layer stores (None: uncut) and the compact state; the given one is left as it is.
    """
    layers: list[StoredLayer | None] = []
    results = dict(state)
    for layer in range(1, shape.layers + 1):
        next_layer()
        past = earlier[layer - 1] if earlier else None
        if past is None and not any((layer, name) in removed for name in CUTTABLE):
            layers.append(None)
            continue
        paths = {name: family.linear(layer, name) for name in (*CUTTABLE, "attention_output", "output")}
        weights = {
            f"{c}.{p}": state[f"{path}.{p}"].double().numpy() for c, path in paths.items() for p in ("weight", "bias")
        }
        masks, constants, maps = layer_cut(removed, layer, shape, past)
        folded = mix_layer(weights, masks, maps, shape) if maps else fold_layer(weights, masks, constants, shape)
        layers.append(folded.stored if past is None else folded.stored.marked(past))
        for name, tensor in folded.tensors.items():
            component, part = name.split(".")
            results[f"{paths[component]}.{part}"] = torch.from_numpy(tensor)
    return layers, {name: tensor.to(dtype) for name, tensor in results.items()}
