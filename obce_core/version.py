"""The version, those of the libraries that numbers depend on, and those of the algorithms."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__version__ = "0.1.0"

ALGORITHMS = {"analysis": 3, "evaluation": 1, "preview": 1, "latency": 1, "export": 1}
"""Increased when equal inputs would give other numbers; part of the identity of every result."""


def versions() -> dict[str, str]:
    """Return the versions that are recorded beside a result."""
    numbers = {"obce": __version__, "python": platform.python_version()}
    for package in ("torch", "transformers", "tokenizers", "numpy"):
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            numbers[package] = "not installed"
    return numbers
