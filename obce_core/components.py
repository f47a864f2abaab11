"""The six components (linear maps) of an encoder layer, in the paper's order, and which of them may be cut."""

from __future__ import annotations

from obce_core.errors import UnknownName

COMPONENTS = ("query", "key", "value", "attention_output", "intermediate", "output")
"""Every component, in the order of the paper's tables and Figure 6."""

HEADED = ("query", "key", "value")
"""Components whose neurons belong to attention heads."""

LOCKED = ("attention_output", "output")
"""Components that feed a residual sum: shown, never cut (paper, section 4)."""

Cell = tuple[int, str]
"""A layer (from 1) and a component."""

CUTTABLE = ("query", "key", "value", "intermediate")

TITLES = {
    "query": "Query",
    "key": "Key",
    "value": "Value",
    "attention_output": "Attention output",
    "intermediate": "Intermediate",
    "output": "Output",
}


def check_component(name: object) -> str:
    """Return `name` when it is a component, else raise UnknownName with the six names."""
    if not isinstance(name, str) or name not in COMPONENTS:
        raise UnknownName("component", name, COMPONENTS)
    return name
