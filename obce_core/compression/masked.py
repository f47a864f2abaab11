"""The masked twin: the stock model with hooks that replace removed neurons by a constant or a prediction.

It shares nothing with folding, so that the two can be held against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn import functional

from obce_core.architectures import Family
from obce_core.compression.replacement import Removed


@contextmanager
def masked(base: torch.nn.Module, family: Family, removed: Removed) -> Iterator[torch.nn.Module]:
    """Within the block, `base` hands on what removed neurons become; afterwards it is as before."""
    with ExitStack() as stack:
        for (layer, component), (gone, *become) in removed.items():
            point = family.tap(layer, component, "neuron")
            module = base.get_submodule(point.path)
            stack.callback(_attach(module, point.side, gone, *become).remove)
        yield base


def _attach(module: torch.nn.Module, side: str, gone: torch.Tensor, *become: torch.Tensor) -> Any:
    def replace(values: torch.Tensor) -> torch.Tensor:  # (batch, tokens, neurons)
        where, (first, *bias) = gone.to(values.device), [part.to(values) for part in become]
        if not bias:
            return torch.where(where, first, values)
        replaced = values.clone()
        replaced[..., where] = functional.linear(values[..., ~where], first, bias[0])
        return replaced

    if side == "input":
        return module.register_forward_pre_hook(lambda _, args: (replace(args[0]), *args[1:]))
    return module.register_forward_hook(lambda _, __, output: replace(output))
