"""The cache: names, references, taking away and bringing back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from shell import run

from obce_core.analysis.analysis import read_analysis
from obce_core.analysis.catalog import list_saved, read_name, rename
from obce_core.cache.library import destroy, find_entry, list_entries, referrers, remove, restore
from obce_core.errors import BadInput, PathError
from obce_core.jobs import Status, create_run
from obce_core.storage.staging import manifest_faults


@pytest.fixture
def kept(tiny_analysis: Any, cache: Path) -> str:
    """Put the tiny analysis into the cache."""
    shutil.copytree(tiny_analysis.folder, cache / "analyses" / tiny_analysis.id)
    return str(tiny_analysis.id)


def write(path: Path, told: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told))
    return path


def test_a_name_changes_neither_id_nor_manifest(kept: str, cache: Path) -> None:
    folder = cache / "analyses" / kept
    before = (folder / "analysis.json").read_bytes()
    rename(kept, "  mine,\n at last ")
    assert list_saved()[0].name == read_name(folder) == "mine, at last"
    assert (folder / "analysis.json").read_bytes() == before and manifest_faults(folder) == []
    assert read_analysis(kept).id == kept
    rename(kept, "x" * 500)
    assert len(read_name(folder)) == 80
    rename(kept, " ")
    assert list_saved()[0].name == "" and not (folder / "name.json").exists()


@pytest.mark.parametrize("text", ["{", '{"name": 7}', "[]", '{"name": null}'])
def test_a_damaged_name_is_none(text: str, kept: str, cache: Path) -> None:
    (cache / "analyses" / kept / "name.json").write_text(text)
    assert list_saved()[0].name == ""


def test_the_list_leaves_out_what_is_damaged_or_half_there(kept: str, cache: Path) -> None:
    shutil.copytree(cache / "analyses" / kept, cache / "analyses" / "damaged")
    (cache / "analyses" / "damaged" / "analysis.json").write_text("{")
    (cache / "analyses" / "abcdef.tmp-1").mkdir()
    assert [entry.id for entry in list_saved()] == [kept]


def test_what_was_removed_comes_back_as_it_was(kept: str, cache: Path) -> None:
    rename(kept, "mine")
    step = remove([find_entry(f"analyses/{kept[:6]}")])
    assert list_saved() == []
    assert restore(step) == [f"analyses/{kept}"]
    assert list_saved()[0].name == "mine" and manifest_faults(cache / "analyses" / kept) == []
    assert not (cache / "trash" / step).exists()
    with pytest.raises(BadInput, match="holds no"):
        restore(step)


def test_nothing_is_overwritten_by_bringing_back(kept: str, cache: Path, tiny_analysis: Any) -> None:
    step = remove([find_entry(f"analyses/{kept}")])
    shutil.copytree(tiny_analysis.folder, cache / "analyses" / kept)
    with pytest.raises(PathError, match="there again"):
        restore(step)
    assert (cache / "trash" / step / "analyses" / kept).is_dir()


@pytest.mark.parametrize("step", ["../analyses", "", ".", "a/b"])
def test_a_removal_cannot_name_another_place(step: str) -> None:
    with pytest.raises(BadInput):
        restore(step)


def test_a_foreign_list_of_moves_cannot_reach_out(cache: Path) -> None:
    write(cache / "trash" / "20260101-000000-abcdef" / "moved.json", {"refs": ["../../x"]})
    with pytest.raises(BadInput):
        restore("20260101-000000-abcdef")


def test_an_analysis_stays_while_models_and_plans_refer_to_it(kept: str, cache: Path) -> None:
    write(cache / "models" / "m1" / "pruning_plan.json", {"analysis": "other", "earlier": [{"analysis": kept}]})
    write(cache / "models" / "m2" / "pruning_plan.json", {"analysis": "other"})
    write(cache / "plans" / f"{kept}.json", {"cells": {}})
    write(cache / "plans" / "0123.plan.json", {"analysis": kept})
    entry = find_entry(f"analyses/{kept}")
    assert {other.ref for other in referrers(entry)} == {"models/m1", f"plans/{kept}.json", "plans/0123.plan.json"}
    with pytest.raises(BadInput, match="still needed by: model m1"):
        remove([entry])
    assert list_saved()
    step = remove([entry], along=True)
    assert [path.name for path in (cache / "models").iterdir()] == ["m2"]
    restore(step)
    assert len(referrers(find_entry(f"analyses/{kept}"))) == 3


def test_a_model_stays_while_an_analysis_of_it_is_there(kept: str, cache: Path) -> None:
    write(cache / "models" / "m1" / "pruning_plan.json", {"analysis": "other"})
    told = cache / "analyses" / kept / "analysis.json"
    meta = json.loads(told.read_text())
    meta["model"]["spec"] = str(cache / "models" / "m1")
    told.write_text(json.dumps(meta))
    with pytest.raises(BadInput, match="still needed by: analysis"):
        remove([find_entry("models/m1")])


def test_a_run_at_work_holds_itself_and_what_it_reads(kept: str) -> None:
    work, _ = create_run("compress", {"analysis": kept, "plan": "x"})
    with pytest.raises(BadInput, match=f"still needed by: run {work.id}"):
        remove([find_entry(f"analyses/{kept}")])
    with pytest.raises(BadInput, match="at work"):
        remove([find_entry(f"runs/{work.id}")])
    work.write_status(Status(state="done"))
    remove([find_entry(f"analyses/{kept}"), find_entry(f"runs/{work.id}")])
    assert list_entries(["analyses", "runs"]) == []


def test_only_the_trash_is_emptied(kept: str) -> None:
    with pytest.raises(BadInput, match="not in the trash"):
        destroy(list_entries(["analyses"]))
    remove([find_entry(f"analyses/{kept}")])
    with pytest.raises(BadInput, match="in the trash already"):
        remove(list_entries(["trash"]))
    destroy(list_entries(["trash"]))
    assert list_entries() == []


def test_the_shell_lists_measures_removes_and_brings_back(
    kept: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rename(kept, "mine")
    listed = run(capsys, "cache", "list", "--json").data["entries"]
    assert [(row["ref"], row["label"]) for row in listed] == [(f"analyses/{kept}", "mine")]
    sizes = run(capsys, "cache", "size", "--json").data
    files = sum(path.stat().st_size for path in (cache / "analyses" / kept).iterdir())
    assert sizes["bytes"]["analyses"] == sizes["total"] == listed[0]["bytes"] == files
    step = run(capsys, "cache", "rm", f"analyses/{kept}", "--json").data["trash"]
    assert "Nothing here yet." in run(capsys, "cache", "list", "analyses").out
    assert kept in run(capsys, "cache", "restore", step).out
    assert f"analyses/{kept}" in run(capsys, "cache", "list").out
    run(capsys, "cache", "rm", f"analyses/{kept}")
    in_trash = run(capsys, "cache", "size", "--json").data["bytes"]["trash"]
    assert in_trash > files
    assert run(capsys, "cache", "rm", "trash", "--json").data == {"removed": 1, "freed": in_trash}
    assert "MB in all" in run(capsys, "cache", "size").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rm", "analyses/none"], "no entry"),
        (["rm", "letters/none"], "no 'letters'"),
        (["rm", "trash", "analyses/x"], "named together"),
        (["list", "../.."], "The cache has no"),
        (["restore", "none"], "holds no"),
    ],
)
def test_a_bad_request_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "cache", *arguments)
    assert answer.code == 2 and message in answer.line
