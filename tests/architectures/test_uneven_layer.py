"""The module that runs a cut layer: compact tensors in, the same compact tensors out, whatever the widths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from obce_core.architectures.modeling_obce import HeadColumns, HeadRows, head_width, shrink_layer

# pairs, extra, values -> slots of a head
WIDTHS = [
    ((4, 2, 0), (0, 0, 0), (1, 1, 1), 4),
    ((4, 2, 0), (0, 1, 1), (1, 1, 1), 4),
    ((3, 3, 3), (0, 1, 0), (2, 0, 2), 4),
    ((0, 0, 0), (0, 0, 1), (0, 0, 0), 1),
    ((0, 0, 0), (0, 0, 0), (0, 0, 0), 1),
    ((1, 0, 0), (0, 0, 0), (8, 0, 0), 8),
]


def filled(shape: tuple[int, ...], start: float = 1.0) -> torch.Tensor:
    """Number the entries of a tensor, so that none is zero or equal to another."""
    return torch.arange(start, start + torch.Size(shape).numel()).reshape(shape)


@pytest.mark.parametrize(("pairs", "extra", "values", "slots"), WIDTHS)
def test_a_layer_runs_at_its_widest_head(pairs: Any, extra: Any, values: Any, slots: int) -> None:
    assert head_width({"pairs": pairs, "extra": extra, "values": values}) == slots


def laid_out(module: Any, layout: str) -> Any:
    """Turn a freshly made module into one of the two layouts."""
    if layout == "padded":
        module.pad()
    assert module.padded is (layout == "padded")
    return module


LAYOUTS = pytest.mark.parametrize("layout", ["compact", "padded", "filled, then padded"])


def load_into(module: Any, state: dict[str, torch.Tensor], layout: str) -> Any:
    """Fill a module in one of the orders that occur: before padding (from_pretrained), after it (a resumed
    training)."""
    laid_out(module, layout).load_state_dict(state)
    if layout == "filled, then padded":
        module.pad()
        module.pad()
    return module


@LAYOUTS
@pytest.mark.parametrize(("pairs", "extra", "values", "slots"), WIDTHS)
def test_compact_tensors_come_out_as_they_went_in(pairs: Any, extra: Any, values: Any, slots: int, layout: str) -> None:
    told = {"weight": filled((sum(pairs), 5)), "bias": filled((sum(pairs),), 500.0)}
    if sum(extra):
        told["extra"] = filled((sum(extra), 5), 900.0)
    keys = load_into(HeadRows(5, pairs, slots, extra=extra, kind="stored"), told, layout)
    assert {name: tensor.tolist() for name, tensor in keys.state_dict().items()} == {
        n: t.tolist() for n, t in told.items()
    }
    stored = sum(tensor.numel() for tensor in told.values())
    assert sum(tensor.numel() for tensor in keys.parameters()) - keys.surplus == stored
    if layout == "compact":
        assert keys.surplus == 0
    else:
        assert keys.weight.shape == (len(pairs) * slots, 5)
        assert int((keys.weight != 0).any(1).sum()) == sum(pairs) + sum(extra)

    told = {"weight": filled((6, sum(values))), "bias": filled((6,), 500.0)}
    columns = load_into(HeadColumns(6, values, slots), told, layout)
    assert {name: tensor.tolist() for name, tensor in columns.state_dict().items()} == {
        n: t.tolist() for n, t in told.items()
    }
    assert sum(tensor.numel() for tensor in columns.parameters()) - columns.surplus == 6 * sum(values) + 6


@LAYOUTS
def test_rows_stand_in_the_slots_of_their_heads_and_the_extra_query_is_one(layout: str) -> None:
    state = {"weight": torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]), "bias": torch.tensor([0.5, 0.25, 0.125])}
    queries = load_into(HeadRows(2, (1, 2), 3, extra=(1, 0), kind="one"), state, layout)
    hidden = torch.tensor([10.0, 100.0])
    expected = [10.5, 1.0, 0.0, 200.25, 30.125, 0.0]
    with torch.no_grad():
        assert queries(hidden).tolist() == expected
    assert queries(hidden).tolist() == expected
    assert "extra" not in queries.state_dict()


@LAYOUTS
def test_extra_rows_stand_behind_the_pairs_of_their_head_and_have_no_bias(layout: str) -> None:
    state = {"weight": torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]), "bias": torch.tensor([0.5, 0.25, 0.125])}
    keys = HeadRows(2, (1, 2), 3, extra=(1, 0), kind="stored")
    load_into(keys, state | {"extra": torch.tensor([[1.0, 1.0]])}, layout)
    assert keys(torch.tensor([10.0, 100.0])).tolist() == [10.5, 110.0, 0.0, 200.25, 30.125, 0.0]


@LAYOUTS
def test_columns_read_the_slots_of_their_heads(layout: str) -> None:
    columns = load_into(
        HeadColumns(1, (1, 2), 3), {"weight": torch.tensor([[2.0, 3.0, 5.0]]), "bias": torch.tensor([0.5])}, layout
    )
    assert columns(torch.tensor([1.0, 70.0, 70.0, 10.0, 100.0, 70.0])).tolist() == [2.0 + 30.0 + 500.0 + 0.5]


def test_a_frozen_map_stays_frozen_when_it_is_padded() -> None:
    for module in (HeadRows(2, (1, 2), 3, extra=(1, 0), kind="stored"), HeadColumns(1, (1, 2), 3)):
        module.requires_grad_(False).pad()
        assert not any(tensor.requires_grad for tensor in module.parameters())


# tensor to damage, fragment of the message
DAMAGED = [
    ({"weight": torch.zeros(2, 5)}, "weight.* shape .*\\[2, 5\\]"),
    ({"weight": torch.zeros(3, 4)}, "weight.* shape .*\\[3, 4\\]"),
    ({"bias": torch.zeros(4)}, "bias.* shape .*\\[4\\]"),
    ({"extra": torch.zeros(2, 5)}, "extra.* shape .*\\[2, 5\\]"),
    ({"extra": None}, 'Missing key.*"extra"'),
    ({"bias": None}, 'Missing key.*"bias"'),
    ({"strange": torch.zeros(1)}, 'Unexpected key.*"strange"'),
]


@pytest.mark.parametrize("layout", ["compact", "padded"])
@pytest.mark.parametrize(("change", "message"), DAMAGED)
def test_tensors_that_do_not_fit_are_named(change: dict[str, Any], message: str, layout: str) -> None:
    state = {"weight": torch.zeros(3, 5), "bias": torch.zeros(3), "extra": torch.zeros(1, 5)} | change
    module = laid_out(HeadRows(5, (1, 2), 3, extra=(1, 0), kind="stored"), layout)
    with pytest.raises(RuntimeError, match=message):
        module.load_state_dict({name: tensor for name, tensor in state.items() if tensor is not None})


def test_the_repr_tells_the_stored_rows() -> None:
    assert "rows=3, extra=1" in repr(HeadRows(5, (1, 2), 3, extra=(1, 0), kind="stored"))
    assert "columns=3" in repr(HeadColumns(5, (1, 2), 3))


class Layer(nn.Module):
    """A layer with BERT's paths and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Module()
        self.attention.self = nn.Module()
        for name in ("query", "key", "value"):
            setattr(self.attention.self, name, nn.Linear(8, 8))
        self.attention.self.attention_head_size = 4
        self.attention.self.scaling = 0.5
        self.attention.output = nn.Module()
        self.attention.output.dense = nn.Linear(8, 8)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(8, 16)
        self.output = nn.Module()
        self.output.dense = nn.Linear(16, 8)


