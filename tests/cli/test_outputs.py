"""What the shell prints and where it writes: a ~ in paths, terminals without all characters, closed pipes, the next
command."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from shell import Answer, run

from obce_core.cli import app, main
from obce_core.cli.console import free_name, load_line
from obce_core.cli.options import expand
from obce_core.errors import BadInput
from obce_core.jobs import create_run

TEXTS = "\n".join(
    f"{a} {b}" for a in ("able", "acid", "baby", "back", "cake") for b in ("dark", "dawn", "each", "edge", "face")
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with texts, and have a home beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work here")
    Path("t.txt").write_text(TEXTS)
    return tmp_path


def following(answer: Answer) -> list[str]:
    """Return the words of the command that was printed as the next one."""
    assert answer.code == 0, answer.err
    (line,) = [line for line in answer.out.splitlines() if line.startswith("Next: ")]
    return shlex.split(line.removeprefix("Next: "))


# --- ~ in every option that names a path


def test_a_tilde_after_an_equals_sign_is_the_home(
    tiny_folder: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "home/m").symlink_to(tiny_folder)
    options = ["--texts=~/t.txt", "--n-texts", 6, "--quiet"]
    (place / "home/t.txt").write_text(TEXTS)
    done = run(capsys, "analyze", "--model=~/m", *options, "--out=~/an")
    assert done.code == 0, done.err
    assert (place / "home/an/analysis.json").is_file()
    planned = run(capsys, "plan", "--analysis=~/an", "--percentile", 50, "--out=~/plan.json")
    assert planned.code == 0 and (place / "home/plan.json").is_file(), planned.err
    assert run(capsys, "plan", "show", "~/plan.json", "--analysis=~/an").code == 0
    cut = run(capsys, "compress", "--analysis=~/an", "--plan=~/plan.json", "--out=~/cut")
    assert cut.code == 0 and (place / "home/cut/model.safetensors").is_file(), cut.err
    dense = run(capsys, "export", "~/cut", "--dense=~/dense")
    assert dense.code == 0 and (place / "home/dense/model.safetensors").is_file(), dense.err
    assert not Path("~").exists() and sorted(path.name for path in Path().iterdir()) == ["t.txt"]


PATHS = re.compile(
    r"model|texts|glue.dir|heldout|out|analysis|plan|from_|file|first|second|spec|onnx|dense|against|since"
)
NOT_PATHS = {"n_texts", "target_encoder", "target_params", "first_layer", "save_model", "analysis_id"}


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
    found = []
    for name, command in getattr(group, "commands", {}).items():
        found += [(" ".join((*path, name)), command), *commands(command, (*path, name))]
    return found


def test_every_option_that_names_a_path_expands_a_tilde(place: Path) -> None:
    """Whoever adds an option that names a path meets this test."""
    checked = set()
    for name, command in commands(typer.main.get_command(app)):
        for parameter in command.params:
            if (
                PATHS.fullmatch(parameter.name)
                and parameter.name not in NOT_PATHS
                and not getattr(parameter, "is_flag", False)
            ):
                assert parameter.callback is not None, f"obce {name}: {parameter.name}"
                value = ["~/x"] if getattr(parameter, "multiple", False) else "~/x"
                assert str(place / "home" / "x") in str(parameter.callback(None, parameter, value)), (
                    f"obce {name}: {parameter.name}"
                )
                checked.add((name, parameter.name))
    assert (
        len(checked) > 30 and {("report", "out"), ("evaluate", "out"), ("sweep", "spec"), ("fsck", "since")} <= checked
    )


def test_the_home_of_nobody_is_refused(place: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "analyze", "--model", tiny_folder, "--texts", "t.txt", "--out=~nobody-of-that-name/x")
    assert done.code == 2 and "~nobody-of-that-name/x names the home folder of a user who does not exist" in done.line
    assert not (place / "obce-cache/runs").exists(), "it was refused after the work had begun"
    for value in ("demo", "./~x", "owner/name", None, 7):
        assert expand(value) == value
    with pytest.raises(BadInput):
        expand(["~nobody-of-that-name"])


# --- what the terminal cannot show, and a pipe that is closed


def shell(words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which `obce` is this package's command line."""
    line = f'obce() {{ "{sys.executable}" -m obce_core.cli "$@"; }}; set -o pipefail; {words}'
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        ["bash", "-c", line],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": root, **environment},
        capture_output=True,
        timeout=120,
    )


