"""Hold a compressed folder against the masked original: what it stores, and what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from obce_core.compression.checkpoint import build_compact, check_compressed, load
from obce_core.compression.mask import masked
from obce_core.compression.origin import PLAN, Origin, read_origin
from obce_core.compression.state import fold_state
from obce_core.errors import Cancelled, ModelError, PlanError
from obce_core.fidelity import differences
from obce_core.models.check import ModelReport, check_model
from obce_core.models.compressed import is_compressed
from obce_core.models.load import choose_device, load_model, read_state
from obce_core.models.locate import ModelSource, locate
from obce_core.plan.document import load_document
from obce_core.plan.fact import read_fact
from obce_core.proof.result import Measured, Verification
from obce_core.proof.samples import KINDS, draw, mixed

Report = Callable[[int, int], None]

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
        ModelError: the folder is no compressed model, is damaged or was altered, or the original has other weights.
        PlanError: `plan` is not the plan of this folder; says where they part.

    >>> import obce_core
    >>> analysis = obce_core.analyze("demo", "demo", n_texts=20)
    >>> smaller = obce_core.compress(analysis, obce_core.make_plan(analysis, percentile=50))
    >>> obce_core.verify(smaller.folder, against="demo").equal
    True
    """
    done = 0

    def step() -> None:
        nonlocal done
        if cancelled is not None and cancelled():
            raise Cancelled("The proof was cancelled.")
        if progress is not None:
            progress(done, _STEPS)
        done += 1

    step()
    source, first = locate(model), locate(against)
    report, origin = _cut(source)
    if plan is not None:
        _check_plan(plan, origin, report)
    original, where = _original(first, origin), choose_device(device)
    step()
    widths, folded = fold_state(read_state(original), original.family, original.shape, origin.removed, dtype=torch.float64)
    stored = read_state(report)
    tensors, differs = len(stored), first_difference(stored, folded)
    del stored
    twin = load_model(original, device=str(where))
    samples = {kind: draw(kind, twin, seed=seed) for kind in KINDS}
    measured: list[Measured] = []
    for dtype in ("float32", "float64"):
        if dtype == "float32":
            cut = load(source.folder, device=str(where)).model
        else:
            where = torch.device("cpu") if where.type == "mps" else where  # mps has no float64
            twin.model.to(device=where, dtype=torch.float64)  # from float32 weights, so nothing is lost
            cut = build_compact(original, widths, folded, dtype=torch.float64).to(where).eval()
        for kind, texts in samples.items():
            step()
            with masked(twin.base, original.family, origin.removed):
                found = differences(twin.model, cut, mixed(texts, where))
            lengths = texts.lengths
            measured.append(
                Measured(
                    dtype=dtype, texts=kind, count=len(lengths), shortest=int(lengths.min()), longest=int(lengths.max()),
                    hidden=found.hidden, logits=found.logits,
                )
            )  # fmt: skip
    if progress is not None:
        progress(_STEPS, _STEPS)
    return Verification(
        folder=source.folder, original=first.name, plan=origin.fact.digest, tensors=tensors, differs=differs,
        measured=tuple(measured),
    )  # fmt: skip


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
        raise ModelError(f"{source.name} is not a model that obce cut.", hint="Name the folder that obce compress wrote.")
    report, widths = check_compressed(source)
    origin = read_origin(report, widths)
    if origin is None:
        raise ModelError(
            f"{source.folder} has no {PLAN}: another program saved it, so nothing says what was cut.",
            hint="Name the folder that obce compress wrote.",
        )
    return report, origin


def _original(source: ModelSource, origin: Origin) -> ModelReport:
    told = origin.fact.weights_sha256
    if source.weights_sha256 != told:
        raise ModelError(
            f"{source.name} has other weights ({source.weights_sha256[:12]}…) than the model was cut from ({told[:12]}…).",
            hint="Name the original with --against.",
        )
    return check_model(source)


def _check_plan(plan: str | Path, origin: Origin, report: ModelReport) -> None:
    name = Path(plan).name
    told = read_fact(load_document(plan), report.shape, name)
    parts = told.differs(origin.fact, report.shape)
    if parts:
        raise PlanError(f"{name} is not the plan that {report.source.name} was cut by: {parts}.", hint="Leave --plan out to use its own.")
