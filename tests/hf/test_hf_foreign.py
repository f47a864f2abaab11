"""A cut folder opens where this package is not installed: a process that refuses to import it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny import copy_folder, edit_tensors

from obce_core.architectures.modeling_obce import AUTO_CLASSES, AUTO_MAP

SCRIPT = """
import json, sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "obce_core":
            raise ImportError("obce_core is refused here")

sys.meta_path.insert(0, Refuse())
import torch, transformers
from safetensors.torch import save_file

folder, damaged, again, autos = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(",")
tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)  # it asks the config
words = tokenizer(["able acid", "dawn each edge fact gain"], padding=True, return_tensors="pt")
told, outputs = {}, {}
for auto in autos:
    model = getattr(transformers, auto).from_pretrained(folder, trust_remote_code=True).eval()
    with torch.no_grad():
        outputs[auto] = getattr(model, "bert", model)(**words).last_hidden_state
    model.save_pretrained(f"{again}/{auto}")
    tokenizer.save_pretrained(f"{again}/{auto}")
    other = transformers.AutoModel.from_pretrained(f"{again}/{auto}", trust_remote_code=True).eval()
    with torch.no_grad():
        outputs[auto + "-again"] = other(**words).last_hidden_state
    told[auto] = [type(model).__name__, type(model).__module__, model.num_parameters()]
try:
    transformers.AutoModel.from_pretrained(damaged, trust_remote_code=True)
except ValueError as error:
    told["error"] = str(error)
pipe = transformers.pipeline("feature-extraction", model=folder, trust_remote_code=True)
outputs["pipeline"] = torch.tensor(pipe("able acid")[0])
told["blocked"] = not any(name.split(".")[0] == "obce_core" for name in sys.modules)
save_file(outputs, f"{again}/outputs.safetensors")
print(json.dumps(told))
"""
LOST = "encoder.layer.1.attention.self.key.extra"


@pytest.fixture(scope="module")
def elsewhere(cut: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, Any], Path]:
    """Open, run, save and open again in that process; return what it printed and where it saved."""
    home = tmp_path_factory.mktemp("elsewhere")
    damaged = copy_folder(cut, home / "damaged")
    edit_tensors(damaged, lambda state: state.pop(LOST))
    environment = {**os.environ, "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    environment.pop("HF_MODULES_CACHE", None)
    (home / "empty").mkdir()
    command = [sys.executable, "-c", SCRIPT, str(cut), str(damaged), str(home), ",".join(AUTO_CLASSES)]
    done = subprocess.run(
        command,
        cwd=home / "empty",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1]), home


def test_every_class_opens_without_the_package_and_gives_the_same(
    elsewhere: tuple[Mapping[str, Any], Path], cut: Path, words: Any
) -> None:
    told, home = elsewhere
    assert told["blocked"]
    outputs = load_file(home / "outputs.safetensors")
    tokenizer = transformers.AutoTokenizer.from_pretrained(cut)
    same = tokenizer(["able acid", "dawn each edge fact gain"], padding=True, return_tensors="pt")
    model = transformers.AutoModel.from_pretrained(cut).eval()
    with torch.inference_mode():
        expected = model(**same).last_hidden_state
        alone = model(**tokenizer("able acid", return_tensors="pt")).last_hidden_state[0]
    for auto, name in AUTO_CLASSES.items():
        assert told[auto][:2] == [name, told["AutoModel"][1]] and told[auto][1].startswith("transformers_modules.")
        for key in (auto, f"{auto}-again"):
            assert torch.allclose(outputs[key], expected, atol=1e-6), key
    assert told["AutoModel"][2] == model.num_parameters()
    assert torch.allclose(outputs["pipeline"], alone, atol=1e-6)


def test_what_is_saved_there_opens_with_every_class_here(elsewhere: tuple[Mapping[str, Any], Path], cut: Path) -> None:
    _, home = elsewhere
    for auto in AUTO_CLASSES:
        assert json.loads((home / auto / "config.json").read_text())["auto_map"] == AUTO_MAP
        assert (home / auto / "modeling_obce.py").read_bytes() == (cut / "modeling_obce.py").read_bytes()
    before, after = load_file(cut / "model.safetensors"), load_file(home / "AutoModelForMaskedLM" / "model.safetensors")
    assert all(
        torch.equal(after[f"bert.{name}"], tensor) for name, tensor in before.items() if not name.startswith("pooler.")
    )
    assert (
        type(transformers.AutoModelForMaskedLM.from_pretrained(home / "AutoModelForQuestionAnswering")).__name__
        == "ObceBertForMaskedLM"
    )


def test_it_is_as_strict_there(elsewhere: tuple[Mapping[str, Any], Path]) -> None:
    assert elsewhere[0]["error"].endswith(f"tensor {LOST} is missing; the model is not loaded.")