def test_a_character_that_the_terminal_lacks_is_replaced(cache: Path, tmp_path: Path) -> None:
    run, _ = create_run("drill", {})
    run.write_status(run.status().__class__(state="failed", reason="allows 3–130, not “–”"))
    done = shell("obce runs list; obce runs show " + run.id, tmp_path, PYTHONIOENCODING="iso-8859-1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("iso-8859-1").count("allows 3?130") == 2
    told = shell("obce runs list --json", tmp_path, PYTHONIOENCODING="ascii")
    assert json.loads(told.stdout)["runs"][0]["reason"] == "allows 3–130, not “–”", "JSON loses nothing"


def test_an_evaluation_is_told_in_any_encoding(cache: Path, tmp_path: Path) -> None:
    from made import make_evaluation

    make_evaluation(cache / "evaluations", label="“näme” – 中")
    done = shell(
        "obce report --out out.html --json; obce cache list; obce cache size", tmp_path, PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 0, done.stderr
    assert b"?n?me?" in done.stdout


@pytest.mark.parametrize(
    "words", ["runs list", "runs list --json", "cache list", "--help", "runs --help", "fsck", "runs log first-run"]
)
def test_a_pipe_that_is_closed_is_no_failure(words: str, cache: Path, tmp_path: Path) -> None:
    run, _ = create_run("drill", {}, "first-run")
    (run.folder / "log.txt").write_text("a line\n" * 3_000)
    for number in range(40):
        create_run("drill", {}, f"run-number-{number}")
    done = shell(
        f"obce {words} | head -1; echo code ${{PIPESTATUS[0]}}; obce {words} | true; echo code ${{PIPESTATUS[0]}}",
        tmp_path,
    )
    expected = b"code 1" if words == "fsck" else b"code 0"  # these runs are lost, which fsck says by its exit code
    assert done.stdout.count(expected) + done.stdout.count(b"code 0") >= 2 and done.stderr == b"", (
        done.stdout[-300:],
        done.stderr,
    )


def test_printing_leaves_the_streams_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    streams = sys.stdout, sys.stderr, sys.stdout.errors
    main(["--version"])
    assert (sys.stdout, sys.stderr, sys.stdout.errors) == streams


# --- the command that comes next


def test_each_printed_command_runs_as_it_is(tiny_folder: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the analysis in a folder of its own, with spaces in the names, twice: the second time the usual names are
    taken."""
    for folder in ("analysis", "my analysis"):
        asked = [
            "analyze",
            "--model",
            tiny_folder,
            "--texts",
            "t.txt",
            "--n-texts",
            20,
            "--seed",
            len(folder),
            "--out",
            folder,
        ]
        plan = following(run(capsys, *asked))
        assert plan[:4] == ["obce", "plan", "--analysis", folder]
        compress = following(run(capsys, *plan[1:]))
        assert compress[2:6] == ["--analysis", folder, "--plan", plan[-1]]
        load = following(run(capsys, *compress[1:]))
        assert load[:2] == ["python", "-c"] and Path(compress[-1]).is_dir()
        if folder == "my analysis":
            assert (plan[-1], compress[-1]) == ("plan-2.json", "my-model-2")
    own = run(capsys, "plan", "--analysis", "analysis", "--percentile", 30, "--out", "my 'own' plan.json")
    assert following(own)[5] == "my 'own' plan.json"
    dense = following(run(capsys, "export", "my-model", "--dense", "dense 'it'"))
    for words in (load, dense):
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("layers", [1, 2])
def test_the_next_command_of_a_shallow_model_runs_too(
    layers: int, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tiny import save_tiny

    folder = save_tiny(place / "shallow", num_hidden_layers=layers)
    done = run(capsys, "analyze", "--model", folder, "--texts", "t.txt", "--n-texts", 20)
    assert done.code == 0, done.err
    if layers == 1:
        assert "Next:" not in done.out  # on [CLS] the first layer has nothing to rank
        return
    assert run(capsys, *following(done)[1:]).code == 0


def test_a_line_for_python_quotes_for_both() -> None:
    words = shlex.split(load_line("model = obce_core.load({path})", "a \"b\" 'c' $HOME \\"))
    assert words[:2] == ["python", "-c"]
    scope: dict[str, Any] = {}
    exec(words[2].replace("import obce_core; ", "").replace("obce_core.load", "str"), scope)
    assert scope["model"] == "a \"b\" 'c' $HOME \\"


def test_a_free_name_is_not_there(place: Path) -> None:
    for expected in ("plan.json", "plan-2.json", "plan-3.json"):
        assert free_name("plan.json") == expected
        Path(expected).touch()
