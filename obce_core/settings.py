"""Where things live and how large they may be: the only reader of environment variables.

| variable | meaning | default |
|---|---|---|
| `OBCE_CACHE` | home of everything computed | `cache/` of a checkout, else the user's cache folder |
| `OBCE_OFFLINE` (or `HF_HUB_OFFLINE`) | 1: never ask the network | 0 |
| `OBCE_GLUE_DIR` | folder with GLUE tasks in the official TSV layout | none |
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

MAX_TEXT_CHARS = 1_000_000
"""A single text may have this many characters."""

MAX_TEXT_FILE_BYTES = 2 * 1024**3
MAX_CONFIG_BYTES = 1_000_000
MAX_PLAN_JSON_BYTES = 20_000_000
MAX_PLAN_YAML_BYTES = 256_000
MAX_DEPTH = 32
"""Nesting depth allowed in a JSON or YAML document from outside."""

_TRUE = {"1", "true", "yes", "on"}


def project_root() -> Path | None:
    """Find the checkout this package runs from, or None when it is installed."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "app.py").is_file() else None


def cache_dir() -> Path:
    """Return the home of everything computed (not created here)."""
    chosen = os.environ.get("OBCE_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    root = project_root()
    if root is not None:
        return root / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "obce"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "obce"


def offline() -> bool:
    """Say whether the network must not be asked."""
    return any(os.environ.get(name, "").lower() in _TRUE for name in ("OBCE_OFFLINE", "HF_HUB_OFFLINE"))


def set_offline() -> None:
    """Forbid the network to this process and to the ones it starts."""
    os.environ["OBCE_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"


def glue_dir() -> Path | None:
    """Return the local folder of GLUE tasks, if one was named."""
    chosen = os.environ.get("OBCE_GLUE_DIR")
    return Path(chosen).expanduser() if chosen else None
