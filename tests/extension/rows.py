"""One of each kind, added from outside before anything else is imported, as a plugin would; then used in one process.

`python -m tests.extension.rows MODEL FOLDER` prints what each of them gave, as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from obce_core.architectures import FAMILIES
from obce_core.architectures.bert import Bert
from obce_core.criteria import CRITERIA, Criterion
from obce_core.export.formats import FORMATS, ExportFormat
from obce_core.glue.metrics import METRICS, Metric
from obce_core.glue.tasks import TASKS
from obce_core.jobs.launcher_kinds import LAUNCHERS, LauncherKind
from obce_core.plan.presets import PRESETS, Preset
from obce_core.texts.sources.base import RawTexts, Request
from obce_core.texts.sources.catalog import SOURCES


class Bertish(Bert):
    """BERT under another model type."""

    model_type = "bertish"
    title = "Bertish"


@dataclass(frozen=True)
class Letters:
    """Texts of repeated letters, a source that takes an argument."""

    name: ClassVar[str] = "letters"
    title: ClassVar[str] = "Repeated letters"
    usage: ClassVar[str] = "letters:ALPHABET"
    describe: ClassVar[str] = "A text per letter, which repeats it."
    options: ClassVar[frozenset[str]] = frozenset()

    def check(self, argument: str) -> str:
        return argument or "abcdefghijklmnopqrstuvwxyz"

    def load(self, request: Request) -> RawTexts:
        texts = [" ".join(letter * (2 + at % 5)) for at, letter in enumerate(request.argument)]
        return RawTexts(texts=texts, source=f"letters:{request.argument}", name="letters")


def export_shapes(
    model: str, out: str, *, overwrite: bool = False, progress: Any = None, cancelled: Any = None
) -> dict[str, Any]:
    """Write the shapes of a model's layers."""
    from obce_core.models.check import check_model

    Path(out).mkdir()
    (Path(out) / "shapes.json").write_text(json.dumps(check_model(model).shape.layers))
    return {"folder": out}


def register() -> None:
    """Add one row to every registry."""
    FAMILIES["bertish"] = Bertish()
    CRITERIA["largest"] = Criterion(
        name="largest",
        title="largest output",
        definition="largest |output| of the cloud",
        unit="output",
        reads="cloud",
        score=lambda cell: np.abs(cell.outputs).max(axis=0).astype(np.float64),
    )
    SOURCES["letters"] = Letters()
    PRESETS["last-values"] = Preset(name="last-values", description="a test", table={"value": {50: (4,)}}, layers=4)
    METRICS["errors"] = Metric(
        name="errors",
        title="Errors",
        compute=lambda labels, predictions: float(np.mean(labels != predictions)),
        constant=lambda labels: float(labels[0]),
    )
    TASKS["polite"] = replace(TASKS["mrpc"], name="polite", title="POLITE", folder="POLITE", metrics=("errors",))
    LAUNCHERS["cloud"] = LauncherKind(name="cloud", title="the cloud", path="tests.extension.rows:Cloud", remote=True)
    FORMATS["shapes"] = ExportFormat(
        name="shapes",
        title="Shapes",
        job="Export of shapes",
        description="Layers.",
        function="tests.extension.rows:export_shapes",
        memory=1.0,
    )


class Cloud:
    """A launcher that only receives its options."""

    name = "cloud"

    def __init__(self, address: str | None, **options: Any) -> None:
        self.address, self.options = address, options


def use(model: Path, home: Path) -> dict[str, Any]:
    """Use every row as a person would, by Python, a job and the pages; returns what each gave."""
    from streamlit.testing.v1 import AppTest

    from obce_core.analysis.analyze import analyze
    from obce_core.analysis.catalog import list_saved
    from obce_core.compression.build import compress
    from obce_core.glue.evaluate import evaluate
    from obce_core.jobs.kinds import kind_of
    from obce_core.jobs.launchers import launcher_named
    from obce_core.jobs.registry import create_run
    from obce_core.jobs.worker import execute
    from obce_core.plan.create import make_plan
    from obce_core.texts.load import load_texts
    from pages._shared import nav
    from tests.gluefolder import write_tasks
    from tests.ui.pages_app import open_page

    analysis = analyze(model, load_texts("letters:abcdefghijklmnopqrst", n=12))
    largest = analysis.scores(4, "value", "largest")
    outputs = analysis.outputs(4, "value")
    plan = make_plan(analysis, preset="last-values", criterion="largest")
    cut = compress(analysis, plan, home / "cut", device="cpu")
    kept = np.asarray(plan.kept[4]["value"])
    run, _ = create_run("export-shapes", {"model": str(cut.folder), "out": str(home / "shapes")}, None)
    execute(run)
    tasks = write_tasks(home / "glue", "polite")
    evaluation = evaluate(model, "polite", tier="smoke", glue_dir=tasks, device="cpu", steps=2)
    importance = open_page("importance", analysis=analysis.id)
    menu = open_page("plan", analysis=analysis.id)
    form = open_page("analysis")
    form.button_group(key="analysis-source").set_value("letters").run()
    launch = open_page("launch", analysis=analysis.id)
    own = home / "greeting.py"
    own.write_text("import streamlit as st\n\nst.title('Greeting')\n")
    nav.PAGES += (nav.Row(section="Learn", file=str(own), title="Greeting", icon=":material/school:", path="greeting"),)
    greeting = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "app.py"), default_timeout=60).run()
    greeting.switch_page(str(own)).run()
    return {
        "family": analysis.meta["inputs"]["identity"]["architecture"],
        "saved": [saved.id for saved in list_saved()] == [analysis.id],
        "texts": analysis.meta["texts"]["source"],
        "criterion": bool(np.allclose(largest, np.abs(outputs).max(axis=0))),
        "cut neurons are the smallest": bool(largest[kept].min() >= np.delete(largest, kept).max()),
        "cut": cut.budget.parameters_left < cut.budget.parameters,
        "job": kind_of("export-shapes").title,
        "exported": (home / "shapes" / "shapes.json").read_text(),
        "launcher": launcher_named("cloud", address="somewhere", cpus=2.0).options["cpus"],  # type: ignore[attr-defined]
        "scores": list(evaluation.scores["validation"]),
        "importance page": importance.selectbox(key="importance-criterion").options,
        "plan page": [button.label for button in menu.button],
        "analysis page": form.button_group(key="analysis-source").options,
        "asked argument": [field.label for field in form.text_input],
        "launch page": launch.button_group(key="launch-launcher").options,
        "own page": greeting.title[0].value,
        "faults": [str(page.exception) for page in (importance, menu, form, launch, greeting) if page.exception],
    }


if __name__ == "__main__":
    register()
    print(json.dumps(use(Path(sys.argv[1]), Path(sys.argv[2])), default=str))
