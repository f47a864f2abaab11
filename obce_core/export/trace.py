"""Trace a torch model to an ONNX graph with the usual names of inputs, outputs and weights."""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from obce_core.errors import ObceError, shorten

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto
    from transformers import PreTrainedModel

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
AXES = ("batch", "length")
CHOICE_AXES = ("batch", "choices", "length")


def axes(model: PreTrainedModel) -> tuple[str, ...]:
    """Name the axes of a model's inputs: (batch, length), with the choices between them for multiple choice."""
    return CHOICE_AXES if type(model).__name__.endswith("MultipleChoice") else AXES


def trace(model: PreTrainedModel) -> ModelProto:
    """Turn a model in eval mode into an ONNX graph with a free batch size and length.

    Inputs are `INPUTS`, whole numbers of shape (batch, length); outputs have their names in transformers (`logits`,
    `last_hidden_state`, …). A weight keeps its name in `state_dict`; one that a matrix product reads is stored
    transposed, (inputs, outputs). A cut layer's weights are stored as they run, padded to its widest head.

    Raises:
        ObceError: torch cannot trace the model.
    """
    names = axes(model)
    shape = (2,) * (len(names) - 1) + (5,)
    example = {name: torch.ones(shape, dtype=torch.long) for name in INPUTS}
    sizes = {name: dict(enumerate(names)) for name in INPUTS}
    own = model.config._attn_implementation
    model.set_attn_implementation("eager")  # sdpa leaves twice the nodes, and runs slower
    try:
        with torch.no_grad(), _silence():
            outputs = [name for name, value in model(**example).items() if value is not None]
            program = torch.onnx.export(
                model,
                (),
                kwargs=example,
                dynamo=True,
                verbose=False,
                dynamic_shapes=sizes,
                input_names=list(INPUTS),
                output_names=outputs,
            )
            assert program is not None  # it is None for the old exporter only
            proto: ModelProto = program.model_proto
    except Exception as error:  # the exporter has a tree of its own, and raises others' too
        raise ObceError(f"torch cannot turn this model into a graph: {shorten(error, 200)}.") from error
    finally:
        model.set_attn_implementation(own)
    name_weights(proto, model)
    _strip(proto)
    return proto


def name_weights(proto: ModelProto, model: PreTrainedModel) -> None:
    """Give each weight that the exporter folded (and numbered) the name of the parameter it was made of.

    A node tells the path of the module that it comes from: what its product reads is that module's weight, what it adds
    the bias. Two parameters that are one tensor (a tied decoder) stay one: the second reads the first through a
    Transpose.
    """
    from onnx import helper, numpy_helper

    state = model.state_dict(keep_vars=True)
    graph = proto.graph
    first: dict[int, str] = {}
    for name, tensor in state.items():
        first.setdefault(id(tensor), name)
    for entry in graph.initializer:
        if entry.name in state and first[id(state[entry.name])] != entry.name:
            _rename(graph, entry, first[id(state[entry.name])])
    stored = {entry.name: entry for entry in graph.initializer}
    readers = {name: node for node in graph.node for name in node.input}
    for entry in list(graph.initializer):
        if entry.name in state or entry.name not in readers:
            continue
        node = readers[entry.name]
        name = f"{_module(node)}.{'weight' if node.op_type in {'MatMul', 'Gemm'} else 'bias'}"
        if name not in state or name in stored:
            continue
        twin = stored.get(first[id(state[name])])
        _rename(graph, entry, name)
        if twin is not None and np.array_equal(numpy_helper.to_array(twin).T, numpy_helper.to_array(entry)):
            graph.initializer.remove(entry)
            graph.node.insert(
                list(graph.node).index(node), helper.make_node("Transpose", [twin.name], [name], name=name, perm=[1, 0])
            )
        else:
            stored[name] = entry


def _rename(graph: GraphProto, entry: TensorProto, name: str) -> None:
    for node in graph.node:
        for place, read in enumerate(node.input):
            if read == entry.name:
                node.input[place] = name
    for value in graph.value_info:
        if value.name == entry.name:
            value.name = name
    entry.name = name


def _module(node: NodeProto) -> str:
    """Return the path of the module that a node comes from."""
    fields = {entry.key: entry.value for entry in node.metadata_props}
    scopes = ast.literal_eval(fields.get("pkg.torch.onnx.name_scopes", "[]"))
    return str(scopes[-2]) if len(scopes) > 1 else ""


def _strip(proto: ModelProto) -> None:
    """Take out what the exporter noted of this machine: stack traces with paths, the graph of torch."""
    graph = proto.graph
    for holder in (
        proto,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
        *proto.functions,
    ):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    for function in proto.functions:
        for node in function.node:
            node.ClearField("metadata_props")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter's remarks (on packages that it could also use, on axes with one name) off the screen."""
    loggers = [
        logging.getLogger(name)
        for name in ("torch.onnx", "torch.onnx._internal.exporter._registration", "onnxscript", "onnx_ir")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def describe(proto: ModelProto) -> dict[str, dict[str, list[Any]]]:
    """List the axes of a graph's inputs and outputs by name."""

    def listed(entries: Any) -> dict[str, list[Any]]:
        return {
            entry.name: [dim.dim_param or dim.dim_value for dim in entry.type.tensor_type.shape.dim]
            for entry in entries
        }

    return {"inputs": listed(proto.graph.input), "outputs": listed(proto.graph.output)}
