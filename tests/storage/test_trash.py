"""What --overwrite replaces: only our own work, moved to the trash and never deleted, from any file system."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shell import run

from obce_core.cache.library import find_entry, list_entries, restore
from obce_core.cli import main
from obce_core.errors import PathError
from obce_core.storage import trash
from obce_core.storage.atomic import replace_file, write_json
from obce_core.storage.staging import MANIFEST, check_target, manifest_faults, staged_folder


def fill(target: Path, text: str, *, overwrite: bool = False) -> None:
    with staged_folder(target, overwrite=overwrite) as stage:
        (stage / "sub").mkdir()
        (stage / "sub" / "a.txt").write_text(text)


def own(target: Path) -> None:
    fill(target, "old")


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        own(target)
        told = json.loads((target / MANIFEST).read_text())
        change(told)
        write_json(target / MANIFEST, told)

    return make


def with_extra(name: str) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        own(target)
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text("years of work")

    return make


def somebodys(target: Path) -> None:
    target.mkdir()
    (target / MANIFEST).write_text('{"format": "bag-it/1", "files": {}}')
    (target / "thesis.tex").write_text("years of work")


# what lies at the target, what the refusal says
FOREIGN: list[tuple[str, Callable[[Path], None], str]] = [
    ("a manifest of another tool", somebodys, "its MANIFEST.json is not of the format obce-manifest/1"),
    (
        "an empty manifest",
        lambda target: (target.mkdir(), (target / MANIFEST).write_text(""))[0],
        "is not of the format",
    ),
    (
        "a list as manifest",
        lambda target: (target.mkdir(), (target / MANIFEST).write_text("[]"))[0],
        "is not of the format",
    ),
    ("a manifest without a format", edit(lambda told: told.pop("format")), "is not of the format"),
    ("a checkpoint", edit(lambda told: told.update(format="obce-checkpoint/1")), "is not of the format"),
    ("a file of one's own beside ours", with_extra("thesis.tex"), "holds thesis.tex, which obce did not write"),
    (
        "a file in a folder of one's own",
        with_extra("mine/thesis.tex"),
        "holds mine/thesis.tex, which obce did not write",
    ),
    ("a hidden file", with_extra(".git"), "holds .git, which obce did not write"),
    (
        "a link",
        lambda target: (own(target), (target / "data").symlink_to("/etc"))[0],
        "holds data, which obce did not write",
    ),
]


@pytest.mark.parametrize(("what", "make", "words"), FOREIGN, ids=[what for what, _, _ in FOREIGN])
def test_what_is_not_wholly_ours_is_left_alone(
    what: str, make: Callable[[Path], None], words: str, tmp_path: Path, cache: Path
) -> None:
    make(tmp_path / "out")
    before = {
        path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file() and not path.is_symlink()
    }
    with pytest.raises(PathError, match="--overwrite leaves it alone") as caught:
        check_target(tmp_path / "out", overwrite=True)
    assert words in str(caught.value)
    with pytest.raises(PathError), staged_folder(tmp_path / "out", overwrite=True):
        pytest.fail("the block must not run")
    assert {path: path.read_bytes() for path in before} == before and not (cache / "trash").exists()


def test_the_name_of_an_analysis_does_not_make_it_foreign(tmp_path: Path) -> None:
    own(tmp_path / "out")
    (tmp_path / "out" / "name.json").write_text('{"name": "mine"}')
    fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out/sub/a.txt").read_text() == "new"


@pytest.fixture(params=["same file system", "another file system"])
def crossing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, cache: Path) -> str:
    """Rename within the cache and within the other places alone, as between two file systems."""
    if request.param == "another file system":
        rename = os.rename

        def within(source: Any, target: Any) -> None:
            if Path(source).is_relative_to(cache) != Path(target).is_relative_to(cache):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            rename(source, target)

        monkeypatch.setattr(os, "rename", within)
    return str(request.param)


def test_what_is_replaced_lies_in_the_trash_and_comes_back(
    crossing: str, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my model"
    own(out)
    (out / "sub" / "a.txt").write_text("old, and edited")
    fill(out, "new", overwrite=True)
    assert (out / "sub/a.txt").read_text() == "new" and manifest_faults(out) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my model", "obce-cache"]
    (entry,) = list_entries(["trash"])
    assert entry.label == str(out) and trash.replaced(out) == entry.id
    with pytest.raises(PathError, match="is there again"):
        restore(entry.id)
    shutil.rmtree(out)
    assert main(["cache", "restore", entry.id]) == 0
    assert str(out) in capsys.readouterr().out
    assert (out / "sub/a.txt").read_text() == "old, and edited" and list_entries(["trash"]) == []


def test_a_file_that_is_replaced_lies_in_the_trash(crossing: str, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "plan.json"
    replace_file(path, "old")
    replace_file(path, "old")
    assert list_entries(["trash"]) == []  # the same again replaces nothing
    replace_file(path, "new")
    (entry,) = list_entries(["trash"])
    assert path.read_text() == "new" and (entry.path / "replaced/plan.json").read_text() == "old"
    path.unlink()
    assert restore(entry.id) == [str(path)] and path.read_text() == "old"


def test_a_trash_that_has_no_room_replaces_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(tmp_path / "out")
    replace_file(tmp_path / "plan.json", "old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("obce_core.storage.trash.move", full)
    with pytest.raises((OSError, PathError)):
        fill(tmp_path / "out", "new", overwrite=True)
    with pytest.raises((OSError, PathError)):
        replace_file(tmp_path / "plan.json", "new")
    assert (tmp_path / "out/sub/a.txt").read_text() == "old" and (tmp_path / "plan.json").read_text() == "old"
    assert list_entries(["trash"]) == [] and [path.name for path in tmp_path.iterdir() if ".tmp-" in path.name] == []


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="there is no second file system here")
def test_a_real_second_file_system(tmp_path: Path, cache: Path) -> None:
    home = Path("/dev/shm") / f"obce-test-{os.getpid()}"
    home.mkdir()
    try:
        if home.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("it is the same file system")
        own(home / "out")
        fill(home / "out", "new", overwrite=True)
        (entry,) = list_entries(["trash"])
        assert (entry.path / "replaced/out/sub/a.txt").read_text() == "old" and [
            path.name for path in home.iterdir()
        ] == ["out"]
        shutil.rmtree(home / "out")
        assert restore(entry.id) == [str(home / "out")] and manifest_faults(home / "out") == []
    finally:
        shutil.rmtree(home)


def test_a_planted_step_of_another_user_restores_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(tmp_path / "out")
    fill(tmp_path / "out", "new", overwrite=True)
    (entry,) = list_entries(["trash"])
    monkeypatch.setattr("obce_core.storage.trash.foreign_owner", lambda *_: "belongs to another user (uid 4711)")
    shutil.rmtree(tmp_path / "out")
    assert trash.step_path(find_entry(f"trash/{entry.id}").path) is None
    assert not (tmp_path / "out").exists()


# --- by the shell


def test_the_shell_says_where_the_earlier_one_is(
    tiny_analysis: Any, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plan.json"
    for percentile, more in ((50, ()), (30, ("--overwrite",))):
        done = run(capsys, "plan", "--analysis", tiny_analysis.folder, "--percentile", percentile, "--out", out, *more)
        assert done.code == 0, done.err
    step = trash.replaced(out)
    assert f"obce: the earlier {out} is in the trash; obce cache restore {step} brings it back." in done.err
    earlier = json.loads((cache / "trash" / str(step) / "replaced/plan.json").read_text())
    assert earlier["intent"]["cells"]["3"]["query"] == 50


def test_a_report_replaces_a_report_alone(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from made import make_evaluation

    make_evaluation(cache / "evaluations")
    out = tmp_path / "r.html"
    assert run(capsys, "report", "--out", out).code == 0
    before = out.read_bytes()
    make_evaluation(cache / "evaluations", seed=1)
    assert run(capsys, "report", "--out", out, "--overwrite").code == 0
    assert (cache / "trash" / str(trash.replaced(out)) / "replaced/r.html").read_bytes() == before
    out.write_text("<html>my thesis</html>")
    refused = run(capsys, "report", "--out", out, "--overwrite")
    assert refused.code == 2 and "is not a report that obce wrote, so --overwrite leaves it alone" in refused.line
    assert out.read_text() == "<html>my thesis</html>"
