"""A model is looked at before it is downloaded."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import VOCABULARY, copy_folder, edit_tensors

from obce_core.errors import ModelError, ObceError, Offline, PathError
from obce_core.models import check_model, preview_model


class Hub:
    """A hub that serves one folder, whole files or their beginning, and counts the bytes."""

    def __init__(self, folder: Path, *, status: int = 200, hide: tuple[str, ...] = ()) -> None:
        self.folder, self.status, self.sent, self.hide = folder, status, 0, hide

    def model_info(self, name: str, **_: Any) -> Any:
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name not in self.hide]
        names = {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in files}
        return SimpleNamespace(
            sha="c0ffee", siblings=[SimpleNamespace(rfilename=name, size=size) for name, size in names.items()]
        )

    def get(self, url: str, *, headers: dict[str, str], timeout: float) -> Any:
        assert 0 < timeout <= 10 and "/resolve/c0ffee/" in url
        most = int(re.fullmatch(r"bytes=0-(\d+)", headers["Range"])[1]) + 1
        content = (self.folder / url.rsplit("/", 1)[1]).read_bytes()[:most]
        self.sent += len(content)
        return SimpleNamespace(status_code=self.status, content=content)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Put a folder in the place of the hub."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("OBCE_OFFLINE", raising=False)

    def put(folder: Path, **options: Any) -> Hub:
        hub = Hub(folder, **options)
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda _, name, **kw: hub.model_info(name, **kw))
        monkeypatch.setattr(huggingface_hub, "get_session", lambda: hub)
        return hub

    return put


@pytest.mark.parametrize("first", [300, 200_000])
def test_of_a_hub_model_the_header_alone_is_fetched(
    first: int, serve: Any, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = serve(tiny_folder)
    monkeypatch.setattr("obce_core.models.remote._FIRST", first)
    found = preview_model("owner/tiny")
    here = check_model(tiny_folder)
    assert (found.report.parameters, found.report.shape, found.report.tensors) == (
        here.parameters,
        here.shape,
        here.tensors,
    )
    assert found.download >= (tiny_folder / "model.safetensors").stat().st_size
    assert hub.sent < found.download if first == 300 else hub.sent > 0
    assert (found.report.source.name, found.report.source.revision) == ("owner/tiny", "c0ffee")
    assert any(ok and "4 layers, 3 heads of 8" in line for ok, line in found.lines)
    assert any(ok and "A tokenizer is there" in line for ok, line in found.lines)


def test_what_is_here_is_not_asked_for(tiny_folder: Path, tiny_cut: Path) -> None:
    found = preview_model(str(tiny_folder))
    assert found.download == 0 and found.report.parameters == check_model(tiny_folder).parameters
    assert any("pooler" in line for ok, line in found.lines if not ok)
    assert any("cut this model before" in line for _, line in preview_model(str(tiny_cut)).lines)


@pytest.mark.parametrize(
    ("hide", "message"),
    [(("model.safetensors",), "owner/tiny has no weights"), (("config.json",), "owner/tiny has no config.json")],
)
def test_what_a_hub_model_lacks_is_said_with_its_name(
    hide: tuple[str, ...], message: str, serve: Any, tiny_folder: Path
) -> None:
    serve(tiny_folder, hide=hide)
    with pytest.raises(ModelError, match=message):
        preview_model("owner/tiny")


def test_the_tokenizer_of_a_hub_model_is_checked_once_it_is_downloaded(
    serve: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY * 2))
    for hide in ((), ("tokenizer.json",)):  # what lies on the hub was not fetched
        serve(folder, hide=hide)
        assert (True, "A tokenizer is there; texts of up to 130 tokens fit.") in preview_model("owner/tiny").lines


def test_a_hub_model_in_a_sub_folder_is_named_before_it_is_downloaded(
    serve: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_folder, tmp_path / "old" / "0_Transformer")
    (tmp_path / "old" / "1_Pooling").mkdir()
    (tmp_path / "old" / "1_Pooling" / "config.json").write_text("{}")
    hub = serve(tmp_path / "old")
    with pytest.raises(ModelError) as caught:
        preview_model("owner/old")
    assert caught.value.message == "owner/old has no config.json; the model is in its sub-folder 0_Transformer."
    assert "hf download owner/old --revision c0ffee --include '0_Transformer/*'" in caught.value.hint and not hub.sent


def test_the_prefix_of_a_hub_model_is_named_before_it_is_downloaded(
    serve: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    edit_tensors(folder, lambda state: [state.update({"module." + name: state.pop(name)}) for name in list(state)])
    serve(folder)
    with pytest.raises(ModelError) as caught:
        preview_model("owner/wrapped")
    assert "begin with 'module.'" in caught.value.message
    assert "owner/wrapped" in caught.value.hint and "c0ffee" in caught.value.hint and "/tmp" not in caught.value.hint


def test_a_model_without_a_tokenizer_says_so(serve: Any, tiny_folder: Path) -> None:
    names = tuple(path.name for path in tiny_folder.iterdir() if path.name not in ("config.json", "model.safetensors"))
    serve(tiny_folder, hide=names)
    assert (False, "No tokenizer file is there: texts cannot be read with this model.") in preview_model(
        "owner/tiny"
    ).lines


def test_pickles_are_told_before_anything_is_fetched(serve: Any, tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"x")
    (tmp_path / "old" / "config.json").write_bytes((tiny_folder / "config.json").read_bytes())
    serve(tmp_path / "old")
    with pytest.raises(ModelError, match=r"Only pickle weights found in owner/old"):
        preview_model("owner/old")


@pytest.mark.parametrize(("status", "kind"), [(403, ModelError), (500, Offline)])
def test_a_hub_that_refuses_is_told_apart(status: int, kind: type[ObceError], serve: Any, tiny_folder: Path) -> None:
    serve(tiny_folder, status=status)
    with pytest.raises(kind):
        preview_model("owner/tiny")


def test_offline_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    with pytest.raises(Offline, match="the network is forbidden"):
        preview_model("owner/name")


@pytest.mark.parametrize(
    ("spec", "kind"), [("", ModelError), ("a/b/c", ModelError), ("../x", ModelError), (__file__, PathError)]
)
def test_a_half_typed_name_asks_nobody(spec: str, kind: type[ObceError]) -> None:
    with pytest.raises(kind):
        preview_model(spec)


def test_a_network_that_fails_in_a_class_of_its_own_is_said_in_a_sentence(
    serve: Any, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    class ConnectError(Exception):
        """As HTTP libraries have it: no OSError."""

    def fail(*_: Any, **__: Any) -> Any:
        raise ConnectError("no route")

    serve(tiny_folder)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    with pytest.raises(Offline, match=r"neither a folder nor .* the hub cannot be reached \(ConnectError\)"):
        preview_model("owner/tiny")
