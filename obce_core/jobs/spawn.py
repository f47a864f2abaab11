"""Start processes from the dashboard or the shell with the same code, the same cache and a lower priority."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import which

from obce_core.settings import cache_dir, project_root


def environment() -> dict[str, str]:
    """Return the environment of a process that runs this package wherever it is started."""
    variables = {**os.environ, "OBCE_CACHE": str(cache_dir()), "PYTHONUNBUFFERED": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    root = project_root()
    if root is not None:
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    return variables


def command(module: str, *arguments: str | Path, nice: int) -> list[str]:
    """Return the command that runs a module of this package, giving way to others by `nice`.

    With -P the folder that the process starts in, a run's, is not a place to import from.
    """
    lower = ["nice", "-n", str(nice)] if nice and which("nice") else []
    return [*lower, sys.executable, "-P", "-m", module, *map(str, arguments)]
