"""Where a model's files may lie, and what is refused before one of them is opened."""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tiny import copy_folder

from obce_core.errors import ModelError, ObceError, Offline, PathError
from obce_core.models import ModelSource, check_model, locate
from obce_core.models.load import load_model
from obce_core.models.locate import DEMO_NAME, DEMO_SHA256

MODULE = import_module("obce_core.models.locate")  # the package shows the function of that name

# what was asked for, error class, the start of the message
NOT_THERE = [
    ("", ModelError, "No model was named."),
    ("  ", ModelError, "No model was named."),
    ("a\0b", ModelError, "No model was named."),
    ("./no/such/folder", ModelError, "No model folder at './no/such/folder'."),
    ("/no/such/folder", ModelError, "No model folder at '/no/such/folder'."),
    ("one/two/three", ModelError, "No model folder at 'one/two/three'."),
    ("~nobody-of-this-name/model", ModelError, "No model folder at '~nobody-of-this-name/model'."),
    ("\\\\evil\\share", ModelError, "No model folder at"),
    ("bert base", ModelError, "No model folder at 'bert base'."),
    ("bert-base\n", ModelError, "No model folder at 'bert-base?'."),
    ("x" * 5000, ModelError, "No model folder at 'xxx"),
    ("a--b", ModelError, "'a--b' is neither a folder nor a hub model."),
    ("owner/model.git", ModelError, "'owner/model.git' is neither a folder nor a hub model."),
    (
        "nobody/no-such-model",
        Offline,
        "'nobody/no-such-model' is neither a folder nor in the local hub cache, and offline.",
    ),
    ("no-such-model", Offline, "'no-such-model' is neither a folder nor in the local hub cache, and offline."),
]


@pytest.fixture
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the hub's cache to an empty folder."""
    import huggingface_hub.constants

    home = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home))
    return home


