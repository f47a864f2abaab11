"""A comparison as one self-contained HTML file: tables, figures, conventions, versions, commands."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from obce_core.figures.pareto import against_size, below_original, intervals
from obce_core.figures.widgets.leaderboard.data import leaderboard, leaderboard_assets, leaderboard_html
from obce_core.glue.controls import find_control
from obce_core.glue.leaderboard import Row
from obce_core.glue.majority_class import MARK_WORDS, WORDS
from obce_core.glue.recipe import Recipe, tier_name
from obce_core.glue.tasks import TASKS
from obce_core.storage.atomic import open_regular

_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 1180px; padding: 40px 32px 80px; background: #FFFFFF; color: #1B2430;
  font: 15px/1.5 "Source Sans", "Source Sans Pro", sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 36px 0 8px; } h3 { font-size: 15px;
  margin: 20px 0 4px; }
p, li { max-width: 75ch; } .note { color: #5A6675; font-size: 13px; } .pair { display: grid;
  grid-template-columns: 1fr 1fr; gap: 32px; }
pre { background: #F4F6F8; padding: 12px 14px; overflow-x: auto; font-size: 13px; } td, th { overflow-wrap: anywhere; }
.plain { border-collapse: collapse; font-size: 13.5px; }
.plain td, .plain th { padding: 4px 16px 4px 0; text-align: left; border-bottom: 1px solid #DDE2E8; }
@media print { .pair { grid-template-columns: 1fr; } }
"""

_CONVENTIONS = (
    "Scores are of the validation split, in per cent: mean over seeds ± sample standard deviation.",
    "A difference is to the uncut model of the same weights with the same recipe, data and seeds; in brackets the "
    "interval that holds "
    "95 % of 2,000 paired bootstrap resamples of the examples. An interval that holds zero says neither better nor "
    "worse.",
    WORDS,
    MARK_WORDS,
    "Parameters are counted as stored, embeddings and head included; the share is that of the encoder's layers.",
    "Controls store exactly the shapes of the plan beside them; only which neurons are kept differs.",
    "◇ rows are published, as printed; their split and size convention stand beside them. † marks a difference whose "
    "two sides differ, or "
    "may differ, in split or metric.",
    "CoLA: Matthews correlation. SST-2, MNLI (matched/mismatched), QNLI, RTE: accuracy. MRPC and QQP: F1 and "
    "accuracy. STS-B: Pearson and "
    "Spearman correlation.",
)


def report(
    rows: Sequence[Row], tasks: Sequence[str], *, recipe: str, title: str = "GLUE: original, cuts and controls"
) -> str:
    """Write a report on a board as one HTML page; nothing in it is fetched, and every text is escaped.

    Args:
        rows: of one recipe (see `leaderboard_rows`), `recipe` in words.
        tasks: those to tell of.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p class=note>{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC · written by obce</p>",
    ]
    parts += ["<h2>What was compared</h2>", f"<p>{escape(recipe)}.</p>", _compared(rows)]
    parts += ["<h2>Scores</h2>", f'<div class="leaderboard">{leaderboard_html(leaderboard(rows, tasks))}</div>']
    parts += [_figures(rows, name, first=at == 0) for at, name in enumerate(tasks)]
    parts += ["<h2>Conventions</h2>", "<ul>", *(f"<li>{escape(line)}</li>" for line in _CONVENTIONS), "</ul>"]
    parts += [
        "<h2>Notes</h2>",
        _list(dict.fromkeys(note for one in _evaluations(rows) for note in one.result["notes"])),
    ]
    parts += ["<h2>Commands</h2>", f"<pre>{escape(commands(rows))}</pre>"]
    parts += ["<h2>Versions</h2>", _versions(rows)]
    css = leaderboard_assets()[0]
    head = (
        "<meta charset=utf-8><meta name=viewport "
        f"content='width=device-width'><title>{escape(title)}</title><style>{css}{_STYLE}</style>"
    )
    return f"<!doctype html>\n<html lang=en><head>{head}</head><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def is_report(path: Path) -> bool:
    """Return True for a file that `report` wrote."""
    try:
        with open_regular(path) as stream:
            text = stream.read()
    except OSError:
        return False
    return text.startswith(b"<!doctype html>\n<html lang=en>") and "· written by obce</p>".encode() in text


def commands(rows: Sequence[Row]) -> str:
    """Write the commands that make the evaluations of a board again; a plan is named by the digest of its cut.

    A control is made from its plan, beside it; where an evaluation does not say whose control it is, its own cut stands
    as a plan. Tasks with other seeds have a command of their own.
    """
    results: dict[str, None] = {}
    for row in rows:
        label = "".join(sign if sign.isprintable() else " " for sign in row.label)
        lines = [f"# {label}" + (f", cut {row.plan[:16]}" if row.plan else "")]
        for seeds, tasks in _by_seeds(row).items():
            parts = [
                "obce evaluate --model",
                shlex.quote(row.model),
                *(f"--task {name}" for name in tasks),
                *_cut(row, rows),
            ]
            parts += _recipe(row.recipe)
            lines.append(" ".join([*parts, *(f"--seed {seed}" for seed in seeds)]))
        results.setdefault("\n".join(lines))
    return "\n".join(results)


def _by_seeds(row: Row) -> dict[tuple[int, ...], list[str]]:
    """Group a row's tasks by the seeds that they have."""
    results: dict[tuple[int, ...], list[str]] = {}
    for name, cell in row.cells.items():
        results.setdefault(tuple(sorted(cell.evaluations)), []).append(name)
    return results


