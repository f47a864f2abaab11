"""BERT with uneven widths: what a model cut by OBCE runs on.

Self-contained (torch and transformers only), so that a copy of this file can travel with a model.

A cut layer keeps, head by head, some query/key pairs and some values. Stored weights are compact; every head of a layer
hands on as many slots as its widest head has, zeros in the unused ones, which the stock attention then reads as equal
heads. A dimension whose query was a constant and whose key stayed became one extra key row of its head, met by a
query that is always 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
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
    PreTrainedModel,
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


class _Slotted(nn.Module, ABC):
    """A linear map that belongs to heads of `width` slots, of which only some are used.

    It is made compact: its parameters are what is stored. `pad` turns it, once, into one matrix with zeros in the
        unused
    slots, which runs faster; from then on only that copy exists, and `state_dict` still gives the compact one.
    """

    padded = False

    @abstractmethod
    def pad(self) -> None:
        """Run on padded weights from now on."""

    @abstractmethod
    def _stored(self) -> list[tuple[str, torch.Tensor, int, torch.Tensor]]:
        """List each stored tensor: its name, the padded tensor that holds it, the axis, and the positions."""

    @property
    def surplus(self) -> int:
        """Parameters that hold padding."""
        if not self.padded:
            return 0
        held = sum(tensor.numel() for tensor in self.parameters())
        return held - sum(
            tensor.numel() // tensor.shape[axis] * len(places) for _, tensor, axis, places in self._stored()
        )

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        if not self.padded:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            return
        for name, tensor, axis, places in self._stored():
            stored = tensor.index_select(axis, places)
            destination[prefix + name] = stored if keep_vars else stored.detach()

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
        if not self.padded:
            super()._load_from_state_dict(
                state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
            )
            return
        known = set()
        for name, tensor, axis, places in self._stored():
            known.add(prefix + name)
            if prefix + name not in state_dict:
                missing_keys.append(prefix + name)
                continue
            value, expected = state_dict[prefix + name], list(tensor.shape)
            expected[axis] = len(places)
            if list(value.shape) != expected:
                error_msgs.append(f"{prefix}{name} has shape {list(value.shape)}, expected {expected}.")
                continue
            with torch.no_grad():
                tensor.index_copy_(axis, places, value.to(tensor))
        if strict:
            unexpected_keys += [name for name in state_dict if name.startswith(prefix) and name not in known]


class HeadRows(_Slotted):
    """Hands on heads of `width` slots: rows first, then zeros.

    `extra[h]` = 1 gives head h one more used slot: a stored row without bias (`kind="stored"`, for keys), or the
    constant 1 (`kind="one"`, for queries).
    """

    def __init__(
        self, inputs: int, rows: Sequence[int], width: int, *, extra: Sequence[int] = (), kind: str = "none"
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = inputs, len(rows) * width
        starts = [head * width for head in range(len(rows))]
        self.slots = [start + i for start, count in zip(starts, rows, strict=True) for i in range(count)]
        lonely = [start + count for start, count, one in zip(starts, rows, extra, strict=True) if one] if extra else []
        self.extra_slots = lonely if kind == "stored" else []
        self.one_slots = lonely if kind == "one" else []
        self.weight = nn.Parameter(torch.zeros(len(self.slots), inputs))
        self.bias = nn.Parameter(torch.zeros(len(self.slots)))
        if self.extra_slots:
            self.extra = nn.Parameter(torch.zeros(len(self.extra_slots), inputs))
        # What stands in each slot of a compact map: a stored row, then an extra one, then 0 or 1.
        filled = [*self.slots, *self.extra_slots]
        self.places = [len(filled)] * self.out_features
        for place, slot in enumerate(filled):
            self.places[slot] = place
        for slot in self.one_slots:
            self.places[slot] = len(filled) + 1
        self.fixed: torch.Tensor | None
        self.register_buffer("fixed", None, persistent=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        if not self.padded:
            return self._spread(hidden)
        # No gradient may reach what is not stored, however small: an optimizer that divides by its size would move it.
        bias = self.bias if self.fixed is None else self.bias.masked_fill(self.fixed, 1.0 if self.one_slots else 0.0)
        output = functional.linear(hidden, self.weight, bias)  # (batch, tokens, heads * width)
        if self.one_slots and self.fixed is not None and torch.is_grad_enabled():
            output = output.masked_fill(self.fixed, 1.0)
        return output

    def _spread(self, hidden: torch.Tensor) -> torch.Tensor:
        """Compute the stored rows and put each into its slot; a column of 0 and one of 1 fill the others."""
        parts = [functional.linear(hidden, self.weight, self.bias)]
        if self.extra_slots:
            parts.append(functional.linear(hidden, self.extra))
        parts += [hidden.new_zeros(*hidden.shape[:-1], 1), hidden.new_ones(*hidden.shape[:-1], 1)]
        return torch.cat(parts, dim=-1).index_select(-1, torch.tensor(self.places, device=hidden.device))

    def pad(self) -> None:
        if self.padded:
            return
        weight, bias = self.weight, self.bias
        full, offset = weight.new_zeros(self.out_features, self.in_features), bias.new_zeros(self.out_features)
        with torch.no_grad():
            full[self.slots], offset[self.slots] = weight, bias
            if self.extra_slots:
                full[self.extra_slots] = self.extra
                del self.extra
        self.weight, self.bias = nn.Parameter(full, weight.requires_grad), nn.Parameter(offset, bias.requires_grad)
        if self.one_slots or self.extra_slots:
            self.fixed = torch.zeros(self.out_features, dtype=torch.bool, device=full.device)
            self.fixed[[*self.one_slots, *self.extra_slots]] = True
        self.padded = True

    def _stored(self) -> list[tuple[str, torch.Tensor, int, torch.Tensor]]:
        rows, extra = (
            torch.tensor(slots, dtype=torch.long, device=self.weight.device) for slots in (self.slots, self.extra_slots)
        )
        found: list[tuple[str, torch.Tensor, int, torch.Tensor]] = [
            ("weight", self.weight, 0, rows),
            ("bias", self.bias, 0, rows),
        ]
        return [*found, ("extra", self.weight, 0, extra)] if self.extra_slots else found

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, rows={len(self.slots)}, extra={len(self.extra_slots)}, "
            f"slots={self.out_features}"
        )


class HeadColumns(_Slotted):
    """Reads heads of `width` slots, of which only `columns[h]` of head h have a stored column."""

    def __init__(self, outputs: int, columns: Sequence[int], width: int) -> None:
        super().__init__()
        self.in_features, self.out_features = len(columns) * width, outputs
        self.slots = [head * width + i for head, count in enumerate(columns) for i in range(count)]
        self.weight = nn.Parameter(torch.zeros(outputs, len(self.slots)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        if not self.padded:
            context = context.index_select(-1, torch.tensor(self.slots, dtype=torch.long, device=context.device))
        return functional.linear(context, self.weight, self.bias)

    def pad(self) -> None:
        if self.padded:
            return
        full = self.weight.new_zeros(self.out_features, self.in_features)
        with torch.no_grad():
            full[:, self.slots] = self.weight
        self.weight = nn.Parameter(full, self.weight.requires_grad)
        self.padded = True

    def _stored(self) -> list[tuple[str, torch.Tensor, int, torch.Tensor]]:
        columns = torch.tensor(self.slots, dtype=torch.long, device=self.weight.device)
        return [
            ("weight", self.weight, 1, columns),
            ("bias", self.bias, 0, torch.arange(self.out_features, device=self.bias.device)),
        ]

    def extra_repr(self) -> str:
        return f"columns={len(self.slots)}, slots={self.in_features}, out_features={self.out_features}"


def head_width(widths: Mapping[str, Sequence[int]]) -> int:
    """Return the slots of a head at which a layer runs: its widest head's, one width for query, key and value.

    One width for all three keeps CPU attention on its fast kernel; at least 1, so that shapes stay readable.
    """
    keys = (pairs + extra for pairs, extra in zip(widths["pairs"], widths["extra"], strict=True))
    return max(1, *keys, *widths["values"])


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
    _put(layer, paths["query"], HeadRows(hidden, pairs, width, extra=extra, kind="one"))
    _put(layer, paths["key"], HeadRows(hidden, pairs, width, extra=extra, kind="stored"))
    _put(layer, paths["value"], HeadRows(hidden, values, width))
    _put(layer, paths["attention_output"], HeadColumns(hidden, values, width))
    full: Any = layer.get_submodule(paths["intermediate"])
    if middle != full.out_features:
        _put(layer, paths["intermediate"], _linear(hidden, middle))
        _put(layer, paths["output"], _linear(middle, hidden))
    # The scale stays that of the original head size; only the slots of a head change.
    attention.attention_head_size = width
    if hasattr(attention, "all_head_size"):
        attention.all_head_size = len(pairs) * width


def slotted(model: nn.Module) -> list[_Slotted]:
    """List the maps of a model that belong to heads of slots."""
    return [module for module in model.modules() if isinstance(module, _Slotted)]


def pad_layers(model: nn.Module) -> None:
    """Run every cut layer of a model on padded weights from now on; done once the stored tensors are in place."""
    for module in slotted(model):
        module.pad()


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


_HEADS = (
    "PreTraining",
    "MaskedLM",
    "NextSentencePrediction",
    "SequenceClassification",
    "TokenClassification",
    "MultipleChoice",
    "QuestionAnswering",
)
AUTO_CLASSES = {"AutoModel": "ObceBertModel"} | {f"AutoModelFor{head}": f"ObceBertFor{head}" for head in _HEADS}
"""The class here that each Auto class of transformers opens."""

AUTO_MAP = {"AutoConfig": "modeling_obce.ObceBertConfig"} | {
    auto: f"modeling_obce.{name}" for auto, name in AUTO_CLASSES.items()
}
"""What config.json says of this file, so that transformers finds it in the model's folder."""


