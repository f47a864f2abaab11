"""The table of what a model stores, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from obce_core.cli.console import say
from obce_core.formatting import share

if TYPE_CHECKING:
    from obce_core.plan.size_table import Readings, SizeTable


def show_size_table(size_table: SizeTable) -> None:
    """Print entries by layer and component, the parts that no plan cuts, the sums, FLOPs, and the three readings."""
    rows: list[Sequence[object]] = [
        ("layer", "component", "neurons", "kept by plan", "rows stored", "extra key rows", "parameters", "left"),
        *(
            (e.layer, e.component, e.neurons, e.kept, e.rows, e.extra, e.parameters, e.parameters_left)
            for e in size_table.entries
        ),
        *(("", _PARTS[name], "", "", "", "", count, count) for name, count in size_table.parts.items()),
    ]
    _align(rows)
    say("")
    _align(
        [
            ("", "parameters", "left", "", "bytes in float32", "left", ""),
            *(
                (
                    s.name,
                    s.parameters,
                    s.parameters_left,
                    _share(s.parameters_left / s.parameters),
                    s.bytes,
                    s.bytes_left,
                    _share(s.bytes_left / s.bytes),
                )
                for s in size_table.scopes
            ),
            (
                f"FLOPs of the layers, {size_table.length} tokens",
                size_table.flops,
                size_table.flops_left,
                _share(size_table.flops_left / size_table.flops),
                "",
                "",
                "",
            ),
        ]
    )
    say("")
    paper, claim = size_table.paper_readings, size_table.claim
    nominal = "nominal size" if claim is None else f"{claim.nominal // 10**6}M"
    _align(
        [
            ("", "parameters left", "of total", "encoder only", f"encoder after / {nominal}"),
            ("as stored", size_table.total.parameters_left, *_shares(size_table.readings)),
            ("by the paper's convention", size_table.paper_left, *(("-",) * 3 if paper is None else _shares(paper))),
        ]
    )
    say(
        "The paper's convention: each side of query and key is cut on its own, coupled columns are cut too; nothing "
        "is stored so."
    )
    if claim is not None:
        say(f"The paper claims {claim.words}.")


_PARTS = {"layers": "LayerNorms", "embeddings": "embeddings", "pooler": "pooler", "head": "head"}


def _shares(readings: Readings) -> tuple[str, str, str]:
    return (
        _share(readings.of_total),
        _share(readings.encoder_only),
        "-" if readings.of_nominal is None else _share(readings.of_nominal),
    )


def _share(value: float) -> str:
    return share(value, 2)


def _align(rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns, numbers to the right."""
    texts = [
        ["-" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    words = [
        any(isinstance(row[at], str) and row[at] for row in rows[1:]) and not _numbers(rows, at)
        for at in range(len(widths))
    ]
    for row in texts:
        cells = (
            f"{cell:<{width}}" if left else f"{cell:>{width}}"
            for cell, width, left in zip(row, widths, words, strict=True)
        )
        say("  ".join(cells).rstrip())


def _numbers(rows: Sequence[Sequence[object]], at: int) -> bool:
    return any(isinstance(row[at], int) or str(row[at]).endswith("%") for row in rows[1:])
