"""BERT with uneven widths: what a model cut by OBCE runs on.

Self-contained (torch and transformers only), so that a copy of this file can travel with a model.

A cut layer keeps, head by head, some query/key pairs and some values. Stored weights are compact; for speed every head
of a layer runs at the width of its widest head, padded with rows of zeros, which the stock attention then reads as
equal heads. A dimension whose query was a constant and whose key stayed became one extra key row of its head, met by a
query that is always 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForNextSentencePrediction,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

BERT_PATHS = {
    "attention": "attention.self",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
}


class HeadRows(nn.Module):
    """A linear map whose rows are spread over heads of `width` slots; only `rows[h]` slots of head h are used.

    `extra[h]` = 1 adds one more slot to head h: a stored row without bias (`extra="stored"`, for keys), or the
    constant 1 (`extra="one"`, for queries). Unused slots hold zeros and get no gradient from attention. Where `padded`
    is wider than `width`, zeros are added behind every head's slots once the map is done, which is cheaper than
    computing them.
    """

    def __init__(
        self, inputs: int, rows: Sequence[int], width: int, *, extra: Sequence[int] = (), kind: str = "none", padded: int = 0
    ) -> None:
        super().__init__()
        self.heads, self.padding = len(rows), max(0, padded - width)
        self.in_features, self.out_features = inputs, len(rows) * width
        starts = [head * width for head in range(len(rows))]
        self.slots = [start + i for start, count in zip(starts, rows, strict=True) for i in range(count)]
        lonely = [start + count for start, count, one in zip(starts, rows, extra, strict=True) if one] if extra else []
        self.extra_slots = lonely if kind == "stored" else []
        self.one_slots = lonely if kind == "one" else []
        self.weight = nn.Parameter(torch.zeros(self.out_features, inputs))
        self.bias = nn.Parameter(torch.zeros(self.out_features))
        self.register_buffer("one", self.one_mask(), persistent=False)
        self.one: torch.Tensor | None

    def one_mask(self) -> torch.Tensor | None:
        """Mark the slots that are always 1, shape (heads * width,); None when there are none."""
        if not self.one_slots:
            return None
        mask = torch.zeros(self.out_features, dtype=torch.bool)
        mask[self.one_slots] = True
        return mask

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        bias = self.bias if self.one is None else self.bias.masked_fill(self.one, 1.0)
        output = functional.linear(hidden, self.weight, bias)  # (batch, tokens, heads * width)
        if self.one is not None and torch.is_grad_enabled():
            output = output.masked_fill(self.one, 1.0)  # no gradient reaches the constant's weights
        if self.padding:
            output = functional.pad(output.unflatten(-1, (self.heads, -1)), (0, self.padding)).flatten(-2)
        return output  # (batch, tokens, heads * padded)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        weight, bias = (self.weight, self.bias) if keep_vars else (self.weight.detach(), self.bias.detach())
        destination[prefix + "weight"] = weight[self.slots]
        destination[prefix + "bias"] = bias[self.slots]
        if self.extra_slots:
            destination[prefix + "extra"] = weight[self.extra_slots]

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        targets = [("weight", self.weight, self.slots), ("bias", self.bias, self.slots)]
        if self.extra_slots:
            targets.append(("extra", self.weight, self.extra_slots))
        _fill(targets, 0, state_dict, prefix, missing_keys, error_msgs)
        unexpected_keys += _strangers(targets, state_dict, prefix) if strict else []

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, rows={len(self.slots)}, extra={len(self.extra_slots)}"


class HeadColumns(nn.Module):
    """A linear map that reads heads of `width` slots; only `columns[h]` columns of head h are stored."""

    def __init__(self, outputs: int, columns: Sequence[int], width: int) -> None:
        super().__init__()
        self.in_features, self.out_features = len(columns) * width, outputs
        self.slots = [head * width + i for head, count in enumerate(columns) for i in range(count)]
        self.weight = nn.Parameter(torch.zeros(outputs, self.in_features))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        return functional.linear(context, self.weight, self.bias)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        weight, bias = (self.weight, self.bias) if keep_vars else (self.weight.detach(), self.bias.detach())
        destination[prefix + "weight"] = weight[:, self.slots]
        destination[prefix + "bias"] = bias

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        every = list(range(self.out_features))
        targets = [("weight", self.weight.T, self.slots), ("bias", self.bias, every)]
        _fill(targets, 1, state_dict, prefix, missing_keys, error_msgs)
        unexpected_keys += _strangers(targets, state_dict, prefix) if strict else []

    def extra_repr(self) -> str:
        return f"columns={len(self.slots)}, out_features={self.out_features}"


def _fill(
    targets: Sequence[tuple[str, torch.Tensor, list[int]]],
    axis: int,
    state_dict: Mapping[str, torch.Tensor],
    prefix: str,
    missing: list[str],
    errors: list[str],
) -> None:
    """Copy compact tensors into their slots; `axis` 1 means that a stored matrix is the transpose of its target."""
    for name, target, slots in targets:
        if prefix + name not in state_dict:
            missing.append(prefix + name)
            continue
        value = state_dict[prefix + name]
        rows = value.T if axis == 1 and value.dim() == 2 else value
        if tuple(rows.shape) != (len(slots), *target.shape[1:]):
            errors.append(f"{prefix}{name} has shape {list(value.shape)}, expected {len(slots)} rows or columns.")
            continue
        with torch.no_grad():
            if name != "extra":
                target.zero_()
            target[slots] = rows.to(target)


def _strangers(targets: Sequence[tuple[str, torch.Tensor, list[int]]], state_dict: Mapping[str, torch.Tensor], prefix: str) -> list[str]:
    """List the tensors of a module that it has no place for, such as an extra row in a layer without one."""
    known = {prefix + name for name, _, _ in targets}
    return [name for name in state_dict if name.startswith(prefix) and name not in known]


def head_width(widths: Mapping[str, Sequence[int]]) -> int:
    """Return the slots of a head at which a layer runs: its widest head's, one width for query, key and value.

    One width for all three keeps CPU attention on its fast kernel; at least 1, so that shapes stay readable.
    """
    keys = (pairs + extra for pairs, extra in zip(widths["pairs"], widths["extra"], strict=True))
    return max(1, *keys, *widths["values"])


def map_width(rows: Sequence[int], width: int) -> int:
    """Return the slots of a head that a map computes: its own widest head's, or all `width` when padding saves little."""
    own = max(1, *rows)
    return own if 4 * own <= 3 * width else width


