"""OBCE: measure how important each neuron of a BERT is by persistent homology, cut, and ship the smaller model.

The facade::

    analyze        a model and texts      -> Analysis
    read_analysis  a folder or id         -> Analysis
    make_plan      an Analysis            -> Plan
    read_plan      a plan file            -> Plan
    compress       an Analysis and a Plan -> Compressed (a model folder)
    load           a model folder         -> (model, tokenizer)

Importing this package is light; torch and transformers load on first use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from obce_core.version import __version__

if TYPE_CHECKING:
    from obce_core.analysis import read_analysis
    from obce_core.analyze import analyze
    from obce_core.compress.build import compress
    from obce_core.compress.checkpoint import load
    from obce_core.plan import make_plan, read_plan

_HOMES = {
    "analyze": "obce_core.analyze",
    "compress": "obce_core.compress.build",
    "load": "obce_core.compress.checkpoint",
    "make_plan": "obce_core.plan",
    "read_analysis": "obce_core.analysis",
    "read_plan": "obce_core.plan",
}

__all__ = ["__version__", "analyze", "compress", "load", "make_plan", "read_analysis", "read_plan"]


class _Facade(ModuleType):
    """A module in which importing the submodule `compress` or `analyze` does not hide the function of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Facade


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
