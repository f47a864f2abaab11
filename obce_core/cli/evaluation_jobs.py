"""Run the evaluations of `obce evaluate` and `obce sweep` in the foreground, or submit them as jobs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from obce_core import settings
from obce_core.cli.cluster import confirm_cluster
from obce_core.cli.console import replacing, say, show, work
from obce_core.errors import BadInput
from obce_core.glue.learning_rate import rate_words
from obce_core.jobs.launcher_kinds import is_remote


class Starter(NamedTuple):
    """The launcher of the work, and the resources of a job."""

    launcher: str
    address: str | None
    workers: int
    cpus: float
    gpus: float


def begin(offline: bool, out: str | None, overwrite: bool, starter: Starter) -> None:
    from obce_core.storage.staging import check_target

    refuse_options(starter, out)
    if offline:
        settings.set_offline()
    if out is not None:
        check_target(Path(out), overwrite=overwrite)


def refuse_options(starter: Starter, out: str | None) -> None:
    """Refuse what the chosen launcher would leave undone, before anything is read."""
    name = starter.launcher
    if name != "shell" and out is not None:
        raise BadInput(
            f"--out is written by a command that waits for its results; --launcher {name} does not wait.",
            hint="Start it without --out; once the runs are done, run the same command with --out and without "
            "--launcher: it writes the "
            "table, the evaluations and the submissions, and makes nothing again.",
        )
    if name == "shell" and starter.workers != 1:
        raise BadInput(
            "--workers is for --launcher local or ray; this shell is one worker.", hint="Add --launcher local."
        )
    if not is_remote(name):
        for flag, given in (
            ("--address", starter.address),
            ("--cpus", starter.cpus != 1.0),
            ("--gpus", starter.gpus != 0.0),
        ):
            if given:
                raise BadInput(
                    f"{flag} is for --launcher ray, not {name}.", hint=f"Add --launcher ray, or leave {flag} out."
                )


def glue_folder(options: str | None) -> str | None:
    folder = options or settings.glue_dir()
    return str(Path(folder).expanduser().resolve()) if folder is not None else None


def perform_units(
    units: Sequence[Any],
    *,
    options: Mapping[str, Any],
    out: str | None,
    overwrite: bool,
    starter: Starter,
    quiet: bool,
    json: bool,
) -> None:
    """Do the units here, or hand them to a launcher, and tell what came out."""
    from obce_core.glue.evaluation import read_evaluation
    from obce_core.glue.job import job_options
    from obce_core.glue.leaderboard import leaderboard_rows
    from obce_core.glue.majority_class import MARK_WORDS, unlearned
    from obce_core.glue.tables import markdown
    from obce_core.jobs.kinds import kind_of
    from obce_core.progress import Context

    selection = job_options(units, **options)
    if starter.launcher != "shell":
        submit_sweep(selection, starter, json=json)
        return
    if int(os.environ.get("RANK", "0")) > 0:  # a further process of torchrun: it computes, the first one tells
        with tempfile.TemporaryDirectory(prefix="obce-") as aside:
            kind_of("evaluate").work(
                selection, Context(progress=lambda *_: None, cancelled=lambda: False, folder=Path(aside))
            )
        return
    result = work("evaluate", selection, quiet=quiet or json)
    evaluations = [read_evaluation(name) for name in result["evaluations"]]
    tasks = list(dict.fromkeys(one.task.name for one in evaluations))
    leaderboard = leaderboard_rows(evaluations)
    table, floors = markdown(leaderboard, tasks), unlearned(leaderboard)
    if out is not None:
        with replacing(out, overwrite=overwrite):
            write_results(Path(out), evaluations, table, overwrite=overwrite)
    if json:
        rows = [
            {
                "id": one.id,
                "label": one.label,
                "task": one.task.name,
                "seed": one.seed,
                "tier": one.tier,
                "learning_rate": one.learning_rate[0],
                "scores": one.scores,
                "majority_class": one.baseline,
            }
            for one in evaluations
        ]
        show({**result, "scores": rows, "not_learned": [one.plain() for one in floors]}, as_json=True)
        if result["failed"]:
            raise typer.Exit(1)
        return
    say(table.rstrip())
    for text in result["failed"]:
        say(f"Not made: {text}")
    for note in dict.fromkeys(note for one in evaluations for note in one.result["notes"]):
        say(f"Note: {note}")
    if floors:
        say(f"Note: {MARK_WORDS}")
    if rates := rate_words(one.learning_rate for one in evaluations if one.recipe.epochs):
        say(f"Note: learning rate {rates}.")
    if out is None and any(split.startswith("test") for one in evaluations for split in one.unit["splits"]):
        say("Note: the test predictions are in the cache; give --out DIR for the files that the GLUE server takes.")
    if not quiet and len(evaluations) > 1:
        say(
            "Mean ± standard deviation over seeds, in per cent; in brackets the difference to the original and its 95 "
            "% interval."
        )
    if result["failed"]:
        raise typer.Exit(1)


def submit_sweep(selection: Mapping[str, Any], starter: Starter, *, json: bool) -> None:
    """Hand the units to a launcher: several jobs with the same list share it, each unit is made once."""
    from obce_core.jobs.launchers import launcher_named

    confirmed = is_remote(starter.launcher) and confirm_cluster(starter.address)
    chief = launcher_named(
        starter.launcher, address=starter.address, cpus=starter.cpus, gpus=starter.gpus, confirmed=confirmed
    )
    runs = [chief.submit("evaluate", selection).id for _ in range(starter.workers)]
    if json:
        show({"runs": runs}, as_json=True)
        return
    for run in runs:
        say(f"run {run}")
    say(f"Watch: obce runs show {runs[0]}   Stop: obce runs cancel {runs[0]}")
    say(
        "Once it is done, the same command without --launcher prints the table, and with --out DIR writes it; nothing "
        "is made again."
    )


def write_results(out: Path, evaluations: Sequence[Any], table: str, *, overwrite: bool) -> None:
    from obce_core.glue.leaderboard import leaderboard_rows
    from obce_core.glue.submission import submission
    from obce_core.glue.tables import latex, table_csv
    from obce_core.storage.atomic import atomic_write
    from obce_core.storage.staging import staged_folder

    rows, tasks = leaderboard_rows(evaluations), list(dict.fromkeys(one.task.name for one in evaluations))
    with staged_folder(out, overwrite=overwrite) as stage:
        for name, text in (
            ("results.md", table),
            ("results.tex", latex(rows, tasks)),
            ("results.csv", table_csv(rows)),
        ):
            atomic_write(stage / name, text)
        for one in evaluations:
            shutil.copytree(one.folder, stage / "evaluations" / one.id)
        if any(split.startswith("test") for one in evaluations for split in one.unit["splits"]):
            for row in rows:
                for seed in sorted({seed for cell in row.cells.values() for seed in cell.evaluations}):
                    selected = [cell.evaluations[seed] for cell in row.cells.values() if seed in cell.evaluations]
                    atomic_write(stage / f"submission-{row.key}-seed{seed}.zip", submission(selected))
