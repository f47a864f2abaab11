"""`obce latency`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from obce_core import settings
from obce_core.cli import options as opt
from obce_core.cli.console import absolute, show, work
from obce_core.measure.latency import STEADY


def latency(
    model: Annotated[str, typer.Argument(callback=opt.expand, help="A folder that obce compress wrote.")],
    against: Annotated[str, typer.Option(callback=opt.expand, help="The original: demo, a model folder, or a hub id.")],
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, max=4096, help="Texts per batch; may be repeated.", show_default="1 and 32"),
    ] = None,
    length: opt.Length = 128,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Batches of each model.")] = 15,
    device: opt.Device = "auto",
    threads: opt.Threads = None,
    offline: opt.Offline = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Time a compressed model beside the original, taking turns, and keep the result beside its folder.

    Example: obce latency my-model --against demo
    """
    if offline:
        settings.set_offline()
    selected = {
        "model": absolute(model),
        "against": absolute(against),
        "batches": batch or [1, 32],
        "length": length,
        "rounds": rounds,
        "device": device,
        "threads": threads,
        "offline": offline,
    }
    result = work("latency", selected, quiet=quiet or json)
    show(result if json else {_name(row, result): _line(row) for row in result["rows"]}, as_json=json)


def _name(row: dict[str, Any], done: dict[str, Any]) -> str:
    texts = "1 text" if row["batch"] == 1 else f"{row['batch']} texts"
    return f"{texts} of {done['length']} tokens, {done['device']}, {done['threads']} threads"


def _line(row: dict[str, Any]) -> str:
    times = (
        f"{row['model']:.1f} ms, original {row['original']:.1f} ms: {row['model'] / row['original']:.2f} of its time"
    )
    busy = (
        ""
        if row["spread"] <= STEADY
        else f"; UNSTEADY, the times vary by a factor of {row['spread']:.1f}: try again on a quiet machine"
    )
    return f"{times} (medians of {row['rounds']}{busy})"
