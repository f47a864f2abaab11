"""UMAP in the warm worker: what it is given, what it is asked, and once the real thing."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import sample

from obce_core.analysis.analyze import analyze
from obce_core.background.process import answer
from obce_core.errors import AnalysisError


def ask(analysis: Any, **changes: Any) -> dict[str, Any]:
    arguments = {"analysis": str(analysis.folder), "layer": 3, "component": "value", "head": None, "seed": 0} | changes
    return answer(json.dumps({"id": "1", "task": "umap", "arguments": arguments}), {})


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand in for umap, whose import takes seconds; keeps what it was given."""
    given: list[Any] = []

    class Stub:
        def __init__(self, **options: Any) -> None:
            given.append(options)

        def fit_transform(self, cloud: np.ndarray) -> np.ndarray:
            given.append(cloud)
            return cloud[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stub))
    return given


def test_a_component_and_a_head_are_laid_out(tiny_analysis: Any, stub: list[Any]) -> None:
    whole = tiny_analysis.outputs(3, "value")
    told = ask(tiny_analysis)["value"]
    assert np.array_equal(stub[1], whole)
    assert stub[0] == {"n_neighbors": 15, "random_state": 0, "init": "spectral"}
    assert told == {"points": np.round(whole[:, :2].astype(np.float64), 4).tolist(), "neighbours": 15}
    ask(tiny_analysis, head=1)
    assert np.array_equal(stub[3], whole[:, 8:16])


def test_few_texts_are_refused_or_have_fewer_neighbours(tiny_folder: Path, tmp_path: Path, stub: list[Any]) -> None:
    for count in (4, 9):
        analysis = analyze(tiny_folder, sample(count, heldout=0), out=tmp_path / str(count))
        told = ask(analysis)
        if count == 4:
            assert "at least 5 texts" in told["reason"]
        else:
            assert (told["value"]["neighbours"], stub[0]["init"]) == (8, "random")


def test_a_head_that_is_not_there_is_a_line(tiny_analysis: Any) -> None:
    for head, component in ((99, "value"), (0, "intermediate")):
        assert "has no neuron of head" in ask(tiny_analysis, head=head, component=component)["reason"]


def test_the_real_one_gives_the_same_picture_twice(tiny_analysis: Any) -> None:
    pytest.importorskip("umap")
    first, second = (ask(tiny_analysis)["value"] for _ in range(2))
    assert first == second
    assert np.asarray(first["points"]).shape == (20, 2)


def test_a_cloud_is_read_by_head_and_a_neuron_by_column(tiny_analysis: Any) -> None:
    whole = tiny_analysis.outputs(2, "key")
    assert np.array_equal(tiny_analysis.cloud(2, "key"), whole)
    assert np.array_equal(tiny_analysis.cloud(2, "key", 2), whole[:, 16:24])
    assert np.array_equal(tiny_analysis.neuron(2, "key", 5), whole[:, 5])
    with pytest.raises(AnalysisError, match="no neuron of head 3"):
        tiny_analysis.cloud(2, "key", 3)
