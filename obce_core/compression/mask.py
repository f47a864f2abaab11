"""The masked twin: the stock model with hooks that put a constant in the place of every removed neuron.

It shares nothing with folding, so that the two can be held against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from obce_core.architectures import Family
from obce_core.compression.removed import Removed


@contextmanager
def masked(base: torch.nn.Module, family: Family, removed: Removed) -> Iterator[torch.nn.Module]:
    """Within the block, `base` hands on the constants of removed neurons; afterwards it is as before."""
    with ExitStack() as stack:
        for (layer, component), (gone, constants) in removed.items():
            point = family.tap(layer, component, "neuron")
            module = base.get_submodule(point.path)
            stack.callback(_attach(module, point.side, gone, constants).remove)
        yield base


def _attach(module: torch.nn.Module, side: str, gone: torch.Tensor, constants: torch.Tensor) -> Any:
    def replace(values: torch.Tensor) -> torch.Tensor:
        return torch.where(gone.to(values.device), constants.to(values), values)

    if side == "input":
        return module.register_forward_pre_hook(lambda _, args: (replace(args[0]), *args[1:]))
    return module.register_forward_hook(lambda _, __, output: replace(output))
