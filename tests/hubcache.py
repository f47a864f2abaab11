"""Repositories in a Hugging Face cache, laid out by the library's own function where it has one."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

COMMIT = "c" * 40


def lay_out(source: Path, cache: Path, repository: str = "models--owner--tiny", *, shared: bool = True) -> Path:
    """Put the files of a folder into a repository of a cache and return its snapshot; `shared` moves every blob to the
    shared store."""
    home = cache / repository
    snapshot = home / "snapshots" / COMMIT
    for folder in (snapshot, home / "blobs", home / "refs"):
        folder.mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        link = snapshot / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(path.read_bytes() + str(link).encode()).hexdigest()
        blob = home / "blobs" / name
        shutil.copyfile(path, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
        if shared:
            publish(blob, name, cache)
    return snapshot


def publish(blob: Path, name: str, cache: Path) -> None:
    """Move a blob to the store that all repositories of the cache share."""
    module = pytest.importorskip(
        "huggingface_hub.utils._shared_blobs", reason="this huggingface_hub has no shared store"
    )
    size = blob.stat().st_size
    assert module.publish_blob_to_shared_store(blob_path=str(blob), xet_hash=name, cache_dir=cache, expected_size=size)
    assert blob.is_symlink() and blob.resolve().parent.parent == cache.resolve() / "blobs"
