"""The kinds of jobs, one row each. Options are plain data, checked by the function that receives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from obce_core.errors import UnknownName
from obce_core.jobs.memory import analysed, option, times_the_weights
from obce_core.progress import Context


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job: a title for people and the function that does it.

    `memory` estimates the bytes that it needs, None where it cannot tell; `gpu`: it uses one when there is one.
    """

    name: str
    title: str
    work: Callable[[Mapping[str, Any], Context], dict[str, Any]]
    memory: Callable[[Mapping[str, Any]], int | None] | None = None
    gpu: bool = False


def _analyze(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.analysis.analyze import analyze

    arguments = _common(options)
    analysis = analyze(
        **arguments, progress=lambda done, total: context.progress(done, total, "texts"), cancelled=context.cancelled
    )
    return {"analysis": analysis.id, "folder": str(analysis.folder), "seconds": analysis.meta["seconds"]}


def _compress(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.compression.build import compress

    arguments = _common(options)
    result = compress(
        **arguments, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled
    )
    return result.plain()


def _verify(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.measure.verify import verify

    arguments = _common(options)
    result = verify(
        **arguments, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled
    )
    return result.plain()


def _latency(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.measure.latency import measure_latency

    arguments = _common(options)
    latency = measure_latency(
        **arguments, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled
    )
    return latency.plain()


def _export_dense(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.export.dense import export_dense

    arguments = _common(options)
    return export_dense(
        **arguments, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled
    )


def _export_onnx(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.export.onnx import export_onnx

    arguments = _common(options)
    return export_onnx(
        **arguments, progress=lambda at, total: context.progress(at, total, "steps"), cancelled=context.cancelled
    )


def _evaluate(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.glue.job import evaluate_units

    arguments = _common(options)
    return evaluate_units(context=context, **arguments)


def _evaluation_memory(options: Mapping[str, Any]) -> int | None:
    from obce_core.glue.job import memory_of

    return memory_of(options.get("units") or [])


def _drill(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.jobs.drill import drill

    return drill(options, context)


def _common(options: Mapping[str, Any]) -> dict[str, Any]:
    """Set what concerns the whole process and return the other options."""
    from obce_core import settings

    selected = dict(options)
    if selected.pop("offline", False):
        settings.set_offline()
    threads = selected.pop("threads", None)
    if threads:
        import torch

        torch.set_num_threads(int(threads))
    return selected


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(name="analyze", title="Analysis", work=_analyze, memory=times_the_weights(1.6, option("model")), gpu=True),
        Kind(name="compress", title="Compression", work=_compress, memory=times_the_weights(4.1, analysed), gpu=True),
        Kind(name="verify", title="Proof", work=_verify, memory=times_the_weights(6.4, option("against")), gpu=True),
        Kind(
            name="latency", title="Latency", work=_latency, memory=times_the_weights(3.4, option("against")), gpu=True
        ),
        Kind(name="evaluate", title="Evaluation", work=_evaluate, memory=_evaluation_memory, gpu=True),
        Kind(
            name="export-dense",
            title="Export in stock shapes",
            work=_export_dense,
            memory=times_the_weights(4.0, option("model")),
        ),
        Kind(
            name="export-onnx", title="ONNX export", work=_export_onnx, memory=times_the_weights(6.0, option("model"))
        ),
        Kind(name="drill", title="Drill", work=_drill, memory=lambda options: options.get("memory")),
    )
}


def kind_of(name: str) -> Kind:
    """Return a kind of job by name, or raise UnknownName."""
    if name not in KINDS:
        raise UnknownName("kind of job", name, KINDS)
    return KINDS[name]
