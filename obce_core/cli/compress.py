"""`obce compress`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obce_core import settings
from obce_core.cli import options as opt
from obce_core.cli.console import absolute, load_line, replacing, say, show, work
from obce_core.formatting import amount, share

_SIZES = ("parameters", "encoder")


def compress(
    analysis: opt.AnalysisRef,
    plan: Annotated[str, typer.Option(callback=opt.expand, help="A plan file.")],
    out: Annotated[str, typer.Option(callback=opt.expand, help="The new model folder.")],
    model: Annotated[
        str | None,
        typer.Option(callback=opt.expand, help="Where the original lies now, if it moved since the analysis."),
    ] = None,
    overwrite: opt.Overwrite = False,
    device: opt.Device = "auto",
    threads: opt.Threads = None,
    offline: opt.Offline = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Cut the model of an analysis by a plan, prove it equal to the masked original, and write it.

    Example: obce compress --analysis ID --plan plan.json --out my-model
    """
    if offline:
        settings.set_offline()
    selected = {
        "analysis": absolute(analysis),
        "plan": absolute(plan),
        "out": str(Path(out).absolute()),
        "model": absolute(model) if model else None,
        "overwrite": overwrite,
        "device": device,
        "threads": threads,
        "offline": offline,
    }
    with replacing(out, overwrite=overwrite):
        result = work("compress", selected, quiet=quiet or json)
    if json:
        show(result, as_json=True)
        return
    size, close = result["budget"], result["fidelity"]
    left = {
        name: f"{size[f'{name}_left']:,} of {size[name]:,} ({share(size[f'{name}_left'] / size[name])})"
        for name in _SIZES
    }
    show(
        {
            "folder": result["folder"],
            **left,
            "masked = cut": f"largest difference {amount(result['difference'], 2)} of the largest output "
            f"({result['difference_texts']} texts)",
            "fidelity": (
                f"cosine [CLS] {close['cls']:.4f}, mean-pooled {close['pooled']:.4f} ({close['texts']} held-out texts)"
                if close
                else "not measured: no text was left out of the analysis (give obce analyze --heldout FILE or 25%)"
            ),
        },
        as_json=False,
    )
    if not quiet:
        say(f"Next: {load_line('model, tokenizer = obce_core.load({path})', out)}")
