"""Nothing is ever half there: atomic files, staged folders, manifests, digests."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from obce_core.errors import DiskFull, PathError
from obce_core.storage import staging
from obce_core.storage.atomic import atomic_write, read_json, write_json
from obce_core.storage.digests import canonical_json, digest, file_sha256
from obce_core.storage.staging import MANIFEST, check_name, check_target, is_complete, manifest_faults, staged_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


# --- digests


def test_a_digest_is_a_sha256_of_sorted_json_and_never_changes() -> None:
    value = {"b": [1, 2.5, None, True], "a": "é"}
    assert canonical_json(value) == '{"a":"é","b":[1,2.5,null,true]}'
    assert digest(value) == "0c187fb652afca8017b5ef38178eeef09a9dfef844316f80ba4207cdf1995ee5"
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest(dict(reversed(list(value.items())))) == digest(value)
    assert digest([1]) != digest([1.0])


@pytest.mark.parametrize("value", [float("nan"), [float("inf")]])
def test_numbers_that_are_not_finite_have_no_digest(value: Any, home: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        digest(value)
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(home / "a.json", value)
    assert names(home) == []


def test_half_a_surrogate_pair_has_a_digest() -> None:
    assert len(digest("\ud800")) == 64


def test_the_sha256_of_a_file_is_that_of_its_bytes(home: Path) -> None:
    data = bytes(range(256)) * 10_000
    (home / "a").write_bytes(data)
    assert file_sha256(home / "a") == hashlib.sha256(data).hexdigest()


# --- files


@pytest.mark.parametrize("data", ["text é\n", b"\x00bytes", ""])
def test_a_file_is_written_whole_and_its_folder_made(data: Any, home: Path) -> None:
    atomic_write(home / "deep" / "er" / "a.txt", data)
    assert (home / "deep" / "er" / "a.txt").read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert names(home / "deep" / "er") == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_no_debris(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic_write(home / "a", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull, match="Disk full: needs 3 bytes in "):
            atomic_write(home / "a", "new")
    assert (home / "a").read_text() == "old"
    assert names(home) == ["a"]


def test_the_bytes_reach_the_disk_before_the_name_does(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("sync"), sync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), replace(a, b))[1])
    atomic_write(home / "a", "x")
    assert order == ["sync", "rename", "sync"]


def test_json_reads_back_and_is_readable(home: Path) -> None:
    write_json(home / "a.json", {"é": [1, None]})
    assert read_json(home / "a.json") == {"é": [1, None]}
    assert (home / "a.json").read_text("utf-8") == '{\n "é": [\n  1,\n  null\n ]\n}\n'


def test_readers_see_the_old_or_the_new_bytes_while_a_writer_replaces_them(home: Path) -> None:
    path, sizes, seen = home / "a", (10, 200_000), set()
    atomic_write(path, "x" * sizes[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(40):
            atomic_write(path, "x" * sizes[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        seen.add(len(path.read_text()))
    writer.join()
    assert seen <= set(sizes)
    assert names(home) == ["a"]


# --- folders


def fill(target: Path, text: str = "new", **options: bool) -> None:
    with staged_folder(target, **options) as stage:
        (stage / "a.txt").write_text(text)
        (stage / "sub").mkdir()
        (stage / "sub" / "b.txt").write_text("b")
        assert not (target / "a.txt").exists() or (target / "a.txt").read_text() != text


def test_a_folder_appears_complete_with_a_manifest(home: Path) -> None:
    fill(home / "out")
    assert names(home) == ["out"]
    assert is_complete(home / "out")
    assert read_json(home / "out" / MANIFEST) == {
        "format": "obce-manifest/1",
        "files": {
            name: {"size": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
            for name, text in (("a.txt", "new"), ("sub/b.txt", "b"))
        },
    }
    assert manifest_faults(home / "out") == []


def test_a_failure_while_filling_leaves_nothing(home: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged_folder(home / "out") as stage:
        (stage / "a").write_text("x")
        raise ZeroDivisionError
    assert names(home) == []


def theirs(target: Path) -> None:
    target.mkdir()
    (target / "thesis.txt").write_text("years")


def ours(target: Path) -> None:
    fill(target, "old")


def a_file(target: Path) -> None:
    target.write_text("mine")


def a_dangling_link(target: Path) -> None:
    target.symlink_to(target.parent / "nowhere")


# what is there before, whether to overwrite, the fragment of the message (none: it is written)
RULES: list[tuple[Any, bool, str]] = [
    (lambda target: None, False, ""),
    (lambda target: None, True, ""),
    (lambda target: target.mkdir(), False, ""),
    (lambda target: target.mkdir(), True, ""),
    (theirs, False, "already exists. Choose another --out, or give --overwrite."),
    (theirs, True, "was not written by obce (it has no MANIFEST.json), so --overwrite leaves it alone."),
    (ours, False, "already exists."),
    (ours, True, ""),
    (a_file, False, "already exists."),
    (a_file, True, "was not written by obce"),
    (a_dangling_link, False, "already exists."),
    (a_dangling_link, True, "was not written by obce"),
]


@pytest.mark.parametrize(("before", "overwrite", "message"), RULES, ids=range(len(RULES)))
def test_only_what_obce_wrote_is_replaced_and_only_when_asked(
    before: Any, overwrite: bool, message: str, home: Path
) -> None:
    before(home / "out")
    found = {path.relative_to(home): path.read_text() for path in home.rglob("*") if path.is_file()}
    if message:
        with pytest.raises(PathError) as caught:
            check_target(home / "out", overwrite=overwrite)
        assert message in str(caught.value)
        with pytest.raises(PathError), staged_folder(home / "out", overwrite=overwrite):
            pytest.fail("the block must not run")
        assert {path.relative_to(home): path.read_text() for path in home.rglob("*") if path.is_file()} == found
    else:
        fill(home / "out", overwrite=overwrite)
        assert (home / "out" / "a.txt").read_text() == "new"
        assert manifest_faults(home / "out") == []
    assert names(home) == ["out"]


def test_a_target_that_appears_while_filling_is_not_replaced(home: Path) -> None:
    with pytest.raises(PathError, match="already exists"), staged_folder(home / "out") as stage:
        (stage / "a").write_text("x")
        theirs(home / "out")
    assert names(home) == ["out"]
    assert names(home / "out") == ["thesis.txt"]


def test_a_failed_rename_puts_the_old_folder_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours(home / "out")
    rename = os.rename

    def fail_to_appear(source: Any, target: Any) -> None:
        if ".tmp-" in Path(source).name and not Path(source).name.endswith("-old"):
            raise OSError(5, "Input/output error")
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail_to_appear)
        with pytest.raises(OSError, match="Input/output error"):
            fill(home / "out", overwrite=True)
    assert names(home) == ["out"]
    assert (home / "out" / "a.txt").read_text() == "old"
    assert manifest_faults(home / "out") == []


def test_the_current_folder_can_be_the_target_while_it_is_empty(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "here").mkdir()
    monkeypatch.chdir(home / "here")
    fill(Path())
    assert (home / "here" / "a.txt").read_text() == "new"
    assert names(home) == ["here"]


def test_a_link_to_our_folder_is_replaced_without_debris(home: Path) -> None:
    ours(home / "real")
    (home / "out").symlink_to(home / "real")
    fill(home / "out", overwrite=True)
    assert names(home) == ["out", "real"]
    assert ((home / "out" / "a.txt").read_text(), (home / "real" / "a.txt").read_text()) == ("new", "old")


def test_a_parent_that_is_a_file_is_named(home: Path) -> None:
    (home / "file").write_text("")
    with (
        pytest.raises(PathError, match=r"^Cannot write in .*file: .* Choose another --out.$"),
        staged_folder(home / "file" / "out"),
    ):
        pytest.fail("the block must not run")


def test_an_entry_of_the_cache_that_was_there_first_is_kept(home: Path) -> None:
    fill(home / "out", "first", keep_existing=True)
    fill(home / "out", "second", keep_existing=True)
    assert (home / "out" / "a.txt").read_text() == "first"
    assert names(home) == ["out"]


def test_an_incomplete_entry_of_the_cache_is_replaced(home: Path) -> None:
    (home / "out").mkdir()
    (home / "out" / "half").write_text("x")
    fill(home / "out", keep_existing=True)
    assert names(home / "out") == [MANIFEST, "a.txt", "sub"]
    assert names(home) == ["out"]


def race(target: str, me: int, gate: Any, answers: Any) -> None:
    """Write the same entry as others do, at the same moment."""
    with staged_folder(Path(target), keep_existing=True) as stage:
        for number in range(20):
            (stage / f"{number}.txt").write_text(str(me))
        gate.wait()
    answers.put((me, manifest_faults(Path(target))))


def test_of_processes_that_write_the_same_entry_one_wins_and_none_fails(home: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate, answers = spawn.Barrier(3), spawn.Queue()
    workers = [spawn.Process(target=race, args=(str(home / "out"), me, gate, answers)) for me in range(3)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    answers.close()
    answers.join_thread()
    assert sorted(me for me, _ in found) == [0, 1, 2]
    assert [faults for _, faults in found] == [[], [], []]
    assert len({(home / "out" / f"{number}.txt").read_text() for number in range(20)}) == 1
    assert names(home) == ["out"]


# --- manifests


def longer(path: Path) -> None:
    path.write_text("news")


def other(path: Path) -> None:
    path.write_text("owt")


# what is done to a.txt, the fault
DAMAGE = [
    (lambda path: None, []),
    (lambda path: path.unlink(), ["a.txt is missing"]),
    (longer, ["a.txt has 4 bytes, its manifest says 3"]),
    (other, ["a.txt was changed (sha256 differs from its manifest)"]),
]


@pytest.mark.parametrize(("damage", "faults"), DAMAGE, ids=range(len(DAMAGE)))
def test_a_folder_is_held_against_its_manifest(damage: Any, faults: list[str], home: Path) -> None:
    fill(home / "out")
    damage(home / "out" / "a.txt")
    assert manifest_faults(home / "out") == faults


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "a/../../secret.txt"])
def test_a_manifest_that_leads_out_of_its_folder_is_a_fault_and_nothing_there_is_read(name: str, home: Path) -> None:
    fill(home / "out")
    (home / "secret.txt").write_text("secret")
    told = json.loads((home / "out" / MANIFEST).read_text())
    told["files"][name] = {"size": 6, "sha256": "ab"}
    (home / "out" / MANIFEST).write_text(json.dumps(told))
    assert manifest_faults(home / "out") == [f"{name} leads out of the folder"]


@pytest.mark.parametrize(
    "text", [None, "", "[]", '{"files": 3}', '{"files": {"a.txt": {}}}', '{"files": {"a.txt": 3}}', '{"files": []}']
)
def test_a_manifest_that_cannot_be_read_is_a_fault(text: str | None, home: Path) -> None:
    fill(home / "out")
    (home / "out" / MANIFEST).unlink() if text is None else (home / "out" / MANIFEST).write_text(text)
    assert manifest_faults(home / "out") == [f"{home / 'out' / MANIFEST} is missing or unreadable"]
    assert is_complete(home / "out") is (text is not None)


# --- names


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\\b", "a\0", "x" * 121, "../../x"])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(PathError, match="is not a name of an entry"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "0123456789abcdef", "my-plan_2.v1", "é", "x" * 120, "..."])
def test_an_ordinary_name_is_accepted(name: str) -> None:
    assert check_name(name) == name


def test_the_module_lists_the_manifest_of_a_folder_in_order(home: Path) -> None:
    for name in ("b", "a"):
        (home / name).write_text(name)
    assert list(staging.manifest(home)) == ["a", "b"]
    assert json.dumps(staging.manifest(home))
