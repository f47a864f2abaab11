"""`obce plan`, `obce plan show` and `obce plan diff`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from obce_core.cli import options as opt
from obce_core.cli.console import free_name, replacing, say, show
from obce_core.cli.size_table import show_size_table
from obce_core.components import CUTTABLE
from obce_core.formatting import megabytes, share
from obce_core.models.identity import OLDER
from obce_core.plan.presets import PRESETS

if TYPE_CHECKING:
    from obce_core.analysis.analysis import Analysis
    from obce_core.plan import Plan, SizeTable

app = typer.Typer(invoke_without_command=True, no_args_is_help=False, add_completion=False)


@app.callback()
def plan(
    context: typer.Context,
    analysis: Annotated[
        str | None, typer.Option(callback=opt.expand, help="An analysis: its folder or its id.")
    ] = None,
    percentile: Annotated[
        float | None, typer.Option(help="One percentile for all components from the first layer on.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", callback=opt.expand, help="File with an intent (or a plan, whose intent is read)."),
    ] = None,
    target_encoder: Annotated[
        float | None, typer.Option(help="Leave at most this share of the encoder's parameters.")
    ] = None,
    target_params: Annotated[float | None, typer.Option(help="Leave at most this share of all parameters.")] = None,
    first_layer: Annotated[int | None, typer.Option(help="First layer to cut (default 3; not with --preset).")] = None,
    criterion: Annotated[
        str, typer.Option(help="Ranks the neurons; obce plan --criterion x lists the known ones.")
    ] = "r_f",
    seed: Annotated[int, typer.Option(help="Seed of the criterion random.")] = 0,
    compensation: Annotated[str, typer.Option(help="mean+std (the paper), mean, zero or least-squares.")] = "mean+std",
    compensation_tokens: Annotated[str | None, typer.Option(help="cls (the paper) or all; least-squares: all.")] = None,
    round_to: Annotated[int, typer.Option(help="Add neurons back until stored widths are multiples of 8 or 16.")] = 0,
    per_head: Annotated[
        bool, typer.Option("--per-head", help="Add neurons back until a layer's heads are equally wide.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(callback=opt.expand, help="plan.json or plan.yaml; without it the plan is only counted."),
    ] = None,
    overwrite: opt.Overwrite = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Decide which neurons are cut and count what is left.

    Example: obce plan --analysis ID --percentile 50 --out plan.json
    """
    if context.invoked_subcommand is not None:
        return
    from obce_core.analysis.analysis import read_analysis
    from obce_core.errors import PlanError
    from obce_core.plan import make_plan, write_plan

    if analysis is None:
        raise PlanError("No analysis was named.", hint="Give --analysis DIR or ID; obce analyze makes one.")
    source = read_analysis(analysis)
    made = make_plan(
        source,
        percentile=percentile,
        preset=preset,
        prune_spec=from_,
        target_encoder=target_encoder,
        target_params=target_params,
        first_layer=first_layer,
        criterion=criterion,
        seed=seed,
        compensation=compensation,
        compensation_tokens=compensation_tokens,
        round_to=round_to,
        per_head=per_head,
    )
    if out is not None:
        with replacing(out, overwrite=overwrite):
            write_plan(made, out, overwrite=overwrite)
    _report(made, source, json=json)
    if not json and not quiet:
        for note in (*made.notes, *_older(source)):
            say(note)
        if out is not None:
            say(
                "Next: "
                + shlex.join(
                    ["obce", "compress", "--analysis", analysis, "--plan", out, "--out", free_name("my-model")]
                )
            )


