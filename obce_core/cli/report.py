"""`obce report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obce_core.cli import options as opt
from obce_core.cli.console import replacing, say, show
from obce_core.errors import BadInput, PathError, UnknownName


def report(
    out: Annotated[str, typer.Option(callback=opt.expand, help="The HTML file to write.")],
    recipe: Annotated[
        str | None,
        typer.Option(help="smoke, quick, paper, or a recipe's key (default: paper, else quick, else another)."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="A GLUE task; may be repeated (default: all that were evaluated).")
    ] = None,
    overwrite: opt.Overwrite = False,
    json: opt.Json = False,
) -> None:
    """Write what was evaluated as one HTML file: tables, figures, conventions, versions, commands.

    Example: obce report --out glue.html
    """
    from obce_core.figures.report import is_report
    from obce_core.figures.report import report as write
    from obce_core.glue.evaluation import list_evaluations
    from obce_core.glue.leaderboard import leaderboard_rows
    from obce_core.glue.recipe_groups import by_recipe
    from obce_core.glue.tasks import TASKS, task_of
    from obce_core.storage.atomic import replace_file

    target = Path(out)
    if target.is_dir() or (target.exists() and not overwrite):
        raise PathError(
            f"{target} already exists.",
            hint="Choose another --out" + ("." if target.is_dir() else ", or give --overwrite."),
        )
    if target.exists() and not is_report(target):
        raise PathError(
            f"{target} is not a report that obce wrote, so --overwrite leaves it alone.", hint="Choose another --out."
        )
    groups = by_recipe(list_evaluations())
    if not groups:
        raise BadInput("There are no evaluations to report on.", hint="obce evaluate makes one.")
    names = {name: group for group in reversed(groups) for name in (group.key, group.title)}
    if recipe is not None and recipe not in names:
        raise UnknownName("recipe", recipe, names)
    group = names[recipe] if recipe is not None else groups[0]
    rows = leaderboard_rows(group.evaluations)
    tasks = [name for name in TASKS if any(name in row.cells for row in rows)]
    wanted = [name for name in tasks if not task or name in {task_of(one).name for one in task}]
    if not wanted:
        raise BadInput(
            f"Nothing was evaluated on {', '.join(task or [])} with this recipe.",
            hint=f"There are: {', '.join(tasks)}.",
        )
    with replacing(out, overwrite=overwrite):
        replace_file(target, write(rows, wanted, recipe=group.words))
    summary = {"out": str(target), "recipe": group.title, "rows": len(rows), "tasks": wanted}
    if json:
        show(summary, as_json=True)
    else:
        say(f"{target}: {len(rows)} rows, {', '.join(wanted)}; {group.title}: {group.words}")
