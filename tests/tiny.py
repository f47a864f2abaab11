"""Small things that tests are made of: random models on disk, samples of texts, analyses in memory."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from obce_core.analysis.analysis import BASE_COLUMNS, Analysis, stored_criteria
from obce_core.architectures import FAMILIES
from obce_core.components import COMPONENTS
from obce_core.plan import ManualOverride, Plan, PruneSpec, resolve
from obce_core.texts import Texts

SIZES = {
    "vocab_size": 71,
    "hidden_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 130,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *LETTERS,
    *(f"##{c}" for c in LETTERS),
    *(str(n) for n in range(10)),
    ".",
    ",",
    "-",
    "!",
]
WORDS = [
    "able",
    "acid",
    "baby",
    "back",
    "cake",
    "calm",
    "dark",
    "dawn",
    "each",
    "edge",
    "face",
    "fact",
    "gain",
    "game",
    "hair",
    "half",
    "idea",
    "iron",
    "jazz",
    "join",
    "keen",
    "kind",
]


def save_tiny(folder: Path, cls: Any = None, *, seed: int = 0, **sizes: Any) -> Path:
    """Save a random Bert model (default: BertModel) with a tokenizer; weights large enough that attention is uneven."""
    import transformers

    cls = cls or transformers.BertModel
    model = cls(transformers.BertConfig(**SIZES | sizes)).eval()
    randomize(model, seed)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder: Path) -> None:
    """Write a WordPiece tokenizer of letters."""
    import transformers

    vocabulary = folder / "words.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n")
    transformers.BertTokenizer(str(vocabulary)).save_pretrained(folder)
    vocabulary.unlink()


def randomize(model: Any, seed: int) -> None:
    """Draw every parameter from a seed, biases and LayerNorms too."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            spread = 1.5 / math.sqrt(tensor.shape[-1]) if tensor.dim() > 1 else 0.3
            middle = 1.0 if "LayerNorm" in name and name.endswith("weight") else 0.0
            tensor.copy_(middle + spread * torch.randn(tensor.shape, generator=generator))
    model.tie_weights()


def sentences(count: int, *, seed: int = 0, longest: int = 7) -> tuple[str, ...]:
    """Make different texts of one to `longest` words."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[" ".join(rng.choice(WORDS, rng.integers(1, longest + 1)))] = None
    return tuple(found)


def sample(count: int = 20, *, heldout: int = 6, seed: int = 0) -> Texts:
    """Make a frozen sample with held-out texts."""
    every = sentences(count + heldout, seed=seed)
    return Texts(texts=every[:count], source="test", seed=seed, available=count + heldout, heldout=every[count:])


def some_of_everything(analysis: Analysis, **prune_spec: Any) -> Plan:
    """Cut some of everything in the tiny model's layers; heads 0 and 1 need an extra row, head 2 does not."""
    drop = []
    for layer in range(1, analysis.shape.layers + 1):
        drop += [
            ManualOverride(layer=layer, component="query", neurons=(0, 1, 9, 17)),
            ManualOverride(layer=layer, component="key", neurons=(2, 17, 20)),
            ManualOverride(layer=layer, component="value", neurons=(3, 4, 5, 12, 23)),
            ManualOverride(layer=layer, component="intermediate", neurons=tuple(range(0, 40, 3))),
        ]
    return resolve(analysis, PruneSpec(drop=tuple(drop), **prune_spec))


def copy_folder(source: Path, target: Path, **changes: Any) -> Path:
    """Copy a model folder and change fields of its config.json."""
    import shutil

    shutil.copytree(source, target)
    if changes:
        edit_config(target, **changes)
    return target


def edit_config(folder: Path, **changes: Any) -> None:
    """Change fields of a folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_tensors(folder: Path, change: Any) -> None:
    """Rewrite model.safetensors with what `change` makes of its tensors."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = load_file(path)
    change(state)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path, metadata={"format": "pt"})


def memory_analysis(
    layers: int,
    hidden: int,
    heads: int,
    intermediate: int,
    *,
    vocab: int = 100,
    positions: int = 64,
    pooler: bool = True,
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
) -> Analysis:
    """Make an analysis of a BERT that was never built: random columns, all different, some constants negative."""
    shape = {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "head_size": hidden // heads,
        "intermediate": intermediate,
    }
    config = {
        "vocab_size": vocab,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
        "max_position_embeddings": positions,
        "type_vocab_size": 2,
    }
    tensors = {name: list(size) for name, size in FAMILIES["bert"].tensors(config).items()}
    if pooler:
        tensors |= {"pooler.dense.weight": [hidden, hidden], "pooler.dense.bias": [hidden]}
    neurons = layers * sum(intermediate if name == "intermediate" else hidden for name in COMPONENTS)
    rng = np.random.default_rng(seed)
    names = dict.fromkeys((*BASE_COLUMNS, *stored_criteria()))
    columns = {name: rng.random(neurons) + 0.01 for name in names}
    columns["mean_cls"], columns["mean_all"] = rng.normal(size=neurons), rng.normal(size=neurons)
    columns["min"], columns["max"] = -rng.random(neurons), rng.random(neurons)
    columns |= dict(changes or {})
    model = {
        "spec": "nowhere",
        "name": "in-memory",
        "revision": "",
        "weights_sha256": "ab" * 32,
        "family": "bert",
        "architecture": "BertModel",
        "shape": shape,
        "tensors": tensors,
        "bytes": 0,
    }
    return Analysis(meta={"format": "obce-analysis/1", "id": "0123456789abcdef", "model": model}, columns=columns)
