"""Find a model in a subfolder (`0_Transformer/`, `0_BERT/`), as old sentence-transformers saved it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from obce_core.models.files import open_file
from obce_core.settings import MAX_CONFIG_BYTES

_MOST = 1_000
"""Entries of a folder that are looked at."""


def model_subfolders(folder: Path, config: str, weights: Sequence[str]) -> list[str]:
    """List the sub-folders that hold a config and weights, in order of name; else those that modules.json names.

    A snapshot of the hub has modules.json alone: the sub-folders of a hub model are not downloaded.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in islice(entries, _MOST) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    complete = [
        name
        for name in names
        if (folder / name / config).is_file() and any((folder / name / file).is_file() for file in weights)
    ]
    return complete or _transformers_of(folder)


def _transformers_of(folder: Path) -> list[str]:
    """Read the sub-folders of the Transformer modules from a modules.json; nothing of an unusual one."""
    stream = open_file(folder, "modules.json")
    if stream is None:
        return []
    with stream:
        raw = stream.read(MAX_CONFIG_BYTES)
    try:
        paths = [str(entry["path"]) for entry in json.loads(raw) if str(entry["type"]).endswith(".Transformer")]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return [path for path in paths if path not in {"", ".", ".."} and "/" not in path]
