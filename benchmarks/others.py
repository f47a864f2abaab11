"""What a cut model is held beside: whole heads pruned by Torch-Pruning, and files that onnxruntime runs."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from obce_core.analysis.analysis import Analysis


def require() -> None:
    """End with one line when a package of the extras `onnx` and `bench` is not installed."""
    absent = [
        name
        for name in ("onnx", "onnxscript", "onnxruntime", "torch_pruning")
        if importlib.util.find_spec(name) is None
    ]
    if absent:
        raise SystemExit(f"Not installed: {', '.join(absent)}: pip install -e '.[demo,onnx,bench]'")


class OnnxModel(nn.Module):
    """An ONNX file in onnxruntime on `threads` threads, called like the base model that it was made of.

    Its threads stop waiting for work once a call returns: else they would hold the core that the next call needs.
    """

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        ids = input_ids.numpy()
        feed = {"input_ids": ids, "attention_mask": attention_mask.numpy(), "token_type_ids": np.zeros_like(ids)}
        return SimpleNamespace(last_hidden_state=torch.from_numpy(self.session.run(["last_hidden_state"], feed)[0]))


def whole_heads(
    original: nn.Module, beside: nn.Module, analysis: Analysis, layers: Sequence[int], *, multiple: int = 1
) -> tuple[nn.Module, int, int]:
    """Prune a copy of a BertModel to about the size of `beside`: as many heads and feed-forward neurons in each of
    `layers`.

    Heads: the number whose parameters are nearest to what `beside` keeps of attention. Feed-forward neurons: the fewest
    with which the copy has at least the parameters of `beside`, rounded up to a multiple of `multiple`.

    Torch-Pruning traces the stock model, finds what hangs together, scores it (`GroupMagnitudeImportance`: squared
    weights of a group; the mean over a head) and prunes. Its groups are asked for one by one, because its pruners take
    shares and round them. BertModel of transformers 5 needs no wrapping: its attention takes the number of heads from
    the width of its maps.

    Returns:
        The pruned copy, the heads and the feed-forward neurons kept in each layer.
    """
    import torch_pruning as pruning

    family, shape = analysis.family, analysis.shape
    maps = [
        family.linear(layer, component)
        for layer in layers
        for component in ("query", "key", "value", "attention_output")
    ]
    held, stock = (sum(stored_size(model.get_submodule(name)) for name in maps) for model in (beside, original))
    heads = max(1, round(shape.heads * held / stock))
    each_head, each_neuron = shape.head_size * (4 * shape.hidden + 3), 2 * shape.hidden + 1
    surplus = stored_size(original) - len(layers) * (shape.heads - heads) * each_head - stored_size(beside)
    neurons = shape.intermediate - surplus // (len(layers) * each_neuron)
    neurons = min(shape.intermediate, -(-neurons // multiple) * multiple)
    pruned = copy.deepcopy(original)
    graph = pruning.DependencyGraph().build_dependency(
        pruned,
        {"input_ids": torch.ones(2, 8, dtype=torch.long)},
        output_transform=lambda output: output.last_hidden_state,
    )
    importance = pruning.importance.GroupMagnitudeImportance()
    for layer in layers:
        for component, size, kept in (("value", shape.head_size, heads), ("intermediate", 1, neurons)):
            module = pruned.get_submodule(family.linear(layer, component))
            rows = torch.arange(module.out_features).view(-1, size)  # (heads or neurons, rows of each)
            scores = importance(
                graph.get_pruning_group(module, pruning.prune_linear_out_channels, rows.flatten().tolist())
            )
            gone = scores.view(-1, size).mean(1).argsort()[: len(rows) - kept]
            if len(gone):
                graph.get_pruning_group(
                    module, pruning.prune_linear_out_channels, rows[gone].flatten().tolist()
                ).prune()
    return pruned.eval(), heads, neurons


def stored_size(module: nn.Module) -> int:
    """Count the parameters that a module stores; padding is none."""
    return sum(tensor.numel() for tensor in module.state_dict().values())
