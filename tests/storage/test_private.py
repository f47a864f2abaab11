"""The cache belongs to its owner: modes of what is made, whose files are believed, and what reaches a worker's
environment."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from obce_core import settings
from obce_core.cache.fsck import check
from obce_core.cli import main
from obce_core.jobs import FINAL, LocalLauncher, Run, create_run, list_runs
from obce_core.jobs.attempts import next_attempt
from obce_core.jobs.queue import dispatch
from obce_core.jobs.spawn import command, environment
from obce_core.jobs.worker import execute
from obce_core.plan import PruneSpec
from obce_core.plan.storage import write_draft
from obce_core.storage import private
from obce_core.storage.atomic import atomic_write, write_json
from obce_core.storage.private import close_to_others, foreign_owner, private_folder
from obce_core.storage.staging import staged_folder

QUICK = {"steps": 12, "seconds": 0.0, "every": 5}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_what_is_made_in_the_cache_is_for_its_owner_alone(cache: Path) -> None:
    execute(create_run("drill", QUICK, "the-run")[0])
    Run(cache / "runs/the-run").add_log("a line")
    with staged_folder(cache / "evaluations" / "unit-1") as stage:
        (stage / "numbers.json").write_text("[1]")
    write_draft("analysis-1", PruneSpec(), seen="")
    atomic_write(cache / "texts" / "upload.txt", "a text")
    paths = [cache, *cache.rglob("*")]
    assert len(paths) > 15
    open_to_others = {str(path.relative_to(cache)): oct(mode(path)) for path in paths if mode(path) & 0o077}
    assert open_to_others == {}
    assert mode(cache / "runs") == 0o700 and mode(cache / "runs/the-run/spec.json") == 0o600


def test_what_is_made_elsewhere_follows_the_umask(tmp_path: Path, cache: Path) -> None:
    with staged_folder(tmp_path / "my-model") as stage:
        (stage / "model.bin").write_text("weights")
    atomic_write(tmp_path / "plan.json", "{}")
    assert [mode(tmp_path / name) for name in ("my-model", "my-model/model.bin", "plan.json")] == [0o755, 0o644, 0o644]


def test_a_cache_that_others_can_write_is_closed_to_them_and_said(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)
    create_run("drill", QUICK)
    assert mode(cache) == 0o755
    assert capsys.readouterr().err == f"obce: other users could write in {cache}; now only you can.\n"
    create_run("drill", QUICK)
    assert capsys.readouterr().err == "" and not close_to_others(cache)


def test_a_folder_of_the_cache_gets_all_its_parents(cache: Path) -> None:
    assert private_folder(cache / "a" / "b" / "c").is_dir()
    assert [mode(path) for path in (cache, cache / "a", cache / "a/b", cache / "a/b/c")] == [0o700] * 4


@pytest.fixture
def planted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Make a run that waits and looks as if another user had put it there."""
    run, _ = create_run("drill", QUICK, "planted-run", launcher="local")
    create_run("drill", QUICK, "own-run", launcher="local")
    real = foreign_owner

    def owner(path: Path, facts: os.stat_result | None = None) -> str:
        return "belongs to another user (uid 4711, expected 0)" if "planted-run" in str(path) else real(path, facts)

    for module in ("obce_core.jobs.run", "obce_core.storage.atomic"):
        monkeypatch.setattr(f"{module}.foreign_owner", owner)
    return run


def refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Check that nothing of a run is started and that every look names its owner."""
    assert run.id not in [begun.id for begun in dispatch("local", lambda *_: None)]
    assert run.status().state == "lost" and "belongs to another user (uid 4711" in run.status().reason
    assert run.kind == "unknown" and run.spec["options"] == {}
    with pytest.raises(Exception, match="cannot be read"):
        next_attempt(run)
    assert main(["runs", "list"]) == 0
    assert "belongs to another user (uid 4711" in capsys.readouterr().out
    assert any(run.id in fault.describe() and "belongs to another user" in fault.describe() for fault in check().faults)


def test_a_run_of_another_user_is_refused_and_named(
    planted: Run, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("obce_core.jobs.launchers.local._start_keeper", lambda *_: None)
    refused(planted, capsys)
    with pytest.raises(Exception, match=r"damaged: spec\.json: belongs to another user"):
        execute(planted)
    assert {run.id for run in list_runs()} == {"own-run", "planted-run"}
    assert main(["runs", "rm", "planted-run"]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_the_real_owner_is_looked_at(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("obce_core.jobs.launchers.local._start_keeper", lambda *_: None)
    whole, _ = create_run("drill", QUICK, "planted-one", launcher="local")
    file, _ = create_run("drill", QUICK, "planted-two", launcher="local")
    for path in (whole.folder, file.folder / "spec.json"):
        os.chown(path, 4711, 4711)
    private._given_owner.cache_clear()
    refused(whole, capsys)
    assert file.fault() == f"spec.json: cannot be read (belongs to another user (uid 4711, expected {os.geteuid()}))"
    assert [run.id for run in dispatch("local", lambda *_: None)] == []
    assert file.status().state == "failed"


def test_a_file_system_that_gives_every_file_one_owner_is_ours(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = create_run("drill", QUICK)
    monkeypatch.setattr("obce_core.storage.private.os.geteuid", lambda: 4711)
    private._given_owner.cache_clear()
    assert run.fault() == ""
    private._given_owner.cache_clear()


# --- what reaches a worker


EVIL = {
    "PYTHONPATH": "/evil",
    "LD_PRELOAD": "/evil.so",
    "PATH": "/evil",
    "OBCE_CACHE": "/evil",
    "HF_TOKEN": "x",
    "OBCE_GLUE_DIR": "/glue",
}


def test_a_spec_sets_only_the_variables_that_a_run_carries(cache: Path) -> None:
    run, _ = create_run("drill", QUICK)
    spec = json.loads((run.folder / "spec.json").read_text())
    write_json(run.folder / "spec.json", spec | {"environment": EVIL | {"OBCE_OFFLINE": 1, "HF_HUB_OFFLINE": "a\0b"}})
    assert run.spec["environment"] == {"OBCE_GLUE_DIR": "/glue"}


def test_a_planted_environment_does_not_reach_the_worker(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that writes a file lies on the planted PYTHONPATH and in the run's own folder; nobody imports it."""
    witness = tmp_path / "witness"
    code = f"open({str(witness)!r}, 'a').write('ran')\n"
    monkeypatch.setattr("obce_core.jobs.queue.take_slot", lambda **_: None)  # nothing starts yet
    run = LocalLauncher().submit("drill", QUICK, "planted-path")
    monkeypatch.undo()
    monkeypatch.setenv("OBCE_CACHE", str(cache))
    for folder in (tmp_path / "evil", run.folder):
        folder.mkdir(exist_ok=True)
        for name in ("sitecustomize.py", "usercustomize.py", "numpy.py", "json.py", "argparse.py"):
            (folder / name).write_text(code)
    spec = json.loads((run.folder / "spec.json").read_text())
    write_json(run.folder / "spec.json", spec | {"environment": EVIL | {"PYTHONPATH": str(tmp_path / "evil")}})
    launcher = LocalLauncher()
    for _ in range(1200):
        if launcher.probe(run).state in FINAL:
            break
        os.sched_yield()
        __import__("time").sleep(0.05)
    assert run.status().state == "done", run.log()
    assert not witness.exists()


def test_the_callers_own_environment_is_his(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", "/his/own")
    monkeypatch.setenv("HF_TOKEN", "his")
    made = environment()
    assert (
        made["PYTHONPATH"].split(os.pathsep) == [str(settings.project_root()), "/his/own"] and made["HF_TOKEN"] == "his"
    )


def test_a_process_of_ours_imports_nothing_from_the_folder_it_starts_in() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "obce_core").mkdir()
        (Path(folder) / "obce_core" / "__init__.py").write_text("raise SystemExit(9)")
        words = command("obce_core.version", nice=0)
        assert words[0] == sys.executable
        done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
