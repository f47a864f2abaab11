"""`obce verify`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from obce_core import settings
from obce_core.cli import options as opt
from obce_core.cli.console import absolute, say, show, work
from obce_core.formatting import amount

_KINDS = {"random": "random tokens", "real": "real texts"}


def verify(
    model: Annotated[str, typer.Argument(callback=opt.expand, help="A folder that obce compress wrote.")],
    against: Annotated[str, typer.Option(callback=opt.expand, help="The original: demo, a model folder, or a hub id.")],
    plan: Annotated[
        str | None,
        typer.Option(callback=opt.expand, help="The plan that it must have been cut by (default: the folder's own)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the random texts.")] = 0,
    device: opt.Device = "auto",
    threads: opt.Threads = None,
    offline: opt.Offline = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Prove that a compressed model is its masked original; exit code 1 when it is not.

    Example: obce verify my-model --against demo --plan plan.json
    """
    if offline:
        settings.set_offline()
    selected = {
        "model": absolute(model),
        "against": absolute(against),
        "plan": absolute(plan) if plan else None,
        "seed": seed,
        "device": device,
        "threads": threads,
        "offline": offline,
    }
    result = work("verify", selected, quiet=quiet or json)
    if json:
        show(result, as_json=True)
    else:
        lines = {f"{row['dtype']}, {_KINDS[row['texts']]}": _line(row) for row in result["measured"]}
        stored = result["differs"] or f"all {result['tensors']} are the ones folded again from the original"
        verdict = "the same function" if result["equal"] else "NOT the same function"
        say("Largest differences between the masked original and the model:")
        show({**lines, "stored tensors": stored, "masked = cut": verdict}, as_json=False)
    if not result["equal"]:
        raise typer.Exit(1)


def _line(row: dict[str, Any]) -> str:
    parts = [
        f"{name} {_share(row[key])}"
        for name, key in (("hidden states", "hidden"), ("logits", "logits"))
        if row[key] is not None
    ]
    texts = f"{row['count']} texts of {row['shortest']}–{row['longest']} tokens"
    return (
        f"{', '.join(parts)} of the largest output ({texts}; at most "
        f"{row['tolerance']:g}){'' if row['equal'] else ': BEYOND IT'}"
    )


def _share(value: float | str) -> str:
    return value if isinstance(value, str) else amount(value, 2)
