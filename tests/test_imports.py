"""The house rules that a syntax tree can hold: who imports whom, who knows what, and nothing that runs foreign code."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import (
    BEGIN,
    END,
    PACKAGE,
    PAGE,
    RANK,
    ROOT,
    cycles,
    dotted,
    import_graph,
    imported,
    place,
    render,
)

ENGINE = sorted(PACKAGE.rglob("*.py"))
PAGES = sorted((ROOT / "pages").rglob("*.py"))
EVERY = [*ENGINE, *PAGES, ROOT / "app.py"]

HEAVY = (
    "torch",
    "transformers",
    "pandas",
    "scipy",
    "streamlit",
    "sklearn",
    "datasets",
    "plotly",
    "gudhi",
    "pyarrow",
    "huggingface_hub",
)


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every string of a file that is no docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def ids(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def test_there_are_modules_to_look_at() -> None:
    assert len(ENGINE) > 40
    assert {"errors", "architectures.bert", "topology.line", "compression.fold"} <= {dotted(path) for path in ENGINE}


GRAPH = import_graph()


@pytest.mark.parametrize("name", sorted(GRAPH))
def test_imports_go_one_way(name: str) -> None:
    for other in sorted(GRAPH[name]) if name else []:  # the facade imports what it names
        here, there = place(name), place(other)
        assert here in RANK, f"give {name} a place in ORDER (tests/architecture.py)"
        assert here.split(".")[0] == there.split(".")[0] or RANK[there] < RANK[here], (
            f"{name} imports {other}, which stands below it"
        )


def test_no_module_imports_itself_through_others() -> None:
    assert cycles(GRAPH) == []


def test_a_cycle_would_be_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c", "b"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_map_in_the_docs_is_the_order_of_imports() -> None:
    assert PAGE.read_text("utf-8").split(BEGIN)[1].split(END)[0].strip() == render(), "run python -m tests.architecture"


def test_the_tree_can_be_taken_in_at_a_glance() -> None:
    assert len([path for path in PACKAGE.iterdir() if path.name != "__pycache__"]) <= 28
    assert [
        path for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__" and not any(path.iterdir())
    ] == []


# folder or file (prefix of its path in the package), top-level modules that must not be imported there
FORBIDDEN = [
    ("topology/", {"torch", "transformers", "streamlit", "plotly", "scipy", "gudhi", "pandas"}),
    ("criteria/", {"torch", "transformers", "streamlit", "plotly"}),
    ("plan/", {"torch", "transformers", "streamlit", "plotly"}),
    ("figures/", {"torch", "transformers", "streamlit"}),
    ("errors.py", set(HEAVY) | {"numpy"}),
    ("settings.py", set(HEAVY) | {"numpy"}),
    ("storage/atomic.py", set(HEAVY) | {"numpy"}),
    ("storage/json_input.py", set(HEAVY) | {"numpy"}),
    ("storage/yaml_input.py", set(HEAVY) | {"numpy"}),
    ("texts/", {"torch", "transformers", "streamlit", "plotly"}),
    ("jobs/run.py", set(HEAVY)),
    ("jobs/launchers/local.py", set(HEAVY)),
    ("storage/checkpoints.py", set(HEAVY) | {"numpy"}),
    ("access/", set(HEAVY) | {"numpy", "starlette"}),
    ("models/check.py", {"torch", "transformers"}),
    ("models/locate.py", {"torch", "transformers"}),
    ("models/remote.py", {"torch", "transformers"}),
    ("models/weights.py", {"torch", "transformers"}),
    ("architectures/modeling_obce.py", {"obce_core"}),
]


@pytest.mark.parametrize(("prefix", "banned"), FORBIDDEN, ids=[prefix for prefix, _ in FORBIDDEN])
def test_a_part_does_not_know_what_it_must_not(prefix: str, banned: set[str]) -> None:
    paths = [path for path in ENGINE if path.relative_to(PACKAGE).as_posix().startswith(prefix)]
    assert paths
    assert {path.name: tops(path) & banned for path in paths if tops(path) & banned} == {}


def test_streamlit_is_for_pages_and_plotly_for_figures() -> None:
    assert [path for path in ENGINE if "streamlit" in tops(path)] == []
    assert {path.relative_to(PACKAGE).parts[0] for path in ENGINE if "plotly" in tops(path)} <= {"figures"}
    assert [path.name for path in [*PAGES, ROOT / "app.py"] if tops(path) & {"plotly", "torch", "transformers"}] == []


def test_nothing_in_the_product_imports_gudhi() -> None:
    """Its wheel carries GPL code (README, Licences), so the product must not be linked with it."""
    assert [path.name for path in EVERY if "gudhi" in tops(path)] == []


HUGGING_FACE = (
    "encoder.layer",
    "attention.self",
    "attention.output",
    "intermediate.dense",
    "output.dense",
    "word_embeddings",
    "embeddings.",
    "LayerNorm.",
    "q_lin",
)
OUTSIDE = [path for path in ENGINE if "architectures" not in path.parts]


@pytest.mark.parametrize("path", OUTSIDE, ids=ids(OUTSIDE))
def test_names_of_hugging_face_modules_are_known_to_architectures_alone(path: Path) -> None:
    assert [(line, text[:60]) for line, text in strings(path) if any(name in text for name in HUGGING_FACE)] == []


BANNED_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
BANNED_CALLS = {"eval", "exec", "compile", "__import__"}
BANNED_ATTRIBUTES = {
    ("torch", "load"),
    ("np", "load"),
    ("numpy", "load"),
    ("yaml", "load"),
    ("os", "system"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
}


@pytest.mark.parametrize("path", EVERY, ids=ids(EVERY))
def test_nothing_runs_foreign_code(path: Path) -> None:
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
            found.append((node.lineno, node.func.id))
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in BANNED_ATTRIBUTES
        ):
            found.append((node.lineno, f"{node.value.id}.{node.attr}"))
        if isinstance(node, ast.keyword) and node.arg in {"trust_remote_code", "allow_pickle", "shell"}:
            assert isinstance(node.value, ast.Constant)
            found += [(node.lineno, node.arg)] if node.value.value is not False else []
    assert found == []
    assert tops(path) & BANNED_MODULES == set()


def fresh(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a Python that has imported nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120, cwd=ROOT
    )


# what is imported, what must not come with it
LIGHT = [
    ("obce_core", HEAVY),
    ("obce_core.jobs", ("torch", "transformers", "pandas", "scipy", "streamlit", "plotly")),
    ("obce_core.plan", ("torch", "transformers", "pandas", "scipy", "streamlit", "plotly")),
    ("obce_core.compression.result", ("torch", "transformers", "pandas", "scipy", "streamlit", "plotly")),
    ("obce_core.measure.preview", ("torch", "transformers", "pandas", "scipy", "streamlit", "plotly")),
    ("obce_core.texts", ("torch", "transformers", "pandas", "scipy", "streamlit", "plotly", "datasets")),
    ("obce_core.models", ("torch", "transformers", "pandas", "scipy", "streamlit")),
]


@pytest.mark.parametrize(("module", "heavy"), LIGHT, ids=[module for module, _ in LIGHT])
def test_importing_what_the_dashboard_needs_is_light(module: str, heavy: tuple[str, ...]) -> None:
    done = fresh(
        f"import json, sys; import {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) & set(heavy) == set()


SHAPES = """
from jaxtyping import install_import_hook
with install_import_hook(["obce_core.topology"], "beartype.beartype"):
    import numpy as np
    from obce_core.topology import line_merges, line_r_f, minimum_spanning_tree
from jaxtyping import TypeCheckError
line_merges(np.array([0.0, 1.0, 4.0]))
line_r_f(np.zeros((3, 2)))
refused = 0
for call in (lambda: line_merges(np.zeros((3, 2))), lambda: line_merges(np.array([1, 2])),
             lambda: line_r_f(np.zeros(3)),
             lambda: minimum_spanning_tree(np.zeros(4))):
    try:
        call()
    except TypeCheckError:
        refused += 1
print(refused)
"""


def test_an_array_of_the_wrong_shape_fails_where_shapes_are_checked() -> None:
    done = fresh(SHAPES)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "4"
