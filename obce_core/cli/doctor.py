"""`obce doctor`."""

from __future__ import annotations

from obce_core.cli import options as opt
from obce_core.cli.console import say, show


def doctor(json: opt.Json = False) -> None:
    """Describe this installation for an issue report: versions, devices, folders, and what each feature lacks.

    Example: obce doctor
    """
    from obce_core.cache.doctor import inspect_installation
    from obce_core.formatting import size

    here = inspect_installation()
    if json:
        show(here.plain(), as_json=True)
        return
    disk = "unknown" if here.free_disk is None else size(here.free_disk)
    rows = {
        "obce": here.obce,
        "python": f"{here.python} on {here.system}",
        "processors": f"{here.cpus}",
        "GPUs": ", ".join(here.gpus) or "none visible",
        "memory": f"{size(here.memory)}, {size(here.free_memory)} free",
        "cache": f"{here.cache}, {disk} free",
        "network": "disabled" if here.offline else "enabled",
        "GLUE": here.glue or "no folder (OBCE_GLUE_DIR)",
    }
    for name, text in rows.items():
        say(f"{name:<12}{text}")
    say("\npackages")
    for name, number in here.packages.items():
        say(f"  {name:<24}{number}")
    say("\nfeatures")
    for feature in here.features:
        say(f"  {feature.name:<24}{'available' if not feature.missing else feature.missing}")
