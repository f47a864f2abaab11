"""One odd entry in a store of the cache hides none of the good ones, and can be listed and removed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import make_evaluation
from tiny import some_of_everything

from obce_core.analysis.analysis import find_analysis, read_analysis
from obce_core.analysis.catalog import list_analyses, list_saved
from obce_core.cache.fsck import check, repair
from obce_core.cache.library import find_entry, list_entries, referrers, remove
from obce_core.cli import main
from obce_core.compression.build import compress
from obce_core.compression.result import Fidelity, list_models
from obce_core.glue.evaluation import count_evaluations, list_evaluations
from obce_core.glue.leaderboard import leaderboard_rows
from obce_core.glue.tables import markdown, table_csv
from obce_core.measure.preview import keep_preview, read_preview, stored_previews
from obce_core.plan import PruneSpec
from obce_core.plan.storage import list_versions, read_draft, read_history, save_version, write_draft

FIDELITY = Fidelity(texts=5, cls=0.9, pooled=0.8, cls_lowest=0.7, pooled_lowest=0.6)


@pytest.fixture(scope="module")
def stock(tiny_analysis: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a cache with one good entry of each kind and a copy of it to be made odd."""
    home = tmp_path_factory.mktemp("stock") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBCE_CACHE", str(home))
        shutil.copytree(tiny_analysis.folder, home / "analyses" / tiny_analysis.id)
        shutil.copytree(tiny_analysis.folder, home / "analyses" / "odd-analysis")
        compress(
            read_analysis(tiny_analysis.id),
            some_of_everything(tiny_analysis),
            home / "models" / "good-model",
            device="cpu",
        )
        shutil.copytree(home / "models" / "good-model", home / "models" / "odd-model")
        good = make_evaluation(home / "evaluations", told={"asked": 1.0})
        shutil.copytree(good.folder, home / "evaluations" / "odd-evaluation")
        for name in ("good version", "odd version"):
            save_version(tiny_analysis.id, name, PruneSpec())
        write_draft(tiny_analysis.id, PruneSpec(), seen="")
        keep_preview("good", FIDELITY)
        keep_preview("odd", FIDELITY)
        (home / "texts").mkdir(parents=True)
        (home / "texts" / "good.txt").write_text("One.\nTwo.\n")
        remove([find_entry("models/odd-model")])
        shutil.copytree(home / "models" / "good-model", home / "models" / "odd-model")
    return home


def odd_version(home: Path) -> Path:
    return next(path for path in home.glob("plans/*/versions/*.json") if "odd version" in path.read_text())


FILES: dict[str, Callable[[Path], Path]] = {
    "analysis": lambda home: home / "analyses/odd-analysis/analysis.json",
    "analysis manifest": lambda home: home / "analyses/odd-analysis/MANIFEST.json",
    "analysis name": lambda home: home / "analyses/odd-analysis/name.json",
    "evaluation": lambda home: home / "evaluations/odd-evaluation/unit.json",
    "evaluation result": lambda home: home / "evaluations/odd-evaluation/result.json",
    "model": lambda home: home / "models/odd-model/obce.json",
    "model's plan": lambda home: home / "models/odd-model/pruning_plan.json",
    "version": odd_version,
    "history": lambda home: next(home.glob("plans/*")) / "history.json",
    "preview": lambda home: home / "previews/odd.json",
    "trash": lambda home: next(home.glob("trash/*")) / "moved.json",
}


def look() -> None:
    """List everything as the shell and the pages do; the good entries are there."""
    good = next(entry for entry in list_saved() if entry.folder.name != "odd-analysis")
    assert good.id in [entry.id for entry in list_analyses()] and find_analysis(good.id) == good.folder
    assert all(entry.bytes > 0 and entry.meta["texts"]["n"] >= 0 for entry in list_saved())
    assert "good-model" in [model.folder.name for model in list_models()]
    evaluations = list_evaluations()
    assert any(one.id != "odd-evaluation" for one in evaluations) and count_evaluations() >= len(evaluations)
    rows = leaderboard_rows(evaluations)
    assert markdown(rows, ["cola"]) and table_csv(rows)
    assert "good version" in [version.name for version in list_versions(good.id)]
    draft = read_draft(good.id)
    read_history(good.id, draft.stamp)
    assert read_preview("good") == FIDELITY and "good" in stored_previews()
    read_preview("odd")
    for entry in list_entries():
        assert isinstance(entry.describe() + entry.ref, str) and entry.bytes >= 0 and entry.modified >= 0
    assert {"models/good-model", "texts/good.txt"} <= {entry.ref for entry in list_entries()}
    referrers(find_entry(f"analyses/{good.folder.name}"))
    check(), repair()