@pytest.mark.parametrize(("spec", "kind", "message"), NOT_THERE, ids=[repr(spec[:20]) for spec, _, _ in NOT_THERE])
def test_what_is_not_there_is_said_in_one_line_without_the_network(
    spec: str, kind: type[ObceError], message: str, empty_hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    with pytest.raises(ObceError) as caught:
        locate(spec)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (OSError("no route"), Offline, r"and the hub cannot be reached \(OSError\)"),
        (RuntimeError("client closed"), Offline, r"the hub cannot be reached \(RuntimeError\)"),
        ("LocalEntryNotFoundError", Offline, "the hub cannot be reached"),
        ("HFValidationError", ModelError, "'owner/name' is neither a folder nor a hub model at revision 'abc'"),
    ],
)
def test_a_hub_that_fails_is_told_apart(
    fault: Any, kind: type[ObceError], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    import huggingface_hub.errors

    error = getattr(huggingface_hub.errors, fault)("x") if isinstance(fault, str) else fault

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("OBCE_OFFLINE", raising=False)
    with pytest.raises(kind, match=message):
        locate("owner/name", revision="abc")


def test_a_folder_is_named_after_itself(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = locate(tiny_folder)
    assert source == ModelSource(spec=str(tiny_folder), kind="folder", name="tiny", revision="", folder=tiny_folder)
    monkeypatch.chdir(tiny_folder.parent)
    assert locate("tiny") == source


def test_a_file_is_no_model_folder(tiny_folder: Path) -> None:
    with pytest.raises(PathError, match="is a file, not a model folder"):
        locate(tiny_folder / "config.json")


def test_a_folder_without_a_config_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config.json. Name a folder written by save_pretrained."):
        check_model(tmp_path)
    with pytest.raises(ModelError, match=r"has no config.json"):
        check_model(tmp_path / ".." / tmp_path.name)


# files to put in the place of model.safetensors, fragment of the message
NO_WEIGHTS = [
    ({}, "has no weights (model.safetensors)"),
    ({"model.safetensors.index.json": b"{}"}, "has its weights in several files"),
    ({"pytorch_model.bin": b"\x80\x04"}, "Only pickle weights found"),
    ({"tf_model.h5": b"x"}, "Only pickle weights found"),
]


@pytest.mark.parametrize(("files", "message"), NO_WEIGHTS, ids=range(len(NO_WEIGHTS)))
def test_weights_of_another_kind_are_refused_unopened(
    files: dict[str, bytes], message: str, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with pytest.raises(ModelError) as caught:
        check_model(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_never_run(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    mark = tmp_path / "PWNED"
    payload = b"cos\nsystem\n(S'touch " + str(mark).encode() + b"'\ntR."
    for name in ("pytorch_model.bin", "training_args.bin", "model.safetensors"):
        (folder / name).write_bytes(payload)
        with pytest.raises(ModelError):
            load_model(folder)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"])
def test_a_pipe_is_refused_and_never_waited_for(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(PathError, match=f"{name} in .* is not a regular file"):
        load_model(folder)


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "special_tokens_map.json"]
)
def test_a_link_that_leads_out_of_the_folder_is_refused(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder, elsewhere = copy_folder(tiny_folder, tmp_path / "model"), tmp_path / "elsewhere"
    elsewhere.write_bytes((folder / name).read_bytes() if (folder / name).exists() else b"{}")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(PathError, match=f"{name} in .* points outside the model's folder"):
        load_model(folder)


def test_a_link_in_a_circle_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(folder / "config.json")
    with pytest.raises(PathError, match="Cannot read"):
        check_model(folder)


def hub_layout(source: Path, home: Path, commit: str = "c" * 40) -> Path:
    """Lay out a model as the hub's cache does: a snapshot of links into the blobs beside it."""
    repository = home / "models--owner--tiny"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    for number, path in enumerate(sorted(source.iterdir())):
        shutil.copy(path, repository / "blobs" / f"blob{number}")
        (snapshot / path.name).symlink_to(Path("../../blobs") / f"blob{number}")
    return snapshot


def test_links_of_a_hub_snapshot_into_its_blobs_are_followed(tiny_folder: Path, tmp_path: Path) -> None:
    snapshot = hub_layout(tiny_folder, tmp_path)
    assert load_model(snapshot).report.shape.layers == 4


def test_links_of_a_hub_snapshot_into_another_models_blobs_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    snapshot = hub_layout(tiny_folder, tmp_path)
    other = tmp_path / "models--owner--other" / "blobs" / "blob0"
    other.parent.mkdir(parents=True)
    other.write_bytes((snapshot / "config.json").read_bytes())
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(other)
    with pytest.raises(PathError, match="points outside"):
        check_model(snapshot)


def test_a_hub_id_in_the_local_cache_is_found_offline_with_its_commit(
    tiny_folder: Path, empty_hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    snapshot = hub_layout(tiny_folder, empty_hub)
    source = locate("owner/tiny")
    assert (source.kind, source.name, source.revision, source.folder) == ("hub", "owner/tiny", "c" * 40, snapshot)
    assert load_model(source).report.source is source
    with pytest.raises(Offline):
        locate("owner/tiny", revision="d" * 40)


def test_the_demo_is_the_real_model(needs_demo: None) -> None:
    source = locate("demo")
    assert (source.kind, source.name, source.revision) == ("demo", DEMO_NAME, "")
    assert source.weights_sha256 == DEMO_SHA256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    report = check_model(source)
    assert (report.parameters, report.encoder_parameters) == (22_713_216, 10_646_784)
    assert (report.shape.layers, report.shape.hidden, report.shape.heads, report.shape.intermediate) == (
        6,
        384,
        12,
        1536,
    )


def test_a_demo_with_other_weights_is_refused(needs_demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "DEMO_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"The demo weights in .* are not the ones expected .*Install the extra again"):
        locate("demo")


def test_without_the_extra_the_demo_is_asked_of_the_hub(empty_hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    monkeypatch.setattr(MODULE, "_DEMO_PACKAGE", "no_such_package_here")
    with pytest.raises(
        Offline, match="'sentence-transformers/all-MiniLM-L6-v2' is neither a folder nor in the local hub cache"
    ):
        locate("demo")
