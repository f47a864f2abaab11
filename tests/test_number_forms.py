"""Numbers have one form in everything that a person reads: shares as "22 %" or "71.1 %", exponents as "1.1e-06"."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "ui"))

from pages_app import adopt, faults, open_page, words  # noqa: E402
from shell import run  # noqa: E402

STRAY = (
    re.compile(r"\d%"),  # no space
    re.compile("\\d[\u00a0\u202f\u2009]%"),  # another space than the one that the rest of the product has
    re.compile(r"\d[eE][-+−]\d\b"),  # one digit
    re.compile(r"\d[eE]−"),  # a minus that nothing can read back
    re.compile(r"\d × 10|\d·10"),
)
MARKUP = re.compile(r"<style.*?</style>|<svg.*?</svg>|style=\"[^\"]*\"", re.DOTALL)
CELL = {"layer": "3", "component": "value"}
PAGES = [
    ("home", {}),
    ("analysis", {}),
    ("importance", CELL),
    ("importance", CELL | {"aggregate": "share under"}),
    ("importance", CELL | {"compare": "SECOND", "number": "jaccard"}),
    ("neuron", CELL | {"neuron": "7"}),
    ("neuron", CELL | {"neuron": "7", "view": "head"}),
    ("plan", {}),
    ("model", {}),
    ("launch", {}),
    ("runs", {}),
    ("results", {}),
    *(("learn", CELL | {"lesson": str(number)}) for number in range(1, 6)),
]


def stray(text: str) -> list[str]:
    """List what is written in another form, with some of what stands around it."""
    plain = MARKUP.sub(" ", text)
    return [plain[max(0, hit.start() - 40) : hit.end() + 10] for form in STRAY for hit in form.finditer(plain)]


@pytest.mark.parametrize("text", ["22%", "22.0%", "71.1\u00a0%", "1e-6", "1.1e−6", "2 × 10⁻⁶", "1.1E-6", "5e-9 of"])
def test_the_search_finds_stray_forms(text: str) -> None:
    assert stray(f"about {text} of it")


@pytest.mark.parametrize("text", ["22 %", "71.1 %", "−12.5 %", "1.1e-06", "1e-12", "e3-1", "P50", "layer-5"])
def test_the_search_leaves_the_one_form_alone(text: str) -> None:
    assert not stray(f"about {text} of it")


def shown(app: Any) -> str:
    """Join all that a page writes, tables, figures and labels of widgets included."""
    parts = [words(app)]
    for kind in (
        "dataframe",
        "button",
        "checkbox",
        "toggle",
        "selectbox",
        "segmented_control",
        "number_input",
        "text_input",
        "metric",
    ):
        for element in app.get(kind):
            parts += [str(getattr(element, "label", "")), *map(str, getattr(element, "options", ()) or ())]
            if kind == "dataframe":
                table = element.value
                parts += [
                    *map(str, table.columns),
                    *(str(value) for name in table for value in table[name] if isinstance(value, str)),
                ]
    for element in (*app.get("progress"), *app.get("plotly_chart"), *app.get("alert")):
        parts.append(_figure(str(getattr(element.proto, "spec", "") or element.proto)))
    return "\n".join(parts)


def _figure(text: str) -> str:
    """Keep the words of a figure: its data are full numbers, and `%{x}` is a place for one."""
    return "\n".join(
        re.findall(r'"(?:text|title|ticktext|hovertemplate|name)":\s*("(?:[^"\\]|\\.)*"|\[[^\]]*\])', text)
    )


@pytest.mark.parametrize(
    ("page", "address"), PAGES, ids=[f"{page}-{'-'.join(address.values())}" for page, address in PAGES]
)
def test_pages_write_numbers_in_one_form(
    page: str, address: dict[str, str], tiny_analysis: Any, second: Any, cache: Path, tmp_path: Path
) -> None:
    from obce_core import compress, make_plan
    from obce_core.plan.storage import write_draft

    key = adopt(tiny_analysis, cache)
    address = address | ({"compare": adopt(second, cache)} if "compare" in address else {})
    plan = make_plan(tiny_analysis, percentile=50)
    write_draft(key, plan.prune_spec, seen="")
    if page in ("home", "model"):
        compress(tiny_analysis, plan, device="cpu")
    app = open_page(page, **({"analysis": key} | address))
    assert not app.exception and not faults(app)
    assert stray(shown(app)) == []


@pytest.fixture(scope="module")
def second(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tiny import sample

    from obce_core import analyze

    return analyze(
        tiny_folder, sample(20, heldout=6, seed=5), batch_size=8, out=tmp_path_factory.mktemp("second") / "tiny"
    )


def test_commands_cards_and_exports_write_numbers_in_one_form(
    tiny_analysis: Any, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan, model = str(tiny_analysis.folder), tmp_path / "plan.json", tmp_path / "model"
    other = tmp_path / "other.json"
    commands: list[tuple[Any, ...]] = [
        ("info", tiny_folder, "--table"),
        ("plan", "--analysis", folder, "--percentile", 50, "--out", plan),
        ("plan", "--analysis", folder, "--target-encoder", 0.7, "--out", other),
        ("plan", "show", plan, "--analysis", folder, "--table"),
        ("plan", "diff", plan, other, "--analysis", folder),
        ("compress", "--analysis", folder, "--plan", plan, "--out", model, "--device", "cpu"),
        ("verify", model, "--against", tiny_folder),
        ("latency", model, "--against", tiny_folder),
        ("export", model, "--dense", tmp_path / "dense"),
        ("cache", "size"),
        ("cache", "list"),
        ("runs", "list"),
    ]
    for command in commands:
        done = run(capsys, *command)
        assert done.code == 0, (command, done.err)
        assert done.out.strip() and stray(done.out) == [], command
    assert stray((model / "README.md").read_text()) == []


def test_tables_and_documents_write_numbers_in_one_form(tmp_path: Path) -> None:
    for name in ("README.md", "benchmarks/README.md", "benchmarks/results/glue.md", "docs/architecture.md"):
        text = re.sub(
            r"```.*?```|`[^`\n]*`|\[[^\]\n]*\]\([^)\n]*\)", "", (ROOT / name).read_text("utf-8"), flags=re.DOTALL
        )
        assert stray(text) == [], name
