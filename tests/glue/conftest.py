"""One tiny model, its analysis and made-up tasks, shared by the tests of evaluation."""

from __future__ import annotations

from pathlib import Path

import gluefolder
import pytest
import tiny

from obce_core.glue.recipe import Recipe

SMALL = Recipe(epochs=1, batch_size=16, learning_rate=1e-3, max_length=24)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_tiny(tmp_path_factory.mktemp("tiny-model") / "tiny")


@pytest.fixture(scope="session")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gluefolder.write_tasks(tmp_path_factory.mktemp("tasks"), "mrpc", "stsb", "mnli", "cola", tests=True)


@pytest.fixture
def analysis(folder: Path):
    from obce_core.analysis.analyze import analyze

    return analyze(folder, tiny.sample(20), device="cpu")
