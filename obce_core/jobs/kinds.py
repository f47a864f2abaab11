"""The kinds of jobs, one row each. Options are plain data, checked by the function that receives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from obce_core.errors import UnknownName
from obce_core.export.formats import FORMATS
from obce_core.jobs.memory import analysed, option, times_the_weights
from obce_core.progress import Context

Work = Callable[[Mapping[str, Any], Context], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job: a title for people and the function that does it.

    `memory` estimates the bytes that it needs, None where it cannot tell; `gpu`: it uses one when there is one.
    """

    name: str
    title: str
    work: Work
    memory: Callable[[Mapping[str, Any]], int | None] | None = None
    gpu: bool = False


def _calls(function: str, *, unit: str = "steps") -> Work:
    """Return work that calls a function (`module:name`, imported only then) with the options of the job.

    `unit` names what its progress counts. The result is what the function returns, as plain data.
    """

    def work(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
        module, _, name = function.partition(":")
        result = getattr(import_module(module), name)(
            **_common(options),
            progress=lambda done, total: context.progress(done, total, unit),
            cancelled=context.cancelled,
        )
        return result if isinstance(result, dict) else result.plain()

    return work


def _analyze(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.analysis.analyze import analyze

    analysis = analyze(
        **_common(options),
        progress=lambda done, total: context.progress(done, total, "texts"),
        cancelled=context.cancelled,
    )
    return {"analysis": analysis.id, "folder": str(analysis.folder), "seconds": analysis.meta["seconds"]}


def _evaluate(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from obce_core.glue.job import evaluate_units

    return evaluate_units(context=context, **_common(options))


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
        Kind(
            name="compress",
            title="Compression",
            work=_calls("obce_core.compression.build:compress"),
            memory=times_the_weights(4.1, analysed),
            gpu=True,
        ),
        Kind(
            name="verify",
            title="Proof",
            work=_calls("obce_core.measure.verify:verify"),
            memory=times_the_weights(6.4, option("against")),
            gpu=True,
        ),
        Kind(
            name="latency",
            title="Latency",
            work=_calls("obce_core.measure.latency:measure_latency"),
            memory=times_the_weights(3.4, option("against")),
            gpu=True,
        ),
        Kind(name="evaluate", title="Evaluation", work=_evaluate, memory=_evaluation_memory, gpu=True),
        Kind(name="drill", title="Drill", work=_drill, memory=lambda options: options.get("memory")),
    )
}


def all_kinds() -> dict[str, Kind]:
    """Return every kind of job by name: `KINDS`, and one for each export format."""
    exports = [
        Kind(
            name=row.kind,
            title=row.job,
            work=_calls(row.function),
            memory=times_the_weights(row.memory, option("model")),
        )
        for row in FORMATS.values()
    ]
    return KINDS | {kind.name: kind for kind in exports}


def kind_of(name: str) -> Kind:
    """Return a kind of job by name, or raise UnknownName."""
    kinds = all_kinds()
    if name not in kinds:
        raise UnknownName("kind of job", name, kinds)
    return kinds[name]
