"""A cut model in the stock shapes: the same function, for tools that do not support uneven heads.

Stored rows return to their original places. Cut rows and columns are zero; the constants are in the biases already. An
extra key row stands in the place of a cut dimension of its head, whose query has weight 0 and bias 1. A second analysis
and a second cut work on this form, where nothing else has to be learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from obce_core.architectures import EncoderShape, Family
from obce_core.architectures.stored import StoredLayer


def dense_state(
    state: Mapping[str, torch.Tensor], family: Family, shape: EncoderShape, layers: Sequence[StoredLayer | None]
) -> dict[str, torch.Tensor]:
    """Return the tensors of the stock model that computes what a compact one does.

    Args:
        state: compact tensors, named relative to the base model.
        layers: what each layer stores; None for an uncut one.
    """
    results = dict(state)
    for number, layer in enumerate(layers, start=1):
        if layer is None:
            continue
        rows, slots = layer.rows, torch.from_numpy(layer.extra_slots(shape))
        for component, stored in (
            ("query", rows.pairs),
            ("key", rows.pairs),
            ("value", rows.values),
            ("intermediate", rows.intermediate),
        ):
            path = family.linear(number, component)
            where = torch.from_numpy(stored)
            weight, bias = state[f"{path}.weight"], state[f"{path}.bias"]
            full, offset = (
                weight.new_zeros(shape.width(component), weight.shape[1]),
                bias.new_zeros(shape.width(component)),
            )
            full[where], offset[where] = weight, bias
            if component == "query":
                offset[slots] = 1.0
            if component == "key" and len(slots):
                full[slots] = state[f"{path}.extra"]
                del results[f"{path}.extra"]
            results[f"{path}.weight"], results[f"{path}.bias"] = full, offset
        for component, stored in (("attention_output", rows.values), ("output", rows.intermediate)):
            path = family.linear(number, component)
            weight = state[f"{path}.weight"]
            inputs = shape.hidden if component == "attention_output" else shape.intermediate
            full = weight.new_zeros(weight.shape[0], inputs)
            full[:, torch.from_numpy(stored)] = weight
            results[f"{path}.weight"] = full
    return results
