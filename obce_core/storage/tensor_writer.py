"""Stream rows of many tensors into one safetensors file, in constant memory, and read them back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np

from obce_core.storage.disk_space import require_space

_HELD_BYTES = 1 << 24
"""Rows wait in memory up to this size: a scattered row alone costs the file system far more than its bytes."""


class RowWriter:
    """A safetensors file of float32 matrices that is filled row by row, in any order.

    Args:
        path: the new file.
        shapes: (rows, width) of each tensor, by name.

    Raises:
        DiskFull: the disk has not enough room for the whole file.
    """

    def __init__(self, path: Path, shapes: Mapping[str, tuple[int, int]]) -> None:
        header: dict[str, object] = {}
        self._start: dict[str, int] = {}
        self._shapes = dict(shapes)
        at = 0
        for name, shape in shapes.items():
            size = 4 * math.prod(shape)
            header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
            self._start[name] = at
            at += size
        raw = json.dumps(header, separators=(",", ":")).encode()
        raw += b" " * (-len(raw) % 8)
        need = 8 + len(raw) + at
        require_space(path.parent, need)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        os.truncate(self._handle, need)
        os.pwrite(self._handle, len(raw).to_bytes(8, "little") + raw, 0)
        self._data = 8 + len(raw)
        self._held: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        # One block for all of them: many small ones among a model's temporaries leave holes that no temporary fits
        # into.
        self._room = np.empty(min(_HELD_BYTES // 4, at // 4), dtype=np.float32)
        self._used = 0

    def write(self, name: str, rows: Sequence[int] | np.ndarray, values: np.ndarray) -> None:
        """Take `values`, shape (len(rows), width), for the given rows; they reach the file when enough have come."""
        if self._used + values.size > len(self._room):
            self._flush()
        if values.size > len(self._room):
            self._put(name, [(np.asarray(rows), values)])
            return
        block = self._room[self._used : self._used + values.size].reshape(values.shape)
        block[...] = values  # a copy: the caller's memory may be used again
        self._used += values.size
        self._held.setdefault(name, []).append((np.asarray(rows), block))

    def _flush(self) -> None:
        """Write what was held."""
        held, self._held, self._used = self._held, {}, 0
        for name in list(held):
            self._put(name, held.pop(name))

    def _put(self, name: str, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Write rows of a tensor; runs of neighbouring ones go out in one call."""
        where = np.concatenate([rows for rows, _ in parts])
        order = np.argsort(where, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        block = np.empty((len(order), self._shapes[name][1]), dtype=np.float32)
        at = 0
        for rows, values in parts:
            block[place[at : at + len(rows)]] = values
            at += len(rows)
        self._send(name, where[order], block)

    def _send(self, name: str, rows: np.ndarray, block: np.ndarray) -> None:
        """Write sorted rows of a tensor."""
        width = self._shapes[name][1]
        edges = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for start, stop in pairwise(edges):
            view = block[start:stop].reshape(-1).view(np.uint8).data
            offset = self._data + self._start[name] + 4 * width * int(rows[start]) if len(view) else 0
            while len(view):
                written = os.pwrite(self._handle, view, offset)
                view, offset = view[written:], offset + written

    def close(self) -> None:
        """Close the file; what was not written is zero."""
        if self._handle < 0:
            return
        try:
            self._flush()
        finally:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_matrix(path: Path, name: str) -> np.ndarray:
    """Read one matrix of a file that `RowWriter` wrote, float32.

    The file is read, not mapped: mapped pages count as this process's memory for as long as the file is open.
    """
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        entry = json.loads(stream.read(length))[name]
        stream.seek(8 + length + entry["data_offsets"][0])
        return np.fromfile(stream, dtype="<f4", count=math.prod(entry["shape"])).reshape(entry["shape"])
