"""Models and texts that the Hugging Face library has downloaded, with its store of blobs that all repositories
share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hubcache import COMMIT, lay_out
from shell import run
from tiny import copy_folder, sentences

from obce_core.errors import PathError
from obce_core.models import check_model, locate, preview_model
from obce_core.models.load import load_model
from obce_core.texts import load_texts


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty hub cache, offline."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    return tmp_path / "hub"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Write a folder with a text file and a GLUE task."""
    folder = tmp_path / "texts"
    (folder / "SST-2").mkdir(parents=True)
    (folder / "train.txt").write_text("\n".join(sentences(30)))
    rows = [f"{text}\t{at % 2}" for at, text in enumerate(sentences(30))]
    (folder / "SST-2" / "train.tsv").write_text("\n".join(["sentence\tlabel", *rows]) + "\n")
    return folder


def test_a_model_in_the_shared_store_loads(tiny_folder: Path, hub: Path) -> None:
    snapshot = lay_out(tiny_folder, hub)
    source = locate("owner/tiny")
    assert source.folder == snapshot and source.weights.resolve().parent.parent == hub / "blobs"
    assert load_model(source).report.shape.layers == load_model(snapshot).report.shape.layers == 4
    assert source.weights_sha256 == locate(tiny_folder).weights_sha256


def test_a_model_in_the_shared_store_is_previewed_as_downloaded(tiny_folder: Path, hub: Path) -> None:
    lay_out(tiny_folder, hub)
    preview = preview_model("owner/tiny")
    assert preview.download == 0 and preview.report.source.revision == COMMIT


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME"])
def test_the_command_line_reads_a_model_and_texts_in_the_shared_store(
    variable: str, tiny_folder: Path, texts: Path, tmp_path: Path, cache: Path
) -> None:
    home = tmp_path / "huggingface"
    hub = home if variable == "HF_HUB_CACHE" else home / "hub"
    lay_out(tiny_folder, hub)
    file = lay_out(texts, hub, "datasets--owner--texts") / "train.txt"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    told = plain | {variable: str(home), "HF_HUB_OFFLINE": "1", "OBCE_CACHE": str(cache)}
    command = [
        sys.executable,
        "-m",
        "obce_core.cli",
        "analyze",
        "--model",
        "owner/tiny",
        "--texts",
        str(file),
        "--n-texts",
        "8",
        "--json",
    ]
    done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["model"] == "owner/tiny" and answer["texts"]["source"].startswith("file:train.txt#")


