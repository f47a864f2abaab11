"""The order of the packages, from which the import test and the map in `docs/architecture.md` are made.

`python -m tests.architecture` writes the map.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "obce_core"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- map: begin (python -m tests.architecture) -->", "<!-- map: end -->"

# Imports go up this list only: a module may import what stands above it, and its own package.
ORDER = [
    ["errors", "version", "formatting"],
    ["settings", "components", "glue.tasks"],
    ["storage.private", "storage.disk_space"],
    ["access"],
    ["storage", "progress"],
    ["topology"],
    ["architectures", "criteria", "texts"],
    ["models", "hf"],
    ["analysis"],
    ["plan"],
    ["compression"],
    ["glue", "measure"],
    ["export"],
    ["studies", "comparators"],
    ["figures"],
    ["lessons"],
    ["jobs"],
    ["background", "cache"],
    ["cli"],
]
RANK = {name: rank for rank, group in enumerate(ORDER) for name in group}


def modules() -> dict[str, Path]:
    """Return the modules of the package by dotted name, `obce_core` left out."""
    return {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def dotted(path: Path) -> str:
    """Return the dotted name of a file of the package, `obce_core` left out."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(module: str) -> str:
    """Return the entry of ORDER that a module belongs to: its longest prefix there."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in RANK), parts[0])


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, at its top or within a function."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} line {node.lineno}: a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_graph() -> dict[str, set[str]]:
    """Return which module of the package imports which; `from package import module` is an arrow to the module
    alone."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        targets = {
            other.removeprefix("obce_core.") for other in imported(path) if other.startswith("obce_core.")
        } & known.keys()
        graph[name] = {other for other in targets if not any(deeper.startswith(other + ".") for deeper in targets)} - {
            name,
            "",
        }
    return graph


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the cycles of a graph, each as one path of names; [] where there is none."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, [*path, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def render() -> str:
    """Render the map: packages and modules in the order of imports, each with the first line of its docstring."""
    lines = ["| Package | Contents |", "|---|---|"]
    for group in ORDER:
        for name in group:
            path = PACKAGE / name.replace(".", "/")
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            if path.is_file():
                first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
                lines.append(f"| `{name}` | {first.replace('|', '/')} |")
    return "\n".join(lines)


def main() -> None:
    """Write the map into the page."""
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    PAGE.write_text(f"{head}{BEGIN}\n{render()}\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
