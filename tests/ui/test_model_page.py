"""The Model page: not built, built, verified, timed, and a model of another plan."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pages_app import adopt, faults, open_page, words

from obce_core import compress
from obce_core.export.formats import ExportFormat
from obce_core.jobs import create_run
from obce_core.measure.latency import measure_latency
from obce_core.plan import PruneSpec, make_plan, resolve
from obce_core.plan.storage import read_draft, write_draft


@pytest.fixture
def key(tiny_analysis: Any, cache: Path) -> str:
    """Adopt the analysis, with a current plan."""
    write_draft(tiny_analysis.id, make_plan(tiny_analysis, percentile=50).prune_spec, seen="")
    return adopt(tiny_analysis, cache)


@pytest.fixture
def built(key: str, tiny_analysis: Any) -> Any:
    return compress(
        tiny_analysis, resolve(tiny_analysis, make_plan(tiny_analysis, percentile=50).prune_spec), device="cpu"
    )


def test_a_plan_is_counted_before_it_is_built(key: str) -> None:
    app = open_page("model", analysis=key)
    shown = words(app)
    assert not app.exception and not faults(app)
    assert "of the encoder left" in shown and "not measured" in shown and "Layer by layer, before and after" in shown
    assert [button.label for button in app.button if button.label == "Build"] == ["Build"]


def test_a_built_model_shows_what_was_measured_and_nothing_else(key: str, built: Any) -> None:
    app = open_page("model", analysis=key)
    shown = words(app)
    assert not app.exception and not faults(app)
    assert f"cosine of <b>{built.fidelity.pooled:.3f}</b>" in shown
    assert "Not measured. The measurement runs" in shown  # no latency yet
    assert "the same function" not in shown  # no proof yet
    assert app.query_params["model"] == built.folder.name
    assert 'obce_core.load("obce-model")' in shown and str(built.folder) in shown


def test_proof_and_latency_are_shown_once_they_were_run(key: str, built: Any, tiny_folder: Path) -> None:
    from obce_core.jobs.worker import execute

    options = {"model": str(built.folder), "against": str(tiny_folder), "device": "cpu"}
    run, _ = create_run("verify", options, form=f"verify-{built.folder.name}")
    execute(run)
    measure_latency(built.folder, tiny_folder, batches=(1, 2), length=8, rounds=3, device="cpu")
    shown = words(open_page("model", analysis=key))
    tensors = (run.result() or {})["tensors"]
    assert f"<b>the same function</b>: all {tensors} stored tensors equal the refolded ones" in shown
    assert "Medians, 8 tokens per text, float32, cpu" in shown


def test_another_plan_under_edit_leaves_the_chosen_model_and_says_so(
    key: str, built: Any, tiny_analysis: Any, cache: Path
) -> None:
    write_draft(key, make_plan(tiny_analysis, percentile=30).prune_spec, seen=read_draft(key).stamp)
    shown = words(open_page("model", analysis=key, model=built.folder.name))
    assert "This model was not built from the current plan." in shown
    shown = words(open_page("model", analysis=key))
    assert "not built from the current plan" not in shown and "Other models" in shown


def test_a_plan_that_cannot_be_applied_hides_no_built_model(key: str, built: Any) -> None:
    write_draft(key, PruneSpec(cells={1: {"query": 50}}), seen=read_draft(key).stamp)
    app = open_page("model", analysis=key)
    shown = words(app)
    assert (
        not app.exception
        and "every text gives the same value" in shown
        and "cannot be applied, so no model can be built" in shown
    )
    assert "Other models" in shown and app.dataframe[-1].value["folder"].tolist() == [built.folder.name]
    assert "Edit the plan" in [link.proto.label for link in app.get("page_link")]
    assert not [button for button in app.button if button.label == "Build"]
    app = open_page("model", analysis=key, model=built.folder.name)
    shown = words(app)
    assert not app.exception and "every text gives the same value" in shown
    assert f"cosine of <b>{built.fidelity.pooled:.3f}</b>" in shown and str(built.folder) in shown


def test_a_damaged_model_is_a_line(key: str, built: Any) -> None:
    (built.folder / "obce.json").write_text("{}")
    app = open_page("model", analysis=key)
    assert not app.exception
    assert "Traceback" not in words(app)


def test_an_edit_of_the_plan_leads_the_model_page_to_the_new_plan(key: str, built: Any) -> None:
    app = open_page("model", analysis=key)
    assert app.query_params["model"] == built.folder.name
    app.switch_page("pages/plan/page.py").run()
    app.button(key="all-30").click().run()
    app.switch_page("pages/model/page.py").run()
    assert not app.exception and "model" not in app.query_params
    assert [button.label for button in app.button if button.label == "Build"] == ["Build"]


@pytest.mark.parametrize("absent", [(), ("onnx", "onnxruntime")])
def test_onnx_is_offered_only_where_it_can_be_made(
    key: str, built: Any, monkeypatch: pytest.MonkeyPatch, absent: tuple[str, ...]
) -> None:
    monkeypatch.setattr(ExportFormat, "missing", lambda row: absent if row.name == "onnx" else ())
    app = open_page("model", analysis=key)
    assert not app.exception
    assert app.button(key=f"start-export-onnx-{built.folder.name}").disabled == bool(absent)
    assert ("Not installed: onnx, onnxruntime. Install with" in words(app)) == bool(absent)
    assert ("pip install 'obce[onnx]'" in words(app)) == bool(absent)
    assert not app.button(key=f"start-export-dense-{built.folder.name}").disabled


def test_a_built_model_is_evaluated_in_one_click(key: str, built: Any, tiny_analysis: Any) -> None:
    app = open_page("model", analysis=key)
    next(button for button in app.button if button.label == "Evaluate it").click().run()
    assert not app.exception and app.title[0].value == "Launch"
    assert (
        app.multiselect(key="launch-plans").value == ["current plan"]
        and app.multiselect(key="launch-models").value == []
    )
    write_draft(key, make_plan(tiny_analysis, percentile=30).prune_spec, seen=read_draft(key).stamp)
    app = open_page("model", analysis=key, model=built.folder.name)
    next(button for button in app.button if button.label == "Evaluate it").click().run()
    assert app.multiselect(key="launch-models").value == [built.folder.name]


@pytest.fixture
def without_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are made and not started: the test works through them itself."""
    monkeypatch.setattr("obce_core.jobs.launchers.local.LocalLauncher._start", lambda *_: None)