SHAPES: dict[str, Callable[[Path], object]] = {
    "a number": lambda path: path.write_text("5"),
    "a list": lambda path: path.write_text("[]"),
    "an empty object": lambda path: path.write_text("{}"),
    "not UTF-8": lambda path: path.write_bytes(b'{"name": "\xff"}'),
    "nested deeply": lambda path: path.write_text("[" * 100_000),
    "half a surrogate": lambda path: path.write_text('{"name": "\\ud800"}'),
    "a pipe": lambda path: (path.unlink(missing_ok=True), os.mkfifo(path)),
    "a folder": lambda path: (path.unlink(missing_ok=True), path.mkdir()),
    "a link to itself": lambda path: (path.unlink(missing_ok=True), path.symlink_to(path)),
    "gone": lambda path: path.unlink(missing_ok=True),
}


@pytest.fixture
def copy(stock: Path, cache: Path) -> Path:
    shutil.copytree(stock, cache, symlinks=True)
    return cache


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_shape_hides_no_good_entry(file: str, copy: Path, stock: Path) -> None:
    path = FILES[file](copy)
    whole = path.read_bytes() if path.is_file() else None
    for make in SHAPES.values():
        make(path)
        look()
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        if whole is not None:
            path.write_bytes(whole)


# a folder of the cache, what lies in the place of an entry
STRANGERS: list[tuple[str, Callable[[Path], object]]] = [
    ("an empty folder", lambda path: path.mkdir()),
    ("a file", lambda path: path.write_text("")),
    ("a pipe", os.mkfifo),
    ("a link to nothing", lambda path: path.symlink_to("nowhere")),
    ("a link to itself", lambda path: path.symlink_to(path)),
    ("a folder whose manifest is a folder", lambda path: (path / "MANIFEST.json").mkdir(parents=True)),
]


@pytest.mark.parametrize(("what", "make"), STRANGERS, ids=[what for what, _ in STRANGERS])
def test_a_stranger_in_any_store_hides_no_good_entry_and_can_be_removed(
    what: str, make: Callable[[Path], object], copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = (
        "plans",
        "analyses",
        "evaluations",
        "models",
        "texts",
        "trash",
    )  # a plan is named as its analysis, and goes first
    for kind in kinds:
        make(copy / kind / "stranger")
    make(copy / "previews" / "stranger.json")
    look()
    assert main(["cache", "list"]) == 0 and main(["cache", "size"]) == 0
    assert capsys.readouterr().out.count("/stranger") == len(kinds)
    for kind in kinds:
        assert main(["cache", "rm", f"{kind}/stranger"]) == 0
        assert not os.path.lexists(copy / kind / "stranger")
    look()


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.lists(st.integers(), max_size=2)
)
VALUES |= st.dictionaries(
    st.sampled_from(["name", "shape", "n", "quick", "cola"]), st.integers() | st.text(max_size=3), max_size=2
)


@given(file=st.sampled_from(sorted(FILES)), data=st.data())
@settings(max_examples=60)
def test_a_field_of_another_type_hides_no_good_entry(
    file: str, data: Any, stock: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        path = FILES[file](stock)
        patch.setenv("OBCE_CACHE", str(stock))
        whole = path.read_bytes() if path.is_file() else None
        try:
            value = json.loads(whole) if whole is not None else {}
            part = value
            field = data.draw(st.sampled_from(sorted(value) or ["name"]))
            if isinstance(value.get(field), dict) and value[field] and data.draw(st.booleans()):
                part, field = value[field], data.draw(st.sampled_from(sorted(value[field])))
            if data.draw(st.booleans()):
                part[field] = data.draw(VALUES)
            else:
                part.pop(field, None)
            path.write_text(json.dumps(value))
            look()
        finally:
            path.unlink() if whole is None else path.write_bytes(whole)
