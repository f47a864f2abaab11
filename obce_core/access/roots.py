"""The folders below which the dashboard accepts typed paths; the command line is not restricted.

`OBCE_ROOTS` names them (default: the home and the working folder); the cache and the hub's cache always count. Symlinks
are resolved before the comparison, on both sides.
"""

from __future__ import annotations

import os
from pathlib import Path

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import PathError, shorten


def roots() -> list[Path]:
    """Return the roots, symlinks resolved; the caches come last."""
    results = [*settings.root_folders(), settings.cache_dir(), settings.hub_cache()]
    return list(dict.fromkeys(_resolved(root) for root in results))


def typed_path(text: str | os.PathLike[str], *, what: str = "path") -> Path:
    """Return a path typed into a page, absolute and with symlinks resolved, if it lies below a root.

    Args:
        text: the path; `~` stands for the home.
        what: what it names, for the message: "GLUE folder".

    Raises:
        ReadOnly: the dashboard is read-only, which reads no typed path.
        PathError: it leads out of the roots. Whether it exists is not said.
    """
    refuse_if_read_only(f"Reading a {what} by its path")
    try:
        path = _resolved(Path(text).expanduser())
    except (RuntimeError, ValueError):  # "~nobody" names no home; a null character no file
        raise PathError(f"The {what} {shorten(text, 200)!r} is not a valid path.") from None
    allowed = roots()
    if not any(path.is_relative_to(root) for root in allowed):
        names = ", ".join(str(root) for root in allowed)
        raise PathError(
            f"The {what} {shorten(text, 200)} is outside the folders that the dashboard may read "
            f"({shorten(names, 400)}).",
            hint="Move it there, start the dashboard with OBCE_ROOTS set to its folder, or use the command line.",
        )
    return path


def typed_model(spec: str) -> str:
    """Return a model typed into a page: `demo`, a hub id, or a folder below a root.

    Raises:
        ReadOnly: the dashboard is read-only, and it is not the demo.
        PathError: a folder outside the roots.
    """
    if spec == "demo":
        return spec
    refuse_if_read_only("Looking at another model")
    if _is_path(spec):
        typed_path(spec, what="model folder")
    return spec


def _is_path(spec: str) -> bool:
    """Return False if a spec can only be a hub id: not like a path, and not in the working folder."""
    if spec.startswith(("/", "~", ".")) or spec.count("/") > 1 or "\\" in spec or ".." in spec.split("/"):
        return True
    try:
        return os.path.lexists(spec)
    except ValueError:
        return True


def _resolved(path: Path) -> Path:
    """Follow the symlinks of a path as far as it exists; a loop or an unreadable part ends there."""
    return Path(os.path.realpath(path))
