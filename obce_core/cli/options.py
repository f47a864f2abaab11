"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from obce_core.settings import expand_home


def expand(value: Any) -> Any:
    """Expand a leading ~ of an option that may name a path (the shell expands none in --out=~/x); lists entry by entry.

    Raises:
        BadInput: ~NAME, and there is no such user.
    """
    if isinstance(value, list | tuple):
        return [expand(entry) for entry in value]
    text = str(value) if isinstance(value, str | Path) else ""
    if not text.startswith("~"):
        return value
    expanded = expand_home(text)
    return expanded if isinstance(value, Path) else str(expanded)


Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar, no remarks.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never ask the network.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what obce itself wrote there before.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Dtype = Annotated[str, typer.Option(help="Compute in float32, bfloat16, float16 or float64; results are float32.")]
BatchSize = Annotated[int, typer.Option(min=1, max=4096, help="Texts in a batch.")]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads (default: all).")]
Revision = Annotated[str | None, typer.Option(help="Commit, branch or tag of a hub model.")]
Table = Annotated[bool, typer.Option("--table", help="Print the table of what is stored, by layer and component.")]
Length = Annotated[int, typer.Option(min=1, max=1_000_000, help="Tokens of the text that FLOPs are counted for.")]
AnalysisRef = Annotated[str, typer.Option("--analysis", callback=expand, help="An analysis: its folder or its id.")]
