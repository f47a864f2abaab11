"""Verify a compressed folder against the masked original: its stored tensors and its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from obce_core.architectures.stored import StoredLayer
from obce_core.compression.checkpoint import build_compact, load_checked
from obce_core.compression.fidelity import differences
from obce_core.compression.masked import masked
from obce_core.compression.provenance import PLAN, Origin, read_origin
from obce_core.compression.replacement import Removed
from obce_core.compression.state import fold_state
from obce_core.errors import ModelError, PlanError
from obce_core.measure.samples import SAMPLE_KINDS, draw, mixed
from obce_core.measure.verification import Measured, Verification
from obce_core.models.check import ModelReport, check_model
from obce_core.models.compressed import check_compressed, is_compressed
from obce_core.models.dense import dense_state
from obce_core.models.identity import identity_of
from obce_core.models.load import choose_device, load_model, read_state, stock_state
from obce_core.models.locate import ModelSource, locate
from obce_core.plan.fact import Fact, read_fact
from obce_core.plan.plan_file import load_document
from obce_core.progress import Report, Steps

_ULP = 2.0**-23
"""One unit in the last place of float32, as a share of the number."""

_STEPS = 6


def verify(
    model: str | Path,
    against: str | Path,
    plan: str | Path | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Verification:
    """Prove that a compressed model is its masked original, or measure by how much it is not.

    The masked original is the stock model with hooks that put the constants of `compensation.safetensors` in the place
    of the removed neurons; it shares no code with folding. It is held against the saved folder in float32 (at most
    1e-5) and against the original folded again in float64 (at most 1e-12), on random token ids and on real sentences
    of many lengths, with padding. Shares are of the largest output of the same kind. No analysis is read.

    Args:
        model: a folder that `compress` wrote.
        against: the original: what `analyze` takes as a model.
        plan: a plan file that the folder must have been cut by; None takes the folder's own.
        seed: draws the random texts and picks the real ones.
        progress: called with (steps done, steps in all).

    Raises:
        ModelError: the folder is not a compressed model, is damaged or was altered, or the original has other weights.
        PlanError: `plan` is not the plan of this folder; says where they part.

    >>> import obce_core
    >>> analysis = obce_core.analyze("demo", "demo", n_texts=20)
    >>> smaller = obce_core.compress(analysis, obce_core.make_plan(analysis, percentile=50))
    >>> obce_core.verify(smaller.folder, against="demo").equal
    True
    """
    steps = Steps("The proof", _STEPS, progress, cancelled)
    steps.begin()
    source, first = locate(model), locate(against)
    report, origin = _cut(source)
    if origin.identity is not None and identity_of(report).tokenizer != origin.identity.tokenizer:
        raise ModelError(
            f"{source.folder}: a tokenizer file was altered after the cut.",
            hint="Put it back, or cut the original again with the new tokenizer.",
        )
    if plan is not None:
        _check_plan(plan, origin, report)
    original, cuts = _original(first, origin)
    where = choose_device(device)
    steps.begin()
    layers, folded = _fold_again(original, cuts)
    stored = read_state(report)
    saved = _fold_again(original, cuts, saved=True)[1] if len(cuts) > 1 else folded
    tensors, differs = len(stored), first_difference(stored, saved)
    del saved
    del stored
    twin = load_model(original, device=str(where))
    samples = {kind: draw(kind, twin, seed=seed) for kind in SAMPLE_KINDS}
    measured: list[Measured] = []
    for dtype in ("float32", "float64"):
        if dtype == "float32":
            cut = load_checked(report, device=str(where)).model
        else:
            where = torch.device("cpu") if where.type == "mps" else where  # mps has no float64
            twin.model.to(device=where, dtype=torch.float64)  # from float32 weights, so nothing is lost
            cut = build_compact(original, layers, folded, dtype=torch.float64).to(where).eval()
        for kind, texts in samples.items():
            steps.begin()
            with ExitStack() as stack:
                for cut_by in reversed(cuts):  # a later mask acts on what an earlier one predicts from
                    stack.enter_context(masked(twin.base, original.family, cut_by))
                found = differences(twin.model, cut, mixed(texts, where))
            lengths = texts.lengths
            measured.append(
                Measured(
                    dtype=dtype,
                    texts=kind,
                    count=len(lengths),
                    shortest=int(lengths.min()),
                    longest=int(lengths.max()),
                    hidden=found.hidden,
                    logits=found.logits,
                )
            )
    steps.finish()
    return Verification(
        folder=source.folder,
        original=first.name,
        plan=origin.fact.digest,
        tensors=tensors,
        differs=differs,
        measured=tuple(measured),
    )


def first_difference(stored: Mapping[str, torch.Tensor], folded: Mapping[str, torch.Tensor]) -> str | None:
    """Say which stored tensor is the first that is not the folded one, rounded to float32; None when all are.

    One unit in the last place is rounding: another machine sums in another order.
    """
    for name, exact in folded.items():
        if name not in stored:
            return f"{name} is missing"
        if stored[name].shape != exact.shape:
            return f"{name} has shape {list(stored[name].shape)}, folding gives {list(exact.shape)}"
        if not exact.numel():
            continue
        gap = (stored[name].double() - exact).abs()
        allowed = _ULP * exact.abs() + 1e-12 * exact.abs().max()
        if not bool((gap <= allowed).all()):
            return f"{name} differs by up to {float(gap.max()):.1e} from the folded one"
    strange = [name for name in stored if name not in folded]
    return f"{strange[0]} is not in the original" if strange else None


def _cut(source: ModelSource) -> tuple[ModelReport, Origin]:
    if not is_compressed(source):
        raise ModelError(
            f"{source.name} is not a model that obce cut.", hint="Name the folder that obce compress wrote."
        )
    report = check_compressed(source)
    origin = read_origin(report)
    if origin is None:
        raise ModelError(
            f"{source.folder} has no {PLAN}: another program saved it, so nothing says what was cut.",
            hint="Name the folder that obce compress wrote.",
        )
    return report, origin


def _original(source: ModelSource, origin: Origin) -> tuple[ModelReport, list[Removed]]:
    """Check the model that the folder is held against; return it and the cuts that lie between the two."""
    digests = [fact.weights_sha256 for fact, _ in origin.cuts]
    if source.weights_sha256 not in digests:
        raise ModelError(
            f"{source.name} has other weights ({source.weights_sha256[:12]}…) than the model was cut from "
            f"({digests[-1][:12]}…).",
            hint="Name the original with --against.",
        )
    report, at = check_model(source), digests.index(source.weights_sha256)
    _check_identity(report, origin, origin.cuts[at][0])
    cuts = [removed for _, removed in origin.cuts[at:]]
    for number, past in enumerate(cuts):
        mixed_layers = {
            layer for (layer, name), become in past.items() if len(become) == 3 and name in ("query", "key")
        }
        again = sorted(
            {layer for later in cuts[number + 1 :] for layer, name in later if name in ("query", "key")} & mixed_layers
        )
        if again:
            raise ModelError(
                f"Layer {again[0]}: least-squares mixed its queries or keys before they were cut again, so no mask of "
                f"{source.name} is "
                "the same function.",
                hint="Hold it against the model that the last plan cut.",
            )
    return report, cuts


def _check_identity(original: ModelReport, origin: Origin, fact: Fact) -> None:
    """Hold the whole identity of an original against the one that the cut was made from; older cuts record none."""
    mine = identity_of(original)
    if not fact.identity or fact.identity == mine.digest:
        return
    recorded = origin.identity if origin.identity is not None and origin.identity.digest == fact.identity else None
    parts = " and ".join(recorded.differences(mine)) if recorded else "another architecture, config.json or tokenizer"
    raise ModelError(
        f"{original.source.name} has the weights that the model was cut from, but {parts}.",
        hint="Name the original as it was with --against.",
    )


def _fold_again(
    original: ModelReport, cuts: Sequence[Removed], *, saved: bool = False
) -> tuple[Sequence[StoredLayer | None], dict[str, torch.Tensor]]:
    """Fold cut after cut in float64; return what the layers store and the compact state.

    `saved` rounds to float32 in between, as the files of the models in between do.
    """
    family, shape = original.family, original.shape
    layers: Sequence[StoredLayer | None] = original.layers
    state = stock_state(original)
    for number, removed in enumerate(cuts):
        if number:
            state = dense_state(
                {name: tensor.float() if saved else tensor for name, tensor in state.items()}, family, shape, layers
            )
        layers, state = fold_state(state, family, shape, removed, earlier=layers, dtype=torch.float64)
    return layers, state


def _check_plan(plan: str | Path, origin: Origin, report: ModelReport) -> None:
    name = Path(plan).name
    fact = read_fact(load_document(plan), report.shape, name)
    parts = fact.differs(origin.fact, report.shape)
    if parts:
        raise PlanError(
            f"{name} is not the plan that {report.source.name} was cut by: {parts}.",
            hint="Leave --plan out to use its own.",
        )
