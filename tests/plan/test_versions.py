"""Named versions: they read back equal, names are never paths, deleting can be undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obce_core.errors import ObceError, PlanError
from obce_core.plan import Compensation, Hardware, ManualOverride, PruneSpec
from obce_core.plan.storage import delete_version, list_versions, rename_version, restore_version, save_version

KEY = "0123456789abcdef"
FULL = PruneSpec(
    criterion="std_all",
    seed=7,
    first_layer=2,
    cells={2: {"query": 12.5, "value": 70}},
    keep=(ManualOverride(layer=2, component="value", neurons=(1, 4), reason="ä <b>"),),
    drop=(ManualOverride(layer=3, component="key", neurons=(0,)),),
    compensation=Compensation(method="mean", tokens="all"),
    hardware=Hardware(round_to=8, per_head=True),
)


def test_a_version_reads_back_equal() -> None:
    version = save_version(KEY, "  light ", FULL, note="for the talk")
    assert list_versions(KEY) == [version]
    assert (version.name, version.note, version.prune_spec) == ("light", "for the talk", FULL)
    assert list_versions("another") == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "<b>bold</b>", "名前", ".", "con"])
def test_a_name_is_text_and_never_a_path(name: str, cache: Path) -> None:
    version = save_version(KEY, name, FULL)
    assert list_versions(KEY)[0].name == name
    assert [path.name for path in (cache / "plans" / KEY / "versions").iterdir()] == [f"{version.id}.json"]
    assert {path.name for path in cache.parent.iterdir()} == {cache.name}


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 81])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match="not a valid version name"):
        save_version(KEY, name, FULL)
    assert list_versions(KEY) == []


def test_a_name_can_be_used_once() -> None:
    first = save_version(KEY, "one", FULL)
    with pytest.raises(PlanError, match="exists"):
        save_version(KEY, "one", PruneSpec())
    second = save_version(KEY, "two", PruneSpec())
    with pytest.raises(PlanError, match="exists"):
        rename_version(KEY, second.id, "one")
    assert rename_version(KEY, first.id, "one", note="new").note == "new"
    assert {(v.name, v.note) for v in list_versions(KEY)} == {("one", "new"), ("two", "")}


def test_deleting_can_be_undone() -> None:
    version = save_version(KEY, "one", FULL)
    delete_version(KEY, version.id)
    assert list_versions(KEY) == []
    with pytest.raises(PlanError, match="no longer exists"):
        delete_version(KEY, version.id)
    restore_version(KEY, version.id)
    assert list_versions(KEY) == [version]


@pytest.mark.parametrize("bad", ["../x", "a/b", "", ".."])
def test_an_id_cannot_leave_its_folder(bad: str) -> None:
    with pytest.raises(ObceError):
        delete_version(KEY, bad)
    with pytest.raises(ObceError):
        rename_version(KEY, bad, "new")


def test_an_unreadable_version_is_skipped(cache: Path) -> None:
    version = save_version(KEY, "one", FULL)
    home = cache / "plans" / KEY / "versions"
    (home / "broken.json").write_text("{")
    data = json.loads((home / f"{version.id}.json").read_text())
    data["intent"]["cells"] = {"2": {"pooler": 5}}
    (home / "strange.json").write_text(json.dumps(data))
    assert list_versions(KEY) == [version]