@app.command("show")
def show_plan(
    file: Annotated[str, typer.Argument(callback=opt.expand, help="A plan file.")],
    analysis: Annotated[
        str | None, typer.Option(callback=opt.expand, help="Its analysis, when it is not in the cache.")
    ] = None,
    table: opt.Table = False,
    length: opt.Length = 128,
    json: opt.Json = False,
) -> None:
    """Check a plan file against its analysis and count it."""
    from obce_core.plan import plan_size_table

    made, source = _read(file, analysis)
    size_table = plan_size_table(source, made, length=length) if table else None
    _report(made, source, json=json, length=length, size_table=size_table)
    if size_table is not None and not json:
        show_size_table(size_table)
    elif not json:
        for layer in range(1, source.shape.layers + 1):
            row = [
                f"{made.cut(layer, name):>6,} of {source.width(layer, name):,} {name}"
                for name in CUTTABLE
                if made.cut(layer, name)
            ]
            say(f"layer {layer:>2}  " + (", ".join(row) or "whole"))


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(callback=opt.expand, help="A plan file.")],
    second: Annotated[str, typer.Argument(callback=opt.expand, help="Another plan file of the same model.")],
    analysis: Annotated[
        str | None, typer.Option(callback=opt.expand, help="Their analysis, when it is not in the cache.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """Compare two plans: neurons that only one of them cuts, cell by cell, and the sizes."""
    (a, source), (b, other) = _read(first, analysis), _read(second, analysis)
    from obce_core.plan import count
    from obce_core.plan.diff import plan_diff

    cells = {
        f"layer {cell.layer} {cell.component}": {
            "only_first_cuts": len(cell.only_first_cuts),
            "only_second_cuts": len(cell.only_second_cuts),
        }
        for cell in plan_diff(source, a, b)
    }
    sizes = [count(source, a), count(other, b)]
    if json:
        show({"cells": cells, "sizes": [asdict(size) for size in sizes]}, as_json=True)
        return
    for cell, entry in cells.items():
        say(
            f"{cell:<24} only first cuts {entry['only_first_cuts']:>5,}   only second cuts "
            f"{entry['only_second_cuts']:>5,}"
        )
    for path, size in zip((first, second), sizes, strict=True):
        say(
            f"{path}: {size.neurons_cut:,} neurons cut, {share(size.encoder_share)} of the encoder, "
            f"{share(size.model_share)} of the model"
        )
    if not cells:
        say("Both plans cut the same neurons.")


def _read(file: str, analysis: str | None) -> tuple[Plan, Analysis]:
    from obce_core.analysis.analysis import read_analysis
    from obce_core.plan import read_plan

    made = read_plan(file, None if analysis is None else read_analysis(analysis))
    return made, read_analysis(analysis or made.analysis)


def _older(source: Analysis) -> list[str]:
    return [] if source.identity is not None else [f"Analysis {source.id}: {OLDER}"]


def _report(
    made: Plan, source: Analysis, *, json: bool, length: int = 128, size_table: SizeTable | None = None
) -> None:
    from obce_core.plan import count

    size = count(source, made, length=length)
    if json:
        shares = {"encoder_share": size.encoder_share, "model_share": size.model_share}
        notes = [*made.notes, *_older(source)]
        table = {} if size_table is None else {"table": size_table.plain()}
        show(
            {"plan": made.digest, "analysis": source.id, **asdict(size), **shares, "notes": notes, **table},
            as_json=True,
        )
        return
    show(
        {
            "plan": made.digest[:16],
            "criterion": made.prune_spec.criterion,
            **({"hardware": made.prune_spec.hardware.words()} if made.prune_spec.hardware.is_set else {}),
            "neurons cut": f"{size.neurons_cut:,} of {size.neurons:,}",
            "parameters cut": f"{size.parameters_cut:,} of {size.parameters:,}",
            "encoder left": f"{share(size.encoder_share)} ({size.encoder_left:,} parameters)",
            "model left": f"{share(size.model_share)} ({size.parameters_left:,} parameters)",
            "FLOPs left": f"{share(size.flops_share)} (of the layers, {size.length} tokens)",
            "on disk": f"{megabytes(size.bytes_left)} (from {megabytes(size.bytes)})",
        },
        as_json=False,
    )
