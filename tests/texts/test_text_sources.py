"""The table of sources: every row keeps the contract, every spec finds its row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import obce_core.texts as package
from obce_core.errors import TextsError, UnknownName
from obce_core.texts import SOURCES, load_texts, parse_source
from obce_core.texts.sources.base import RawTexts, Request
from obce_core.texts.sources.glue import Glue
from obce_core.texts.sources.wikipedia import Wikipedia

SENTENCES = "The cat sat on the mat. The dog lay under the table. The bird sang in the tree."
OFFLINE_TWINS = SOURCES | {
    "wikipedia": Wikipedia(articles=lambda seed, tick: [SENTENCES]),
    "glue": Glue(rows=lambda task: [(("a sentence", "another"), "1")]),
}

PARSED = [
    ("demo", "demo", ""),
    ("wikipedia", "wikipedia", "20231101.en"),
    ("wikipedia:20231101.en", "wikipedia", "20231101.en"),
    ("glue:sst2", "glue", "sst2"),
    ("glue:SST-2", "glue", "sst2"),
    ("glue:STS-B", "glue", "stsb"),
    ("glue:MnLi", "glue", "mnli"),
]

REFUSED: list[tuple[str, type[Exception], str]] = [
    (
        "demos",
        UnknownName,
        "Unknown source of texts 'demos'; known: demo, wikipedia, glue:TASK, FILE. Did you mean 'demo'?",
    ),
    ("~nobody-here", UnknownName, "known: demo, wikipedia, glue:TASK, FILE"),
    ("demo:x", TextsError, "demo takes nothing after it."),
    ("wikipedia:20200101.de", TextsError, "wikipedia has the dump 20231101.en only."),
    ("glue", TextsError, "glue needs a task; known: mnli, qqp, qnli, sst2, cola, stsb, mrpc, rte, wnli."),
    ("glue:sst3", UnknownName, "Unknown GLUE task 'sst3'; known: mnli, qqp,"),
    ("", TextsError, "No source of texts was given."),
    ("  ", TextsError, "No source of texts was given."),
    ("absent.txt", TextsError, "No such file: absent.txt."),
    ("no/such/thing", TextsError, "No such file: no/such/thing."),
    ("~nobody-here/a.txt", TextsError, "No such file: ~nobody-here/a.txt."),
    ("\\\\evil\\share", TextsError, "No such file: "),
    ("file:absent.txt", TextsError, "No such file: absent.txt."),
]


def argument_for(name: str, folder: Path) -> str:
    path = folder / "texts.txt"
    path.write_text("one text\nanother text\n", "utf-8")
    return {"glue": "sst2", "file": str(path)}.get(name, "")


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_a_name_a_sentence_and_a_usage(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name
    assert source.describe.endswith(".")
    assert "\n" not in source.describe
    assert source.usage == name or source.usage.startswith(f"{name}:") or source.usage == "FILE"
    assert source.options <= {"column", "split"}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_loads_texts_with_labels_of_the_same_length(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OBCE_GLUE_DIR", raising=False)
    source = OFFLINE_TWINS[name]
    raw = source.load(Request(argument=source.check(argument_for(name, tmp_path)), n=2))
    assert isinstance(raw, RawTexts)
    assert len(raw.texts) >= 2
    assert all(len(values) == len(raw.texts) for values in raw.columns.values())
    assert raw.source.partition(":")[0] == name
    assert str(tmp_path) not in raw.source


@pytest.mark.parametrize("option", ["column", "split"])
@pytest.mark.parametrize("name", SOURCES)
def test_an_option_that_does_not_apply_is_refused_and_not_ignored(
    name: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OBCE_GLUE_DIR", raising=False)
    if option in SOURCES[name].options:
        return
    spec = f"{name}:{argument_for(name, tmp_path)}".rstrip(":")
    with pytest.raises(TextsError, match=f"--{option} does not apply to {name}; it is for files"):
        load_texts(spec, sources=OFFLINE_TWINS, **{option: "periods"})


@pytest.mark.parametrize(("spec", "name", "argument"), PARSED)
def test_a_spec_finds_its_source(spec: str, name: str, argument: str) -> None:
    assert parse_source(spec) == (SOURCES[name], argument)


@pytest.mark.parametrize(("spec", "kind", "said"), REFUSED)
def test_a_spec_that_names_nothing_says_what_there_is(spec: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as caught:
        parse_source(spec)
    assert said in str(caught.value)


def test_a_known_name_wins_over_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").mkdir()
    assert parse_source("demo")[0] is SOURCES["demo"]
    with pytest.raises(TextsError, match="is not a regular file"):
        parse_source(Path("demo"))
    with pytest.raises(TextsError, match="is not a regular file"):
        parse_source("./demo")


def test_demo_gives_all_the_others_as_heldout() -> None:
    sample = load_texts("demo", n=150, seed=0)
    assert (len(sample), sample.available, len(sample.heldout), sample.source) == (150, 600, 450, "demo")
    assert list(sample.columns) == ["subject", "topic"]


def test_the_facade_names_what_it_has() -> None:
    assert sorted(package.__all__) == package.__all__
    assert all(hasattr(package, name) for name in package.__all__)


def test_importing_the_package_is_light() -> None:
    heavy = (
        "{'torch', 'transformers', 'streamlit', 'plotly', 'pandas', 'pyarrow', 'datasets', 'huggingface_hub', 'scipy'}"
    )
    code = f"import sys, obce_core.texts; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
