"""One file and one row are enough: a row that is added from outside is found wherever its kind is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tiny import copy_folder, edit_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def given(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    home = tmp_path_factory.mktemp("extension")
    model = copy_folder(tiny_folder, home / "model")
    edit_config(model, model_type="bertish")
    (home / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.extension.rows", str(model), str(home / "work")],
        cwd=ROOT,
        env={
            **os.environ,
            "OBCE_CACHE": str(home / "cache"),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "ui"))),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_family_is_analysed_and_cut(given: Mapping[str, Any]) -> None:
    assert given["family"] == "bertish/BertModel" and given["saved"] and given["cut"]


def test_a_source_of_texts_is_read_and_stands_on_the_page_with_its_argument(given: Mapping[str, Any]) -> None:
    assert given["texts"] == "letters:abcdefghijklmnopqrst"
    assert "Repeated letters" in given["analysis page"] and "ALPHABET" in given["asked argument"]


def test_a_criterion_is_stored_ranks_the_neurons_and_stands_on_the_page(given: Mapping[str, Any]) -> None:
    assert given["criterion"] and given["cut neurons are the smallest"]
    assert "largest output" in given["importance page"]


def test_a_preset_stands_in_the_menu(given: Mapping[str, Any]) -> None:
    assert any("last-values" in label for label in given["plan page"])


def test_an_export_format_is_a_kind_of_job(given: Mapping[str, Any]) -> None:
    assert given["job"] == "Export of shapes" and given["exported"] == "4"


def test_a_launcher_gets_its_options_and_stands_on_the_page(given: Mapping[str, Any]) -> None:
    assert given["launcher"] == 2.0 and "the cloud" in given["launch page"]


def test_a_task_and_a_metric_are_evaluated(given: Mapping[str, Any]) -> None:
    assert given["scores"] == ["errors"]


def test_a_page_is_opened(given: Mapping[str, Any]) -> None:
    assert given["own page"] == "Greeting" and given["faults"] == []
