"""Cut a model: from an analysis and a plan to a folder with a smaller model, proven equal to its masked twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from obce_core.analysis import Analysis, read_analysis
from obce_core.batching import Encoded, encode
from obce_core.components import CUTTABLE
from obce_core.compression.checkpoint import build_compact, write_checkpoint
from obce_core.compression.compensation import compensation_tensors
from obce_core.compression.fit import fit_maps
from obce_core.compression.fold import fold_layer
from obce_core.compression.least_squares import AffineMap
from obce_core.compression.mask import Removed, masked
from obce_core.compression.mix import mix_layer
from obce_core.compression.result import RESULT, Compressed, models_home, read_compressed
from obce_core.compression.steps import Report, Steps
from obce_core.errors import Mismatch, ModelError
from obce_core.fidelity import fidelity, largest_difference
from obce_core.models import ModelReport, ModelSource, check_model, locate
from obce_core.models.load import LoadedModel, base_model, load_model, read_state
from obce_core.plan.budget import count, plan_widths
from obce_core.plan.document import read_plan, to_document
from obce_core.plan.plan import Plan
from obce_core.plan.widths import LayerWidths
from obce_core.store import check_target, is_complete, staged_folder, write_json
from obce_core.version import versions

TOLERANCE = 1e-5
"""Largest difference allowed between masked and cut model, float32, as a share of the largest output."""

PROOF_TEXTS, FIDELITY_TEXTS = 64, 450

Maps = Mapping[tuple[int, str], AffineMap]


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
        ModelError: the model's weights are not those of the analysis.
        Mismatch: a built shape differs from the planned one, or the cut model from its masked twin. Nothing is
            written then.

    >>> compress(analysis, plan, "my-model")                                           # doctest: +SKIP
    """
    source = analysis if isinstance(analysis, Analysis) else read_analysis(analysis)
    chosen = plan if isinstance(plan, Plan) else read_plan(plan, source)
    target = Path(out) if out is not None else models_home() / chosen.digest[:16]
    if out is None and is_complete(target):
        return read_compressed(target)
    if out is not None:
        check_target(target, overwrite=overwrite)
    report = _same_model(source, model)
    predicts = chosen.intent.compensation.predicts
    steps = Steps(source.shape.layers + 4 + (len(chosen.kept) if predicts else 0), progress, cancelled)
    original = load_model(report, device=device)
    texts = source.texts
    maps = fit_maps(original, _encode(original, source, texts.texts), chosen, step=steps.next, cancelled=cancelled) if predicts else {}
    widths, state, stored = _fold(source, chosen, report, steps, maps)
    with staged_folder(target, overwrite=overwrite, keep_existing=out is None) as stage:
        cut = build_compact(report, list(widths), state).eval()
        _check_shapes(cut, widths, report)
        cut = cut.to(next(original.model.parameters()).device)
        steps.next()
        removed = removed_neurons(source, chosen, maps)
        proof = _encode(original, source, texts.heldout[:PROOF_TEXTS] or texts.texts[:PROOF_TEXTS])
        with masked(original.base, report.family, removed):
            difference = largest_difference(original.model, cut, proof)
        if not difference <= TOLERANCE:
            raise Mismatch(
                f"The cut model differs from its masked twin by {difference:.1e} of the largest output (at most {TOLERANCE:g} is "
                "rounding); nothing was written.",
                hint="Please report this plan.",
            )
        steps.next()
        held = texts.heldout[:FIDELITY_TEXTS]
        close = None
        if held:
            smaller = base_model(cut, report.family.root)
            close = fidelity(original.base, smaller, _encode(original, source, held), cancelled=cancelled)
        steps.next()
        facts = {
            "format": "obce-model/1",
            "plan": chosen.digest,
            "analysis": source.id,
            "model": dict(chosen.model),
            "budget": asdict(count(source, chosen)),
            "difference": difference,
            "difference_texts": len(proof.ids),
            "fidelity": asdict(close) if close else None,
            "versions": versions(),
        }
        write_checkpoint(stage, cut, state, report, to_document(chosen), stored, facts)
        write_json(stage / RESULT, facts)
        steps.next()
    return read_compressed(target)


