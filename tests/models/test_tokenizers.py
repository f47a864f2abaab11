"""A model's tokenizer is held against the model, and read from a private copy of its checked files."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from shell import run
from tiny import LETTERS, VOCABULARY, copy_folder, sample, save_tiny, sentences

from obce_core.analysis.analysis import read_analysis
from obce_core.analysis.analyze import analyze
from obce_core.errors import BadInput, ModelError, PathError, TextsError
from obce_core.models import check_model, preview_model
from obce_core.models.load import load_model
from obce_core.models.locate import TOKENIZER_FILES
from obce_core.models.tokenizer import special_tokens
from obce_core.texts import Texts

SILENT = ("\u200b", "\ufeff\u200d", "\u200c")
"""Texts of characters that a tokenizer drops."""


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    return copy_folder(tiny_folder, tmp_path / "model")


def plain(folder: Path, words: list[str], **settings: Any) -> Path:
    """Leave a vocab.txt as the only tokenizer, with some settings."""
    for name in TOKENIZER_FILES:
        (folder / name).unlink(missing_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"} | settings))
    return folder


def without_specials(folder: Path) -> Path:
    """Take the post-processor out of a tokenizer.json: no [CLS], no [SEP]."""
    for name in TOKENIZER_FILES:
        if name != "tokenizer.json":
            (folder / name).unlink(missing_ok=True)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"post_processor": None}))
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"} | names))
    return folder


def texts(*extra: str, count: int = 8, heldout: tuple[str, ...] = ()) -> Texts:
    every = (*sentences(count), *extra)
    return Texts(
        texts=every,
        source="test",
        available=len(every),
        heldout=heldout,
        columns={"at": tuple(map(str, range(len(every))))},
    )


# ids beyond the vocabulary


@pytest.mark.parametrize("files", [TOKENIZER_FILES, ("vocab.txt",), ("tokenizer.json", "tokenizer_config.json")])
def test_ids_beyond_the_embeddings_are_refused_by_every_door(files: tuple[str, ...], tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", vocab_size=20)
    if files == ("vocab.txt",):
        plain(folder, VOCABULARY)
    for name in set(TOKENIZER_FILES) - set(files):
        (folder / name).unlink(missing_ok=True)
    message = (
        f"The tokenizer has ids up to {len(VOCABULARY) - 1}, the model's vocabulary has 20; resize the "
        "embeddings to match."
    )
    for read in (check_model, preview_model, load_model):
        with pytest.raises(ModelError) as caught:
            read(str(folder))
        assert caught.value.message == message and f"resize_token_embeddings({len(VOCABULARY)})" in caught.value.hint


@pytest.mark.parametrize("words", [[*VOCABULARY[:5], "a", "b", "c"], VOCABULARY[5:]])
def test_special_tokens_that_are_added_behind_the_vocabulary_count(words: list[str], tmp_path: Path) -> None:
    """BertTokenizer gives a special token that vocab.txt lacks the next free id."""
    folder = plain(save_tiny(tmp_path / "model", vocab_size=len(words)), words)
    if words[0] == "[PAD]":
        assert load_model(folder)
    else:
        with pytest.raises(ModelError, match="resize the embeddings"):
            load_model(folder)


def test_added_tokens_count(model: Path) -> None:
    plain(model, VOCABULARY)
    (model / "added_tokens.json").write_text('{"<new>": 71}')
    with pytest.raises(ModelError, match="ids up to 71, the model's vocabulary has 71"):
        check_model(model)


def test_more_embeddings_than_ids_are_usual(tmp_path: Path) -> None:
    assert load_model(save_tiny(tmp_path / "model", vocab_size=128)).report.config["vocab_size"] == 128


@pytest.mark.parametrize("raw", [b"", b"\n", b"\n\n\n"])
def test_an_empty_vocabulary_is_refused_in_a_line(raw: bytes, model: Path) -> None:
    plain(model, VOCABULARY)
    (model / "vocab.txt").write_bytes(raw)
    with pytest.raises(ModelError) as caught:
        load_model(model)
    assert "\n" not in str(caught.value)


def test_a_vocabulary_with_a_word_twice_and_blank_lines_is_what_transformers_makes_of_it(model: Path) -> None:
    plain(model, [*VOCABULARY[:60], "a", "", "b"])
    ours, theirs = load_model(model).tokenizer, transformers.BertTokenizer.from_pretrained(model)
    assert [ours(text)["input_ids"] for text in sentences(6)] == [theirs(text)["input_ids"] for text in sentences(6)]


@pytest.mark.parametrize(
    "raw",
    [b"[" * 99_999, b"{}", b"[1]", b'{"model": 3, "added_tokens": 4}', b'{"model": {"vocab": {"a": "x"}}}', b"\xff"],
)
def test_a_damaged_tokenizer_is_left_to_the_loader_which_names_it(raw: bytes, model: Path) -> None:
    (model / "tokenizer.json").write_bytes(raw)
    check_model(model)
    with pytest.raises(ModelError, match=r"The tokenizer in|tokenizer\.json cannot be read"):
        load_model(model)


# special tokens


def test_specials_at_their_places_are_recognised(model: Path, needs_demo: None) -> None:
    for folder in (model, "demo"):
        found = special_tokens(load_model(folder).tokenizer)
        assert (found.cls_first, found.sep_last, found.notes) == (True, True, ())


def test_a_tokenizer_of_another_class_with_other_names_is_recognised(model: Path) -> None:
    path = model / "tokenizer.json"
    path.write_text(path.read_text().replace("[CLS]", "<s>").replace("[SEP]", "</s>"))
    for name in ("vocab.txt", "special_tokens_map.json"):
        (model / name).unlink(missing_ok=True)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "pad_token": "[PAD]"}
    for more in ({"cls_token": "<s>", "sep_token": "</s>"}, {}):  # also where nothing says which one begins a text
        (model / "tokenizer_config.json").write_text(json.dumps(settings | more))
        found = special_tokens(load_model(model).tokenizer)
        assert (found.cls_first, found.sep_last) == (True, True)


def test_without_cls_the_first_token_is_not_read_as_cls(model: Path, tmp_path: Path) -> None:
    without_specials(model)
    (line,) = [line for fits, line in preview_model(str(model)).lines if "[CLS]" in line and not fits]
    assert line.startswith("The tokenizer puts no [CLS] first")
    with pytest.raises(
        ModelError, match=r"puts no \[CLS\] first .*and --tokens cls reads the first token\. Use --tokens mean\."
    ):
        analyze(model, sample(8), out=tmp_path / "cls")
    assert not (tmp_path / "cls").exists()
    for tokens in ("mean", "all"):
        analysis = analyze(model, sample(8), tokens=tokens, out=tmp_path / tokens)
        assert "puts no [CLS] first and no [SEP] last" in " ".join(analysis.meta["texts"]["notes"])


# texts without a word piece


@pytest.mark.parametrize("specials", [True, False])
@pytest.mark.parametrize("tokens", ["mean", "all"])
def test_a_text_without_a_word_piece_is_dropped_and_counted(
    specials: bool, tokens: Any, model: Path, tmp_path: Path
) -> None:
    if not specials:
        without_specials(model)
    held = sentences(12)[8:]
    clean = analyze(model, texts(heldout=held), tokens=tokens, out=tmp_path / "clean")
    mixed = analyze(
        model, texts(*SILENT[:2], heldout=(*held[:2], SILENT[2], *held[2:])), tokens=tokens, out=tmp_path / "mixed"
    )
    assert mixed.texts.texts == clean.texts.texts and mixed.texts.heldout == clean.texts.heldout
    assert mixed.texts.columns == clean.texts.columns
    assert all((mixed.columns[name] == clean.columns[name]).all() for name in clean.columns)
    told = mixed.meta["texts"]
    assert (told["n"], told["empty"], told["heldout_empty"], told["heldout"]) == (8, 2, 1, 4)
    assert "2 texts have no word piece and were dropped." in told["notes"]
    assert clean.meta["texts"]["empty"] == 0


def test_texts_of_which_none_has_a_word_piece_are_refused(model: Path, tmp_path: Path) -> None:
    every = Texts(texts=SILENT, source="test", available=3)
    for tokens in ("cls", "mean", "all"):
        with pytest.raises(TextsError, match="None of the 3 texts has a word piece"):
            analyze(model, every, tokens=tokens, out=tmp_path / "a")
    with pytest.raises(TextsError, match="at least 2 different texts with a word piece; 1 of 3 has one"):
        analyze(model, Texts(texts=("able", *SILENT[:2]), source="test", available=3), out=tmp_path / "a")


# unknown word pieces


def cased(folder: Path) -> Path:
    """Leave a cased vocabulary and nothing that says so."""
    return plain(folder, [*VOCABULARY[:5], *LETTERS.upper()])


def capitals(count: int = 8) -> Texts:
    every = tuple(" ".join(word) for word in sentences(count, longest=1) for word in [word.upper()])
    return Texts(texts=every, source="test", available=count)


def test_a_cased_vocabulary_that_is_read_lower_cased_is_refused_and_the_advice_helps(
    model: Path, tmp_path: Path
) -> None:
    cased(model)
    with pytest.raises(TextsError) as caught:
        analyze(model, capitals(), out=tmp_path / "a")
    pieces = sum(len(text.split()) for text in capitals().texts)
    assert (
        caught.value.message == f"Of {pieces} word pieces {pieces} are [UNK]; the tokenizer does not fit these texts."
    )
    assert '"do_lower_case": false into tokenizer_config.json' in caught.value.hint
    (model / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    told = analyze(model, capitals(), out=tmp_path / "a").meta["texts"]
    assert (told["unknown"], told["word_pieces"]) == (0, pieces)


def test_many_unknown_word_pieces_are_a_note_and_a_count(model: Path, tmp_path: Path) -> None:
    told = analyze(model, texts("Ω Ж ш", "Ж Ω ш Ω Ж ш Ω Ж ш Ω Ж ш Ω Ж ш Ω Ж ш"), out=tmp_path / "a").meta["texts"]
    assert told["unknown"] == 21 and told["unknown"] > 0.1 * told["word_pieces"]
    (note,) = told["notes"]
    assert note.startswith(f"Of {told['word_pieces']:,} word pieces 21 are [UNK]") and "do_lower_case" not in note
    few = analyze(model, texts("Ω able", count=20), out=tmp_path / "b").meta["texts"]
    assert few["unknown"] == 1 and not few["notes"]


def test_the_answer_of_the_command_line_has_the_counts(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("\n".join([*sentences(6), "Ω able", SILENT[0]]))
    words = ("analyze", "--model", model, "--texts", file, "--n-texts", 8, "--heldout", "none")
    done = run(capsys, *words)
    assert done.code == 0, done.err
    assert (
        "1 of " in done.out
        and "word pieces are [UNK]" in done.out
        and "1 texts without a word piece, dropped" in done.out
    )
    answer = run(capsys, *words, "--json").data
    assert (answer["unknown"], answer["empty"], answer["texts"]["n"]) == (1, 1, 7)
    assert answer["word_pieces"] == read_analysis(answer["analysis"]).meta["texts"]["word_pieces"]


# staging


def test_the_tokenizer_reads_no_file_that_was_not_checked(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for name in ("chat_template.jinja", "merges.txt", "vocab.json", "tokenizer.model", "tekken.json"):
        (model / name).symlink_to(secret)
    (model / "additional_chat_templates").mkdir()
    (model / "additional_chat_templates" / "one.jinja").symlink_to(secret)
    stages: list[tuple[int, set[str]]] = []
    read = transformers.AutoTokenizer.from_pretrained

    def look(folder: Path, **given: Any) -> Any:
        assert not folder.is_relative_to(model) and not any(path.is_symlink() for path in folder.rglob("*"))
        stages.append((stat.S_IMODE(folder.stat().st_mode), {path.name for path in folder.iterdir()}))
        return read(folder, **given)

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", look)
    tokenizer = load_model(model).tokenizer
    assert stages == [(0o700, {name for name in TOKENIZER_FILES if (model / name).exists()})]
    tokenizer.save_pretrained(tmp_path / "kept")
    assert not any("secret" in path.read_text() for path in (tmp_path / "kept").rglob("*") if path.is_file())
    assert not any(
        "obce-" in path.read_text() for path in (tmp_path / "kept").rglob("*") if path.is_file()
    )  # no path of the copy
    assert not getattr(tokenizer, "chat_template", None)


# settings that name a file elsewhere, as arguments of the tokenizer's class
PATHS: list[Callable[[str], dict[str, Any]]] = [
    lambda path: {"vocab": path},
    lambda path: {"vocab_file": path},
    lambda path: {"tokenizer_file": path},
    lambda path: {"init_inputs": [path]},
    lambda path: {"special_tokens_map_file": path, "name_or_path": path},
    lambda path: {"fast_tokenizer_files": [path]},
    lambda path: {"sp_model_kwargs": {"model_file": path}},
]


@pytest.mark.parametrize("settings", PATHS, ids=range(len(PATHS)))
def test_settings_that_name_a_file_elsewhere_are_not_followed(
    settings: Callable[[str], dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("\n".join([*VOCABULARY[:5], "secret"]))
    before = load_model(model).tokenizer.get_vocab()
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings(str(secret))))
    assert load_model(model).tokenizer.get_vocab() == before
    plain(model, VOCABULARY, **settings(str(secret)))
    assert "secret" not in load_model(model).tokenizer.get_vocab()


@pytest.mark.parametrize(
    "name", ["vocab.txt", "tokenizer.json", "spiece.model", "added_tokens.json", "LICENSE", "1_Pooling/config.json"]
)
def test_a_link_out_of_the_folder_is_copied_into_no_kept_model(
    name: str, model: Path, tmp_path: Path, tiny_analysis: Any
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}")
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).unlink(missing_ok=True)
    (model / name).symlink_to(secret)
    with pytest.raises(PathError, match="points outside the model's folder"):
        check_model(model).source.copy((name,), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_tokenizer_that_is_too_large_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.models.tokenizer.MAX_TOKENIZER_BYTES", 1_000)
    with pytest.raises(ModelError, match=r"tokenizer\.json in .* is larger than"):
        load_model(model)


def test_a_longer_limit_than_the_tokenizers_own_is_obeyed(model: Path, tmp_path: Path) -> None:
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": 6}))
    long = texts("able acid baby back cake calm dark dawn")
    told = analyze(model, long, max_length=32, out=tmp_path / "a").meta
    plainly = json.loads(path.read_text()) | {"model_max_length": 512}
    path.write_text(json.dumps(plainly))
    assert told["n_tokens"] == analyze(model, long, max_length=32, out=tmp_path / "b").meta["n_tokens"]


def test_positions_bound_the_length(model: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="this model allows 3–130"):
        analyze(model, texts(), max_length=131, out=tmp_path / "a")
