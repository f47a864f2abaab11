"""The documentation: commands run, tables follow from the code, links lead to files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from obce_core import settings
from obce_core.criteria import CRITERIA

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}
MARK = "<!-- executed by tests/test_docs.py -->"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of the README that are marked as executed."""
    return re.findall(re.escape(MARK) + rf"\n```{language}\n(.*?)```", README, re.S)


@pytest.mark.parametrize("language", ["bash", "python"])
def test_the_path_in_the_readme_runs(language: str, needs_demo: None, tmp_path: Path, cache: Path) -> None:
    (block,) = blocks(language)
    assert len([line for line in block.strip().splitlines() if line]) <= 6
    bin_ = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "OBCE_CACHE": str(cache)}
    command = ["bash", "-euc", block] if language == "bash" else [sys.executable, "-c", block]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    if language == "bash":
        assert done.stdout.rstrip().endswith("ObceBertModel")
        assert (tmp_path / "my-model" / "model.safetensors").is_file()


def test_the_table_of_criteria_is_the_registry() -> None:
    table = PAGES["concepts"].split("<!-- table of criteria")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.M))
    assert rows == {name: row.definition for name, row in CRITERIA.items()}


def test_the_table_of_variables_is_the_one_of_the_settings() -> None:
    named = set(re.findall(r"`(OBCE_\w+)`", PAGES["settings"]))
    assert named == set(re.findall(r"`(OBCE_\w+)`", settings.__doc__ or ""))


def test_the_tables_of_sizes_are_printed_by_the_benchmark() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.readme", "sizes"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    table = PAGES["sizes"].split("<!-- printed by benchmarks/readme.py, checked by tests/test_docs.py -->\n")[1]
    assert table.startswith(done.stdout)


def test_the_readme_is_short_and_names_every_page_of_the_docs() -> None:
    assert README.count("\n") <= 150
    assert [name for name in PAGES if f"docs/{name}.md" not in README] == []


def test_the_readme_names_every_command() -> None:
    from obce_core.cli import app

    commands = {row.name or row.callback.__name__ for row in app.registered_commands if row.callback is not None}
    commands |= {group.name for group in app.registered_groups if group.name}
    assert {"analyze", "plan", "runs"} <= commands <= set(re.findall(r"`obce (\w+)", README))


def test_paths_in_the_docs_exist() -> None:
    """Check every path of the package, the pages or the tests that stands in backticks."""
    missing = []
    for name, text in {
        **PAGES,
        "README": README,
        "CONTRIBUTING": (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
    }.items():
        for path in re.findall(r"(?<!Create )`((?:obce_core|pages|tests|benchmarks|docs)/[\w./-]+)`", text):
            if not (ROOT / path).exists():
                missing.append(f"{name}: {path}")
    assert missing == []


def test_every_registry_in_the_table_of_extensions_is_where_it_says() -> None:
    rows = re.findall(r"`([A-Z_]+)` in `([\w/.]+\.py)`", PAGES["architecture"])
    assert {"FAMILIES", "CRITERIA", "SOURCES", "PRESETS", "TASKS", "KINDS", "LAUNCHERS", "PAGES"} <= {
        name for name, _ in rows
    }
    assert [
        f"{name} in {path}"
        for name, path in rows
        if not re.search(rf"^{name}\b.*=", (ROOT / path).read_text("utf-8"), re.M)
    ] == []


def test_every_link_to_a_file_leads_somewhere() -> None:
    for page in (
        [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
        + sorted((ROOT / "docs").glob("*.md"))
        + [ROOT / "benchmarks" / "README.md"]
    ):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_no_committed_text_names_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".js", ".css", ".yml", ""} and path.is_file():
            text = path.read_text("utf-8", "replace")
            assert "/work/" + "main" not in text and "/root" + "/" not in text, name


def test_the_sweeps_in_the_readme_are_read(tmp_path: Path, cache: Path) -> None:
    import tiny
    import yaml

    from obce_core.analysis.analyze import analyze
    from obce_core.glue.recipe import TIERS, recipe_of
    from obce_core.glue.sweep import read_sweep

    folder = tiny.save_tiny(tmp_path / "tiny")
    analysis = analyze(folder, tiny.sample(20), device="cpu")
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGES["glue"], re.S)
    found = read_sweep(yaml.safe_load(block) | {"model": str(folder), "analysis": analysis.id})
    assert len(found.units) == (1 + 1 + 1 + 2 + 1 + 1 + 1) * 3 * 3
    tiers = dict(re.findall(r"^\| `(smoke|quick|paper)`(?: \(default\))? \| (.*?) \|", PAGES["glue"], re.M))
    assert set(tiers) == set(TIERS)
    usual = recipe_of("paper")
    assert f"{usual.epochs} epochs" in tiers["paper"] and f"{TIERS['quick'].epochs} epochs" in tiers["quick"]
    assert f"{TIERS['quick'].examples:,}" in tiers["quick"] and f"{TIERS['smoke'].steps} steps" in tiers["smoke"]
