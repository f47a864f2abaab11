"""The command line, one module per command."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import typer

from obce_core.cli.analyze import analyze, info
from obce_core.cli.app import app as open_app
from obce_core.cli.cache import app as cache
from obce_core.cli.compress import compress
from obce_core.cli.console import fail, outlets, say
from obce_core.cli.doctor import doctor
from obce_core.cli.evaluate import evaluate, sweep
from obce_core.cli.export import export
from obce_core.cli.fsck import fsck
from obce_core.cli.latency import latency
from obce_core.cli.plan import app as plan
from obce_core.cli.report import report
from obce_core.cli.runs import app as runs
from obce_core.cli.verify import verify
from obce_core.errors import BadInput, Cancelled, ObceError, shorten
from obce_core.settings import cache_dir
from obce_core.storage.disk_space import disk_full, fullest, is_full
from obce_core.version import __version__

app = typer.Typer(
    name="obce",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find the neurons that matter in a BERT, and cut the rest.",
)
app.command()(analyze)
app.command()(info)
app.add_typer(plan, name="plan")
app.add_typer(cache, name="cache")
app.add_typer(runs, name="runs")
app.command()(compress)
app.command()(verify)
app.command()(evaluate)
app.command()(sweep)
app.command()(report)
app.command()(latency)
app.command()(export)
app.command()(fsck)
app.command()(doctor)
app.command("app")(open_app)

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer does not export it by name


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if version:
        say(f"obce {__version__}")
        raise typer.Exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every failure that a user can cause is one line and exit code 2."""
    with outlets():
        return _main(list(sys.argv[1:] if arguments is None else arguments))


def _main(options: list[str]) -> int:
    as_json = "--json" in options
    if sys.platform == "win32":
        return fail(BadInput("obce runs on Linux and macOS; on Windows use WSL."), as_json=as_json)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore")
    try:
        code = app(options, standalone_mode=False, prog_name="obce")
    except ObceError as error:
        return fail(error, as_json=as_json)
    except _UsageError as error:
        return fail(BadInput(_message(error, options), hint="Try --help."), as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return fail(Cancelled("Cancelled."), as_json=as_json)
    except OSError as error:
        if is_full(error):
            return fail(fullest((Path.cwd(), cache_dir())) or disk_full(cache_dir()), as_json=as_json)
        return fail(BadInput(f"{error.strerror or error}: {shorten(error.filename or '', 200)}"), as_json=as_json)
    except Exception as error:  # a bug of ours: say so in a line, keep the traceback in a file
        return fail(_bug(error), as_json=as_json)
    return code if isinstance(code, int) else 0


def _message(error: Exception, options: Sequence[str]) -> str:
    """Repeat what was given: the parser names the option, but not the value that it could not read."""
    text = str(getattr(error, "format_message", lambda: error)()).rstrip(".")
    match = re.search(r"'(--[a-z-]+)'", text)
    for at, word in enumerate(options):
        name, _, value = word.partition("=")
        if match and name == match.group(1):
            value = value or (options[at + 1] if at + 1 < len(options) else "")
            return f"{text}; got {shorten(value)!r}."
    return f"{text}."


def _bug(error: Exception) -> ObceError:
    import traceback

    from obce_core.storage.atomic import atomic_write

    path = cache_dir() / "last-error.txt"
    try:
        atomic_write(path, "".join(traceback.format_exception(error)))
        where = f"The details are in {path}."
    except (OSError, ObceError):
        where = ""
    return ObceError(f"Internal error ({type(error).__name__}: {shorten(error, 200)}).", hint=where)
