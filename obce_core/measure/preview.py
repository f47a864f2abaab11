"""Previews: the fidelity of a plan before anything is built, by a masked forward pass on held-out texts.

What was measured lies in `cache/previews` under a digest of all that it depends on. Reading it needs no torch;
measuring (`obce_core.measure.preview_pass`) does.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np

from obce_core import settings
from obce_core.analysis.analysis import Analysis
from obce_core.compression.result import Fidelity
from obce_core.plan.plan import Kept
from obce_core.plan.spec import Compensation
from obce_core.storage.atomic import read_json, write_json
from obce_core.storage.digests import digest
from obce_core.version import ALGORITHMS

FORMAT = "obce-preview/1"
TEXTS = 150
"""At most this many of the held-out texts are read."""

__all__ = [
    "FORMAT",
    "TEXTS",
    "keep_preview",
    "not_measured",
    "preview_key",
    "preview_texts",
    "read_preview",
    "stored_previews",
]


def preview_texts(held: int) -> np.ndarray:
    """Return which of `held` held-out texts are read, rising, shape (texts,): all, or a draw of 150 (seed 0).

    Held-out texts are in the order of their source, so that the first ones may all be of one topic.
    """
    if held <= TEXTS:
        return np.arange(held)
    return np.sort(np.random.default_rng(0).choice(held, TEXTS, replace=False))


def not_measured(analysis: Analysis, compensation: Compensation) -> str:
    """Say in words why a plan of this analysis cannot be measured before it is built; "" when it can."""
    if not analysis.meta.get("texts", {}).get("heldout"):
        return "no text was left out of the analysis"
    if compensation.predicts:
        return "least-squares is fitted when the model is built"
    return ""


def preview_key(analysis: str, kept: Kept, compensation: Compensation) -> str:
    """Return the id of a preview: the digest of the analysis, the kept neurons and their constants."""
    masks = [
        [layer, name, len(mask), hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()]
        for layer, row in sorted(kept.items())
        for name, mask in sorted(row.items())
    ]
    return digest([FORMAT, ALGORITHMS["preview"], TEXTS, analysis, masks, compensation.method, compensation.tokens])[
        :32
    ]


def read_preview(key: str) -> Fidelity | None:
    """Read what was measured under a key, or None."""
    try:
        data = read_json(_path(key))
        return Fidelity(**data["fidelity"]) if data["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def stored_previews() -> frozenset[str]:
    """List the keys under which something was measured."""
    return frozenset(path.stem for path in (settings.cache_dir() / "previews").glob("*.json"))


def keep_preview(key: str, found: Fidelity) -> None:
    """Write what was measured under a key; a read-only process writes nothing."""
    if settings.read_only():
        return
    write_json(_path(key), {"format": FORMAT, "fidelity": asdict(found)})


def _path(key: str) -> Path:
    return settings.cache_dir() / "previews" / f"{key}.json"