def shrink_layer(layer: nn.Module, widths: Mapping[str, Any], paths: Mapping[str, str] = BERT_PATHS) -> None:
    """Replace the linear maps of one encoder layer by uneven ones, to be filled from compact weights.

    `widths` has `pairs`, `extra`, `values` (a number a head) and `intermediate`; `paths` names the layer's modules.
    """
    attention: Any = layer.get_submodule(paths["attention"])
    stock: Any = layer.get_submodule(paths["query"])
    hidden = stock.in_features
    width = head_width(widths)
    pairs, extra, values = widths["pairs"], widths["extra"], widths["values"]
    middle = int(widths["intermediate"])
    keys = map_width([count + one for count, one in zip(pairs, extra, strict=True)], width)
    _put(layer, paths["query"], HeadRows(hidden, pairs, keys, extra=extra, kind="one", padded=width))
    _put(layer, paths["key"], HeadRows(hidden, pairs, keys, extra=extra, kind="stored", padded=width))
    _put(layer, paths["value"], HeadRows(hidden, values, map_width(values, width), padded=width))
    _put(layer, paths["attention_output"], HeadColumns(hidden, values, width))
    full: Any = layer.get_submodule(paths["intermediate"])
    if middle != full.out_features:
        _put(layer, paths["intermediate"], _linear(hidden, middle))
        _put(layer, paths["output"], _linear(middle, hidden))
    # The scale stays that of the original head size; only the slots of a head change.
    attention.attention_head_size = width
    if hasattr(attention, "all_head_size"):
        attention.all_head_size = len(pairs) * width


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Make a linear map of zeros, without the warning that a width of 0 brings."""
    module = nn.Linear(1, 1)
    module.in_features, module.out_features = inputs, outputs
    module.weight = nn.Parameter(torch.zeros(outputs, inputs))
    module.bias = nn.Parameter(torch.zeros(outputs))
    return module


def _put(root: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent) if parent else root, name, module)


class ObceBertConfig(BertConfig):
    """A BertConfig with the widths of every layer: a list of `pairs`, `extra`, `values`, `intermediate`, or None."""

    model_type = "obce-bert"

    widths: list | None = None


class _Uneven(nn.Module):
    """Build a stock Bert class, then shrink the layers that the config names."""

    config_class = ObceBertConfig
    base_model: Any

    def __init__(self, config: ObceBertConfig) -> None:
        super().__init__(config)
        for layer, widths in zip(self.base_model.encoder.layer, config.widths or (), strict=bool(config.widths)):
            if widths is not None:
                shrink_layer(layer, widths)


class ObceBertModel(_Uneven, BertModel):
    """A cut BertModel."""


class ObceBertForPreTraining(_Uneven, BertForPreTraining):
    """A cut BertForPreTraining."""


class ObceBertForMaskedLM(_Uneven, BertForMaskedLM):
    """A cut BertForMaskedLM."""


class ObceBertForNextSentencePrediction(_Uneven, BertForNextSentencePrediction):
    """A cut BertForNextSentencePrediction."""


class ObceBertForSequenceClassification(_Uneven, BertForSequenceClassification):
    """A cut BertForSequenceClassification."""


class ObceBertForTokenClassification(_Uneven, BertForTokenClassification):
    """A cut BertForTokenClassification."""


class ObceBertForMultipleChoice(_Uneven, BertForMultipleChoice):
    """A cut BertForMultipleChoice."""


class ObceBertForQuestionAnswering(_Uneven, BertForQuestionAnswering):
    """A cut BertForQuestionAnswering."""
