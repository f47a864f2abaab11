"""A model in a sub-folder, or with the prefix of a wrapper, is refused with what to do, and doing that works."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from hubcache import lay_out
from tiny import copy_folder, edit_tensors, save_tiny

from obce_core.errors import ModelError
from obce_core.models import check_model, preview_model
from obce_core.models.load import load_model

PREFIXES = (
    "module.",
    "_orig_mod.",
    "model.",
    "0.auto_model.",
    "encoder.bert.",
    "module.bert.",
    "bert.module.",
    "a b's.",
)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    return tmp_path / "hub"


def prefixed(folder: Path, prefix: str) -> Path:
    edit_tensors(folder, lambda state: [state.update({prefix + name: state.pop(name)}) for name in list(state)])
    return folder


def obey(error: ModelError, where: Path, **variables: str) -> None:
    """Run the command of a hint in a folder."""
    command = shlex.split(error.hint[error.hint.index("python -c") :])
    assert len(command) == 3
    subprocess.run([sys.executable, *command[1:]], cwd=where, check=True, timeout=300, env=variables or None)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_named_and_the_printed_command_removes_it(prefix: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = prefixed(copy_folder(tiny_folder, tmp_path / "it's a model"), prefix)
    with pytest.raises(ModelError) as caught:
        check_model(folder)
    found = prefix.removesuffix("bert.")
    assert caught.value.message.startswith(
        f"The tensors of model.safetensors begin with {found!r}, which a wrapper left"
    )
    obey(caught.value, tmp_path)
    before, after = load_model(tiny_folder).model.state_dict(), load_model(tmp_path / "renamed").model.state_dict()
    assert all((before[name] == after[name]).all() for name in before)


def test_the_prefix_of_a_model_with_a_head_keeps_the_head(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", transformers.BertForSequenceClassification, num_hidden_layers=1)
    before = load_model(folder).model.state_dict()
    with pytest.raises(ModelError, match=r"begin with 'module\.',") as caught:
        check_model(prefixed(folder, "module."))
    obey(caught.value, tmp_path)
    after = load_model(tmp_path / "renamed").model.state_dict()
    assert "classifier.weight" in before and all((before[name] == after[name]).all() for name in before)


def test_of_two_encoders_in_one_file_the_first_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")

    def twice(state: dict[str, Any]) -> None:
        for name in list(state):
            state[f"question.{name}"], state[f"context.{name}"] = state[name].clone(), state.pop(name) * 2

    edit_tensors(folder, twice)
    with pytest.raises(ModelError, match=r"begin with '(context|question)\.' \(and 1 more\)") as caught:
        check_model(folder)
    obey(caught.value, tmp_path)
    assert not [
        name for name in check_model(tmp_path / "renamed").tensors if name.startswith(("question.", "context."))
    ]


def test_the_prefix_of_a_hub_model_is_removed_in_a_copy(tiny_folder: Path, hub: Path, tmp_path: Path) -> None:
    lay_out(prefixed(copy_folder(tiny_folder, tmp_path / "model"), "_orig_mod."), hub)
    for read in (check_model, preview_model):
        with pytest.raises(ModelError, match=r"'_orig_mod\.'") as caught:
            read("owner/tiny")
    before = {path: path.stat().st_mtime_ns for path in hub.rglob("*")}
    obey(caught.value, tmp_path, HF_HUB_CACHE=str(hub), HF_HUB_OFFLINE="1")
    assert check_model(tmp_path / "renamed").shape.layers == 4
    assert before == {path: path.stat().st_mtime_ns for path in hub.rglob("*")}


def test_tensors_that_are_missing_under_a_prefix_too_are_missing(tiny_folder: Path, tmp_path: Path) -> None:
    folder = prefixed(copy_folder(tiny_folder, tmp_path / "model"), "module.")
    edit_tensors(folder, lambda state: state.pop("module.encoder.layer.2.output.dense.bias"))
    with pytest.raises(ModelError, match=r"tensors of the encoder are missing"):
        check_model(folder)


def test_a_cut_model_with_a_prefix_is_refused_alike(tiny_cut: Path, tmp_path: Path) -> None:
    folder = prefixed(copy_folder(tiny_cut, tmp_path / "cut"), "_orig_mod.")
    with pytest.raises(ModelError, match=r"begin with '_orig_mod\.'") as caught:
        check_model(folder)
    obey(caught.value, tmp_path)
    assert check_model(tmp_path / "renamed").layers


def old_layout(folder: Path, home: Path, name: str) -> Path:
    """Save a model as sentence-transformers did before version 1."""
    shutil.copytree(folder, home / name)
    (home / "1_Pooling").mkdir()
    (home / "1_Pooling" / "config.json").write_text("{}")
    modules = [
        {"idx": 0, "name": "0", "path": name, "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (home / "modules.json").write_text(json.dumps(modules))
    return home


@pytest.mark.parametrize("name", ["0_Transformer", "0_BERT", "my bert"])
def test_a_model_in_a_sub_folder_is_named(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    home = old_layout(tiny_folder, tmp_path / "old", name)
    for read in (check_model, preview_model):
        with pytest.raises(ModelError) as caught:
            read(str(home))
        assert (
            str(caught.value)
            == f"{home} has no config.json; the model is in its sub-folder {name}. Name {home / name}."
        )
    assert check_model(home / name).shape.layers == 4


def test_a_hub_model_in_a_sub_folder_is_named_with_the_command_that_fetches_it(
    tiny_folder: Path, hub: Path, tmp_path: Path
) -> None:
    home = old_layout(tiny_folder, tmp_path / "old", "0_Transformer")
    shutil.rmtree(home / "0_Transformer")  # of a hub model the top and 1_Pooling are downloaded
    lay_out(home, hub)
    with pytest.raises(
        ModelError, match=r"has no config.json; the model is in its sub-folder 0_Transformer\."
    ) as caught:
        check_model("owner/tiny")
    assert caught.value.hint == (
        f"Run hf download owner/tiny --revision {'c' * 40} --include '0_Transformer/*' --local-dir my-model; "
        "then name my-model/0_Transformer."
    )


@pytest.mark.parametrize("raw", [b"[", b"{}", b"[1]", b'[{"path": "../x", "type": "a.Transformer"}]', b"[" * 99999])
def test_an_odd_list_of_modules_changes_nothing(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_bytes(raw)
    with pytest.raises(ModelError, match=r"has no config.json\. Name a folder written by save_pretrained\."):
        check_model(tmp_path)
