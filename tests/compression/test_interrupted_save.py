"""Killed in the middle of a save: the old folder is there as it was, or none; never a part of the new one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import copy_folder, some_of_everything

from obce_core.compression.build import compress
from obce_core.compression.checkpoint import load
from obce_core.plan import write_plan
from obce_core.storage.staging import manifest_faults

# Each point of a save is tried in a child of its own, forked once torch is imported, which kills itself there.
SCRIPT = """
import os, signal, sys
from obce_core.storage import staging
from obce_core.compression import build, checkpoint

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at_second_rename():
    rename, done = os.rename, []
    def counted(*paths):
        done.append(paths)
        die() if len(done) == 2 else rename(*paths)
    os.rename = counted

POINTS = {
    "card": lambda: setattr(checkpoint, "model_card", die),
    "commit": lambda: setattr(staging, "_commit", die),
    "manifest": lambda: setattr(staging, "write_json", die),
    "rename": lambda: setattr(os, "rename", die),
    "second rename": die_at_second_rename,
}
analysis, plan, home, *points = sys.argv[1:]
for point in points:
    child = os.fork()
    if not child:
        POINTS[point]()
        build.compress(analysis, plan, home + "/" + point, device="cpu", overwrite=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("old", "points"),
    [
        (True, ("card", "commit", "manifest", "rename", "second rename")),
        (False, ("card", "commit", "manifest", "rename")),
    ],
    ids=["over an old folder", "for the first time"],
)
def test_a_save_that_is_killed_leaves_the_old_folder_or_none(
    old: bool, points: tuple[str, ...], tiny_analysis: Any, tiny_cut: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    plan = some_of_everything(tiny_analysis, seed=7)
    write_plan(plan, tmp_path / "plan.json")
    if old:
        for point in points:
            copy_folder(tiny_cut, home / point)
    arguments = [str(tiny_analysis.folder), str(tmp_path / "plan.json"), str(home), *points]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, timeout=240, env=environment
    )
    assert done.stdout.split() == [str(-signal.SIGKILL)] * len(points), done.stderr
    before = contents(tiny_cut)
    for point in points:
        target = home / point
        if target.exists():
            assert old and contents(target) == before and manifest_faults(target) == []
            load(target, device="cpu")
        else:
            assert not old or point == "second rename"
    # What the dead left behind is in nobody's way.
    assert compress(tiny_analysis, plan, home / points[-1], device="cpu", overwrite=True).folder == home / points[-1]
    assert json.loads((home / points[-1] / "pruning_plan.json").read_text())["intent"]["seed"] == 7
    assert manifest_faults(home / points[-1]) == []
