"""`obce export`: a model in the form that another runtime takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obce_core import settings
from obce_core.cli import options as opt
from obce_core.cli.console import absolute, load_line, replacing, say, show, work
from obce_core.errors import BadInput
from obce_core.formatting import amount, megabytes


def export(
    model: Annotated[
        str,
        typer.Argument(callback=opt.expand, help="A folder of obce compress, or demo, a model folder, or a hub id."),
    ],
    onnx: Annotated[
        str | None, typer.Option(callback=opt.expand, help="Write ONNX into this new folder, checked against torch.")
    ] = None,
    dense: Annotated[
        str | None,
        typer.Option(callback=opt.expand, help="Write the same function in stock BERT shapes into this new folder."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="With --onnx: a dynamically quantised file too, its loss measured.")
    ] = False,
    revision: opt.Revision = None,
    overwrite: opt.Overwrite = False,
    threads: opt.Threads = None,
    offline: opt.Offline = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Write a cut or a stock model for another runtime.

    Example: obce export my-model --onnx my-model-onnx --int8
    """
    if offline:
        settings.set_offline()
    if (onnx is None) == (dense is None):
        problem = "No form to export to was named" if onnx is None else "Two forms were named"
        raise BadInput(f"{problem}.", hint="Give --onnx OUT or --dense OUT.")
    if dense is not None:
        if int8 or revision:
            raise BadInput("--int8 and --revision go with --onnx.")
        _dense(model, dense, overwrite=overwrite, threads=threads, offline=offline, quiet=quiet, json=json)
        return
    assert onnx is not None
    selected = {
        "model": absolute(model),
        "out": str(Path(onnx).absolute()),
        "revision": revision,
        "int8": int8,
        "overwrite": overwrite,
        "threads": threads,
        "offline": offline,
    }
    with replacing(onnx, overwrite=overwrite):
        result = work("export-onnx", selected, quiet=quiet or json)
    if json:
        show(result, as_json=True)
        return
    difference, largest = (amount(result[name], 2) for name in ("difference", "largest"))
    checked = f"largest difference {difference}, largest output {largest} ({len(result['sizes'])} shapes, with padding)"
    answer = {
        "folder": result["folder"],
        "model.onnx": f"{megabytes(result['bytes'])}, opset {result['opset']}",
        "outputs": ", ".join(f"{name} ({', '.join(map(str, axes))})" for name, axes in result["outputs"].items()),
        "onnxruntime = torch": checked,
    }
    short = result["int8"]
    if short is not None:
        answer["int8 file"] = f"model_int8.onnx, {megabytes(short['bytes'])}"
        answer["int8 loss"] = (
            f"largest difference {amount(short['difference'], 2)} of {amount(short['largest'], 2)}, cosine "
            f"{short['cosine']:.4f} (lowest "
            f"{short['cosine_lowest']:.4f}, {short['texts']} packaged texts)"
        )
    show(answer, as_json=False)
    for note in result["notes"]:
        say(f"Note: {note}")
    if not quiet:
        say(f"Next: {load_line('onnxruntime.InferenceSession({path})', str(Path(onnx) / 'model.onnx'))}")


def _dense(
    model: str, out: str, *, overwrite: bool, threads: int | None, offline: bool, quiet: bool, json: bool
) -> None:
    selected = {
        "model": absolute(model),
        "out": str(Path(out).absolute()),
        "overwrite": overwrite,
        "threads": threads,
        "offline": offline,
    }
    with replacing(out, overwrite=overwrite):
        result = work("export-dense", selected, quiet=quiet or json)
    if json:
        show(result, as_json=True)
        return
    show(
        {
            "folder": result["folder"],
            "stock = cut": f"largest difference {amount(result['difference'], 2)} of the largest output "
            f"({result['texts']} packaged texts)",
            "on disk": f"{megabytes(result['bytes'])}",
        },
        as_json=False,
    )
    for note in result["notes"]:
        say(f"Note: {note}")
    if not quiet:
        say(f"Next: {load_line('transformers.AutoModel.from_pretrained({path})', out)}")