class ObceBertConfig(BertConfig):
    """A BertConfig with the widths of every layer: a list of `pairs`, `extra`, `values`, `intermediate`, or None."""

    model_type = "obce-bert"

    widths: list | None = None
    auto_map: dict | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)

    @classmethod
    def register_for_auto_class(cls, auto_class: str = "AutoConfig") -> None:
        """Leave `auto_map` alone: it names every class, where transformers would write one."""

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """Save config.json and this file, which it names, so that the folder opens without the package."""
        self.auto_map = dict(AUTO_MAP)
        folder = Path(save_directory)
        if not folder.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "modeling_obce.py").write_bytes(Path(__file__).read_bytes())
        super().save_pretrained(save_directory, *args, **kwargs)


class _Uneven(PreTrainedModel):
    """Build a stock Bert class, with the layers that the config names shrunk."""

    config_class = ObceBertConfig
    base_model: Any

    def __init__(self, config: ObceBertConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        if self.base_model is not self:
            # A stock head makes a stock base model; that of a cut model counts and saves itself as one.
            setattr(
                self,
                self.base_model_prefix,
                ObceBertModel(config, add_pooling_layer=self.base_model.pooler is not None),
            )
            self.post_init()
            return
        rows, layers = config.widths or (), self.base_model.encoder.layer
        if rows and len(rows) != len(layers):
            raise ValueError(f"The config's widths list {len(rows)} layers, num_hidden_layers is {len(layers)}.")
        for layer, widths in zip(layers, rows, strict=False):
            if widths is None:
                continue
            shrink_layer(layer, widths)
            for tensor in layer.parameters():
                if tensor.dim() == 2:  # the usual start, which transformers drew before the maps were replaced
                    nn.init.normal_(tensor, std=config.initializer_range)

    @classmethod
    def _from_config(cls, config: ObceBertConfig, **kwargs: Any) -> Any:
        model = super()._from_config(config, **kwargs)
        pad_layers(model)
        return model

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Count the stored parameters: padding is none."""
        held = super().num_parameters(only_trainable=only_trainable, exclude_embeddings=exclude_embeddings)
        counted = (module for module in slotted(self) if not only_trainable or module.weight.requires_grad)
        return held - sum(module.surplus for module in counted)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a saved model; the embeddings and the encoder must be there, tensor by tensor.

        Raises:
            ValueError: a tensor of embeddings or encoder is missing, left over, or of another shape; names it. A task
                head or pooler that is absent starts at random, one that is left over is ignored, as in transformers.
        """
        wants_info, lenient = kwargs.pop("output_loading_info", False), kwargs.pop("ignore_mismatched_sizes", False)
        model, info = super().from_pretrained(
            pretrained_model_name_or_path, *args, output_loading_info=True, ignore_mismatched_sizes=True, **kwargs
        )
        prefix = cls.base_model_prefix + "."
        for what, names in (
            ("is missing", info["missing_keys"]),
            ("belongs to no part of this model", info["unexpected_keys"]),
        ):
            for name in sorted(names):
                if name.removeprefix(prefix).startswith(("embeddings.", "encoder.")):
                    raise ValueError(f"{pretrained_model_name_or_path}: tensor {name} {what}; the model is not loaded.")
        for name, stored, expected in sorted(info["mismatched_keys"]):
            if not lenient or name.removeprefix(prefix).startswith(("embeddings.", "encoder.")):
                raise ValueError(
                    f"{pretrained_model_name_or_path}: tensor {name} has shape {list(stored)}, expected "
                    f"{list(expected)}; the model is "
                    "not loaded."
                )
        pad_layers(model)
        return (model, info) if wants_info else model

    @classmethod
    def register_for_auto_class(cls, auto_class: str = "AutoModel") -> None:
        """Leave `auto_map` alone: it names every class, where transformers would write one."""


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