def test_shrinking_keeps_the_scale_of_the_original_head() -> None:
    layer = Layer()
    shrink_layer(layer, {"pairs": [1, 0], "extra": [0, 1], "values": [2, 1], "intermediate": 16})
    assert layer.attention.self.scaling == 0.5
    assert layer.attention.self.attention_head_size == 2
    assert isinstance(layer.output.dense, nn.Linear)
    assert {name: tuple(tensor.shape) for name, tensor in layer.state_dict().items()} == {
        "attention.self.query.weight": (1, 8),
        "attention.self.query.bias": (1,),
        "attention.self.key.weight": (1, 8),
        "attention.self.key.bias": (1,),
        "attention.self.key.extra": (1, 8),
        "attention.self.value.weight": (3, 8),
        "attention.self.value.bias": (3,),
        "attention.output.dense.weight": (8, 3),
        "attention.output.dense.bias": (8,),
        "intermediate.dense.weight": (16, 8),
        "intermediate.dense.bias": (16,),
        "output.dense.weight": (8, 16),
        "output.dense.bias": (8,),
    }


def test_an_empty_feed_forward_layer_hands_on_its_bias() -> None:
    layer = Layer()
    shrink_layer(layer, {"pairs": [4, 4], "extra": [0, 0], "values": [4, 4], "intermediate": 0})
    with torch.no_grad():
        layer.output.dense.bias.copy_(torch.arange(8.0))
    assert layer.output.dense(layer.intermediate.dense(torch.ones(3, 8))).tolist() == [list(map(float, range(8)))] * 3