@pytest.mark.parametrize(("form", "title"), [("onnx", "ONNX"), ("dense", "Stock shapes")])
def test_a_model_is_made_into_other_forms_by_one_click(
    form: str, title: str, key: str, built: Any, without_process: None
) -> None:
    from obce_core.jobs import list_runs
    from obce_core.jobs.worker import execute
    from obce_core.storage.staging import manifest_faults
    from pages.model.files import packed

    if form == "onnx":
        pytest.importorskip("onnx", reason="the extra `onnx` is not installed: pip install 'obce[onnx]'")
    app = open_page("model", analysis=key)
    app.button(key=f"start-export-{form}-{built.folder.name}").click().run()
    assert not app.exception and not faults(app)
    (run,) = list_runs()
    assert run.spec["kind"] == f"export-{form}"
    folder = Path(execute(run)["folder"])
    assert folder.parent == built.folder.parent and not manifest_faults(folder)
    app.run()
    assert not app.exception and not faults(app)
    assert f"{title} (zip)" in [element.proto.label for element in app.get("download_button")]
    assert f"start-export-{form}-{built.folder.name}" not in [button.key for button in app.button]
    with zipfile.ZipFile(io.BytesIO(packed(folder))) as archive:
        weights = "model.onnx" if form == "onnx" else "model.safetensors"
        assert archive.read(f"obce-model/{weights}") == (folder / weights).read_bytes()


def test_an_export_that_failed_says_why_and_is_dismissed(key: str, built: Any, without_process: None) -> None:
    from obce_core.errors import PathError
    from obce_core.jobs import list_runs
    from obce_core.jobs.worker import execute

    app = open_page("model", analysis=key)
    app.button(key=f"start-export-dense-{built.folder.name}").click().run()
    blocking = built.folder.with_name(f"{built.folder.name}-dense")
    blocking.mkdir()
    (blocking / "mine.txt").write_text("not ours")
    (run,) = list_runs()
    with pytest.raises(PathError):
        execute(run)
    app.run()
    assert "Failed" in words(app)
    app.button(key=f"dismiss-{run.id}").click().run()
    assert not faults(app) and not app.button(key=f"start-export-dense-{built.folder.name}").disabled


def test_the_page_and_the_card_say_which_call_gives_their_count(key: str, built: Any) -> None:
    import obce_core

    model, _ = obce_core.load(built.folder, device="cpu")
    stored, held = model.num_parameters(), sum(tensor.numel() for tensor in model.parameters())
    assert stored == built.budget.parameters_left < held
    card = (built.folder / "README.md").read_text()
    assert f"`model.num_parameters()` counts the {stored:,} stored parameters" in card and f"{held:,}" not in card
    shown = words(open_page("model", analysis=key))
    assert (
        f"<code>model.num_parameters()</code> gives the {stored:,} parameters counted here" in shown
        and "padded in memory to its widest head" in shown
    )
