"""Read the header of an untrusted model.safetensors, and describe what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core.architectures import Family
from obce_core.errors import ModelError, shorten
from obce_core.models.locate import WEIGHTS, ModelSource
from obce_core.models.prefix import find_prefixes, wrong_prefix
from obce_core.storage.json_input import Excess, load_json

DTYPE_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
FLOATS = ("F64", "F32", "F16", "BF16")
MAX_HEADER_BYTES = 5_000_000
"""A header has about 100 bytes a tensor; at this size, 50,000 tensors, it is read within a second and 100 MB."""

MAX_RANK = 8
_MAX_SIDE = 2**48
"""No side of a tensor is longer, so that the product of a shape is a short number."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as the header describes it: dtype name and shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.count * DTYPE_BYTES[self.dtype]


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Return every tensor of a safetensors file without reading its data.

    Raises:
        ModelError: the file is not a safetensors file, is truncated, or is inconsistent.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(512)
        if size < 8 or start.startswith(b"version https://git-lfs"):
            raise _not_weights(path, size, start)
        length = int.from_bytes(start[:8], "little")
        if length > MAX_HEADER_BYTES and 8 + length <= size and start[8:9] == b"{":
            raise ModelError(
                f"{path.name}: its header has {length:,} bytes; limit {MAX_HEADER_BYTES:,}.",
                hint="Save the model again with save_pretrained.",
            )
        if length > MAX_HEADER_BYTES or (8 + length > size and not start[8:9] == b"{"):
            raise _not_weights(path, size, start)
        if 8 + length > size:
            raise _cut_short(path, f"its header alone has {length:,} bytes", size)
        stream.seek(8)
        raw = stream.read(length)
    try:
        entries = load_json(raw)
        if not isinstance(entries, dict):
            raise TypeError
        entries.pop("__metadata__", None)
        results = {name: _tensor(path, name, entry["dtype"], entry["shape"]) for name, entry in entries.items()}
        ends = sorted((*_offsets(entry["data_offsets"]), name) for name, entry in entries.items())
    except Excess as fault:
        raise ModelError(f"{path.name}: its header {fault}.") from None
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        raise _not_weights(path, size, start) from None
    _check_layout(path, results, ends, size - 8 - length)
    return results


def check_tensors(
    source: ModelSource, found: Mapping[str, TensorInfo], family: Family, config: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Compare a file's tensors with what the config says the encoder has.

    Returns:
        The names relative to the base model of what stands beside the encoder (heads, poolers), and the names in the
        file of what lies in the encoder's own tree but belongs to nothing there: layers beyond the last one, unknown
        tensors.

    Raises:
        ModelError: the file cannot hold such a model; a tensor is missing, twice there, of another shape, or not a
            float.
    """
    path = source.weights
    expected = family.tensors(config)
    promised = sum(math.prod(shape) for shape in expected.values()) * 2
    size = path.stat().st_size
    if promised > 4 * size:
        raise ModelError(
            f"config.json describes about {2 * promised / 1e9:.1f} GB of weights but {path.name} is {size / 1e6:.1f} "
            "MB.",
            hint="The folder does not belong together.",
        )
    have = by_base_name(found, family)
    missing = [name for name in expected if name not in have]
    if missing:
        prefixes = find_prefixes(found, expected, family)
        if prefixes:
            raise wrong_prefix(source, prefixes)
        raise ModelError(
            f"{len(missing)} of {len(expected)} tensors of the encoder are missing in {path.name} (first: "
            f"{missing[0]}).",
            hint="Results would be random numbers, so the model is not loaded.",
        )
    for name, shape in expected.items():
        info = have[name]
        if info.shape != shape:
            raise ModelError(
                f"{path.name}: {name} has shape {list(info.shape)}, config.json asks for {list(shape)}.",
                hint="The folder does not belong together.",
            )
        if info.dtype not in FLOATS:
            raise ModelError(f"{path.name}: {name} has dtype {info.dtype}; expected one of {', '.join(FLOATS)}.")
    parts = {name.split(".")[0] for name in expected}
    strange = [name for name in found if family.strip_root(name) not in expected]
    unused = [name for name in strange if family.strip_root(name).split(".")[0] in parts]
    return [family.strip_root(name) for name in strange if name not in unused], unused


def by_base_name(found: Mapping[str, TensorInfo], family: Family) -> dict[str, TensorInfo]:
    """Return tensors by their names relative to the base model; raise ModelError where two have the same."""
    names: dict[str, str] = {}
    for name in found:
        other = names.setdefault(family.strip_root(name), name)
        if other != name:
            raise ModelError(
                f"{WEIGHTS}: {shorten(other)} and {shorten(name)} are the same tensor of the model.",
                hint="Save the model again with one.",
            )
    return {base: found[name] for base, name in names.items()}


def _check_layout(path: Path, infos: Mapping[str, TensorInfo], ends: list[tuple[int, int, str]], data: int) -> None:
    at = 0
    for start, end, name in ends:
        info = infos[name]
        if start != at or end - start != info.bytes:
            raise _misplaced(path, name)
        at = end
    if at > data:
        raise _cut_short(path, f"header promises {_mb(at)}", data)
    if at < data:
        raise ModelError(f"{path.name} has {data - at:,} bytes that belong to no tensor.", hint="Download it again.")


def _tensor(path: Path, name: str, dtype: object, shape: object) -> TensorInfo:
    """Check an entry's dtype, rank and sides before anything is multiplied."""
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise ModelError(f"{path.name}: tensor {shorten(name)!r} has unknown dtype {shorten(dtype)!r}.")
    if not isinstance(shape, list):
        raise _misplaced(path, name)
    if len(shape) > MAX_RANK:
        raise ModelError(f"{path.name}: tensor {shorten(name)!r} has {len(shape):,} dimensions; limit {MAX_RANK}.")
    if not all(_is_whole(side) and side < _MAX_SIDE for side in shape):
        raise _misplaced(path, name)
    return TensorInfo(dtype, tuple(shape))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _misplaced(path: Path, name: str) -> ModelError:
    return ModelError(f"{path.name}: tensor {shorten(name)!r} does not fit its place in the file; it is damaged.")


def _offsets(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_whole, value)):
        raise ValueError("data_offsets are two whole numbers")
    return value[0], value[1]


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _cut_short(path: Path, promised: str, have: int) -> ModelError:
    return ModelError(f"{path.name} is incomplete: {promised}, file has {_mb(have)}.", hint="Download it again.")


def _not_weights(path: Path, size: int, start: bytes) -> ModelError:
    if start.startswith(b"version https://git-lfs"):
        return ModelError(f"{path.name} is a Git LFS pointer ({size} bytes), not weights.", hint="Run git lfs pull.")
    if size == 0:
        return ModelError(f"{path.name} is empty.", hint="Download it again.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return ModelError(f"{path.name} is a web page, not weights.", hint="Download the file itself.")
    if start.startswith((b"PK\x03\x04", b"\x80")):
        return ModelError(
            f"{path.name} holds pickled data, not safetensors.",
            hint="obce does not open pickle files. Save the model with save_pretrained first.",
        )
    return ModelError(f"{path.name} ({size:,} bytes) is not a safetensors file.", hint="Download it again.")