def _cut(row: Row, rows: Sequence[Row]) -> list[str]:
    """Write the flags that name a row's cut."""
    if row.plan is None:
        return []
    control = find_control(row, rows)
    plan = control.plan if control else row.plan
    parts = ["--analysis ANALYSIS", f"--plan {shlex.quote(plan[:16] + '.plan.json')}", "--no-original"]
    parts += [f"--control {shlex.quote(control.criterion)}"] if control else []
    parts += [f"--draws {control.draw + 1}"] if control and control.draw else []
    return parts + (["--order finetune-first"] if row.order == "finetune-first" else [])


def _recipe(recipe: Mapping[str, Any]) -> list[str]:
    """Write the flags that name a recipe: its tier, or every number of its own."""
    tier = tier_name(Recipe(**recipe))
    if tier != "own":
        return [f"--tier {tier}"]
    names = {
        "epochs": "--epochs",
        "steps": "--max-steps",
        "examples": "--examples",
        "batch_size": "--batch-size",
        "accumulation": "--accumulation",
        "learning_rate": "--learning-rate",
        "warmup": "--warmup",
        "max_length": "--max-length",
        "patience": "--patience",
        "keep": "--keep",
    }
    return [
        "--tier paper",
        *(f"{flag} {recipe[name]}" for name, flag in names.items() if recipe[name] is not None),
    ]  # paper has no limits


def _compared(rows: Sequence[Row]) -> str:
    heads = ("row", "model", "cut", "order", "seeds", "parameters")
    lines = [
        (
            row.label,
            row.model,
            row.plan[:16] if row.plan else "none",
            row.order or "–",
            _seeds(row),
            f"{row.parameters:,}",
        )
        for row in rows
    ]
    return _table(heads, lines)


def _seeds(row: Row) -> str:
    """List a row's seeds, by task where they differ."""
    groups = _by_seeds(row)
    task_row = {
        ", ".join(map(str, seeds)): ", ".join(TASKS[name].title for name in tasks) for seeds, tasks in groups.items()
    }
    return "; ".join(seeds if len(groups) == 1 else f"{seeds} ({tasks})" for seeds, tasks in task_row.items())


def _figures(rows: Sequence[Row], task: str, *, first: bool) -> str:
    """Draw a task's two figures; the first brings Plotly's script along."""
    gaps = [
        (row.label, row.cells[task])
        for row in rows
        if task in row.cells and row.cells[task].main in row.cells[task].differences
    ]
    config = {"displayModeBar": False, "responsive": True}
    visible = [against_size(rows, task), *([intervals(gaps, floors=below_original(rows, task))] if gaps else [])]
    fragments = [
        figure.to_html(full_html=False, include_plotlyjs=first and at == 0, config=config, div_id=f"{task}-{at}")
        for at, figure in enumerate(visible)
    ]
    heads = ("score against size", "difference to the original")
    cells = "".join(f"<div><h3>{head}</h3>{html}</div>" for head, html in zip(heads, fragments, strict=False))
    return f'<h2>{escape(TASKS[task].title)}</h2><div class="pair">{cells}</div>'


def _versions(rows: Sequence[Row]) -> str:
    """List the versions, devices and precisions that the evaluations name."""
    results: dict[tuple[str, str], None] = {}
    for one in _evaluations(rows):
        for name, version in one.result["versions"].items():
            results.setdefault((str(name), str(version)))
        results.setdefault(("device", f"{one.result['device']}, {one.result['precision']}"))
    return _table(("", ""), sorted(results))


def _evaluations(rows: Sequence[Row]) -> list[Any]:
    return [one for row in rows for cell in row.cells.values() for one in cell.evaluations.values()]


def _list(lines: Mapping[str, None]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else "<p>None.</p>"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table class=plain><tr>{top}</tr>{body}</table>"
