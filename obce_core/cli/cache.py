"""`obce cache list|size|rm|restore`: what was computed and kept."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from obce_core import settings
from obce_core.cli import options as opt
from obce_core.cli.console import say, show
from obce_core.errors import BadInput
from obce_core.formatting import megabytes

app = typer.Typer(no_args_is_help=True, help="List, measure and remove what was computed and kept.")


@app.command("list")
def list_(
    kind: Annotated[
        str | None, typer.Argument(help="analyses, evaluations, models, plans, runs, texts or trash.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """List the entries of the cache, the newest first."""
    from obce_core.cache.library import ENTRY_KINDS, list_entries

    entries = list_entries([kind] if kind else ENTRY_KINDS)
    if json:
        rows = [
            {"ref": entry.ref, "label": entry.label, "bytes": entry.bytes, "modified": round(entry.modified, 3)}
            for entry in entries
        ]
        show({"cache": str(settings.cache_dir()), "entries": rows}, as_json=True)
        return
    for entry in entries:
        now = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.modified))
        say(f"{entry.ref:<44}  {entry.bytes / 1e6:9.1f} MB  {now}  {entry.label}")
    if not entries:
        say("Nothing here yet.")


@app.command()
def size(json: opt.Json = False) -> None:
    """Say how much each kind of entry takes."""
    from obce_core.cache.library import ENTRY_KINDS, list_entries

    results = {kind: list_entries([kind]) for kind in ENTRY_KINDS}
    total = {kind: sum(entry.bytes for entry in entries) for kind, entries in results.items()}
    if json:
        counts = {kind: len(entries) for kind, entries in results.items()}
        show(
            {"cache": str(settings.cache_dir()), "bytes": total, "entries": counts, "total": sum(total.values())},
            as_json=True,
        )
        return
    show(
        {kind: f"{total[kind] / 1e6:9.1f} MB in {len(results[kind]):,} entries" for kind in ENTRY_KINDS}, as_json=False
    )
    say(f"{megabytes(sum(total.values()))} in all, in {settings.cache_dir()}")


@app.command()
def rm(
    refs: Annotated[list[str], typer.Argument(help="Entries as KIND/ID; trash/ID for good, trash for all of it.")],
    along: Annotated[bool, typer.Option("--along", help="Remove what refers to them too.")] = False,
    json: opt.Json = False,
) -> None:
    """Move entries to the trash; an entry that another one refers to stays. Entries of the trash go for good.

    Example: obce cache rm analyses/3f2a9c
    """
    from obce_core.cache.library import destroy, find_entry, list_entries, remove

    if refs == ["trash"]:
        gone = list_entries(["trash"])
    elif all(ref.startswith("trash/") for ref in refs):
        gone = [find_entry(ref) for ref in refs]
    elif any(ref.startswith("trash") for ref in refs):
        raise BadInput("Entries of the trash and others were named together.", hint="Remove them one after the other.")
    else:
        step = remove([find_entry(ref) for ref in refs], along=along)
        answer = {"trash": step, "undo": f"obce cache restore {step}"}
        show(answer, as_json=json)
        return
    freed = sum(entry.bytes for entry in gone)
    destroy(gone)
    show({"removed": len(gone), "freed": freed if json else megabytes(freed)}, as_json=json)


@app.command()
def restore(step: Annotated[str, typer.Argument(help="What obce cache rm printed.")], json: opt.Json = False) -> None:
    """Bring back what one removal took."""
    from obce_core.cache.library import restore as bring_back

    refs = bring_back(step.removeprefix("trash/"))
    show({"restored": refs if json else ", ".join(refs)}, as_json=json)
