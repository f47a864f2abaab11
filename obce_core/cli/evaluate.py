"""`obce evaluate` and `obce sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from obce_core.cli import options as opt
from obce_core.cli.console import absolute, say, show
from obce_core.cli.evaluation_jobs import Starter, begin, glue_folder, perform_units
from obce_core.errors import BadInput
from obce_core.glue.learning_rate import rate_words, rule_words
from obce_core.glue.recipe import TIER_WORDS

_TIERS = "; ".join(f"{name}: {words}" for name, words in TIER_WORDS.items())


GlueDir = Annotated[
    str | None,
    typer.Option(
        "--glue-dir",
        callback=opt.expand,
        help="Folder of tasks as the official TSV files (default: OBCE_GLUE_DIR, else the hub).",
    ),
]


Launcher = Annotated[
    str, typer.Option(help="shell: here, with a bar; local or ray: as a job that outlives this shell.")
]


Address = Annotated[str | None, typer.Option(help="Address of the Ray cluster's dashboard, for --launcher ray.")]


Cpus = Annotated[float, typer.Option(min=0, help="Processors that a job reserves on a cluster.")]


Gpus = Annotated[float, typer.Option(min=0, help="GPUs that a job reserves on a cluster.")]


Workers = Annotated[int, typer.Option(min=1, max=256, help="Jobs that share the work, for --launcher local or ray.")]


Out = Annotated[
    str | None,
    typer.Option(
        callback=opt.expand, help="A new folder for the table and the evaluations (they are in the cache in any case)."
    ),
]


def evaluate(
    model: Annotated[
        str,
        typer.Option(
            "--model", "--model_name_or_path", callback=opt.expand, help="demo, a hub id, a model folder, cut or not."
        ),
    ] = "demo",
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "--task_name", help="A GLUE task; may be repeated; all: the paper's eight."),
    ] = None,
    analysis: Annotated[
        str | None, typer.Option(callback=opt.expand, help="The analysis of --plan: its folder or its id.")
    ] = None,
    plan: Annotated[
        list[str] | None,
        typer.Option(callback=opt.expand, help="A plan file to carry out before the training; may be repeated."),
    ] = None,
    control: Annotated[
        list[str] | None, typer.Option(help="random, magnitude or std: also a control of each plan's stored shape.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, max=100, help="Draws of --control random.")] = 1,
    order: Annotated[
        str, typer.Option(help="cut-first (the paper), or finetune-first: cut the fine-tuned model.")
    ] = "cut-first",
    original: Annotated[bool, typer.Option(help="Evaluate the uncut model beside the plans.")] = True,
    glue_dir: GlueDir = None,
    tier: Annotated[str, typer.Option(help=_TIERS)] = "paper",
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", "--num_train_epochs", min=0, max=10_000, help="Epochs; 0: score the model as it is."),
    ] = None,
    max_steps: Annotated[int | None, typer.Option(min=0, help="Maximum number of steps (0: no limit).")] = None,
    examples: Annotated[
        int | None, typer.Option(min=0, help="Maximum number of training examples, drawn with the seed (0: all).")
    ] = None,
    recipe_batch: Annotated[
        int | None,
        typer.Option("--batch-size", "--per_device_train_batch_size", min=1, max=65_536, help="Examples a step."),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate", "--learning_rate", help=f"Peak learning rate (default by width: {rule_words()})."
        ),
    ] = None,
    accumulation: Annotated[
        int | None, typer.Option(min=1, help="Gradient accumulation: number of equal parts of a step's batch.")
    ] = None,
    warmup: Annotated[
        float | None,
        typer.Option(
            "--warmup", "--warmup_ratio", help="Share of the steps until the peak learning rate (default 0.1)."
        ),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", "--max_seq_length", min=3, help="Tokens of an example.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=0, help="Stop after this many epochs without a better score (0: never).")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="last or best: the epoch whose score counts (default last).")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; may be repeated.")] = None,
    test: Annotated[
        bool, typer.Option(help="Predict the test splits too; --out then has a submission.zip a seed.")
    ] = False,
    save_model: Annotated[bool, typer.Option(help="Keep the fine-tuned models.")] = False,
    save_steps: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints within an epoch.")] = 500,
    out: Out = None,
    overwrite: opt.Overwrite = False,
    launcher: Launcher = "shell",
    address: Address = None,
    workers: Workers = 1,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    device: opt.Device = "auto",
    threads: opt.Threads = None,
    offline: opt.Offline = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Fine-tune a model on GLUE tasks and score it on the validation split, beside its original and controls.

    Example: obce evaluate --model demo --task mrpc --tier quick --seed 0 --seed 1
    """
    from obce_core.analysis.analysis import read_analysis
    from obce_core.glue.recipe import recipe_of
    from obce_core.glue.sweep import Sweep, variants_of
    from obce_core.glue.tasks import task_of, usual_tasks
    from obce_core.glue.unit import Variant
    from obce_core.plan.plan_file import read_plan

    starter = Starter(launcher, address, workers, cpus, gpus)
    begin(offline, out, overwrite, starter)
    where = absolute(model)
    names = usual_tasks() if not task or "all" in task else tuple(dict.fromkeys(task_of(name).name for name in task))
    changes = {
        "epochs": epochs,
        "steps": max_steps,
        "examples": examples,
        "batch_size": recipe_batch,
        "accumulation": accumulation,
        "learning_rate": learning_rate,
        "warmup": warmup,
        "max_length": max_length,
        "patience": patience,
        "keep": keep,
    }
    recipe = recipe_of(tier, **{name: value for name, value in changes.items() if value is not None})
    variants = [Variant(label="original" if plan else Path(where).name, model=where)] if original or not plan else []
    if plan:
        if analysis is None:
            raise BadInput("--plan needs the analysis that it was made on.", hint="Give --analysis.")
        source = read_analysis(absolute(analysis))
        for path in plan:
            label = Path(path).stem if order == "cut-first" else f"{Path(path).stem}, cut after fine-tuning"
            variants += variants_of(
                label, where, source, read_plan(path, source), controls=tuple(control or ()), draws=draws, order=order
            )
    elif control or order != "cut-first":
        raise BadInput("--control and --order speak of a plan.", hint="Give --plan and --analysis.")
    sweep = Sweep(
        variants=tuple(variants), tasks=names, recipe=recipe, seeds=tuple(dict.fromkeys(seed or [0])), tests=test
    )
    perform_units(
        sweep.units,
        out=out,
        overwrite=overwrite,
        starter=starter,
        quiet=quiet,
        json=json,
        options={
            "glue_dir": glue_folder(glue_dir),
            "device": device,
            "threads": threads,
            "offline": offline,
            "save_model": save_model,
            "save_every": save_steps,
        },
    )


