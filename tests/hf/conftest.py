"""Cut models that transformers opens: uneven ones, and one with nothing left in places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tiny import save_tiny, sentences

import obce_core.hf  # noqa: F401
from obce_core.analysis.analyze import analyze
from obce_core.compression.build import compress
from obce_core.plan import ManualOverride, PruneSpec, resolve

EVERY = tuple(range(24))
UNEVEN = PruneSpec(
    cells={3: {"query": 30, "key": 50, "value": 70, "intermediate": 50}},
    drop=(
        ManualOverride(layer=2, component="query", neurons=(0, 1, 9)),
        ManualOverride(layer=2, component="value", neurons=tuple(range(8))),
    ),
)
EMPTIED = PruneSpec(
    drop=(
        ManualOverride(
            layer=1, component="query", neurons=EVERY
        ),  # one extra key row a head is all that is left of its scores
        ManualOverride(layer=2, component="value", neurons=EVERY),
        ManualOverride(layer=3, component="intermediate", neurons=tuple(range(40))),
        ManualOverride(layer=3, component="query", neurons=tuple(range(8))),
        ManualOverride(layer=3, component="key", neurons=tuple(range(8))),
        ManualOverride(layer=3, component="value", neurons=tuple(range(8))),
        ManualOverride(layer=4, component="query", neurons=EVERY),
        ManualOverride(layer=4, component="key", neurons=EVERY),
        ManualOverride(layer=4, component="value", neurons=EVERY),
        ManualOverride(layer=4, component="intermediate", neurons=tuple(range(40))),
    )
)


@pytest.fixture(autouse=True)
def same_numbers() -> Iterator[None]:
    """Start every test from the same random state, and leave the logs of transformers as they were."""
    torch.manual_seed(0)
    verbosity = transformers.utils.logging.get_verbosity()
    yield
    transformers.utils.logging.set_verbosity(verbosity)


@pytest.fixture(scope="session")
def cut(tiny_analysis: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cut a BertModel unevenly, with extra key rows and an emptied head of values."""
    return compress(
        tiny_analysis, resolve(tiny_analysis, UNEVEN), tmp_path_factory.mktemp("hf") / "cut", device="cpu"
    ).folder


@pytest.fixture(scope="session")
def emptied(tiny_analysis: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cut a BertModel until layers have no values, no pairs, no intermediate neurons."""
    return compress(
        tiny_analysis, resolve(tiny_analysis, EMPTIED), tmp_path_factory.mktemp("hf") / "emptied", device="cpu"
    ).folder


@pytest.fixture(scope="session")
def cut_heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cut a BertForPreTraining: a file with pooler and both pre-training heads."""
    from tiny import sample

    home = tmp_path_factory.mktemp("hf-heads")
    analysis = analyze(
        save_tiny(home / "model", transformers.BertForPreTraining), sample(20, heldout=6), out=home / "analysis"
    )
    return compress(analysis, resolve(analysis, UNEVEN), home / "cut", device="cpu").folder


@pytest.fixture(scope="session")
def words(cut: Path) -> Any:
    """Tokenize texts of different lengths, padded."""
    return transformers.AutoTokenizer.from_pretrained(cut)(
        list(sentences(6, seed=3)), padding=True, return_tensors="pt"
    )
