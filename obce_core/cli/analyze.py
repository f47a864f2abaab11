"""`obce analyze` and `obce info`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obce_core import settings
from obce_core.cli import options as opt
from obce_core.cli.console import absolute, free_name, replacing, say, show, work
from obce_core.cli.size_table import show_size_table
from obce_core.components import COMPONENTS, CUTTABLE, TITLES

if TYPE_CHECKING:
    from obce_core.analysis.analysis import Analysis
    from obce_core.models import ModelReport
    from obce_core.plan import SizeTable


def analyze(
    model: Annotated[
        str, typer.Option(callback=opt.expand, help="demo, a model folder, or a hub id (owner/name).")
    ] = "demo",
    revision: opt.Revision = None,
    texts: Annotated[
        str,
        typer.Option(
            callback=opt.expand, help="demo, wikipedia, glue:TASK, or a file (.txt .csv .tsv .jsonl .parquet)."
        ),
    ] = "demo",
    n_texts: Annotated[int, typer.Option(help="How many texts to draw.")] = 150,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    max_length: Annotated[int, typer.Option(help="Cut texts after this many tokens.")] = 128,
    tokens: Annotated[str, typer.Option(help="cls (the paper), mean over the text's tokens, or all.")] = "cls",
    tap: Annotated[
        str, typer.Option(help="neuron, linear (before the activation) or block (after LayerNorm).")
    ] = "neuron",
    column: Annotated[str | None, typer.Option(help="Column that holds the text.")] = None,
    split: Annotated[str | None, typer.Option(help="periods: cut longer texts into sentences.")] = None,
    glue_dir: Annotated[
        str | None, typer.Option(callback=opt.expand, help="Folder of GLUE tasks in the official TSV layout.")
    ] = None,
    heldout: Annotated[
        str | None,
        typer.Option(
            callback=opt.expand,
            help="Texts that only measure fidelity: a file, a share (25%), or none. Default: those not drawn; 25% of "
            "a file taken whole.",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(callback=opt.expand, help="Folder of its own instead of the cache.")
    ] = None,
    overwrite: opt.Overwrite = False,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "float32",
    batch_size: opt.BatchSize = 32,
    threads: opt.Threads = None,
    offline: opt.Offline = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Measure every neuron of a model on a sample of texts.

    Example: obce analyze --model demo --texts demo --n-texts 150
    """
    if offline:
        settings.set_offline()
    selected = {
        "model": absolute(model),
        "revision": revision,
        "texts": absolute(texts),
        "n_texts": n_texts,
        "seed": seed,
        "max_length": max_length,
        "tokens": tokens,
        "tap": tap,
        "column": column,
        "split": split,
        "glue_dir": absolute(glue_dir) if glue_dir else None,
        "heldout": absolute(heldout) if heldout else None,
        "out": str(Path(out).absolute()) if out is not None else None,
        "overwrite": overwrite,
        "device": device,
        "dtype": dtype,
        "batch_size": batch_size,
        "threads": threads,
        "offline": offline,
    }
    with replacing(out, overwrite=overwrite):
        result = work("analyze", selected, quiet=quiet or json)
    from obce_core.analysis.analysis import read_analysis

    analysis = read_analysis(result["folder"])
    texts_meta = analysis.meta["texts"]
    layers = range(1, analysis.shape.layers + 1)
    equal = [f"{layer} {name}" for layer in layers for name in COMPONENTS if analysis.degenerate(layer, name)]
    answer = {
        "analysis": analysis.id,
        "folder": result["folder"],
        "model": analysis.meta["model"]["name"],
        "neurons": len(analysis.columns["r_f"]),
        "texts": f"{texts_meta['n']} of {texts_meta['available']} from {texts_meta['source']}, seed "
        f"{texts_meta['seed']}",
        "cut_at_max_length": f"{texts_meta['truncated']} texts (--max-length {analysis.meta['max_length']})",
        "unknown": f"{texts_meta['unknown']:,} of {texts_meta['word_pieces']:,} word pieces are [UNK]"
        if "unknown" in texts_meta
        else "not counted",
        "empty": f"{texts_meta.get('empty', 0):,} texts without a word piece, dropped",
        "all_equal": ", ".join(equal) or "no cell",
    }
    if json:
        answer = {**answer, "texts": dict(texts_meta), "all_equal": equal, "cut_at_max_length": texts_meta["truncated"]}
        answer |= {name: texts_meta.get(name) for name in ("unknown", "word_pieces", "empty")}
    show(answer, as_json=json)
    if not json and not quiet:
        for note in (*analysis.meta["model"].get("notes", ()), *texts_meta["notes"]):
            say(note)
        command = _next(analysis, analysis.id if out is None else out)
        if command:
            say(f"Next: {command}")


def _next(analysis: Analysis, name: str) -> str:
    """Return the command that plans a cut of this analysis; "" where a percentile can cut none of its layers."""
    from obce_core.plan import PruneSpec

    first = min(PruneSpec().first_layer, analysis.shape.layers)
    if any(analysis.degenerate(first, component) for component in CUTTABLE):
        return ""
    words = ["obce", "plan", "--analysis", name, "--percentile", "50"]
    words += ["--first-layer", str(first)] if first < PruneSpec().first_layer else []
    return shlex.join([*words, "--out", free_name("plan.json")])


def info(
    model: Annotated[str, typer.Argument(callback=opt.expand, help="demo, a model folder, or a hub id.")],
    revision: opt.Revision = None,
    offline: opt.Offline = False,
    table: opt.Table = False,
    length: opt.Length = 128,
    json: opt.Json = False,
) -> None:
    """Say what is in a model and whether it can be cut; nothing of it is run."""
    if offline:
        settings.set_offline()
    from obce_core.models import check_model

    report = check_model(model, revision=revision)
    source, size_table = report.source, _size_table(report, length) if table else None
    shape = report.shape
    answer = {
        "model": source.name,
        "folder": str(source.folder),
        "weights_sha256": source.weights_sha256,
        "family": report.family.title,
        "architecture": report.architecture,
        "head": report.head.words,
        "layers": shape.layers,
        "hidden": shape.hidden,
        "heads": f"{shape.heads} of {shape.head_size}",
        "intermediate": shape.intermediate,
        "neurons": sum(len(report.neurons(layer, name)) for layer in range(1, shape.layers + 1) for name in COMPONENTS),
        "parameters": f"{report.parameters:,} ({report.encoder_parameters:,} in the layers)",
        "memory_needed": f"about {report.memory_bytes / 1e9:.1f} GB",
        "ignored_config_keys": ", ".join(report.ignored) or "none",
        "can_be_cut": f"yes{', again' if report.layers else ''} ({', '.join(TITLES[name] for name in CUTTABLE)})",
    }
    if json:
        answer |= {
            "heads": shape.heads,
            "head_size": shape.head_size,
            "parameters": report.parameters,
            "can_be_cut": True,
            "encoder_parameters": report.encoder_parameters,
            "memory_needed": report.memory_bytes,
            "ignored_config_keys": list(report.ignored),
            "notes": list(report.notes),
            "head": {"present": list(report.head.present), "absent": list(report.head.absent)},
        }
        if size_table is not None:
            answer["table"] = size_table.plain()
    show(answer, as_json=json)
    for note in () if json else report.notes:
        typer.echo(note)
    if size_table is not None and not json:
        show_size_table(size_table)


def _size_table(report: ModelReport, length: int) -> SizeTable:
    from obce_core.plan import model_size_table
    from obce_core.plan.fact import read_kept_of_model

    return model_size_table(report, read_kept_of_model(report) if report.layers else None, length=length)
