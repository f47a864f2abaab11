"""Rows of many tensors in one safetensors file, written in any order, without holding it in memory."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from obce_core.errors import DiskFull
from obce_core.storage.tensor_writer import RowWriter, read_matrix

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 2, 0, 4, 3], [2, 3, 4, 0, 1]])
def test_rows_written_in_any_order_stand_in_their_places(order: list[int], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wanted = {"layer.1.query": rng.normal(size=(5, 3)), "layer.2.output": rng.normal(size=(5, 7))}
    wanted = {name: values.astype(np.float32) for name, values in wanted.items()}
    with RowWriter(tmp_path / "a.safetensors", {name: values.shape for name, values in wanted.items()}) as writer:
        for rows in (order[:2], order[2:]):
            for name, values in wanted.items():
                writer.write(name, rows, values[rows])
    found = load_file(tmp_path / "a.safetensors")
    assert found.keys() == wanted.keys()
    assert all(found[name].dtype == np.float32 and np.array_equal(found[name], wanted[name]) for name in wanted)
    assert all(np.array_equal(read_matrix(tmp_path / "a.safetensors", name), wanted[name]) for name in wanted)


def test_the_file_is_as_large_as_one_that_safetensors_writes(tmp_path: Path) -> None:
    shapes = {"layer.1.key": (4, 5), "layer.1.query": (4, 6)}
    RowWriter(tmp_path / "a", shapes).close()
    save_file({name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}, tmp_path / "b")
    assert (tmp_path / "a").stat().st_size == (tmp_path / "b").stat().st_size


def test_what_was_not_written_is_zero_and_closing_twice_is_fine(tmp_path: Path) -> None:
    writer = RowWriter(tmp_path / "a", {"x": (3, 2)})
    writer.write("x", np.array([1]), np.array([[1.0, 2.0]]))
    writer.close()
    writer.close()
    assert load_file(tmp_path / "a")["x"].tolist() == [[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]]


def test_values_of_another_type_or_layout_are_written_as_float32(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float64).reshape(3, 4)
    with RowWriter(tmp_path / "a", {"x": (4, 3)}) as writer:
        writer.write("x", [0, 1, 2, 3], values.T)
    assert load_file(tmp_path / "a")["x"].tolist() == values.T.tolist()


def test_an_existing_file_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(FileExistsError):
        RowWriter(tmp_path / "a", {"x": (1, 1)})
    assert (tmp_path / "a").read_text() == "mine"


def test_a_full_disk_is_told_before_the_first_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 2_000_000_000))
    with pytest.raises(DiskFull) as caught:
        RowWriter(tmp_path / "a", {"x": (10_000_000, 100)})
    assert caught.value.message == f"Disk full: needs 4.00 GB in {tmp_path}, which has 2.00 GB free."
    assert list(tmp_path.glob("a*")) == []
