"""GLUE: the official layouts on made-up files, the hub in memory, and real files where a variable names them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from obce_core.errors import Offline, TextsError
from obce_core.glue.tasks import TASKS
from obce_core.texts import SOURCES, load_texts
from obce_core.texts.sources.base import Request
from obce_core.texts.sources.glue import Glue
from obce_core.texts.sources.glue_rows import label_text

REAL_FOLDER = os.environ.get("OBCE_GLUE_DIR")
"""Read once: no test keeps the settings of whoever runs it."""

PAIR = (("first one", "1"), ("second one", "2"))

LAYOUTS = [
    ("cola", "CoLA", "gj04\t1\t\tfirst one\nbc01\t0\t*\tsecond one\n", ["1", "0"], ["1", "1"]),
    ("sst2", "SST-2", "sentence\tlabel\nfirst one \t1\nsecond one \t0\n", ["1", "0"], ["1", "1"]),
    (
        "mrpc",
        "MRPC",
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tfirst one\tsecond one\n",
        ["1", "1"],
        ["1", "2"],
    ),
    (
        "qqp",
        "QQP",
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tfirst one\tsecond one\t0\n",
        ["0", "0"],
        ["1", "2"],
    ),
    (
        "stsb",
        "STS-B",
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
        "0\tg\tf\t2012\t1\tn\tn\tfirst one\tsecond one\t3.800\n",
        ["3.800", "3.800"],
        ["1", "2"],
    ),
    (
        "mnli",
        "MNLI",
        "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
        "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
        "0\t1\t1\tg\tp\tp\tp\tp\tfirst one\tsecond one\tneutral\tneutral\n",
        ["neutral", "neutral"],
        ["1", "2"],
    ),
    (
        "qnli",
        "QNLI",
        "index\tquestion\tsentence\tlabel\n0\tfirst one\tsecond one\tentailment\n",
        ["entailment"] * 2,
        ["1", "2"],
    ),
    (
        "rte",
        "RTE",
        "index\tsentence1\tsentence2\tlabel\n0\tfirst one\tsecond one\tnot_entailment\n",
        ["not_entailment"] * 2,
        ["1", "2"],
    ),
    ("wnli", "WNLI", "index\tsentence1\tsentence2\tlabel\n0\tfirst one\tsecond one\t1\n", ["1", "1"], ["1", "2"]),
]

REAL = [
    ("cola", 8551, "1", "Our friends won't buy this analysis, let alone the next one we propose."),
    ("sst2", 67349, "0", "hide new secretions from the parental units"),
    (
        "mrpc",
        7336,
        "1",
        'Amrozi accused his brother, whom he called "the witness", of deliberately distorting his evidence.',
    ),
    ("qnli", 20950, "not_entailment", "When did the third Digimon series begin?"),
    ("mnli", 157132, "neutral", "Somehow, I'd hoped for a bit more of a response."),
]


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return folder


def test_the_layouts_here_are_all_the_tasks() -> None:
    assert sorted(case[0] for case in LAYOUTS) == sorted(TASKS)


@pytest.mark.parametrize(("task", "folder", "content", "labels", "parts"), LAYOUTS)
def test_each_sentence_of_an_official_file_is_a_text(
    tmp_path: Path, task: str, folder: str, content: str, labels: list[str], parts: list[str]
) -> None:
    sample = load_texts(f"glue:{task}", n=2, glue_dir=put(tmp_path, f"{folder}/train.tsv", content))
    assert sample.texts == ("first one", "second one")
    assert dict(sample.columns) == {"label": tuple(labels), "part": tuple(parts)}
    assert sample.source == f"glue:{task}"
    assert sample.notes == (f"Read {folder}/train.tsv of a local folder.",)


def test_dev_is_read_where_there_is_no_train(tmp_path: Path) -> None:
    put(tmp_path, "SST-2/dev.tsv", LAYOUTS[1][2])
    put(tmp_path, "MNLI/dev_matched.tsv", LAYOUTS[5][2])
    assert load_texts("glue:sst2", n=2, glue_dir=tmp_path).notes == ("Read SST-2/dev.tsv of a local folder.",)
    assert load_texts("glue:mnli", n=2, glue_dir=tmp_path).notes == ("Read MNLI/dev_matched.tsv of a local folder.",)


def test_the_folder_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_GLUE_DIR", str(put(tmp_path, "SST-2/train.tsv", LAYOUTS[1][2])))
    assert len(load_texts("glue:SST-2", n=2)) == 2


def test_quotes_are_characters_like_any_other(tmp_path: Path) -> None:
    put(tmp_path, "SST-2/train.tsv", 'sentence\tlabel\n"open quote\t1\nsay "no"\t0\n')
    assert load_texts("glue:sst2", n=2, glue_dir=tmp_path).texts == ('"open quote', 'say "no"')


def test_rows_that_lack_a_field_are_left_out_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "SST-2/train.tsv", "sentence\tlabel\none\t1\nbroken\n\ntwo\t0\n")
    sample = load_texts("glue:sst2", n=2, glue_dir=tmp_path)
    assert sample.texts == ("one", "two")
    assert "Rows that lack a field, left out: 1." in sample.notes


def test_a_file_without_its_column_lists_those_there_are(tmp_path: Path) -> None:
    put(tmp_path, "SST-2/train.tsv", "text\tlabel\none\t1\n")
    with pytest.raises(TextsError, match=r"SST-2/train\.tsv has no column 'sentence'; columns: text, label\."):
        load_texts("glue:sst2", glue_dir=tmp_path)


def test_a_folder_without_the_task_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"has no STS-B/train\.tsv or dev\.tsv\. Put the official files of stsb there"):
        load_texts("glue:stsb", glue_dir=tmp_path)
    with pytest.raises(TextsError, match="No such folder of GLUE tasks"):
        load_texts("glue:stsb", glue_dir=tmp_path / "absent")


def test_a_text_beyond_the_limit_is_named(tmp_path: Path) -> None:
    put(tmp_path, "SST-2/train.tsv", "sentence\tlabel\n" + "x" * 1_000_001 + "\t1\n")
    with pytest.raises(TextsError, match=r"SST-2/train\.tsv line 2 is 1,000,001 characters; limit 1,000,000\."):
        load_texts("glue:sst2", glue_dir=tmp_path)


def test_the_hub_is_read_where_no_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBCE_GLUE_DIR", raising=False)
    asked: list[str] = []

    def rows(task: str) -> list[tuple[tuple[str, ...], str]]:
        asked.append(task)
        return [(("first one", "second one"), "entailment")]

    sample = load_texts("glue:RTE", n=2, sources=SOURCES | {"glue": Glue(rows=rows)})
    assert (asked, sample.texts, sample.columns["part"]) == (["rte"], ("first one", "second one"), ("1", "2"))
    assert sample.notes == ("Read nyu-mll/glue, split train, from the hub.",)


@pytest.mark.parametrize(
    ("task", "label", "written"),
    [
        ("mnli", 2, "contradiction"),
        ("qnli", 1, "not_entailment"),
        ("rte", 0, "entailment"),
        ("sst2", 1, "1"),
        ("stsb", 3.8, "3.800"),
        ("mnli", -1, ""),
    ],
)
def test_labels_of_the_hub_are_written_as_in_the_files(task: str, label: float, written: str) -> None:
    assert label_text(label, TASKS[task]) == written


def test_offline_without_a_folder_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBCE_GLUE_DIR", raising=False)
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    with pytest.raises(Offline, match="Give --glue-dir"):
        load_texts("glue:sst2")


@pytest.mark.skipif(not REAL_FOLDER, reason="set OBCE_GLUE_DIR to a folder of official GLUE files")
@pytest.mark.parametrize(("task", "texts", "label", "first"), REAL)
def test_real_files_are_read_whole(
    task: str, texts: int, label: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(str(REAL_FOLDER))
    monkeypatch.setenv("OBCE_GLUE_DIR", str(folder))
    if not (folder / TASKS[task].folder / "train.tsv").is_file():
        pytest.skip(f"{TASKS[task].folder}/train.tsv is not in OBCE_GLUE_DIR")
    raw = SOURCES["glue"].load(Request(argument=task))
    assert raw.texts[0].strip() == first
    assert raw.columns["label"][0] == label
    assert len(raw.texts) == texts, "partial copies of QNLI and MNLI have other sizes than the official files"
