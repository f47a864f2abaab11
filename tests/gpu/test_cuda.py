"""What only a GPU can show; skipped where there is none. Numbers of one device stand beside those of the other."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import gluefolder
import numpy as np
import pytest
import tiny
import torch

from obce_core.analysis.analyze import analyze
from obce_core.compression.build import compress
from obce_core.errors import Cancelled
from obce_core.glue.classifier import classifier
from obce_core.glue.examples import read_examples
from obce_core.glue.job import plain_units
from obce_core.glue.recipe import Recipe
from obce_core.glue.tasks import TASKS
from obce_core.glue.train import finetune
from obce_core.glue.trainer import Saving
from obce_core.glue.unit import Unit, Variant
from obce_core.jobs import FINAL, LocalLauncher
from obce_core.measure.verify import verify
from obce_core.models import check_model
from obce_core.models.tokenizer import load_tokenizer
from obce_core.plan import make_plan

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

RECIPE = Recipe(epochs=6, batch_size=8, learning_rate=1e-3, max_length=32)


@pytest.fixture(scope="module")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gluefolder.write_tasks(tmp_path_factory.mktemp("glue"), "mrpc")


def test_importance_is_that_of_the_cpu(tiny_folder: Path, tmp_path: Path) -> None:
    there, here = (
        analyze(tiny_folder, tiny.sample(20), device=device, out=tmp_path / device) for device in ("cuda", "cpu")
    )
    for name in ("r_f", "mean_cls", "std_all"):
        assert np.allclose(there.importance[name], here.importance[name], rtol=1e-3, atol=2e-6), name


def test_the_cut_model_is_the_masked_one(tiny_folder: Path, tmp_path: Path) -> None:
    analysis = analyze(tiny_folder, tiny.sample(20), device="cuda", out=tmp_path / "analysis")
    made = compress(analysis, make_plan(analysis, percentile=50, first_layer=2), tmp_path / "cut", device="cuda")
    found = verify(made.folder, tiny_folder, device="cuda")
    assert found.equal and max(row.hidden for row in found.measured) < 1e-5


def _finetune(report, glue: Path, **options):
    parts = [read_examples("mrpc", split, glue_dir=glue) for split in ("train", "validation")]
    return finetune(
        classifier(report, TASKS["mrpc"], 0),
        load_tokenizer(report),
        parts[0],
        parts[1:],
        RECIPE,
        0,
        device="cuda",
        **options,
    )


def test_fine_tuning_multiplies_in_bfloat16_and_learns(tiny_folder: Path, glue: Path) -> None:
    done = _finetune(check_model(tiny_folder), glue)
    assert done.precision == "bfloat16"
    losses = [row["loss"] for row in done.curve if "loss" in row]
    assert losses[-1] < losses[0]


def test_a_resume_ends_close_to_the_undisturbed_run(tiny_folder: Path, glue: Path, tmp_path: Path) -> None:
    """GPU kernels may add in another order; outputs agree to 0.05, where two seeds differ by far more."""
    report, done = check_model(tiny_folder), [0]
    whole = _finetune(report, glue)
    with pytest.raises(Cancelled):
        _finetune(
            report,
            glue,
            saving=Saving(home=tmp_path),
            progress=lambda at, _: done.__setitem__(0, at),
            cancelled=lambda: done[0] >= 17,
        )
    found = _finetune(report, glue, saving=Saving(home=tmp_path))
    assert found.resumed == 17
    assert np.abs(found.logits["validation"] - whole.logits["validation"]).max() < 0.05


def test_two_jobs_and_one_gpu_work_one_after_the_other(
    tiny_folder: Path, glue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    recipe = replace(RECIPE, epochs=1)
    launcher, runs = LocalLauncher(), []
    for seed in (0, 1):
        unit = Unit(variant=Variant(label="original", model=str(tiny_folder)), task="mrpc", seed=seed, recipe=recipe)
        runs.append(launcher.submit("evaluate", {"units": plain_units([unit]), "glue_dir": str(glue)}))
    deadline = time.monotonic() + 240
    while not all(launcher.probe(run).state in FINAL for run in runs):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    first, second = sorted((run.status() for run in runs), key=lambda told: told.started or 0.0)
    assert (first.state, second.state) == ("done", "done"), (first.reason, second.reason)
    assert first.ended is not None and second.started is not None and second.started >= first.ended - 0.5
