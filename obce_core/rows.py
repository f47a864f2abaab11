"""Stream rows of many tensors into one safetensors file, so that memory does not grow with their number."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from obce_core.errors import PathError


class RowWriter:
    """A safetensors file of float32 matrices that is filled row by row, in any order.

    Args:
        path: the new file.
        shapes: (rows, width) of each tensor, by name.

    Raises:
        PathError: the disk has not enough room for the whole file.
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
        need, free = 8 + len(raw) + at, shutil.disk_usage(path.parent).free
        if need > free:
            raise PathError(
                f"The activations need {need / 1e9:.1f} GB, {path.parent} has {free / 1e9:.1f} GB free.",
                hint="Choose fewer texts, --tokens cls, or another OBCE_CACHE.",
            )
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        os.truncate(self._handle, need)
        os.pwrite(self._handle, len(raw).to_bytes(8, "little") + raw, 0)
        self._data = 8 + len(raw)

    def write(self, name: str, rows: Sequence[int] | np.ndarray, values: np.ndarray) -> None:
        """Write `values`, shape (len(rows), width), at the given rows; runs of neighbouring rows go out in one call."""
        width = self._shapes[name][1]
        block = np.ascontiguousarray(values, dtype=np.float32)
        where = np.asarray(rows)
        cuts = np.flatnonzero(np.diff(where) != 1) + 1
        for part in np.split(np.arange(len(where)), cuts):
            offset = self._data + self._start[name] + 4 * width * int(where[part[0]])
            view = memoryview(block[part[0] : part[-1] + 1].tobytes())
            while len(view):
                done = os.pwrite(self._handle, view, offset)
                view, offset = view[done:], offset + done

    def close(self) -> None:
        """Close the file; what was not written is zero."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
