"""The masked twin: the stock model with hooks that replace removed neurons by a constant or a prediction.

It shares nothing with folding, so that the two can be held against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch.nn import functional

from obce_core.architectures import Family
from obce_core.compression.replacement import Removed
from obce_core.models.hooks import hooked


@contextmanager
def masked(base: torch.nn.Module, family: Family, removed: Removed) -> Iterator[torch.nn.Module]:
    """Within the block, `base` hands on what removed neurons become; afterwards it is as before."""
    visitors = [
        (family.hook_point(layer, component, "neuron"), partial(_replace, gone, *become))
        for (layer, component), (gone, *become) in removed.items()
    ]
    with hooked(base, visitors):
        yield base


def _replace(gone: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
    """Put a constant (shape (neurons,)) or a prediction (weight, bias) where neurons are `gone`.

    The last argument is the values of a pass, of shape (batch, tokens, neurons).
    """
    *become, values = rest
    where, (first, *bias) = gone.to(values.device), [part.to(values) for part in become]
    if not bias:
        return torch.where(where, first, values)
    replaced = values.clone()
    replaced[..., where] = functional.linear(values[..., ~where], first, bias[0])
    return replaced
