"""Latency: both models are timed in turns, what was measured is kept beside the folder, and a busy machine is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from shell import run
from tiny import copy_folder, save_tiny

from obce_core.errors import BadInput, ModelError
from obce_core.measure.latency import BatchTime, interleaved, measure_latency, read_latency


def test_calls_take_turns_and_every_other_round_goes_backwards() -> None:
    heard: list[str] = []
    times = interleaved({name: lambda name=name: heard.append(name) for name in "ab"}, 3, warm=1)
    assert heard == list("baabbaab") or heard == list("abbaabba") or len(heard) == 8
    assert "".join(heard) in {"baabbaab", "abbaabba"}
    assert [len(taken) for taken in times.values()] == [3, 3]


def test_rounds_end_at_the_limit_but_three_are_made() -> None:
    assert len(interleaved({"a": lambda: None}, 50, limit=0.0)["a"]) == 3


def test_what_was_measured_is_kept_beside_the_folder(tiny_cut: Path, tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_cut, tmp_path / "model")
    before = sorted(folder.iterdir())
    assert read_latency(folder) is None
    steps: list[tuple[int, int]] = []
    found = measure_latency(
        folder,
        tiny_folder,
        batches=(1, 4),
        length=16,
        rounds=3,
        device="cpu",
        progress=lambda done, total: steps.append((done, total)),
    )
    assert [row.batch for row in found.rows] == [1, 4] and found.length == 16 and found.device == "cpu"
    assert all(row.original > 0 and row.model > 0 and row.rounds == 3 and row.spread >= 1 for row in found.rows)
    assert read_latency(folder) == found and sorted(folder.iterdir()) == before
    assert steps[-1] == (3, 3)
    (tmp_path / "model.latency.json").write_text("{}")
    assert read_latency(folder) is None


def test_an_unsteady_measurement_says_so() -> None:
    row = BatchTime(batch=1, original=2.0, model=1.0, rounds=9, spread=1.5)
    assert row.steady and not BatchTime(**{**row.__dict__, "spread": 1.51}).steady


def test_models_that_do_not_belong_together_are_refused(tiny_cut: Path, tmp_path: Path) -> None:
    other = save_tiny(tmp_path / "other", vocab_size=1111)
    with pytest.raises(ModelError, match="1,111 tokens"):
        measure_latency(tiny_cut, other, batches=(1,), rounds=1, device="cpu")
    with pytest.raises(BadInput, match="1 or more"):
        measure_latency(tiny_cut, tiny_cut, batches=(), device="cpu")


def test_the_shell_says_it_in_a_line_a_batch(
    tiny_cut: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_folder(tiny_cut, tmp_path / "model")
    answer = run(
        capsys,
        "latency",
        folder,
        "--against",
        tiny_folder,
        "--batch",
        2,
        "--length",
        8,
        "--rounds",
        3,
        "--device",
        "cpu",
    )
    assert answer.code == 0, answer.err
    assert answer.out.startswith("2 texts of 8 tokens, cpu, ") and " of its time (medians of 3" in answer.out
    told = run(
        capsys, "latency", folder, "--against", tiny_folder, "--batch", 2, "--length", 8, "--rounds", 3, "--json"
    )
    assert told.data["rows"][0]["batch"] == 2
    assert run(capsys, "latency", tmp_path / "none", "--against", tiny_folder).code == 2
