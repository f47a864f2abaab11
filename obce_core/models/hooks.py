"""Forward hooks: read, or replace, the values that pass a hook point or enter a module during a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from obce_core.architectures import HookPoint

Visitor = Callable[[torch.Tensor], torch.Tensor | None]
"""Called with the values at a hook point, shape (batch, tokens, features); a returned tensor replaces them."""


@contextmanager
def hooked(base: torch.nn.Module, visitors: Iterable[tuple[HookPoint, Visitor]]) -> Iterator[None]:
    """Within the block, every forward pass of `base` calls each visitor at its hook point.

    Visitors of one hook point are called in the order given, each with what the one before it returned. A module that
    returns a tuple is read at its first entry. The hooks are removed at the end of the block, also after an error.

    Raises:
        AttributeError: `base` has no module at a hook point's path.
    """
    with ExitStack() as stack:
        for point, visitor in visitors:
            stack.callback(_register(base.get_submodule(point.path), point.side, visitor).remove)
        yield


def _register(module: torch.nn.Module, side: str, visitor: Visitor) -> torch.utils.hooks.RemovableHandle:
    def before(_: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        replaced = visitor(inputs[0])
        return None if replaced is None else (replaced, *inputs[1:])

    def after(_: torch.nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        if not isinstance(output, tuple):
            return visitor(output)
        replaced = visitor(output[0])
        return None if replaced is None else (replaced, *output[1:])

    return module.register_forward_pre_hook(before) if side == "input" else module.register_forward_hook(after)
