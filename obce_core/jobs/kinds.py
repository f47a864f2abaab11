"""What a job can be: one row each. Options are plain data, checked by the function that they are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from obce_core.errors import UnknownName


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a job may use while it works: `progress(done, total, what)`, and `cancelled()` to ask between two steps."""

    progress: Callable[[int, int, str], None]
    cancelled: Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job: a title for people and the function that does it."""

    name: str
    title: str
    work: Callable[[Mapping[str, Any], Context], dict[str, Any]]


def _analyze(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.pipeline import analyze

    chosen = _common(options)
    analysis = analyze(**chosen, progress=lambda done, total: context.progress(done, total, "texts"), cancelled=context.cancelled)
    return {"analysis": analysis.id, "folder": str(analysis.folder), "seconds": analysis.meta["seconds"]}


def _compress(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.compression.build import compress

    chosen = _common(options)
    done = compress(**chosen, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled)
    return done.plain()


def _verify(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.proof.verify import verify

    chosen = _common(options)
    done = verify(**chosen, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled)
    return done.plain()


def _latency(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.latency import measure_latency

    chosen = _common(options)
    done = measure_latency(**chosen, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled)
    return done.plain()


def _export_dense(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.export.dense import export_dense

    chosen = _common(options)
    return export_dense(**chosen, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled)


def _export_onnx(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.export.onnx import export_onnx

    chosen = _common(options)
    return export_onnx(**chosen, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled)


def _common(options: Mapping[str, Any]) -> dict[str, Any]:
    """Set what concerns the whole process and return the other options."""
    from obce_core import settings

    chosen = dict(options)
    if chosen.pop("offline", False):
        settings.set_offline()
    threads = chosen.pop("threads", None)
    if threads:
        import torch

        torch.set_num_threads(int(threads))
    return chosen


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(name="analyze", title="Analysis", work=_analyze),
        Kind(name="compress", title="Compression", work=_compress),
        Kind(name="verify", title="Proof", work=_verify),
        Kind(name="latency", title="Latency", work=_latency),
        Kind(name="export-dense", title="Export in stock shapes", work=_export_dense),
        Kind(name="export-onnx", title="ONNX export", work=_export_onnx),
    )
}


def kind_of(name: str) -> Kind:
    """Return a kind of job by name, or raise UnknownName."""
    if name not in KINDS:
        raise UnknownName("kind of job", name, KINDS)
    return KINDS[name]
