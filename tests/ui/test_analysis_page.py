"""Analysis: the check, the texts, the estimate, and the saved analyses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hubcache import lay_out
from pages_app import adopt, faults, open_page, words
from tiny import copy_folder, sentences

from obce_core import models
from obce_core.analysis.analyze import analyze
from obce_core.analysis.catalog import list_saved
from obce_core.cache.library import list_entries
from obce_core.errors import ModelError, TextsError
from obce_core.texts import Texts


@pytest.fixture
def page(tiny_folder: Path) -> Any:
    """Open the page on the tiny model."""
    app = open_page("analysis")
    app.text_input(key="analysis-model").set_value(str(tiny_folder)).run()
    assert not app.exception
    return app


def start(app: Any) -> Any:
    return next(button for button in app.button if button.label == "Start")


def fill(app: Any, **values: Any) -> Any:
    """Set fields of the form, shown or not, and run the page."""
    app.session_state["obce"].form |= values
    for name, value in values.items():
        app.session_state[f"analysis-{name}"] = value
    return app.run()


def press(app: Any, label: str) -> Any:
    return next(button for button in app.button if button.label == label).click().run()


def tick(app: Any, *rows: int) -> Any:
    """Tick rows of the table of saved analyses."""
    key = next(frame for frame in app.dataframe if "id" in frame.value.columns).key
    app.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return app.run()


def test_the_estimate_names_no_time_that_was_not_measured(page: Any) -> None:
    shown = words(page)
    assert "4 layers, 3 heads of 8" in shown and "not measured" in shown and "already on this machine" in shown
    assert "of 600 different texts" in shown and "Digest" in shown
    assert not start(page).disabled
    assert "obce analyze --model" in words(page)


def test_the_estimate_takes_the_time_from_an_earlier_analysis(
    tiny_folder: Path, tiny_analysis: Any, cache: Path
) -> None:
    adopt(tiny_analysis, cache)
    app = open_page("analysis")
    app.text_input(key="analysis-model").set_value(str(tiny_folder)).run()
    assert "texts a second, measured on 20" in words(app)


@pytest.mark.parametrize(
    ("named", "message"), [("nobody/no-model", "network is forbidden"), ("a/b/c", "No model folder"), ("", "No model")]
)
def test_a_model_that_cannot_be_read_is_a_line_and_no_start(
    named: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    app = open_page("analysis")
    app.text_input(key="analysis-model").set_value(named).run()
    assert not app.exception
    assert message in words(app) and start(app).disabled
    assert "Start waits for a model" in words(app)


def test_a_hub_model_in_the_store_that_repositories_share_can_be_started(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    lay_out(tiny_folder, tmp_path / "hub")
    app = open_page("analysis")
    app.text_input(key="analysis-model").set_value("owner/tiny").run()
    assert "4 layers, 3 heads of 8" in words(app) and "already on this machine" in words(app)
    assert not start(app).disabled and not faults(app)


def test_the_share_of_unknown_word_pieces_and_the_notes_of_an_analysis_are_shown(
    tiny_folder: Path, tmp_path: Path, cache: Path
) -> None:
    every = (*sentences(8), "Ω Ж ш Ω Ж ш Ω Ж ш Ω Ж ш Ω Ж ш Ω Ж ш", "\u200b")
    analysis = analyze(tiny_folder, Texts(texts=every, source="test", available=10))
    told = analysis.meta["texts"]
    app = open_page("analysis")
    table = next(frame.value for frame in app.dataframe if "id" in frame.value.columns)
    assert table["[UNK]"].tolist() == [told["unknown"] / told["word_pieces"]] and told["unknown"] == 18
    shown = words(tick(app, 0))
    assert f"Of {told['word_pieces']} word pieces 18 are [UNK]" in shown
    assert "1 text has no word piece and was dropped." in shown


def test_a_tokenizer_that_does_not_fit_is_a_line_and_no_start_until_it_is_repaired(
    tiny_folder: Path, tmp_path: Path
) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    good = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(
        json.dumps(json.loads(good) | {"added_tokens": [{"id": 99, "content": "<new>"}]})
    )
    app = open_page("analysis")
    app.text_input(key="analysis-model").set_value(str(folder)).run()
    assert "The tokenizer has ids up to 99" in words(app) and start(app).disabled
    (folder / "tokenizer.json").write_text(good)
    app.run()
    assert "ids up to" not in words(app) and not start(app).disabled


def test_a_model_is_previewed_once_and_not_at_each_rerun(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    preview = models.preview_model

    def counted(spec: str, **given: Any) -> Any:
        asked.append(spec)
        return preview(spec, **given)

    monkeypatch.setattr("pages._shared.cached.preview_model", counted)
    app = open_page("analysis")
    app.text_input(key="analysis-model").set_value(str(tiny_folder)).run()
    for seed in (1, 2, 3):
        app.number_input(key="analysis-seed").set_value(seed).run()
    assert asked.count(str(tiny_folder)) == 1


def test_a_model_that_could_not_be_fetched_is_asked_for_again(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def away(spec: str, **_: Any) -> Any:
        asked.append(spec)
        raise ModelError("The hub is away.")

    with monkeypatch.context() as broken:
        broken.setattr("pages._shared.cached.preview_model", away)
        app = open_page("analysis")
        app.text_input(key="analysis-model").set_value(str(tiny_folder)).run()
        for _ in range(3):
            app.run()
            assert "The hub is away." in words(app) and start(app).disabled
        assert asked.count(str(tiny_folder)) == 1  # not at every run
    app.button(key="model-again").click().run()
    assert "The hub is away." not in words(app) and not start(app).disabled


def test_texts_that_could_not_be_read_are_asked_for_again(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise TextsError("The texts are away.")

    with monkeypatch.context() as broken:
        broken.setattr("pages._shared.cached.load_texts", away)
        page.number_input(key="analysis-seed").set_value(3).run()
        assert "The texts are away." in words(page) and start(page).disabled
    page.button(key="texts-again").click().run()
    assert "The texts are away." not in words(page) and not start(page).disabled


def test_files_of_a_glue_folder_are_read_again_when_they_change(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "SST-2" / "train.tsv"
    path.parent.mkdir()
    fill(page, source="glue", task="sst2", glue_dir=str(tmp_path), size=0, n_texts=2)
    assert "has no SST-2/train.tsv" in words(page) and start(page).disabled
    for films in (("a good film", "a bad film"), ("a good film", "a bad film", "one more film")):
        path.write_text("sentence\tlabel\n" + "".join(f"{film} \t1\n" for film in films))
        page.run()
        assert f"of {len(films)} different texts" in words(page) and not start(page).disabled


def test_more_texts_than_there_are_is_a_line(page: Any) -> None:
    page.segmented_control(key="analysis-size").set_value(700).run()
    assert "700 texts are requested, but" in words(page) and start(page).disabled
    page.segmented_control(key="analysis-size").set_value(0).run()
    page.number_input(key="analysis-n_texts").set_value(33).run()
    assert "<b>33</b> texts" in words(page) and not start(page).disabled


def test_few_pasted_texts_are_taken_in_one_click(page: Any) -> None:
    page.segmented_control(key="analysis-source").set_value("paste").run()
    page.text_area(key="analysis-pasted").set_value("able cake\nacid cake\nbaby cake").run()
    assert (
        "150 texts are requested, but the pasted text has only 3 different ones" in words(page) and start(page).disabled
    )
    page = press(page, "Use all 3")
    assert "of 3 different texts" in words(page) and not faults(page) and not start(page).disabled
    assert (page.segmented_control(key="analysis-size").value, page.number_input(key="analysis-n_texts").value) == (
        0,
        3,
    )


def test_pasted_texts_are_counted_and_never_markup(page: Any, cache: Path) -> None:
    page.segmented_control(key="analysis-source").set_value("paste").run()
    assert start(page).disabled and "Paste at least two" in words(page)
    page.segmented_control(key="analysis-size").set_value(0).run()
    page.number_input(key="analysis-n_texts").set_value(2).run()
    page.text_area(key="analysis-pasted").set_value(
        "<script>alert(1)</script>\n<b>two</b> words\nable acid\nable acid"
    ).run()
    assert not page.exception and not start(page).disabled
    assert "of 3 different texts" in words(page) and "repeated text was dropped" in words(page)
    assert "alert(1)" not in words(page)
    assert len(list((cache / "texts").iterdir())) == 1


def test_a_quarter_of_ones_own_texts_is_held_out_on_the_page_and_in_the_command(page: Any) -> None:
    page.segmented_control(key="analysis-source").set_value("paste").run()
    page.text_area(key="analysis-pasted").set_value("\n".join(f"able cake {at}" for at in range(8))).run()
    page.button(key="texts-all").click().run()
    shown = words(page)
    assert "2 of the 8 texts are held out to measure fidelity (25 %), so 6 of the 8 asked for are measured." in shown
    assert "--n-texts 8" in shown and "--heldout 25%" in shown.replace("'", "")
    page.text_input(key="analysis-heldout").set_value("none").run()
    assert "are held out to measure" not in words(page) and "--heldout none" in words(page)


def test_a_table_offers_its_columns(page: Any, tmp_path: Path, cache: Path) -> None:
    from obce_core.texts.uploads import store_upload, upload_ref

    path = store_upload(b"id,review,label\n1,a good film,pos\n2,a bad film,neg\n3,one more film,pos\n", "films.csv")
    page.session_state["obce"].form |= {"file": upload_ref(path), "file_name": "films.csv"}
    fill(page, source="file", size=0, n_texts=2)
    column = next(box for box in page.selectbox if box.label == "Column with the texts")
    assert (column.value, column.options) == ("review", ["id", "review", "label"])
    assert not start(page).disabled and "of 3 different texts" in words(page)
    column.select("id").run()
    assert "--column id" in words(page)


def test_the_form_survives_a_change_of_page(page: Any, tiny_folder: Path) -> None:
    page.number_input(key="analysis-seed").set_value(7).run()
    page.switch_page("pages/home/page.py").run()
    page.switch_page("pages/analysis/page.py").run()
    assert page.number_input(key="analysis-seed").value == 7
    assert page.text_input(key="analysis-model").value == str(tiny_folder)


def reloaded(app: Any) -> Any:
    """Open the page by its address in a new session, as a reload does."""
    address = {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
    again = open_page("analysis", **address)
    assert not again.exception
    return again


def test_the_form_survives_a_reload(page: Any, tiny_folder: Path) -> None:
    page.number_input(key="analysis-seed").set_value(7).run()
    page.segmented_control(key="analysis-size").set_value(0).run()
    page.number_input(key="analysis-n_texts").set_value(2).run()
    page.segmented_control(key="analysis-source").set_value("paste").run()
    page.text_area(key="analysis-pasted").set_value("one <b>text</b>\nanother one\na third").run()
    page.checkbox(key="analysis-split").set_value(True).run()
    again = reloaded(page)
    assert again.number_input(key="analysis-seed").value == 7 and again.number_input(key="analysis-n_texts").value == 2
    assert again.text_input(key="analysis-model").value == str(tiny_folder)
    assert again.text_area(key="analysis-pasted").value == "one <b>text</b>\nanother one\na third"
    said = [re.sub(r"[\d.]+ GB free", "", words(one)) for one in (again, page)]  # the disk changes meanwhile
    assert again.checkbox(key="analysis-split").value and said[0] == said[1]
    assert page.query_params["new.n_texts"] in ("2", ["2"]) and page.query_params["new.seed"] in ("7", ["7"])
    # two people who follow one link go their own ways
    again.number_input(key="analysis-seed").set_value(8).run()
    assert reloaded(page).number_input(key="analysis-seed").value == 7
    assert reloaded(again).number_input(key="analysis-seed").value == 8


def test_an_upload_survives_a_reload(page: Any, cache: Path) -> None:
    from obce_core.texts.uploads import store_upload, upload_ref

    path = store_upload(b"id,review,label\n1,a good film,pos\n2,a bad film,neg\n3,one more film,pos\n", "films.csv")
    page.session_state["obce"].form |= {"file": upload_ref(path), "file_name": "films.csv"}
    fill(page, source="file", size=0, n_texts=2)
    next(box for box in page.selectbox if box.label == "Column with the texts").select("id").run()
    again = reloaded(page)
    shown = words(again)
    assert "Using films.csv, uploaded before." in shown and "--column id" in shown and not start(again).disabled
    Path(path).unlink()
    assert "Choose a file to continue" in words(reloaded(page))


def test_an_untouched_form_is_not_in_the_address(cache: Path) -> None:
    app = open_page("analysis")
    assert not [name for name in app.query_params if name.startswith("new.")]


ODD = {
    "new.size": "151",
    "new.n_texts": "1",
    "new.seed": "1e9999",
    "new.max_length": "[[",
    "new.source": "paste2",
    "new.file": "../../x.csv",
}


def test_odd_values_in_the_address_are_ignored(cache: Path) -> None:
    app = open_page("analysis", form_id="0" * 16, **ODD)
    assert not app.exception and app.number_input(key="analysis-seed").value == 0
    assert not [name for name in app.query_params if name.startswith("new.") or name == "form_id"]


def test_wikipedia_without_the_network_shows_a_reason(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_OFFLINE", "1")
    page.segmented_control(key="analysis-source").set_value("wikipedia").run()
    assert "network access is disabled" in words(page) and start(page).disabled


def test_start_makes_one_run_with_what_was_chosen(
    page: Any, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path
) -> None:
    monkeypatch.setattr("obce_core.jobs.launchers.local.LocalLauncher._start", lambda *_: None)
    page.segmented_control(key="analysis-size").set_value(0).run()
    page.number_input(key="analysis-n_texts").set_value(12).run()
    start(page).click().run()
    assert not page.exception
    run = list_entries(["runs"])
    assert len(run) == 1
    options = json.loads((run[0].path / "spec.json").read_text())["options"]
    assert (options["model"], options["n_texts"], options["tokens"]) == (str(tiny_folder), 12, "cls")
    assert "Waiting for a process" in str(page.get("progress")[0].proto)


@pytest.fixture
def saved(tiny_analysis: Any, cache: Path) -> Any:
    """Open the page with one saved analysis, ticked."""
    key = adopt(tiny_analysis, cache)
    return tick(open_page("analysis", analysis=key), 0)


def test_a_saved_analysis_is_renamed(saved: Any) -> None:
    key = list_saved()[0].id
    saved.text_input(key=f"name-{key}").set_value("<b>mine</b>").run()
    saved.button(key=f"save-name-{key}").click().run()
    assert not saved.exception
    assert list_saved()[0].name == "<b>mine</b>"
    table = next(frame for frame in saved.dataframe if "id" in frame.value.columns)
    assert table.value["name"].tolist() == ["<b>mine</b>"] and "<b>mine" not in words(saved)


def test_a_saved_analysis_is_deleted_and_restored(saved: Any) -> None:
    press(saved, "Delete")
    assert list_saved() == [] and "None yet" in words(saved)
    saved.button(key="undo-delete").click().run()
    assert not saved.exception
    assert len(list_saved()) == 1 and list_entries(["trash"]) == []


def test_an_analysis_that_a_model_needs_says_so_first(saved: Any, cache: Path) -> None:
    key = list_saved()[0].id
    plan = cache / "models" / "m1" / "pruning_plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text(json.dumps({"analysis": key}))
    press(saved, "Delete")
    assert "still needed by: model m1" in words(saved) and len(list_saved()) == 1
    saved.button(key="delete-along").click().run()
    assert list_saved() == [] and not plan.exists()
    saved.button(key="undo-delete").click().run()
    assert len(list_saved()) == 1 and plan.exists()


def test_open_and_compare_want_the_right_number_of_rows(saved: Any) -> None:
    buttons = {button.label: button for button in saved.button}
    assert not buttons["Open"].disabled and buttons["Compare two"].disabled
    press(saved, "Open")
    assert not saved.exception and "Importance" in [title.value for title in saved.title]


def test_the_page_reads_no_file_in_its_own_process(page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from obce_core.texts.files import table
    from obce_core.texts.sources import file
    from obce_core.texts.uploads import store_upload, upload_ref

    def refuse(*_: Any) -> Any:
        raise AssertionError("a file was read in the process of the dashboard")

    for one, name in ((file, "read_txt"), (file, "read_table"), (table, "read_table")):
        monkeypatch.setattr(one, name, refuse)
    for name, source in (("survey.csv", "file"), ("notes.txt", "file")):
        path = store_upload(b"text\na good film\na bad film\none more film\n", name)
        page.session_state["obce"].form |= {"file": upload_ref(path), "file_name": name}
        fill(page, source=source, size=0, n_texts=2)
        assert not page.exception and not start(page).disabled and faults(page) == []


def test_an_upload_that_cannot_be_read_has_the_name_that_was_given(page: Any, cache: Path) -> None:
    from obce_core.texts.uploads import store_upload, upload_ref

    path = store_upload("text,label\nable acid,0\n".encode("utf-16"), "survey.csv")
    page.session_state["obce"].form |= {"file": upload_ref(path), "file_name": "survey.csv"}
    fill(page, source="file")
    assert any("survey.csv is UTF-16; expected UTF-8." in fault for fault in faults(page))
    assert Path(path).parent.name not in "".join(faults(page))
