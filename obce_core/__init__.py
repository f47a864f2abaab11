"""OBCE: find the neurons that matter in a BERT by persistent homology, and cut the rest.

The facade::

    analyze        a model and texts      -> Analysis
    read_analysis  a folder or id         -> Analysis
    make_plan      an Analysis            -> Plan
    read_plan      a plan file            -> Plan
    compress       an Analysis and a Plan -> Compressed (a model folder)
    load           a model folder         -> (model, tokenizer)
    verify         a model folder         -> Verification (it is the masked original)
    evaluate       a model and a task     -> Evaluation (fine-tuned and scored on GLUE)

Importing this package is light; torch and transformers load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from obce_core.version import __version__

if TYPE_CHECKING:
    from obce_core.analysis.analysis import read_analysis
    from obce_core.analysis.analyze import analyze
    from obce_core.compression.build import compress
    from obce_core.compression.checkpoint import load
    from obce_core.glue.evaluate import evaluate
    from obce_core.measure.verify import verify
    from obce_core.plan import make_plan, read_plan

_HOMES = {
    "analyze": "obce_core.analysis.analyze",
    "compress": "obce_core.compression.build",
    "evaluate": "obce_core.glue.evaluate",
    "load": "obce_core.compression.checkpoint",
    "make_plan": "obce_core.plan",
    "read_analysis": "obce_core.analysis.analysis",
    "read_plan": "obce_core.plan",
    "verify": "obce_core.measure.verify",
}

__all__ = [
    "__version__",
    "analyze",
    "compress",
    "evaluate",
    "load",
    "make_plan",
    "read_analysis",
    "read_plan",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
