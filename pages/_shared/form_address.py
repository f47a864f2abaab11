"""Write the values of the Analysis and Launch forms into the address of their page, and read them from it.

Every value is checked here, because a widget raises an error for a value that is not among its options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from obce_core.glue.recipe import TIERS
from obce_core.glue.sweep import CONTROLS
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import ORDERS
from obce_core.jobs.launcher_kinds import LAUNCHERS
from obce_core.texts.sources.catalog import SOURCES

Check = Callable[[Any], bool]
_LONGEST = 1_000


def _text(pattern: str = r"[^\x00-\x1f]{1,300}") -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _number(low: float, high: float, kind: type = int) -> Check:
    return lambda value: type(value) in (int, kind) and low <= value <= high


def _among(*options: Any) -> Check:
    return lambda value: any(value == option and type(value) is type(option) for option in options)


def _some(check: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= 100 and all(map(check, value))


_STORED = _text(r"[0-9a-f]{8,64}(\.[a-z]{2,8})?")
ANALYSIS: dict[str, Check] = {
    "model": _text(),
    "revision": _text(),
    "source": _among(*SOURCES, "paste"),
    "argument": _text(),
    "task": _among(*TASKS),
    "glue_dir": _text(),
    "file": _STORED,
    "file_name": _text(),
    "pasted_at": _STORED,
    r"column-[0-9a-f]{8,64}(\.[a-z]{2,8})?": _text(),
    "split": _among(True, False),
    "size": _among(0, 150, 700, 1500, 3000),
    "n_texts": _number(2, 100_000),
    "seed": _number(0, 2**32 - 1),
    "tokens": _among("cls", "mean", "all"),
    "tap": _among("neuron", "linear", "block"),
    "max_length": _number(3, 512),
    "device": _among("auto", "cpu", "cuda", "mps"),
    "dtype": _among("float32", "bfloat16", "float16", "float64"),
    "batch_size": _number(1, 4096),
    "threads": _number(0, 1024),
    "heldout": _text(),
}
_RECIPE = {
    "epochs": _number(0, 10_000),
    "examples": _number(0, 10**9),
    "steps": _number(0, 10**9),
    "batch_size": _number(1, 65_536),
    "max_length": _number(3, 65_536),
    "patience": _number(0, 10_000),
    "learning_rate": _number(0, 0.99, float),
    "keep": _among("last", "best"),
}
LAUNCH: dict[str, Check] = {
    "original": _among(True, False),
    "models": _some(_text("[0-9a-f]{1,64}")),
    "percentiles": _some(_among(*range(10, 100, 10))),
    "plans": _some(_text()),
    "controls": _some(_among(*CONTROLS)),
    "draws": _number(1, 100),
    "orders": _some(_among(*ORDERS)),
    "model": _text(),
    "folder": _text(),
    "tasks": _some(_among(*TASKS)),
    "tests": _among(True, False),
    "tier": _among(*TIERS),
    "seeds": _text(r"[0-9,\s–-]{1,300}"),
    "launcher": _among(*LAUNCHERS),
    "workers": _number(1, 256),
    "device": _among("auto", "cpu", "cuda", "mps"),
    "save_model": _among(True, False),
    "cpus": _number(0, 1024, float),
    "gpus": _number(0, 64, float),
    **{f"{tier}-{name}": check for tier in TIERS for name, check in _RECIPE.items()},
}
"""The address of a cluster is left out because it may contain a password."""

PREFIXES = {"analysis": "new.", "launch": "launch."}
_CHECKS = {"analysis": ANALYSIS, "launch": LAUNCH}


def write(page: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return a form's values as parameters of the page's address; values that fail their check are left out."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
    }
    return {
        f"{PREFIXES[page]}{name}": text
        for name, text in texts.items()
        if _fits(page, name, values[name]) and len(text) <= _LONGEST
    }


def read(page: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """Read the values of a form from an address; invalid values are ignored."""
    values: dict[str, Any] = {}
    for parameter in query:
        name = parameter.removeprefix(PREFIXES[page])
        text = str(query[parameter])
        if name == parameter or len(text) > _LONGEST:
            continue
        for value in (text, _plain(text)):
            if _fits(page, name, value):
                values[name] = value
    return values


def _plain(text: str) -> Any:
    """Parse a number, a boolean or a list; return None for any other text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _fits(page: str, name: str, value: Any) -> bool:
    """Return True if a form has a field of this name that takes the value."""
    checks = _CHECKS[page]
    check = checks.get(name) or next((check for pattern, check in checks.items() if re.fullmatch(pattern, name)), None)
    return check is not None and check(value)
