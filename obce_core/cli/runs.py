"""`obce runs list|show|log|cancel|resume|rm|drill`: all jobs of the cache."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from obce_core.cli import options as opt
from obce_core.cli.cluster import confirm_cluster
from obce_core.cli.console import say, show
from obce_core.errors import BadInput, ObceError

app = typer.Typer(no_args_is_help=True, help="List, follow, cancel and resume jobs.")

RunId = Annotated[str, typer.Argument(help="A run's id; the first 6 or more characters are enough.")]
Launcher = Annotated[str, typer.Option(help="local, or ray (with --address).")]
Address = Annotated[str | None, typer.Option(help="Address of the Ray cluster (default: OBCE_RAY_ADDRESS).")]


@app.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option(help="Only those queued, running, done, failed, cancelled or lost.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """List runs, newest first, with progress and time left. Listing also starts queued runs that have a free slot."""
    from obce_core.formatting import duration
    from obce_core.jobs import STATES, list_runs, move_queue

    if state is not None and state not in STATES:
        raise BadInput(f"{state!r} is not a state; expected one of {', '.join(STATES)}.")
    move_queue()
    rows = [row for row in map(_row, list_runs()) if state in (None, row["state"])]
    if json:
        show({"runs": rows}, as_json=True)
        return
    for row in rows:
        now = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["created"]))
        share = f"{row['done']:,}/{row['total']:,} {row['what']}" if row["total"] else ""
        lines = [row["reason"]] if row["reason"] else []
        lines += [f"about {duration(row['seconds_left'])} left"] if row["seconds_left"] is not None else []
        say(f"{row['run']:<18}  {row['state']:<9}  {row['kind']:<13}  {now}  {share:<20}  {'; '.join(lines)}".rstrip())
    if not rows:
        say("No runs here.")


@app.command("show")
def show_(run_id: RunId, json: opt.Json = False) -> None:
    """Show one run: what was asked, how far it is, what came out."""
    from obce_core.formatting import duration

    run = _found(run_id)
    row = _row(run)
    folder = str(run.folder)
    if json:
        show(row | {"folder": folder, "options": run.spec["options"], "result": run.result()}, as_json=True)
        return
    facts = {name: row[name] for name in ("run", "kind", "state", "reason", "attempt", "launcher") if row[name] != ""}
    if row["total"]:
        facts["progress"] = f"{row['done']:,} of {row['total']:,} {row['what']}"
    if row["seconds_left"] is not None:
        facts["left"] = f"about {duration(row['seconds_left'])}"
    show(facts | {"folder": folder}, as_json=False)
    for title, part in (("asked", run.spec["options"]), ("result", run.result() or {})):
        if part:
            say(f"\n{title}")
            show({f"  {name}": value for name, value in part.items()}, as_json=False)


@app.command()
def log(
    run_id: RunId, limit: Annotated[int, typer.Option(min=1, max=10_000_000, help="Bytes from the end.")] = 20_000
) -> None:
    """Print the end of a run's log."""
    say(_found(run_id).log(limit).rstrip("\n"))


@app.command()
def cancel(run_id: RunId, json: opt.Json = False) -> None:
    """Ask a run to end, and see that it does; it can be resumed."""
    from obce_core.jobs import FINAL, launcher_of

    run = _found(run_id)
    launcher = launcher_of(run)
    if launcher.probe(run).state in FINAL:
        raise BadInput(f"Run {run.id} has ended: {run.status().state}.")
    launcher.cancel(run)
    deadline = time.monotonic() + 90.0  # one that has heard may take a minute for its checkpoint
    while (status := launcher.probe(run)).state not in FINAL and time.monotonic() < deadline:
        time.sleep(0.1)
    show({"run": run.id, "state": status.state, "reason": status.reason}, as_json=json)


@app.command()
def resume(
    run_id: RunId,
    launcher: Annotated[str | None, typer.Option(help="Another launcher than before.")] = None,
    address: Address = None,
    json: opt.Json = False,
) -> None:
    """Restart a cancelled, failed or lost run from its newest valid checkpoint."""
    from obce_core.jobs import launcher_of

    run = _found(run_id)
    chosen = _launcher(launcher, address) if launcher else launcher_of(run)
    chosen.resume(run)
    show({"run": run.id, "state": run.status().state, "attempt": run.status().attempt}, as_json=json)


@app.command()
def rm(run_ids: Annotated[list[str], typer.Argument(help="Runs that have ended.")], json: opt.Json = False) -> None:
    """Move runs to the trash; one that waits or is at work is refused."""
    from obce_core.cache.library import find_entry, remove

    step = remove([find_entry(f"runs/{_name(run_id)}") for run_id in run_ids])
    show({"trash": step, "undo": f"obce cache restore {step}"}, as_json=json)


@app.command()
def drill(
    steps: Annotated[int, typer.Option(min=1, max=10**7, help="Steps to train.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.0, max=60.0, help="Seconds that a step takes at least.")] = 0.1,
    every: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints.")] = 20,
    launcher: Launcher = "local",
    address: Address = None,
    json: opt.Json = False,
) -> None:
    """Start a small training run, to try a launcher or a cluster: kill it, cancel it, resume it, take a node away.

    Whatever happens on the way, its weights at the end are the same: compare weights_sha256 of two results.
    """
    run = _launcher(launcher, address).submit("drill", {"steps": steps, "seconds": seconds, "every": every})
    show({"run": run.id, "state": run.status().state, "follow": f"obce runs show {run.id}"}, as_json=json)


def _launcher(name: str, address: str | None) -> Any:
    from obce_core.jobs import launcher_named
    from obce_core.jobs.launcher_kinds import is_remote

    if not is_remote(name):
        if address is not None:
            raise BadInput(f"--address is for --launcher ray, not {name}.")
        return launcher_named(name)
    return launcher_named(name, address=address, confirmed=confirm_cluster(address))


def _found(run_id: str) -> Any:
    """Find a run by the beginning of its id."""
    from obce_core.jobs import find_run, list_runs

    hits = [run for run in list_runs() if run.id.startswith(run_id)] if len(run_id) >= 6 else []
    if len(hits) > 1 and run_id not in {run.id for run in hits}:
        raise BadInput(f"{len(hits)} runs begin with {run_id!r}.", hint="See obce runs list.")
    return hits[0] if len(hits) == 1 else find_run(run_id)


def _name(run_id: str) -> str:
    """Return a run's whole id, or the name of what lies among the runs and is not one: it can be removed too."""
    from obce_core.jobs.registry import stray_entries

    return run_id if run_id in {path.name for path in stray_entries()} else str(_found(run_id).id)


def _row(run: Any) -> dict[str, Any]:
    from obce_core.jobs import launcher_of, poll

    try:
        launcher = launcher_of(run).probe(run)
    except (ObceError, OSError):  # use what the folder says if a launcher fails; one run must not hide the others
        launcher = run.status()
    if launcher.state == "lost":
        launcher = poll.run_status(run)  # on a cluster, silence does not mean that a run has ended
    spec, progress = run.spec, run.progress()
    return {
        "run": run.id,
        "kind": spec["kind"],
        "state": launcher.state,
        "reason": launcher.reason,
        "created": spec["created"],
        "started": launcher.started,
        "ended": launcher.ended,
        "attempt": launcher.attempt,
        "launcher": launcher.launcher or "shell",
        "done": progress.done,
        "total": progress.total,
        "what": progress.what,
        "seconds_left": progress.seconds_left if poll.works(launcher) else None,
    }
