"""The interface of an encoder family: module names, shapes, and the hook points of its neurons.

A family is one file with one class and one row in `FAMILIES`. Everything below is answered without torch except
`model_class` and `compact_class`, which import what they return.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from obce_core.architectures.config import Field
from obce_core.components import COMPONENTS, HEADED
from obce_core.errors import UnknownName

Tap = Literal["neuron", "linear", "block"]
TAPS: tuple[Tap, ...] = ("neuron", "linear", "block")


@dataclass(frozen=True, kw_only=True)
class EncoderShape:
    """The widths of an uncut encoder.

    `layers`, `heads` and `head_size` count; `hidden` is the width of the residual stream, `intermediate` that of the
    feed-forward layer.
    """

    layers: int
    hidden: int
    heads: int
    head_size: int
    intermediate: int

    def width(self, component: str) -> int:
        """Return the number of neurons of a component in one layer."""
        if component in HEADED:
            return self.heads * self.head_size
        return self.intermediate if component == "intermediate" else self.hidden

    def head_of(self, component: str, neuron: int) -> int | None:
        """Return the head of a neuron (from 0), or None for a component without heads."""
        return neuron // self.head_size if component in HEADED else None


@dataclass(frozen=True)
class HookPoint:
    """A place in a model where a neuron's output passes: a module path and the side of the module to read."""

    path: str
    side: Literal["input", "output"]


@dataclass(frozen=True, kw_only=True)
class AttentionSite:
    """A self-attention module: its path and the names of the attributes that hold its head size and scale."""

    path: str
    head_size: str = "attention_head_size"
    scale: str = "scaling"


class Family(ABC):
    """A family of encoders with the same module names, e.g. BERT.

    Paths and tensor names are relative to the base model (`BertModel`), whatever head stands on it.
    """

    model_type: str
    title: str
    root: str
    """Attribute under which a model with a head keeps its base model (`bert`)."""
    layers: str
    """Path of the list of layers (`encoder.layer`); its tensors are what "the encoder" counts."""
    linears: Mapping[str, str]
    """Path of each component's linear map within a layer."""
    blocks: Mapping[str, str]
    """Path within a layer of the module whose output is the residual stream, by the component that feeds it."""
    norms: tuple[str, ...]
    """Paths of the LayerNorms within a layer."""
    embeddings: str = "embeddings"
    """Path of the embeddings."""
    pooler: str = "pooler"
    """Path of the pooler, where the base model has one."""
    classifier: str
    """Name of the architecture that classifies whole texts, or scores them."""
    outputs: str = "classifier"
    """Path of that architecture's last linear map: a row a class."""
    fields: tuple[Field, ...]
    """The allow-list of config.json; everything else there is ignored."""

    @abstractmethod
    def shape(self, config: Mapping[str, Any]) -> EncoderShape:
        """Read the widths from a checked config."""

    @abstractmethod
    def attention(self, layer: int) -> AttentionSite:
        """Return the self-attention module of a layer (from 1)."""

    @abstractmethod
    def embedding_tensors(self, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        """List the tensors that the embeddings must have, with their shapes."""

    @abstractmethod
    def model_class(self, architecture: str) -> type:
        """Return the transformers class of an architecture name; `""` is the base model."""

    @abstractmethod
    def compact_class(self, architecture: str) -> type:
        """Return the class that runs a cut model of this architecture."""

    @abstractmethod
    def architectures(self) -> tuple[str, ...]:
        """List the class names that this family can load, the base model first."""

    def linear(self, layer: int, component: str) -> str:
        """Return the path of a component's linear map; `layer` counts from 1."""
        return f"{self.layers}.{layer - 1}.{self.linears[component]}"

    def hook_point(self, layer: int, component: str, tap: Tap) -> HookPoint:
        """Return the hook point of a component's outputs; `layer` counts from 1."""
        if tap == "block" and component in self.blocks:
            return HookPoint(f"{self.layers}.{layer - 1}.{self.blocks[component]}", "output")
        if tap == "neuron" and component == "intermediate":
            # The neuron's output, after the activation, is the input of the next map.
            return HookPoint(self.linear(layer, "output"), "input")
        return HookPoint(self.linear(layer, component), "output")

    def tensors(self, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        """List every tensor that an encoder must have (embeddings and layers), with its shape."""
        shape = self.shape(config)
        shapes = self.embedding_tensors(config)
        for layer in range(1, shape.layers + 1):
            for component in COMPONENTS:
                inputs = shape.intermediate if component == "output" else shape.hidden
                shapes[f"{self.linear(layer, component)}.weight"] = (shape.width(component), inputs)
                shapes[f"{self.linear(layer, component)}.bias"] = (shape.width(component),)
            for norm in self.norms:
                shapes[f"{self.layers}.{layer - 1}.{norm}.weight"] = (shape.hidden,)
                shapes[f"{self.layers}.{layer - 1}.{norm}.bias"] = (shape.hidden,)
        return shapes

    def head_tensors(self, architecture: str, config: Mapping[str, Any]) -> tuple[str, ...]:
        """List the tensors outside the encoder that an architecture's outputs need, relative to the base model.

        A weight that is tied to one of the encoder is not among them. A family that does not list its heads has none to
        miss.
        """
        return ()

    def refuse(self, config: Mapping[str, Any]) -> str | None:
        """Say in one sentence why a config of this family cannot be handled, or return None."""
        return None

    def canonical(self, name: str) -> str:
        """Translate an old tensor name into today's."""
        return name

    def architecture(self, named: str) -> str:
        """Accept an architecture name, `""` meaning the base model, or raise UnknownName."""
        known = self.architectures()
        if not named:
            return known[0]
        if named not in known:
            raise UnknownName(f"{self.title} architecture", named, known)
        return named

    def part(self, name: str) -> str:
        """Return the part of a tensor named relative to the base model: `layers`, `embeddings`, `pooler` or `head`."""
        for part in ("layers", "embeddings", "pooler"):
            if name.startswith(getattr(self, part) + "."):
                return part
        return "head"

    def layer_number(self, name: str) -> int | None:
        """Return the layer that a tensor of a file belongs to, from 1, or None for a tensor outside the layers."""
        base, path = self.strip_root(name), self.layers + "."
        number = base.removeprefix(path).split(".")[0] if base.startswith(path) else ""
        return int(number) + 1 if number.isascii() and number.isdigit() and len(number) < 10 else None

    def file_names(self, originals: Iterable[str]) -> dict[str, str]:
        """Map names relative to the base model to those of a file with these tensors, extra key rows included."""
        results = {self.strip_root(name): self.canonical(name) for name in originals}
        rows = {name: file for name, file in results.items() if name.endswith(".weight")}
        return results | {name[:-6] + "extra": file[:-6] + "extra" for name, file in rows.items()}

    def strip_root(self, name: str) -> str:
        """Return a tensor's name relative to the base model."""
        name = self.canonical(name)
        return name[len(self.root) + 1 :] if name.startswith(self.root + ".") else name
