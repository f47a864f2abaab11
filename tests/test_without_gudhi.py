"""Where gudhi is not installed everything works: from an analysis to a smaller model, and every page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent

_SCRIPT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "gudhi":
            raise ModuleNotFoundError("No module named 'gudhi'", name="gudhi")

sys.meta_path.insert(0, Absent())
sys.path[:0] = [{root!r}, {tests!r}, {pages!r}]
try:
    import gudhi
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("gudhi is not blocked")

import pkgutil
from importlib import import_module
import obce_core

for module in pkgutil.walk_packages(obce_core.__path__, "obce_core."):
    if not module.name.endswith("__main__") and "_app" not in module.name:
        import_module(module.name)

from pathlib import Path
import tiny
folder = tiny.save_tiny(Path({work!r}) / "tiny")
analysis = obce_core.analyze(folder, tiny.sample(20, heldout=6), batch_size=8, device="cpu")
plan = obce_core.make_plan(analysis, percentile=50)
smaller = obce_core.compress(analysis, plan)
obce_core.load(smaller.folder)

from pages_app import FILES, open_page
for name in FILES:
    app = open_page(name, analysis=analysis.id)
    assert not app.exception, (name, app.exception)
assert not [name for name in sys.modules if name.partition(".")[0] == "gudhi"]
print("everything works")
"""


def test_everything_works_where_gudhi_is_absent(tmp_path: Path, cache: Path) -> None:
    script = _SCRIPT.format(root=str(TESTS.parent), tests=str(TESTS), pages=str(TESTS / "ui"), work=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "OBCE_CACHE": str(cache)},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "everything works" in done.stdout
