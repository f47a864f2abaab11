"""Fine-tune and score one model on one task: the one call that Python users make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from obce_core.analysis.analysis import Analysis, read_analysis
from obce_core.glue.evaluation import Evaluation
from obce_core.glue.execute import perform
from obce_core.glue.execution import Execution
from obce_core.glue.recipe import recipe_of
from obce_core.glue.unit import Unit, Variant, prepare
from obce_core.plan.plan import Plan
from obce_core.plan.plan_file import read_plan, to_document


def evaluate(
    model: str | Path = "demo",
    task: str = "mrpc",
    *,
    analysis: Analysis | str | Path | None = None,
    plan: Plan | str | Path | None = None,
    order: str = "cut-first",
    label: str | None = None,
    tier: str = "paper",
    seed: int = 0,
    glue_dir: str | Path | None = None,
    tests: bool = False,
    save_model: bool = False,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> Evaluation:
    """Fine-tune a model on a GLUE task and score it on the validation split; what was made before is read.

    Args:
        model: anything `analyze` takes, or a folder written by `compress`.
        task: cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte or wnli.
        analysis, plan: carry this plan out first (or, with `order="finetune-first"`, afterwards on the fine-tuned
            model).
        tier: `smoke`, `quick` or `paper`; `changes` replaces numbers of its recipe (`epochs`, `steps`, … see `Recipe`;
            `examples=None` or `steps=None`: no limit).
        seed: draws examples, head, order and dropout.
        glue_dir: folder of the official TSV files (default: OBCE_GLUE_DIR, else the hub).
        tests: predict the test splits too.
        save_model: keep the fine-tuned model in the evaluation's folder.

    Raises:
        ModelError, PlanError, TextsError, Offline: an input is missing or does not fit.
        NotFinite: loss or outputs became NaN or inf.

    >>> evaluate("demo", "mrpc", tier="quick").scores                                  # doctest: +SKIP
    """
    document = None
    if plan is not None:
        source = analysis if isinstance(analysis, Analysis) else read_analysis(analysis if analysis is not None else "")
        document = to_document(plan if isinstance(plan, Plan) else read_plan(plan, source))
    name = label or ("original" if plan is None else "the plan")
    variant = Variant(label=name, model=str(model), plan=document, order=order if plan is not None else "cut-first")
    unit = Unit(variant=variant, task=task, seed=seed, recipe=recipe_of(tier, **changes), tests=tests)
    execution = Execution(device=device, progress=progress, cancelled=cancelled)
    return perform(prepare(unit, glue_dir=glue_dir), execution, save_model=save_model)
