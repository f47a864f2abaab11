"""Write what came of the proof on real data, from the evaluations in the cache: `results/glue.md` and
`results/glue.json`.

`obce analyze --model demo`, then `obce sweep benchmarks/glue.yaml --glue-dir GLUE` (and `glue_paper.yaml`) make them;
this only reads. What is missing is counted and named.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.glue.controls import is_control, is_control_of
from obce_core.glue.evaluation import RATE_BY, Evaluation, list_evaluations
from obce_core.glue.leaderboard import compare_rows, leaderboard_rows
from obce_core.glue.metrics import metric_of
from obce_core.glue.sweep import read_sweep
from obce_core.glue.tables import markdown, percent
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import prepare
from obce_core.storage.digests import digest

HERE = Path(__file__).parent
SWEEPS = ("glue.yaml", "glue_paper.yaml")
_TOLD = ("epoch", "steps", "resumed", "precision", "device", "parameters", "encoder", "weights_sha256", "versions")


def main() -> None:
    """Read, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glue-dir", default=settings.glue_dir(), required=settings.glue_dir() is None)
    glue = parser.parse_args().glue_dir
    parts, records, tasks = [], [], set()
    for name in SWEEPS:
        made, missing = _made(name, glue)
        parts.append(_section(name, made, missing))
        records += [_record(one) for one in made]
        tasks |= {one.task.name for one in made}
    files = [
        f"- `{task.folder}/{task.files[split]}`: {_sha256(Path(glue) / task.folder / task.files[split])}"
        for task in TASKS.values()
        if task.name in tasks
        for split in ("train", *task.validation)
    ]
    told = "\n".join([_HEAD, *parts, "## Files read (sha256)", "", *files, ""])
    (HERE / "results" / "glue.md").write_text(told, "utf-8")
    (HERE / "results" / "glue.json").write_text(
        "[\n" + ",\n".join(json.dumps(row) for row in records) + "\n]\n", "utf-8"
    )
    print(told)


_HEAD = """# The proof on GLUE, demo model

Printed by `python -m benchmarks.glue --glue-dir GLUE` from evaluations that `obce sweep` made. `glue.json` has every
seed, with the digests of the final weights. Validation split, metric of the last epoch, in percent: mean ± standard
deviation over seeds. In brackets: the difference to the original (or to the named row) with its 95 % interval (paired
bootstrap over examples, 2,000 resamples). The interval covers other examples, not other seeds. A score whose own 95 %
interval (bootstrap over examples) does not lie above the majority class is marked "not learned". Results from before
the learning rate followed from the width of the model: `glue_2e-5.md`.
"""


def _made(name: str, glue: str) -> tuple[list[Evaluation], Counter[str]]:
    """Find the evaluations of a sweep by what was asked; an identity of an older kind is read as it was made."""
    cache: dict[Any, Any] = {}
    known = {_question(one.unit): one for one in reversed(list_evaluations())}
    made, missing = [], Counter[str]()
    for unit in read_sweep(HERE / name).units:
        one = known.get(_question(prepare(unit, glue_dir=glue, cache=cache).document))
        if one is not None:
            made.append(one)
        else:
            missing[f"{TASKS[unit.task].title}, seed {unit.seed}"] += 1
    return made, missing


def _question(document: Mapping[str, Any]) -> str:
    names = ("model", "plan", "order", "intent", "control", "task", "train", "splits", "recipe", RATE_BY, "seed")
    return digest([document.get(name) for name in names])


def _section(name: str, made: Sequence[Evaluation], missing: Counter[str]) -> str:
    if not made:
        return f"## `{name}`\n\nNot run at this learning rate.\n"
    rows = leaderboard_rows(made)
    tasks = [task for task in TASKS if any(task in row.cells for row in rows)]
    ways = Counter(
        f"{one.result['precision']} on {one.result['device']}, torch {one.result['versions']['torch']}" for one in made
    )
    lines = [
        f"## Tier {rows[0].recipe_words}: `obce sweep benchmarks/{name} --glue-dir GLUE`",
        "",
        f"{len(made)} of {len(made) + missing.total()} evaluations; "
        + "; ".join(f"{count} in {way}" for way, count in ways.items())
        + ".",
        *([f"Not made: {', '.join(f'{place} ({count})' for place, count in missing.items())}."] if missing else []),
        "",
    ]
    # A row's seeds are those of its first task: tasks with other seeds get a table of their own.
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for task in tasks:
        by_seeds.setdefault(tuple(rows[0].cells[task].evaluations), []).append(task)
    for group in by_seeds.values():
        lines += [markdown(leaderboard_rows([one for one in made if one.task.name in group]), group)]
    plans, controls = (
        [row for row in rows if not row.original and is_control(row) == control] for control in (False, True)
    )
    for control in controls:
        plan = next(row for row in plans if is_control_of(control, row))
        for task, cell in compare_rows(plan, control).items():
            for (_, metric), gap in cell.differences.items():
                lines.append(
                    f"- {plan.label} against {control.label}, {TASKS[task].title}, {metric_of(metric).title}, "
                    f"{len(cell.evaluations)} "
                    f"seed{'s' * (len(cell.evaluations) > 1)}: {percent(gap.mean, signed=True)} "
                    f"[{percent(gap.low, signed=True)}, "
                    f"{percent(gap.high, signed=True)}]"
                )
    return "\n".join([*lines, ""])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record(one: Evaluation) -> dict[str, Any]:
    asked = {name: one.unit[name] for name in ("label", "task", "seed", "model", "plan", "train", "splits")}
    recipe = {"tier": one.tier, "learning_rate": one.learning_rate[0]}
    return {"id": one.id, **asked, **recipe, "scores": one.scores, **{name: one.result[name] for name in _TOLD}}


if __name__ == "__main__":
    main()
