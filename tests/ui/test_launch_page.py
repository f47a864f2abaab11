"""The Launch page: the estimate counts finished evaluations and shows measured times only; Start; the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made import make_evaluation
from pages_app import adopt, faults, open_page, words

from obce_core.jobs import list_runs


@pytest.fixture
def glue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "glue"
    (home / "CoLA").mkdir(parents=True)
    for name, count in (("train", 40), ("dev", 12)):
        (home / "CoLA" / f"{name}.tsv").write_text("".join(f"s\t{at % 2}\t\tbad cake {at}\n" for at in range(count)))
    monkeypatch.setenv("OBCE_GLUE_DIR", str(home))
    return home


@pytest.fixture
def page(glue: Path, tiny_analysis: Any, cache: Path) -> Any:
    app = open_page("launch", analysis=adopt(tiny_analysis, cache))
    assert not app.exception and not faults(app)
    return app


def press(app: Any, key: str) -> Any:
    return app.button(key=key).click().run()


def test_the_estimate_counts_and_names_no_time_that_was_not_measured(page: Any) -> None:
    shown = words(page)
    assert (
        "<b>1</b> original, <b>2</b> cuts, <b>2</b> controls on <b>1</b> task with <b>3</b> seeds, tier <b>quick</b>"
        in shown
    )
    assert "not measured" in shown and page.button(key="launch-start").label == "Start 15 evaluations"
    assert "Not in this folder:" in shown and "MRPC (MRPC/train.tsv, MRPC/dev.tsv)" in shown
    assert "CoLA 8,551 for training, 1,043 for validation" in shown
    assert "obce sweep sweep.yaml --glue-dir" in shown and "percentile: 50" in shown
    assert (
        "Learning rate 2e-04, by the model's width (24)." in shown
        and "2e-05 from 768" in shown
        and "AdamW 2e-05" not in shown
    )


def test_a_learning_rate_that_is_given_is_in_the_estimate_and_the_command(page: Any) -> None:
    page.number_input(key="launch-quick-learning_rate").set_value(3e-5).run()
    shown = words(page)
    assert not page.exception and "Learning rate 3e-05." in shown and "recipe: {learning_rate: 3.0e-05}" in shown
    page.number_input(key="launch-quick-learning_rate").set_value(0.0).run()
    assert "by the model's width (24)" in words(page) and "recipe:" not in words(page)


def test_what_is_there_is_not_counted_again_and_gives_the_time(page: Any, tiny_analysis: Any, cache: Path) -> None:
    lines = next(frame.value for frame in page.dataframe if "steps" in frame.value.columns)
    own = lines[(lines["model"] == "original") & (lines["seed"] == 0)]["id"].iloc[0]
    made = make_evaluation(cache / "evaluations", rate=40.0, seconds=160.0)
    unit = json.loads((made.folder / "unit.json").read_text()) | {
        "model": tiny_analysis.meta["model"]["weights_sha256"]
    }
    (made.folder / "unit.json").write_text(json.dumps(unit))
    made.folder.rename(made.folder.with_name(own))
    page.run()
    assert page.button(key="launch-start").label == "Start 14 evaluations"
    assert "approximate, from measured steps" in words(page) and "CoLA 40" in words(page)


def test_a_speed_of_another_device_is_not_taken_for_this_one(
    page: Any, tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    made = make_evaluation(cache / "evaluations", rate=40.0, seconds=160.0, device="cuda")
    unit = json.loads((made.folder / "unit.json").read_text()) | {
        "model": tiny_analysis.meta["model"]["weights_sha256"]
    }
    (made.folder / "unit.json").write_text(json.dumps(unit))
    page.run()
    assert "not measured" in words(page) and "Measured on" not in words(page)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    page.run()
    assert "Measured on cuda" in words(page)


def test_start_asks_for_one_job_and_opens_it(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.jobs.launchers.local.LocalLauncher._start", lambda self, run: None)
    monkeypatch.setattr("obce_core.jobs.launchers.local._start_keeper", lambda *_: None)
    press(page, "launch-start")
    runs = list_runs()
    assert len(runs) == 1 and runs[0].kind == "evaluate"
    options = runs[0].spec["options"]
    assert len(options["units"]) == 15 and options["glue_dir"].endswith("glue") and not options["save_model"]
    assert options["units"][0]["variant"]["label"] == "original"


def test_measuring_asks_for_twenty_steps(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.jobs.launchers.local.LocalLauncher._start", lambda self, run: None)
    press(page, "launch-measure")
    units = list_runs()[0].spec["options"]["units"]
    assert [(unit["task"], unit["recipe"]["steps"], unit["variant"]["plan"]) for unit in units] == [("cola", 20, None)]


def test_other_choices_change_the_estimate_and_survive_a_page_change(page: Any) -> None:
    page.text_input(key="launch-seeds").set_value("0-4, 9").run()
    assert page.button(key="launch-start").label == "Start 30 evaluations"
    page.toggle(key="launch-original").set_value(False).run()
    assert page.button(key="launch-start").label == "Start 24 evaluations"
    page.switch_page("pages/runs/page.py").run()
    page.switch_page("pages/launch/page.py").run()
    assert page.button(key="launch-start").label == "Start 24 evaluations"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("launch-seeds", "a lot", "Seeds are"), ("launch-folder", "no/such", "There is no folder")],
)
def test_a_choice_that_cannot_be_is_a_line_and_no_start(page: Any, key: str, value: str, message: str) -> None:
    page.text_input(key=key).set_value(value).run()
    assert not page.exception and message in words(page)
    assert page.button(key="launch-start").disabled


def test_saved_plans_and_the_draft_can_be_launched(glue: Path, tiny_analysis: Any, cache: Path) -> None:
    from obce_core.plan import make_plan
    from obce_core.plan.storage import read_draft, save_version, write_draft

    key = adopt(tiny_analysis, cache)
    save_version(key, "thin", make_plan(tiny_analysis, percentile=70).prune_spec)
    write_draft(key, make_plan(tiny_analysis, percentile=20).prune_spec, seen=read_draft(key).stamp)
    app = open_page("launch", analysis=key)
    app.multiselect(key="launch-plans").set_value(["current plan", "thin"]).run()
    assert not app.exception and not faults(app)
    assert app.button(key="launch-start").label == "Start 15 evaluations"  # original, 2 cuts, 2 controls, 3 seeds
    drawn = make_plan(tiny_analysis, percentile=20).digest[:8]
    assert "label: thin" in words(app) and f"label: plan {drawn}" in words(app)


def test_the_newer_of_draft_and_saved_version_is_chosen_at_first(
    glue: Path, tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obce_core.plan import make_plan, storage

    key = adopt(tiny_analysis, cache)
    plans = {share: make_plan(tiny_analysis, percentile=share).prune_spec for share in (20, 50, 70)}

    def at(minute: int) -> str:
        return f"2026-05-04T10:{minute:02}:00Z"

    def save(name: str, share: int, minute: int) -> None:
        monkeypatch.setattr(storage, "_now", lambda: at(minute))
        storage.save_version(key, name, plans[share])

    def draft(share: int, minute: int) -> None:
        monkeypatch.setattr(storage, "_now", lambda: at(minute))
        storage.write_draft(key, plans[share], seen=storage.read_draft(key).stamp)

    def chosen() -> list[str]:
        app = open_page("launch", analysis=key)
        assert not app.exception
        return list(app.multiselect(key="launch-plans").value)

    save("first", 70, 1)
    assert chosen() == ["first"]  # there is no draft
    draft(20, 2)
    assert chosen() == ["current plan"]  # the draft was edited after the version was saved
    save("second", 50, 3)
    assert chosen() == ["second"]  # another session saved a version
    draft(20, 3)
    assert chosen() == ["current plan"]
    draft(70, 5)
    assert chosen() == ["first"]  # the draft equals this version, whose name the results will carry


def test_without_an_analysis_the_model_itself_can_be_evaluated(glue: Path, tiny_folder: Path) -> None:
    app = open_page("launch")
    app.text_input(key="launch-model").set_value(str(tiny_folder)).run()
    assert not app.exception and app.button(key="launch-start").label == "Start 3 evaluations"


def test_no_limit_takes_the_tiers_limit_away(page: Any) -> None:
    assert "recipe:" not in words(page)
    page.number_input(key="launch-quick-examples").set_value(0).run()
    assert not page.exception and "recipe: {examples: null}" in words(page)


def test_jobs_of_a_gpu_are_counted_by_gpus_and_not_by_processors(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page.number_input(key="launch-workers").set_value(9).run()
    assert "runs <b>1</b> job at a time (OBCE_JOBS)" in words(page)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("OBCE_GPU_JOBS", "3")
    page.run()
    assert "runs <b>6</b> jobs at a time (2 GPUs, OBCE_GPU_JOBS)" in words(page)
    page.selectbox(key="launch-device").set_value("cpu").run()
    assert not page.exception and "runs <b>1</b> job at a time (OBCE_JOBS)" in words(page)


def test_a_fresh_form_proposes_the_plan_that_was_made(glue: Path, tiny_analysis: Any, cache: Path) -> None:
    from obce_core.plan import make_plan
    from obce_core.plan.storage import read_draft, save_version, write_draft

    def proposed() -> tuple[Any, Any]:
        return app.multiselect(key="launch-plans").value, app.get("button_group")[0].value

    key = adopt(tiny_analysis, cache)
    app = open_page("launch", analysis=key)
    assert proposed() == ([], [30, 50])
    thin, thick = (make_plan(tiny_analysis, percentile=value).prune_spec for value in (70, 20))
    write_draft(key, thin, seen=read_draft(key).stamp)
    app = open_page("launch", analysis=key)
    assert proposed() == (["current plan"], [])
    save_version(key, "thin", thin)
    app.switch_page("pages/runs/page.py").run()
    app.switch_page("pages/launch/page.py").run()  # untouched, so it follows what was made since
    assert proposed() == (["thin"], [])
    write_draft(key, thick, seen=read_draft(key).stamp)
    app = open_page("launch", analysis=key)
    assert proposed() == (["current plan"], [])  # the draft is newer
    app.multiselect(key="launch-plans").set_value([]).run()
    app.switch_page("pages/runs/page.py").run()
    app.switch_page("pages/launch/page.py").run()
    assert proposed() == ([], []) and not app.exception


@pytest.fixture
def on_ray(page: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Choose the Ray launcher, with a token and a configured cluster."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "made-up-token")
    monkeypatch.setenv("OBCE_RAY_ADDRESS", "https://user:pw@ray.example:8265")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    page.session_state["obce"].launch["launcher"] = "ray"
    return page.run()


def test_the_form_shows_no_credentials_of_the_configured_cluster(on_ray: Any) -> None:
    assert on_ray.text_input(key="launch-address").value == "https://ray.example:8265"
    assert faults(on_ray) == [] and "pw" not in words(on_ray)


def test_another_cluster_needs_a_confirmation_that_names_it(on_ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, bool]] = []

    class Stub:
        def __init__(self, address: str, confirmed: bool) -> None:
            sent.append((address, confirmed))

        def submit(self, *_: Any, **__: Any) -> Any:
            from obce_core.jobs import create_run

            return create_run("drill", {})[0]

    monkeypatch.setattr(
        "pages.launch.estimate.launcher_named", lambda name, *, address, confirmed, **_: Stub(address, confirmed)
    )
    on_ray.text_input(key="launch-address").set_value("https://evil.example:8265").run()
    assert ["is not the configured Ray cluster" in fault for fault in faults(on_ray)] == [True]
    toggle = on_ray.toggle(key="launch-confirmed-https://evil.example:8265")
    assert toggle.label == "Send the token to this address: https://evil.example:8265" and toggle.value is False
    toggle.set_value(True).run()
    assert faults(on_ray) == []
    press(on_ray, "launch-start")
    assert sent == [("https://evil.example:8265", True)]


@pytest.mark.parametrize("address", ["https://user:pw@evil.example:8265", "http://evil.example:8265", "https://[x](y)"])
def test_an_address_that_cannot_be_used_is_said_and_its_password_is_not_shown(on_ray: Any, address: str) -> None:
    on_ray.text_input(key="launch-address").set_value(address).run()
    assert not on_ray.exception and len(faults(on_ray)) == 1
    assert "user:pw" not in words(on_ray) and on_ray.button(key="launch-start").disabled


def test_a_folder_outside_the_roots_is_not_read(page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_ROOTS", str(tmp_path / "mine"))
    page.text_input(key="launch-folder").set_value(str(tmp_path / "elsewhere")).run()
    assert [("is outside the folders" in fault, "OBCE_ROOTS" in fault) for fault in faults(page)] == [(True, True)]
    assert page.button(key="launch-start").disabled


def reopened(app: Any) -> Any:
    """Open the page by its address in a new session, as a copied link does."""
    address = {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
    again = open_page("launch", **address)
    assert not again.exception and not faults(again)
    return again


def test_a_copied_link_carries_the_numbers_of_the_form(page: Any) -> None:
    assert not [
        name for name in page.query_params if name in ("launch.percentiles", "launch.seeds", "launch.tier")
    ]  # nothing was chosen yet
    page.session_state["obce"].launch |= {"percentiles": [40, 70], "tier": "smoke", "draws": 3, "launcher": "local"}
    page.text_input(key="launch-seeds").set_value("0-4").run()
    told = {name: value[0] if isinstance(value, list) else value for name, value in page.query_params.items()}
    assert (told["launch.percentiles"], told["launch.seeds"], told["launch.tier"], told["launch.draws"]) == (
        "[40, 70]",
        "0-4",
        "smoke",
        "3",
    )
    again = reopened(page)
    form = again.session_state["obce"].launch
    assert (form["percentiles"], form["seeds"], form["tier"], form["draws"]) == ([40, 70], "0-4", "smoke", 3)
    assert "with <b>5</b> seeds, tier <b>smoke</b>" in words(again)


ODD = {
    "launch.percentiles": "[40, 41]",
    "launch.draws": "0",
    "launch.tier": "gigantic",
    "launch.seeds": "a;b",
    "launch.tasks": '["x"]',
    "launch.address": "http://user:pw@host",
    "launch.cpus": "NaN",
    "launch.orders": "[" * 900,
    "launch.nobody": "1",
}


def test_odd_values_in_the_address_of_launch_are_ignored(page: Any, tiny_analysis: Any) -> None:
    app = open_page("launch", analysis=tiny_analysis.id, **ODD)
    assert not app.exception and not faults(app)
    assert "tier <b>quick</b>" in words(app) and not set(ODD) & set(app.query_params) - {"launch.tasks"}
