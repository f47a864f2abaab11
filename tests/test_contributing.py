"""CONTRIBUTING.md: its example is carried out in a copy of the repository, from the first line to a passing test."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def block(kind: str, path: str) -> str:
    """Return the fenced block below the mark `<!-- kind: path -->`."""
    found = re.search(rf"<!-- {kind}: {re.escape(path)} -->\n\s*```\w+\n(.*?)```", PAGE, re.S)
    assert found is not None, (kind, path)
    return textwrap.dedent(found.group(1))


def insert(path: Path, before: str, text: str) -> None:
    """Insert a text before the only place where `before` stands."""
    old = path.read_text("utf-8")
    assert old.count(before) == 1, (path.name, before)
    path.write_text(old.replace(before, text + before), "utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what the example touches."""
    for name in ("obce_core", "tests", "docs", "benchmarks", "pages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(copy), *arguments]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300)


def test_the_example_leads_to_a_criterion_that_is_known_everywhere(copy: Path) -> None:
    path = "obce_core/criteria/deviation.py"
    (copy / path).write_text(block("new file", path), "utf-8")
    registry = copy / "obce_core" / "criteria" / "__init__.py"
    insert(registry, "from obce_core.criteria.persistence", block("import", "obce_core/criteria/__init__.py"))
    insert(registry, "RANDOM)\n", "MEAN_DEVIATION, ")
    chosen = ("tests/criteria/test_criteria.py", "tests/test_docs.py::test_the_table_of_criteria_is_the_registry")
    unfinished = run(copy, *chosen)
    assert unfinished.returncode == 1 and unfinished.stdout.count("\nFAILED ") == 2, unfinished.stdout[-2000:]
    insert(
        copy / "tests/criteria/test_criteria.py",
        '    ("random", np.random',
        "    " + block("row", "tests/criteria/test_criteria.py"),
    )
    insert(copy / "docs/concepts.md", "| `magnitude` |", block("row", "docs/concepts.md"))
    finished = run(copy, *chosen)
    assert finished.returncode == 0, finished.stdout[-2000:]
    script = (
        "from obce_core.criteria import CRITERIA; from obce_core.plan import PruneSpec; "
        "print(PruneSpec(criterion='mean_deviation').criterion)"
    )
    known = subprocess.run([sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, timeout=60)
    assert known.stdout.strip() == "mean_deviation", known.stderr