def removed_neurons(analysis: Analysis, plan: Plan, maps: Maps | None = None) -> Removed:
    """Return what the masked twin needs: for each cut cell the removed neurons and what stands in their place.

    `maps` are those of `fit_maps`, for a plan whose compensation predicts.
    """
    found: dict[tuple[int, str], Any] = {}
    for layer, row in plan.kept.items():
        for component, mask in row.items():
            how = maps.get((layer, component)) if maps else None
            become = (how.weight, how.bias) if how else (plan.intent.compensation.constants(analysis.cell(layer, component)),)
            found[layer, component] = (torch.from_numpy(~mask), *(torch.from_numpy(np.ascontiguousarray(part)) for part in become))
    return found


def _same_model(analysis: Analysis, where: str | Path | ModelSource | None) -> ModelReport:
    told = analysis.meta["model"]
    if where is None:
        source = locate(told["spec"], revision=told["revision"] or None)
    else:
        source = where if isinstance(where, ModelSource) else locate(where)
    if source.weights_sha256 != told["weights_sha256"]:
        raise ModelError(
            f"{source.name} has other weights ({source.weights_sha256[:12]}…) than the analysis was made on "
            f"({told['weights_sha256'][:12]}…).",
            hint="Analyse it again, or name the original with --model.",
        )
    return check_model(source)


def _fold(
    analysis: Analysis, plan: Plan, report: ModelReport, steps: Steps, maps: Maps
) -> tuple[list[LayerWidths | None], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Fold every cut layer in float64; return widths by layer, the whole state, and what compensation.safetensors holds."""
    state, family, shape = read_state(report), report.family, report.shape
    widths: list[LayerWidths | None] = []
    stored: dict[str, torch.Tensor] = {}
    for layer in range(1, shape.layers + 1):
        steps.next()
        if layer not in plan.kept:
            widths.append(None)
            continue
        paths = {c: family.linear(layer, c) for c in (*CUTTABLE, "attention_output", "output")}
        weights = {f"{c}.{p}": state[f"{path}.{p}"].double().numpy() for c, path in paths.items() for p in ("weight", "bias")}
        masks = {c: plan.mask(layer, c, shape) for c in CUTTABLE}
        constants = {c: plan.intent.compensation.constants(analysis.cell(layer, c)) for c in CUTTABLE}
        here = {c: maps[layer, c] for c in plan.kept[layer] if (layer, c) in maps}
        folded = mix_layer(weights, masks, here, shape) if here else fold_layer(weights, masks, constants, shape)
        widths.append(folded.widths)
        for name, tensor in folded.tensors.items():
            component, part = name.split(".")
            state[f"{paths[component]}.{part}"] = torch.from_numpy(tensor).float()
        stored |= compensation_tensors(layer, plan.kept[layer], constants, here, folded)
    planned = plan_widths(analysis, plan)
    for layer, (built, wanted) in enumerate(zip(widths, planned, strict=True), start=1):
        if built is not None and built != wanted:
            raise Mismatch(f"Layer {layer}: folding gave other widths than the plan counts.")
    return widths, state, stored


def _check_shapes(model: torch.nn.Module, widths: list[LayerWidths | None], report: ModelReport) -> None:
    """Hold the built tensors against the planned shapes, name by name."""
    from obce_core.compression.checkpoint import compact_tensors

    have = {report.family.strip_root(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, size in compact_tensors(report.family, report.config, widths).items():
        if have.get(name) != size:
            raise Mismatch(f"{name} was built with shape {have.get(name)}, the plan asks for {size}.")


def _encode(loaded: LoadedModel, analysis: Analysis, texts: tuple[str, ...]) -> Encoded:
    positions = loaded.report.config.get("max_position_embeddings", 512)
    return encode(loaded.tokenizer, texts, max_length=analysis.meta["max_length"], positions=positions)