def test_texts_of_a_snapshot_keep_the_name_of_their_link(
    texts: Path, tiny_folder: Path, hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = lay_out(texts, hub, "datasets--owner--texts")
    assert load_texts(snapshot / "train.txt", n=4).source.startswith("file:train.txt#")
    assert len(load_texts("glue:sst2", n=4, glue_dir=snapshot)) == 4
    done = run(capsys, "analyze", "--model", tiny_folder, "--texts", snapshot / "train.txt", "--n-texts", 4, "--json")
    assert done.code == 0, done.err
    glue = run(
        capsys,
        "analyze",
        "--model",
        tiny_folder,
        "--texts",
        "glue:sst2",
        "--glue-dir",
        snapshot,
        "--n-texts",
        4,
        "--json",
    )
    assert glue.code == 0, glue.err


def test_a_model_in_a_sub_folder_of_a_snapshot_loads(tiny_folder: Path, hub: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "old" / "0_BERT")
    snapshot = lay_out(tmp_path / "old", hub)
    assert load_model(snapshot / "0_BERT").report.shape.layers == 4


def link(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


def into_another_repository(snapshot: Path, hub: Path) -> None:
    other = lay_out(snapshot, hub, "models--owner--other", shared=False)
    link(snapshot / "config.json", (other / "config.json").parent / (other / "config.json").readlink())


def by_way_of_another_repository(snapshot: Path, hub: Path) -> None:
    """Link to a blob of another repository, which is a link into the shared store itself."""
    other = lay_out(snapshot, hub, "models--owner--other")
    link(snapshot / "config.json", (other / "config.json").parent / (other / "config.json").readlink())


def beside_the_store(snapshot: Path, hub: Path) -> None:
    (hub / "blobs" / "config.json").write_bytes((snapshot / "config.json").read_bytes())
    link(snapshot / "config.json", hub / "blobs" / "config.json")


def under_another_prefix(snapshot: Path, hub: Path) -> None:
    blob = hub / "blobs" / "00" / ("ab" * 32)
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes((snapshot / "config.json").read_bytes())
    link(snapshot / "config.json", blob)


def out_of_the_cache(snapshot: Path, hub: Path) -> None:
    (hub.parent / "config.json").write_bytes((snapshot / "config.json").read_bytes())
    link(snapshot / "config.json", hub.parent / "config.json")


def through_its_own_blobs(snapshot: Path, hub: Path) -> None:
    """Link to an own blob that is a link to a file elsewhere."""
    (hub.parent / "config.json").write_bytes((snapshot / "config.json").read_bytes())
    blob = snapshot.parent.parent / "blobs" / "away"
    blob.symlink_to(hub.parent / "config.json")
    link(snapshot / "config.json", blob)


def to_a_folder(snapshot: Path, hub: Path) -> None:
    link(snapshot / "config.json", Path(".."))


WAYS = [
    into_another_repository,
    by_way_of_another_repository,
    beside_the_store,
    under_another_prefix,
    out_of_the_cache,
    through_its_own_blobs,
    to_a_folder,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_link_to_any_other_place_is_refused(way: Any, tiny_folder: Path, hub: Path) -> None:
    snapshot = lay_out(tiny_folder, hub)
    way(snapshot, hub)
    for read in (check_model, preview_model):
        with pytest.raises(
            PathError, match=r"config.json in .*(points outside the model's folder|is not a regular file)"
        ):
            read("owner/tiny")
    with pytest.raises(PathError):
        locate("owner/tiny").open("config.json")


def test_a_folder_of_ones_own_beside_blobs_gains_nothing_by_that(tiny_folder: Path, tmp_path: Path) -> None:
    snapshot = lay_out(tiny_folder, tmp_path / "hub")
    plain = shutil.move(tmp_path / "hub" / "models--owner--tiny", tmp_path / "hub" / "plain")
    with pytest.raises(PathError, match="points outside"):
        check_model(Path(plain) / snapshot.relative_to(tmp_path / "hub" / "models--owner--tiny"))


def test_a_snapshot_without_the_side_files_is_enough(tiny_folder: Path, hub: Path, tmp_path: Path) -> None:
    """transformers downloads no LICENSE and no modules.json; the library then calls the snapshot incomplete."""
    snapshot = lay_out(tiny_folder, hub)
    api = pytest.importorskip(
        "huggingface_hub._tree_cache", reason="this huggingface_hub keeps no listing of a repository"
    )
    entry = api.TreeCacheEntry(size=1, blob_id="b", lfs_sha256=None, lfs_size=None, xet_hash=None)
    names = [path.name for path in snapshot.iterdir()]
    api.write_tree_cache(
        str(snapshot.parents[1]),
        COMMIT,
        dict.fromkeys([*names, "LICENSE", "onnx/model.onnx", "pytorch_model.bin"], entry),
    )
    assert locate("owner/tiny").folder == snapshot
    assert preview_model("owner/tiny").download == 0


def test_what_was_opened_is_what_was_checked(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that becomes a link between the check and the opening is not read."""
    from obce_core.models import files

    folder = copy_folder(tiny_folder, tmp_path / "model")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    resolve = files._resolve

    def swap(home: Path, name: str) -> Any:
        found = resolve(home, name)
        link(folder / "tokenizer_config.json", secret)
        return found

    monkeypatch.setattr(files, "_resolve", swap)
    with pytest.raises(PathError, match=r"Cannot read .*tokenizer_config.json"):
        files.open_file(folder, "tokenizer_config.json")
