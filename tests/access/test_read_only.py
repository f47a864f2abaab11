"""The read-only mode in the engine: every function that starts, uploads, deletes or writes for a visitor refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obce_core.access import ReadOnly
from obce_core.analysis.catalog import rename
from obce_core.cache.library import destroy, list_entries, remove, restore
from obce_core.compression.result import Fidelity
from obce_core.jobs import LocalLauncher, create_run, launcher_named, list_runs, move_queue, poll
from obce_core.measure.preview import keep_preview
from obce_core.plan import PruneSpec, resolve, write_plan
from obce_core.plan.storage import (
    delete_version,
    list_versions,
    rename_version,
    restore_version,
    save_version,
    write_draft,
)
from obce_core.storage.atomic import atomic_write
from obce_core.storage.staging import staged_folder
from obce_core.texts.uploads import store_upload


@pytest.fixture
def demo(tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Fill a cache with an analysis, a version, a run that waits and a removed run, and make it read-only."""
    shutil.copytree(tiny_analysis.folder, cache / "analyses" / tiny_analysis.id)
    save_version(tiny_analysis.id, "half", PruneSpec(cells={3: {"value": 50}}))
    delete_version(tiny_analysis.id, save_version(tiny_analysis.id, "gone", PruneSpec()).id)
    create_run("drill", {"seconds": 1}, launcher="local")
    gone, _ = create_run("drill", {"seconds": 1})
    gone.cancel()
    gone.write_status(gone.status().__class__(state="cancelled"))
    remove([entry for entry in list_entries(["runs"]) if entry.id == gone.id])
    monkeypatch.setenv("OBCE_READ_ONLY", "1")
    return tiny_analysis


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def calls(analysis: Any) -> dict[str, Callable[[], Any]]:
    (run,) = list_runs()
    (version,) = list_versions(analysis.id)
    plan = resolve(analysis, PruneSpec(cells={3: {"value": 50}}))
    return {
        "submit": lambda: LocalLauncher().submit("drill", {"seconds": 1}),
        "create": lambda: create_run("drill", {"seconds": 1}),
        "cancel": lambda: LocalLauncher().cancel(run),
        "cancel a page's": lambda: poll.cancel(run),
        "resume": lambda: LocalLauncher().resume(run),
        "resume on a cluster": lambda: launcher_named("ray", address="http://127.0.0.1:9").resume(run),
        "upload": lambda: store_upload(b"a\nb\n", ".txt"),
        "remove": lambda: remove(list_entries(["analyses"])),
        "restore": lambda: restore(list_entries(["trash"])[0].id),
        "destroy": lambda: destroy(list_entries(["trash"])),
        "rename": lambda: rename(analysis.id, "mine"),
        "save a version": lambda: save_version(analysis.id, "new", PruneSpec()),
        "rename a version": lambda: rename_version(analysis.id, version.id, "other"),
        "delete a version": lambda: delete_version(analysis.id, version.id),
        "restore a version": lambda: restore_version(analysis.id, "0" * 12),
        "draft": lambda: write_draft(analysis.id, PruneSpec(), seen=""),
        "plan": lambda: write_plan(plan, Path("plan.json").absolute()),
        "file": lambda: atomic_write(Path("x").absolute(), b""),
        "folder": lambda: staged_folder(Path("x").absolute()).__enter__(),
    }


def test_every_change_is_refused_and_nothing_is_written(
    demo: Any, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = tree(cache)
    for name, call in calls(demo).items():
        with pytest.raises(ReadOnly, match=r"is not possible: this copy of OBCE is read-only\. Run your own copy"):
            call()
        assert tree(cache) == before, name
    assert list((tmp_path / "here").iterdir()) == []


def test_a_look_starts_nothing_and_what_is_measured_is_not_kept(demo: Any, cache: Path) -> None:
    before = tree(cache)
    assert move_queue() == []
    (run,) = list_runs()
    assert LocalLauncher().probe(run).state == "queued"
    keep_preview("0" * 32, Fidelity(**dict.fromkeys(Fidelity.__dataclass_fields__, 1.0)))
    assert tree(cache) == before


def test_without_the_mode_the_same_calls_work(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusals above are the mode's, not of some other fault."""
    monkeypatch.delenv("OBCE_READ_ONLY")
    for name, call in calls(demo).items():
        try:
            call()
        except ReadOnly:
            pytest.fail(name)
        except Exception:
            continue  # a run that is done cannot be resumed, and so on
