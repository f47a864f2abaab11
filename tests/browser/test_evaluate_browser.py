"""From Launch over Runs to Results, in a real browser: a tiny BERT on a made-up CoLA."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arena import until
from obce_core.glue.evaluation import list_evaluations
from obce_core.glue.job import read_curve
from obce_core.jobs import list_runs
from obce_core.jobs.launchers.ray import RayLauncher
from tests.browsing import serve, settle, watch


@pytest.fixture
def server(cache: Path, tmp_path: Path, tiny_analysis: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with _server(cache, tmp_path, tiny_analysis, monkeypatch) as address:
        yield address


@contextmanager
def _server(cache: Path, tmp_path: Path, tiny_analysis: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    home = tmp_path / "glue" / "CoLA"
    home.mkdir(parents=True)
    for name, count in (("train", 64), ("dev", 20)):
        (home / f"{name}.tsv").write_text(
            "".join(f"s\t{at % 2}\t\t{'bad' if at % 2 else 'calm'} cake {at}\n" for at in range(count))
        )
    monkeypatch.setenv("OBCE_GLUE_DIR", str(tmp_path / "glue"))
    shutil.copytree(tiny_analysis.folder, cache / "analyses" / tiny_analysis.id)
    with serve(cache) as address:
        yield address


def _at_launch(browser: Any, address: str, analysis: Any) -> tuple[Any, list[str]]:
    """Open Launch with an analysis selected; what goes wrong from then on is collected beside."""

    page = browser.new_context(viewport={"width": 1280, "height": 1100}).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    settle(page)
    faults = watch(page)
    page.goto(f"{address}/launch?analysis={analysis.id}")
    return page, faults


@pytest.mark.cluster
def test_launch_sends_evaluations_to_a_cluster_and_runs_follows_them(
    cache: Path, tmp_path: Path, tiny_analysis: Any, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import expect

    from benchmarks.clusters import Cluster

    with Cluster(2) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        with _server(cache, tmp_path, tiny_analysis, monkeypatch) as address:
            page, faults = _at_launch(browser, address, tiny_analysis)
            main = page.get_by_test_id("stMain")
            main.get_by_text("smoke", exact=True).first.click()
            expect(page.get_by_text("shows that everything runs")).to_be_visible()
            main.get_by_text("Ray cluster", exact=True).first.click()
            page.get_by_label("Address of the cluster's dashboard").fill(cluster.address)
            page.keyboard.press("Enter")
            settle(page)
            page.get_by_label("Workers", exact=True).fill("2")
            page.keyboard.press("Enter")
            settle(page)
            start = page.get_by_role("button", name=re.compile("^Start 15 evaluations"))
            start.click()
            expect(page.get_by_role("heading", name="Runs")).to_be_visible()
            expect(page.locator(".facts .value").first).to_contain_text("● done", timeout=300_000)
            assert [fault for fault in faults if "WebSocket" not in fault] == []
            page.context.close()
        runs = list_runs()
        assert len(runs) == 2 and {run.stored().launcher for run in runs} == {"ray"}
        for run in runs:
            until(lambda run=run: RayLauncher(cluster.address).probe(run).state == "done", 240.0)
        told = [{row["unit"] for row in read_curve(run.folder)} for run in runs]
        assert told[0] and told[1] and not told[0] & told[1]  # both nodes worked, nothing was made twice
        assert len(list_evaluations()) == 15 == len(told[0] | told[1])


def test_an_evaluation_goes_from_launch_over_runs_to_results(server: str, browser: Any, tiny_analysis: Any) -> None:
    from playwright.sync_api import expect

    page, faults = _at_launch(browser, server, tiny_analysis)
    start = page.get_by_role("button", name=re.compile("^Start "))
    start.wait_for()
    # 15 evaluations: original, P30, P50 and a control of each, three seeds; then without P30, without controls
    for name, left in (("P30", 9), ("random", 6)):
        page.get_by_test_id("stMain").get_by_text(name, exact=True).first.click()
        expect(start).to_contain_text(f"Start {left} evaluations")
    page.get_by_test_id("stMain").get_by_text("smoke", exact=True).first.click()
    expect(page.get_by_text("shows that everything runs")).to_be_visible()
    page.get_by_role("textbox", name="Seeds, the same for every model").fill("0")
    page.keyboard.press("Enter")
    expect(start).to_contain_text("Start 2 evaluations")
    expect(page.get_by_text("not measured").first).to_be_visible()
    settle(page)
    start.click()

    # Runs: the run is open, its curve comes while it works, a reload finds it again.
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page).to_have_url(re.compile(r"run=[a-z0-9-]+"))
    page.reload()
    page.get_by_text("Training loss").wait_for(timeout=120_000)
    page.locator(".js-plotly-plot").first.wait_for()
    page.get_by_text("Evaluations of this run: 2").wait_for(timeout=120_000)
    expect(page.locator(".facts .value").first).to_contain_text("● done")

    # Results: our rows stand there, a click on a row and the task drives what is below.
    page.get_by_role("button", name="See them in Results").click()
    row = page.locator(".leaderboard").get_by_role("button", name="P50 by r_f", exact=True)
    row.wait_for()
    settle(page)
    page.locator(".leaderboard").get_by_role("button", name="original", exact=True).click()
    expect(page.locator(".leaderboard").get_by_role("button", name="original", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.get_by_role("heading", name="CoLA against size")).to_be_visible()
    expect(page.locator(".leaderboard tr.told").nth(0)).to_contain_text("majority class")
    expect(page.locator(".leaderboard tr.told").nth(1)).to_contain_text("◇ Original")
    assert faults == []
    page.context.close()
