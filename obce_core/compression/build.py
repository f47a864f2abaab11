"""Compress a model by a plan: write the smaller model, verified against its masked twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch

from obce_core.analysis.analysis import Analysis, read_analysis
from obce_core.analysis.original import original_of
from obce_core.architectures.stored import StoredLayer, compact_tensors, to_entry, widths_of
from obce_core.compression.checkpoint import build_compact, write_checkpoint
from obce_core.compression.fidelity import fidelity, largest_difference
from obce_core.compression.fit_compensation import fit_maps
from obce_core.compression.masked import masked
from obce_core.compression.provenance import MODEL_FORMAT, fixed_config, read_origin
from obce_core.compression.replacement import Removed, removed_neurons, to_tensors
from obce_core.compression.result import RESULT, Compressed, models_home, read_compressed
from obce_core.compression.state import fold_state
from obce_core.errors import Mismatch
from obce_core.models import ModelReport, ModelSource
from obce_core.models.batching import Encoded, encode
from obce_core.models.identity import identity_of
from obce_core.models.load import LoadedModel, base_model, load_model, stock_state
from obce_core.plan.plan import Plan
from obce_core.plan.plan_file import read_plan, to_document
from obce_core.plan.size import count, plan_widths
from obce_core.progress import Report, Steps
from obce_core.settings import expand_home
from obce_core.storage.atomic import write_json
from obce_core.storage.digests import digest
from obce_core.storage.staging import check_target, is_complete, staged_folder
from obce_core.version import versions

TOLERANCE = 1e-5
"""Largest difference allowed between masked and cut model, float32, as a share of the largest output."""

PROOF_TEXTS, FIDELITY_TEXTS = 64, 450


def compress(
    analysis: Analysis | str | Path,
    plan: Plan | str | Path,
    out: str | Path | None = None,
    *,
    model: str | Path | ModelSource | None = None,
    device: str = "auto",
    overwrite: bool = False,
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Compressed:
    """Cut the model of an analysis by a plan and write it, once it is proven equal to the masked original.

    Args:
        analysis: an analysis, its folder or its id.
        plan: a plan or its file.
        out: the new model folder; None is an entry of the cache, named by the plan's digest.
        model: where the model lies now, if it moved since the analysis.
        progress: called with (steps done, steps in all).

    Raises:
        ModelError: the model is not the one that was analysed; names the parts that differ.
        Mismatch: a built shape differs from the planned one, or the cut model from its masked twin. Nothing is
            written then.

    >>> compress(analysis, plan, "my-model")                                           # doctest: +SKIP
    """
    source = analysis if isinstance(analysis, Analysis) else read_analysis(analysis)
    chosen = plan if isinstance(plan, Plan) else read_plan(plan, source)
    target = expand_home(out) if out is not None else models_home() / chosen.digest[:16]
    if out is None and is_complete(target):
        return read_compressed(target)
    if out is not None:
        check_target(target, overwrite=overwrite)
    report = original_of(source, model)
    origin = read_origin(report) if report.layers else None
    predicts = chosen.prune_spec.compensation.predicts
    steps = Steps("Compressing", source.shape.layers + 4 + (len(chosen.kept) if predicts else 0), progress, cancelled)
    original = load_model(report, device=device)
    texts = source.texts
    maps = (
        fit_maps(original, _encode(original, source, texts.texts), chosen, step=steps.next, cancelled=cancelled)
        if predicts
        else {}
    )
    removed = removed_neurons(source, chosen, maps)
    layers, state = _fold(stock_state(report), source, chosen, report, removed, steps)
    with staged_folder(target, overwrite=overwrite, keep_existing=out is None) as stage:
        cut = build_compact(report, layers, state).eval()
        _check_shapes(cut, layers, report)
        cut = cut.to(next(original.model.parameters()).device)
        steps.next()
        proof = _encode(original, source, texts.heldout[:PROOF_TEXTS] or texts.texts[:PROOF_TEXTS])
        with masked(original.base, report.family, removed):
            difference = largest_difference(original.model, cut, proof)
        if not difference <= TOLERANCE:
            raise Mismatch(
                f"The cut model differs from its masked twin by {difference:.1e} of the largest output (at most "
                f"{TOLERANCE:g} is "
                "rounding); nothing was written.",
                hint="Please report this plan.",
            )
        steps.next()
        held = source.texts.heldout[:FIDELITY_TEXTS]
        close = None
        if held:
            smaller = base_model(cut, report.family.root)
            close = fidelity(original.base, smaller, _encode(original, source, held), cancelled=cancelled)
        steps.next()
        document = to_document(replace(chosen, earlier=tuple(origin.plans) if origin else ()))
        facts = {
            "format": MODEL_FORMAT,
            "plan": chosen.digest,
            "plan_document": digest(document),
            "config": fixed_config(report),
            "before": [layer and to_entry(layer, report.shape) for layer in report.layers] or None,
            "analysis": source.id,
            "model": dict(chosen.model),
            "identity": identity_of(report).plain(),
            "budget": asdict(count(source, chosen)),
            "difference": difference,
            "difference_texts": len(proof.ids),
            "fidelity": asdict(close) if close else None,
            "versions": versions(),
        }
        replaced = to_tensors(removed, [past for _, past in origin.cuts] if origin else ())
        write_checkpoint(stage, cut, state, report, document, replaced, facts)
        write_json(stage / RESULT, facts)
        steps.next()
    return read_compressed(target)


def _fold(
    state: dict[str, torch.Tensor], analysis: Analysis, plan: Plan, report: ModelReport, removed: Removed, steps: Steps
) -> tuple[list[StoredLayer | None], dict[str, torch.Tensor]]:
    """Fold every cut layer and hold its widths against those that the plan counts."""
    layers, folded = fold_state(
        state, report.family, report.shape, removed, earlier=report.layers, next_layer=steps.next
    )
    for number, (built, expected) in enumerate(zip(layers, plan_widths(analysis, plan), strict=True), start=1):
        if built is not None and built.widths != expected:
            raise Mismatch(f"Layer {number}: folding gave other widths than the plan counts.")
    return layers, folded


def _check_shapes(model: torch.nn.Module, layers: list[StoredLayer | None], report: ModelReport) -> None:
    """Hold the built tensors against the planned shapes, name by name."""
    have = {report.family.strip_root(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, size in compact_tensors(report.family, report.config, widths_of(layers)).items():
        if have.get(name) != size:
            raise Mismatch(f"{name} was built with shape {have.get(name)}, the plan asks for {size}.")


def _encode(loaded: LoadedModel, analysis: Analysis, texts: tuple[str, ...]) -> Encoded:
    positions = loaded.report.config.get("max_position_embeddings", 512)
    return encode(loaded.tokenizer, texts, max_length=analysis.meta["max_length"], positions=positions)
