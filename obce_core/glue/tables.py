"""The leaderboard as a table: plain rows, Markdown, LaTeX, CSV. Scores in percent."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from obce_core.formatting import share
from obce_core.glue.leaderboard import Row, TaskResult
from obce_core.glue.majority_class import TITLE, baselines, mark
from obce_core.glue.metrics import metric_of
from obce_core.glue.published import TABLE_4
from obce_core.glue.tasks import TASKS

_LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_LATEX |= {"±": r"$\pm$", "−": "$-$", "–": "--", "…": r"\ldots{}", "◇": r"$\diamond$", "×": r"$\times$"}


def head(tasks: Sequence[str]) -> list[str]:
    """Return the head of the table: a column a task, with its metrics."""
    columns = []
    for name in tasks:
        task = TASKS[name]
        splits = " m/mm" if len(task.validation) > 1 else ""
        columns.append(f"{task.title}{splits} ({'/'.join(metric_of(metric).title for metric in task.metrics)})")
    return ["Model", "Split", "Seeds", "Parameters", "Encoder left", *columns]


def lines(rows: Sequence[Row], tasks: Sequence[str], *, published: bool = False) -> list[list[str]]:
    """Return the table's rows as text, the majority-class baseline below them; with `published` the paper's own rows
    follow, marked, under their own split.

    A score is the mean over seeds ± the sample standard deviation; behind it the difference to the original with its 95
    % interval. Where a row's tasks have different numbers of seeds, or a difference fewer than its mean, the cell says
    how many. A score that does not lie above the baseline is marked.
    """
    results = []
    for row in rows:
        few, most = seed_counts(row, tasks)
        left = share(row.share) if row.share is not None else "not known"
        cells = [_cell(row.cells[name], counted=few != most) if name in row.cells else "" for name in tasks]
        seeds = f"{few}" if few == most else f"{few}–{most}"
        results.append([f"{row.label} ({row.recipe_words})", "validation", seeds, f"{row.parameters:,}", left, *cells])
    if rows:
        results.append([TITLE, "validation", "", "", "", *(baseline_text(rows, name) for name in tasks)])
    if published:
        for told in TABLE_4:
            scores = [told.scores.get(name, "-") for name in tasks]
            results.append([f"◇ {told.name}, published", told.split, "", told.size, "", *scores])
    return results


def baseline_text(rows: Sequence[Row], task: str) -> str:
    """Write the baseline's scores on a task; several where rows have different examples."""
    return " / ".join("; ".join(map(percent, scores)) for scores in baselines(rows, task).values())


def seed_counts(row: Row, tasks: Sequence[str]) -> tuple[int, int]:
    """Return the least and the largest number of seeds that a row has on these of its tasks."""
    counts = [len(cell.evaluations) for name, cell in row.cells.items() if name in tasks] or [0]
    return min(counts), max(counts)


def seed_words(number: int) -> str:
    """Write a number of seeds.

    >>> seed_words(1), seed_words(3)
    ('1 seed', '3 seeds')
    """
    return f"{number} seed" if number == 1 else f"{number} seeds"


def left_out(rows: Sequence[Row]) -> str:
    """Return a note on evaluations that no cell shows (older ones of the same seed), or an empty text."""
    number = sum(cell.other_data for row in rows for cell in row.cells.values())
    return f"{number:,} older of the same model, task and seed, on other examples, left out." if number else ""


def older_kind(rows: Sequence[Row]) -> str:
    """Return the note on rows of the older kind, "" where there are none."""
    number = sum(row.older for row in rows)
    if not number:
        return ""
    names = "1 row was" if number == 1 else f"{number:,} rows were"
    return (
        f"{names} made before evaluations recorded the whole identity of a model: weights, but not config and "
        "tokenizer."
    )


def markdown(rows: Sequence[Row], tasks: Sequence[str], *, published: bool = False) -> str:
    """Write the table in Markdown."""
    table = [head(tasks), ["---"] * (5 + len(tasks)), *lines(rows, tasks, published=published)]
    return (
        "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in table
        )
        + "\n"
    )


def latex(rows: Sequence[Row], tasks: Sequence[str], *, published: bool = False) -> str:
    """Write the table in LaTeX (booktabs)."""
    body = [" & ".join(map(_escape, line)) + r" \\" for line in lines(rows, tasks, published=published)]
    top = " & ".join(map(_escape, head(tasks))) + r" \\"
    return "\n".join(
        [
            rf"\begin{{tabular}}{{ll{'r' * (3 + len(tasks))}}}",
            r"\toprule",
            top,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def table_csv(rows: Sequence[Row]) -> str:
    """Write every number as CSV, one line per model, task, split and metric, safe for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = (
        "mean",
        "std",
        "lowest",
        "highest",
        "interval_low",
        "interval_high",
        "majority_class",
        "learned",
        "difference",
        "difference_low",
        "difference_high",
        "against",
    )
    about = ("label", "model", "plan", "order", "tier", "learning_rate", "parameters", "encoder", "encoder_left")
    writer.writerow([*about, "task", "split", "metric", "seeds", *names])
    for row in rows:
        for name, cell in row.cells.items():
            for (split, metric), told in cell.spreads.items():
                other, ours = cell.differences.get((split, metric)), cell.intervals[split, metric]
                gap = [other.mean, other.low, other.high, _safe(cell.against)] if other else ["", "", "", ""]
                writer.writerow(
                    [
                        _safe(row.label),
                        _safe(row.model),
                        row.plan or "",
                        row.order or "",
                        row.tier,
                        row.learning_rate[0],
                        row.parameters,
                        row.encoder,
                        "" if row.share is None else row.share,
                        name,
                        split,
                        metric,
                        told.seeds,
                        told.mean,
                        "" if told.std is None else told.std,
                        told.low,
                        told.high,
                        ours.low,
                        ours.high,
                        ours.baseline,
                        "yes" if ours.learned else "no",
                        *gap,
                    ]
                )
    return out.getvalue()


def percent(value: float, *, signed: bool = False) -> str:
    """Write a share in per cent with one decimal and a true minus sign; what rounds to zero has no sign.

    >>> percent(-0.0304), percent(0.02, signed=True), percent(-0.0001), percent(0.0, signed=True)
    ('−3.0', '+2.0', '0.0', '0.0')
    """
    text = f"{100 * value:{'+' if signed else ''}.1f}"
    return text[1:] if text in ("-0.0", "+0.0") else text.replace("-", "−")


def _cell(cell: TaskResult, *, counted: bool) -> str:
    parts = []
    for place, told in cell.spreads.items():
        text = percent(told.mean) + (f" ± {percent(told.std)}" if told.std is not None else "")
        other = cell.differences.get(place)
        if other is not None:
            fewer = f", {seed_words(other.seeds)}" if other.seeds != told.seeds else ""
            text += (
                f" ({percent(other.mean, signed=True)} [{percent(other.low, signed=True)}, "
                f"{percent(other.high, signed=True)}]{fewer})"
            )
        unlearned = mark(cell, place)
        parts.append(f"{text}, {unlearned}" if unlearned else text)
    return " / ".join(parts) + (f"; {seed_words(len(cell.evaluations))}" if counted else "")


def _escape(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _safe(text: str) -> str:
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\0") else text
