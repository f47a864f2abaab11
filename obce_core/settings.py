"""Settings: locations, limits, and the only module that reads environment variables.

| variable | meaning | default |
|---|---|---|
| `OBCE_CACHE` | home of everything computed | `cache/` of a checkout, else the user's cache folder |
| `OBCE_OFFLINE` (or `HF_HUB_OFFLINE`) | 1: never ask the network | 0 |
| `OBCE_GLUE_DIR` | folder with GLUE tasks in the official TSV layout | none |
| `OBCE_JOBS` | jobs at work at the same time on the processor (each GPU takes one more) | 1 |
| `OBCE_GPU_JOBS` | jobs at work at the same time on each GPU | 1 |
| `OBCE_JOB_MEMORY` | bytes of address space that one job may take (`8G`, `500M`) | no limit |
| `OBCE_TEXT_MEMORY` | bytes of memory that the texts of one file may take (`200M`, `2G`) | `200M` |
| `OBCE_RAY_ADDRESS` (or `RAY_ADDRESS`) | the Ray cluster that jobs are sent to, `http://host:8265` | none |
| `OBCE_ROOTS` | folders below which the dashboard accepts typed paths, as in `PATH` | home, working folder |
| `OBCE_READ_ONLY` | 1: no jobs, uploads, typed paths or deletion (`obce app --read-only`) | 0 |
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from obce_core.errors import BadInput, shorten

MAX_TEXT_CHARS = 1_000_000
"""A single text may have this many characters."""

MAX_TEXT_FILE_BYTES = 2 * 1024**3
MAX_TEXT_MEMORY = 200_000_000
MAX_CONFIG_BYTES = 1_000_000
MAX_PLAN_JSON_BYTES = 10_000_000
MAX_PLAN_YAML_BYTES = 256_000
MAX_DEPTH = 32
"""Nesting depth allowed in a JSON or YAML document from outside."""

_TRUE = {"1", "true", "yes", "on"}


def project_root() -> Path | None:
    """Find the checkout this package runs from, or None when it is installed."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "app.py").is_file() else None


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Return a path with a leading `~` or `~NAME` replaced by that home folder; BadInput if there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise BadInput(
            f"{shorten(str(path))} names the home folder of a user who does not exist.",
            hint="Write ./~… for a file of this name.",
        ) from None


def cache_dir() -> Path:
    """Return the home of everything computed (not created here)."""
    value = os.environ.get("OBCE_CACHE")
    if value:
        return expand_home(value).resolve()
    root = project_root()
    if root is not None:
        return root / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "obce"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "obce"


def offline() -> bool:
    """Return True if network access is disabled."""
    return any(os.environ.get(name, "").lower() in _TRUE for name in ("OBCE_OFFLINE", "HF_HUB_OFFLINE"))


def read_only() -> bool:
    """Return True if this process must not start, write or delete anything for a visitor."""
    return os.environ.get("OBCE_READ_ONLY", "").lower() in _TRUE


def root_folders() -> list[Path]:
    """Return the folders that OBCE_ROOTS names, or the home and the working folder."""
    value = [part for part in os.environ.get("OBCE_ROOTS", "").split(os.pathsep) if part.strip()]
    return [expand_home(part.strip()) for part in value] if value else [Path.home(), Path.cwd()]


def hub_cache() -> Path:
    """Return the folder where huggingface_hub keeps models and data sets."""
    value = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if value:
        return expand_home(value)
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return expand_home(home) / "hub"


def set_offline() -> None:
    """Forbid the network to this process and to the ones it starts."""
    os.environ["OBCE_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"


def glue_dir() -> Path | None:
    """Return the local folder of GLUE tasks, if one was named."""
    value = os.environ.get("OBCE_GLUE_DIR")
    return expand_home(value) if value else None


def jobs_at_once() -> int:
    """Return how many jobs may work on the processor at the same time."""
    return _count("OBCE_JOBS")


def jobs_a_gpu() -> int:
    """Return how many jobs may work on one GPU at the same time; a small model leaves most of a large one idle."""
    return _count("OBCE_GPU_JOBS")


def _count(name: str) -> int:
    value = os.environ.get(name) or "1"
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 256):
        raise BadInput(f"{name} is {shorten(value)!r}; it must be a number from 1 to 256.")
    return int(value)


def job_memory() -> int | None:
    """Return the bytes of address space that one job may take, or None for no limit."""
    return _bytes("OBCE_JOB_MEMORY")


def text_memory() -> int:
    """Return the bytes of memory that the texts of one file may take."""
    return _bytes("OBCE_TEXT_MEMORY") or MAX_TEXT_MEMORY


def _bytes(name: str) -> int | None:
    value = os.environ.get(name)
    if not value:
        return None
    match = re.fullmatch(r"(\d{1,15})\s*([KMGT]?)i?B?", value.strip(), re.IGNORECASE | re.ASCII)
    if not match or not int(match.group(1)):
        raise BadInput(f"{name} is {shorten(value)!r}; it must be a size, such as 8G.")
    return int(match.group(1)) * 1024 ** " KMGT".index(match.group(2).upper() or " ")


def ray_address() -> str | None:
    """Return the Ray cluster that jobs are sent to, if one was named."""
    return os.environ.get("OBCE_RAY_ADDRESS") or os.environ.get("RAY_ADDRESS") or None


CARRIED = (
    "OBCE_OFFLINE",
    "HF_HUB_OFFLINE",
    "OBCE_GLUE_DIR",
    "OBCE_TEXT_MEMORY",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
)
"""The environment variables that a run passes from its submitter to its worker; a spec can set no others."""


def carried() -> dict[str, str]:
    """Return the settings of the submitter that a job keeps, whichever process starts it."""
    return {name: os.environ[name] for name in CARRIED if name in os.environ}


def ray_token() -> str | None:
    """Read the current token of a Ray cluster from the three places where Ray looks; None without one.

    Raises:
        BadInput: RAY_AUTH_TOKEN_PATH names a file that cannot be read.
    """
    if os.environ.get("RAY_AUTH_MODE", "token").lower() == "disabled":
        return None
    value = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    if value:
        return value
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = expand_home(named) if named else Path.home() / ".ray" / "auth_token"
    try:
        return path.read_text("utf-8")[:10_000].strip() or None
    except (OSError, ValueError) as error:
        if not named:
            return None
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadInput(f"RAY_AUTH_TOKEN_PATH names {shorten(named, 200)}, which cannot be read: {reason}.") from None
