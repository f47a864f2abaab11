"""Hooks on hook points: what is read is what passes, what is returned replaces it, and nothing stays behind."""

from __future__ import annotations

import pytest
import torch

from obce_core.architectures import HookPoint
from obce_core.models.hooks import hooked


class Pair(torch.nn.Module):
    """Return its input doubled, and a second value, as attention does."""

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, str]:
        return 2 * values, "weights"


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Pair(), torch.nn.Identity()

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, str]:
        values, weights = self.first(values)
        return self.second(values), weights


@pytest.mark.parametrize(
    ("point", "read"),
    [
        (HookPoint("first", "input"), 1.0),
        (HookPoint("first", "output"), 2.0),
        (HookPoint("second", "input"), 2.0),
        (HookPoint("second", "output"), 2.0),
    ],
)
def test_a_visitor_reads_the_values_and_may_replace_them(point: HookPoint, read: float) -> None:
    model, seen = Model(), []
    with hooked(model, [(point, seen.append)]):
        assert model(torch.ones(1, 2, 3))[0].eq(2).all()
    assert len(seen) == 1 and seen[0].shape == (1, 2, 3) and seen[0].eq(read).all()
    with hooked(model, [(point, lambda values: values + 1)]):
        values, weights = model(torch.ones(1, 2, 3))
    assert values.eq(4 if read == 1 else 3).all() and weights == "weights"
    assert model(torch.ones(1, 2, 3))[0].eq(2).all() and len(seen) == 1


def test_visitors_of_one_point_are_called_in_order_each_with_what_the_one_before_returned() -> None:
    model, point = Model(), HookPoint("second", "output")
    with hooked(model, [(point, lambda values: values + 1), (point, lambda values: values * 10)]):
        assert model(torch.ones(1))[0].eq(30).all()


def test_hooks_are_removed_after_an_error_also_of_a_later_point() -> None:
    model = Model()

    def fail(values: torch.Tensor) -> None:
        raise ValueError

    with pytest.raises(ValueError), hooked(model, [(HookPoint("first", "input"), fail)]):
        model(torch.ones(1))
    with (
        pytest.raises(AttributeError, match="third"),
        hooked(model, [(HookPoint("first", "input"), fail), (HookPoint("third", "input"), fail)]),
    ):
        pass
    assert model(torch.ones(1))[0].eq(2).all()
