"""`obce evaluate` and `obce sweep` as people run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gluefolder
import numpy as np
import pytest
import shell
import tiny
import yaml

from obce_core.analysis.analyze import analyze
from obce_core.glue.evaluation import list_evaluations
from obce_core.plan.create import make_plan
from obce_core.plan.plan_file import write_plan

FAST = ("--tier", "smoke", "--max-steps", "3", "--batch-size", "16", "--max-length", "24", "--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save_tiny(tmp_path / "tiny")


@pytest.fixture
def glue(tmp_path: Path) -> Path:
    return gluefolder.write_tasks(tmp_path / "glue", "mrpc", "cola", "stsb", tests=True)


def test_a_plan_its_original_and_its_control(folder: Path, glue: Path, tmp_path: Path, capsys) -> None:
    analysis = analyze(folder, tiny.sample(20), device="cpu")
    write_plan(make_plan(analysis, percentile=50, first_layer=2), tmp_path / "half.json")
    out = tmp_path / "out"
    answer = shell.run(
        capsys,
        "evaluate",
        "--model",
        folder,
        "--task",
        "mrpc",
        "--task",
        "stsb",
        "--analysis",
        analysis.id,
        "--plan",
        tmp_path / "half.json",
        "--control",
        "random",
        "--seed",
        "0",
        "--seed",
        "1",
        "--glue-dir",
        glue,
        "--test",
        "--out",
        out,
        *FAST,
    )
    assert answer.code == 0, answer.err
    assert "half, random 0 of the same shape" in answer.out and "± " in answer.out and "official" in answer.out
    assert {path.name for path in out.glob("submission-*.zip")} != set()
    assert {"results.md", "results.tex", "results.csv", "evaluations"} <= {path.name for path in out.iterdir()}
    assert len(list((out / "evaluations").iterdir())) == 3 * 2 * 2
    again = shell.run(
        capsys,
        "evaluate",
        "--model",
        folder,
        "--task",
        "mrpc",
        "--glue-dir",
        glue,
        "--seed",
        "0",
        "--test",
        "--json",
        *FAST,
    )
    assert again.data["failed"] == [] and again.data["scores"][0]["task"] == "mrpc"
    assert again.data["evaluations"][0] in {one.id for one in list_evaluations()}
    refused = shell.run(
        capsys, "evaluate", "--model", folder, "--task", "mrpc", "--glue-dir", glue, "--out", out, *FAST
    )
    assert refused.code == 2 and "already exists" in refused.line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--task", "snli"), "snli"),
        (("--task", "rte"), "RTE"),
        (("--plan", "x.json"), "--analysis"),
        (("--control", "random"), "--plan"),
        (("--tier", "huge"), "quick"),
        (("--epochs", "-1"), "epochs"),
        (("--launcher", "slurm"), "launcher"),
        (("--learning-rate", "2"), "learning_rate"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message: str, folder: Path, glue: Path, capsys) -> None:
    given = dict(zip(["--task", "--tier"], ["mrpc", "smoke"], strict=True))
    given.update(dict(zip(arguments[::2], arguments[1::2], strict=True)))
    words = [word for pair in given.items() for word in pair]
    answer = shell.run(
        capsys, "evaluate", "--model", folder, "--glue-dir", glue, "--device", "cpu", "--max-steps", "1", *words
    )
    assert answer.code == 2 and message in answer.line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--launcher", "local", "--out", "x"), "--launcher local does not wait"),
        (("--launcher", "ray", "--out", "x"), "without --launcher"),
        (("--workers", "2"), "--workers is for --launcher local or ray"),
        (("--launcher", "local", "--address", "http://h:1"), "--address is for --launcher ray, not local"),
        (("--address", "http://h:1"), "--address is for --launcher ray, not shell"),
        (("--launcher", "local", "--gpus", "1"), "--gpus is for --launcher ray, not local"),
    ],
)
def test_what_a_launcher_would_leave_undone_is_refused(
    arguments, message: str, folder: Path, tmp_path: Path, capsys
) -> None:
    from obce_core.jobs import list_runs

    (tmp_path / "sweep.yaml").write_text("tasks: [mrpc]\n")
    for command in (("evaluate", "--model", folder, "--task", "mrpc"), ("sweep", tmp_path / "sweep.yaml")):
        answer = shell.run(capsys, *command, *arguments)
        assert answer.code == 2 and message in answer.line
    assert list_runs() == [] and list_evaluations() == []


def test_a_sweep_says_what_it_would_do_and_does_it_once(folder: Path, glue: Path, tmp_path: Path, capsys) -> None:
    spec = tmp_path / "sweep.yaml"
    spec.write_text(
        yaml.safe_dump(
            {
                "model": str(folder),
                "tasks": ["mrpc", "cola"],
                "tier": "smoke",
                "recipe": {"steps": 2, "batch_size": 16, "max_length": 24},
                "seeds": [0, 1],
            }
        )
    )
    dry = shell.run(capsys, "sweep", spec, "--glue-dir", glue, "--dry-run")
    assert dry.out.count("to do") == 4 and list_evaluations() == []
    done = shell.run(capsys, "sweep", spec, "--glue-dir", glue, "--device", "cpu", "--json")
    assert done.code == 0 and len(done.data["evaluations"]) == 4
    assert shell.run(capsys, "sweep", spec, "--glue-dir", glue, "--dry-run").out.count("done") == 4


def test_several_processes_train_one_model(folder: Path, glue: Path, tmp_path: Path) -> None:
    # torchrun with two processes on the CPU: a batch is shared, one evaluation comes out, and it is that of one
    # process. Without
    # dropout, which each process draws for itself, the mean of the two halves' gradients is the gradient of the batch.
    tiny.edit_config(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)

    def run(cache: str, *prefix: str) -> np.ndarray:
        done = subprocess.run(
            [
                *prefix,
                "-m",
                "obce_core.cli",
                "evaluate",
                "--model",
                str(folder),
                "--task",
                "mrpc",
                "--glue-dir",
                str(glue),
                *FAST,
            ],
            env={**os.environ, "OBCE_CACHE": str(tmp_path / cache), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        os.environ["OBCE_CACHE"] = str(tmp_path / cache)
        (made,) = list_evaluations()
        return made.predictions("validation")["logits"]

    alone = run("one", sys.executable)
    both = run("two", sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    np.testing.assert_allclose(both, alone, atol=1e-4)
    assert np.ptp(alone) > 0.01


def test_zero_is_no_limit_and_every_number_of_a_recipe_has_a_flag(folder: Path, glue: Path, capsys) -> None:
    words = (
        "evaluate",
        "--model",
        folder,
        "--task",
        "mrpc",
        "--glue-dir",
        glue,
        "--tier",
        "smoke",
        "--epochs",
        "1",
        "--batch-size",
        "16",
    )
    answer = shell.run(
        capsys,
        *words,
        "--max-length",
        "24",
        "--device",
        "cpu",
        "--max-steps",
        "0",
        "--examples",
        "0",
        "--warmup",
        "0.25",
        "--accumulation",
        "2",
        "--json",
    )
    assert answer.code == 0, answer.err
    (made,) = list_evaluations()
    assert made.unit["recipe"]["warmup"] == 0.25 and made.unit["recipe"]["accumulation"] == 2
    assert made.unit["recipe"]["steps"] is None and made.unit["recipe"]["examples"] is None
