"""Export a cut model in the stock shapes: the same function and the original's size, for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from obce_core.compression.checkpoint import load_checked
from obce_core.compression.fidelity import largest_difference
from obce_core.errors import BadInput, Mismatch
from obce_core.export import FACTS
from obce_core.models.batching import encode
from obce_core.models.check import check_model
from obce_core.models.identity import identity_of
from obce_core.models.load import load_model, stock_state
from obce_core.models.locate import CONFIG, SIDE_FILES, TOKENIZER_FILES, WEIGHTS
from obce_core.progress import Report, Steps
from obce_core.settings import expand_home
from obce_core.storage.atomic import atomic_write, write_json
from obce_core.storage.disk_space import require_space, tensor_bytes, writing
from obce_core.storage.staging import check_target, staged_folder
from obce_core.texts import load_texts
from obce_core.version import ALGORITHMS, versions

FORMAT = "obce-dense/1"
TOLERANCE = 1e-5
_TEXTS, _STEPS = 64, 3


def export_dense(
    model: str | Path,
    out: str | Path,
    *,
    overwrite: bool = False,
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Write a cut model as a stock one, once both give the same outputs (see `dense_state` for how).

    Args:
        model: a folder written by `compress`.
        out: the new folder; it has every file of a stock model, and the original's size.
        progress: called with (steps done, steps in all).

    Returns:
        The facts of `export.json`, and `folder`: the largest difference, as a share of the largest output.

    Raises:
        BadInput: the model was never cut.
        ModelError: see `check_model`.
        Mismatch: the two differ by more than rounding; nothing is written then.

    >>> export_dense("my-model", "my-model-dense")["difference"] < 1e-5                # doctest: +SKIP
    """
    target = expand_home(out)
    check_target(target, overwrite=overwrite)
    steps = Steps("The export", _STEPS, progress, cancelled)
    steps.begin()
    report = check_model(model)
    if not report.layers:
        raise BadInput(
            f"{report.source.name} is in the stock shapes already: it was never cut.",
            hint="Name a folder of obce compress.",
        )
    stock = load_model(report, device="cpu")
    steps.begin()
    texts = encode(
        stock.tokenizer, load_texts("demo", n=_TEXTS, seed=0).texts, positions=report.config["max_position_embeddings"]
    )
    difference = largest_difference(load_checked(report, device="cpu").model, stock.model, texts)
    if not difference <= TOLERANCE:
        raise Mismatch(f"The stock shapes give other outputs, by {difference:.1e} of the largest; nothing was written.")
    steps.begin()
    head = report.head
    absent = (
        f"{report.source.weights.name} lacks {head.absent_words}, and so does the export: random in both, unless "
        "it is trained."
    )
    facts = {
        "format": FORMAT,
        "model": report.source.name,
        "identity": identity_of(report).plain(),
        "algorithm": ALGORITHMS["export"],
        "difference": difference,
        "texts": len(texts.ids),
        "versions": versions(),
        "notes": [] if head.is_complete else [absent],
    }
    names = report.family.file_names(report.tensors)
    with staged_folder(target, overwrite=overwrite) as stage:
        state = {names[name]: tensor.contiguous() for name, tensor in stock_state(report).items()}
        need = tensor_bytes(state.values())
        require_space(stage, need)
        with writing(stage, need):
            save_file(state, stage / WEIGHTS, metadata={"format": "pt"})
        config = stock.model.config.to_diff_dict() | {"architectures": [report.architecture]}
        atomic_write(stage / CONFIG, json.dumps(config, indent=1, sort_keys=True) + "\n")
        report.source.copy((*TOKENIZER_FILES, *SIDE_FILES), stage)
        write_json(stage / FACTS, facts)
    steps.finish()
    return {**facts, "folder": str(target), "bytes": (target / WEIGHTS).stat().st_size}
