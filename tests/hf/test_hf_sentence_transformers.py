"""The demo, cut, is still a sentence encoder: sentence-transformers opens its folder."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from obce_core.compression.build import compress
from obce_core.compression.checkpoint import load
from obce_core.plan import make_plan

TEXTS = ["Rivers carry silt to the sea.", "Tin melts.", "A violin has four strings tuned in fifths."]


@pytest.fixture(scope="module")
def folder(demo_analysis: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compress(
        demo_analysis, make_plan(demo_analysis, percentile=50), tmp_path_factory.mktemp("st") / "cut"
    ).folder


@pytest.mark.parametrize("options", [{"trust_remote_code": True}, {}], ids=["by its own file", "by this package"])
def test_it_encodes_as_the_pooled_model_does(folder: Path, options: dict[str, Any], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("sentence_transformers")
        encoder = library.SentenceTransformer(str(folder), device="cpu", **options)
        found = encoder.encode(TEXTS, show_progress_bar=False)
        encoder.save(str(tmp_path / "saved"))
        again = library.SentenceTransformer(str(tmp_path / "saved"), device="cpu", **options)
    model, tokenizer = load(folder, device="cpu")
    words = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**words).last_hidden_state
    mask = words["attention_mask"].unsqueeze(-1)
    pooled = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).numpy()
    assert found.shape == (3, 384)
    assert np.abs(found - pooled).max() < 1e-6
    assert np.abs(again.encode(TEXTS, show_progress_bar=False) - found).max() < 1e-6