def sweep(
    spec: Annotated[
        str,
        typer.Argument(
            callback=opt.expand, help="A YAML or JSON file: models, plans and controls, tasks, tier, seeds (README)."
        ),
    ],
    glue_dir: GlueDir = None,
    save_model: Annotated[bool, typer.Option(help="Keep the fine-tuned models.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done, and what is there already.")] = False,
    out: Out = None,
    overwrite: opt.Overwrite = False,
    launcher: Launcher = "shell",
    address: Address = None,
    workers: Workers = 1,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    device: opt.Device = "auto",
    threads: opt.Threads = None,
    offline: opt.Offline = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Make a grid of evaluations: models, plans, controls, tasks, seeds. What is done is not done again.

    Example: obce sweep sweep.yaml --launcher local
    """
    from obce_core.glue.evaluation import evaluations_home
    from obce_core.glue.sweep import read_sweep
    from obce_core.glue.unit import prepare
    from obce_core.storage.staging import is_complete

    starter = Starter(launcher, address, workers, cpus, gpus)
    begin(offline, out, overwrite, starter)
    units = read_sweep(spec).units
    if dry_run:
        cache: dict[Any, Any] = {}
        told, rates = [], []
        for unit in units:
            one = prepare(unit, glue_dir=glue_folder(glue_dir), cache=cache)
            there = is_complete(evaluations_home() / one.id)
            about = {"label": unit.variant.label, "task": unit.task, "seed": unit.seed, "steps": one.steps}
            rates.append(unit.recipe.rate(one.report.shape.hidden))
            told.append({"evaluation": one.id, **about, "learning_rate": rates[-1] and rates[-1][0], "done": there})
        if json:
            show({"evaluations": told}, as_json=True)
        else:
            for row in told:
                say(
                    f"{'done' if row['done'] else 'to do':<6} {row['label']}, {row['task']}, seed {row['seed']}, "
                    f"{row['steps']:,} steps"
                )
            if any(rates):
                say(f"Learning rate {rate_words(filter(None, rates))}.")
        return
    perform_units(
        units,
        out=out,
        overwrite=overwrite,
        starter=starter,
        quiet=quiet,
        json=json,
        options={
            "glue_dir": glue_folder(glue_dir),
            "device": device,
            "threads": threads,
            "offline": offline,
            "save_model": save_model,
        },
    )
