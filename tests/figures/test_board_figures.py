"""The leaderboard, its figures, the curves, and the report: what they show, and that foreign text stays text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made import make_board, make_evaluation

from obce_core.figures.curves import loss_curve, score_curve
from obce_core.figures.pareto import against_size, clear_words, intervals
from obce_core.figures.report import commands, report
from obce_core.figures.widgets.leaderboard.data import leaderboard, leaderboard_assets, leaderboard_html, tint
from obce_core.glue.controls import is_control
from obce_core.glue.leaderboard import leaderboard_rows
from obce_core.glue.published import TABLE_4
from obce_core.glue.recipe import recipe_of
from obce_core.glue.tasks import usual_tasks

EVIL = "<img src=x onerror=alert(1)> %{x}"


def test_ours_stand_first_and_published_rows_below_their_own_rule(cache: Path) -> None:
    rows = leaderboard_rows(make_board(cache / "evaluations"), resamples=50)
    data = leaderboard(rows, usual_tasks())
    titles = [group["title"] for group in data["groups"]]
    assert titles[0].startswith("Ours") and all(title.startswith("◇") for title in titles[1:])
    ours, told = data["groups"][0]["rows"], data["groups"][1]["rows"]
    assert [row["label"] for row in ours][:2] == ["original", "P30 by r_f"] and len(told) == len(TABLE_4)
    columns = [column["task"] for column in data["columns"]]
    cola, mrpc, rte = (ours[1]["cells"][columns.index(name)] for name in ("cola", "mrpc", "rte"))
    assert len(cola["scores"]) == 1 and len(mrpc["scores"]) == 2 and rte["scores"] == [["–", ""]]
    assert " ± " in cola["scores"][0][0] and "[" in cola["scores"][0][1] and "color-mix" in cola["style"]
    assert ours[0]["cells"][columns.index("cola")]["style"] == ""
    assert not data["latency"] and leaderboard(rows, ("cola",), latency={rows[0].key: "3 ms"})["groups"][0]["rows"][1][
        "latency"
    ] == ("not measured")
    assert all(row["key"] == "" for group in data["groups"][1:] for row in group["rows"])
    assert "claimed" in told[-1]["share"] and "counted" in told[-1]["share"]


def test_the_leaderboard_says_the_seeds_of_a_cell_where_tasks_differ(cache: Path) -> None:
    home = cache / "evaluations"
    made = [make_evaluation(home, "cola", 0), *(make_evaluation(home, "mrpc", seed) for seed in (0, 1, 2))]
    row = leaderboard(leaderboard_rows(made, resamples=10), ("cola", "mrpc", "rte"))["groups"][0]["rows"][0]
    assert row["small"] == "quick · 1–3 seeds"
    assert [cell["scores"][-1][1] for cell in row["cells"]] == ["1 seed", "3 seeds", ""]
    assert (
        leaderboard(leaderboard_rows(made[1:], resamples=10), ("mrpc",))["groups"][0]["rows"][0]["small"]
        == "quick · 3 seeds"
    )
    assert (
        leaderboard(leaderboard_rows(made[:2], resamples=10), ("mrpc",))["groups"][0]["rows"][0]["small"]
        == "quick · seed 0"
    )


def test_a_tint_is_brown_for_less_and_never_stronger_than_it_may(cache: Path) -> None:
    assert (
        "#9A5B1E" in tint(-0.5)
        and "19.0%" in tint(-0.5)
        and "38.0%" in tint(-9.0)
        and "#1F7A80" in tint(0.1)
        and tint(0.0) == ""
    )


def test_the_table_as_html_escapes_what_is_foreign(cache: Path) -> None:
    rows = leaderboard_rows([make_evaluation(cache / "evaluations", label=EVIL, model_name=EVIL)], resamples=20)
    html = leaderboard_html(leaderboard(rows, ("cola",)))
    assert "<img" not in html and "&lt;img" in html
    css, js = leaderboard_assets()
    assert ".leaderboard" in css and "innerHTML" not in js


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_controls_are_hollow_and_the_front_is_dotted(cache: Path, mode: str) -> None:
    rows = leaderboard_rows(make_board(cache / "evaluations"), resamples=50)
    figure = against_size(rows, "cola", selected=rows[1].key, mode=mode)
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert sorted(trace.customdata[0][0] for trace in dots) == sorted(row.key for row in rows)
    colours = {trace.customdata[0][0]: trace.marker.color for trace in dots}
    assert len({colours[row.key] for row in rows if not is_control(row)}) == 1
    assert {colours[row.key] for row in rows if is_control(row)} != {colours[rows[0].key]}
    assert [trace.line.dash for trace in figure.data if trace.mode == "lines"] == ["dot"]
    assert all(trace.error_y.array[0] > 0 for trace in dots)


def test_equal_scores_do_not_look_apart(cache: Path) -> None:
    home = cache / "evaluations"
    made = [
        make_evaluation(home, label=label, plan=plan, wrong=0.0)
        for label, plan in (("original", None), ("P50", "b" * 64))
    ]
    rows = leaderboard_rows(made, resamples=20)
    low, high = against_size(rows, "cola").layout.yaxis.range
    assert high - low >= 1.0
    shown = intervals([("P50", rows[1].cells["cola"])])
    assert shown.layout.xaxis.range[0] < 0 < shown.layout.xaxis.range[1]
    assert clear_words(rows[1].cells) == "0 of 1"


def test_curves_show_the_unit_at_work_dark_and_the_others_pale() -> None:
    about = {"label": EVIL, "task": "mrpc", "seed": 0}
    rows = [{"unit": unit, **about, "step": step, "loss": 1.0 / step} for unit in "ab" for step in (10, 20)]
    rows += [{"unit": "a", **about, "step": 20, "validation_f1": 0.8, "validation_accuracy": 0.7}]
    loss, score = loss_curve(rows), score_curve(rows)
    assert [trace.line.width for trace in loss.data] == [1, 2] and list(score.data[0].y) == [80.0]
    assert "<img" not in loss.data[0].hovertemplate and "%{x} " not in loss.data[0].hovertemplate
    assert loss_curve([]).data == () and score_curve([{**rows[0], "task": "no such"}]).data == ()


def test_a_report_is_one_page_that_fetches_nothing_and_escapes_everything(cache: Path) -> None:
    home = cache / "evaluations"
    made = [
        *make_board(home, ("cola", "stsb")),
        make_evaluation(home, label=EVIL, plan="e" * 64, notes=[EVIL], asked=9.0),
    ]
    rows = leaderboard_rows(made, resamples=50)
    html = report(rows, ["cola", "stsb"], recipe="quick: & 3 epochs", title=EVIL)
    text = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert "<img" not in text and "&lt;img" in text and "quick: &amp; 3 epochs" in html
    assert html.count("plotly.js v") >= 1 and html.count('class="plotly-graph-div"') == 4
    assert not re.search(r"""<[^>]*\s(?:src|href)\s*=|@import|url\(""", text)
    assert not re.search(r"<script[^>]* src=", html)
    for word in ("What was compared", "Conventions", "Versions", "Commands", "◇ OBCE", "†", "obce"):
        assert word in html
    assert "--tier quick --seed 0 --seed 1" in commands(rows) and "--no-original" in commands(rows)


def test_the_commands_name_the_control_the_seeds_of_each_task_and_every_number(cache: Path) -> None:
    home, own = cache / "evaluations", recipe_of("quick", accumulation=4, warmup=0.2)
    after = {"order": "finetune-first", "intent": "i"}
    made = [
        make_evaluation(home, label="half, after", plan="b" * 64, told=after),
        make_evaluation(home, label="half, after, random 1", plan="b" * 64, told={**after, "control": ["random", 1]}),
        make_evaluation(
            home,
            label="a control",
            plan="d" * 64,
            told={"control_of": {"plan": "c" * 64, "criterion": "std", "draw": 0}},
        ),
        *(make_evaluation(home, "cola", seed, label="whole", recipe=own) for seed in (0, 1)),
        make_evaluation(home, "mrpc", 0, label="whole", recipe=own),
    ]
    told = dict(part.split("\n", 1) for part in commands(leaderboard_rows(made, resamples=10)).split("# ") if part)
    plan, control = (told[f"{name}, cut {'b' * 16}"].strip() for name in ("half, after", "half, after, random 1"))
    assert f"--plan {'b' * 16}.plan.json --no-original --order finetune-first" in plan
    assert f"--plan {'b' * 16}.plan.json --no-original --control random --draws 2 --order finetune-first" in control
    assert f"--plan {'c' * 16}.plan.json --no-original --control std --tier quick" in told[f"a control, cut {'d' * 16}"]
    cola, mrpc = told["whole"].strip().splitlines()
    assert (
        cola.endswith("--seed 0 --seed 1")
        and "--task cola --tier paper" in cola
        and "--task mrpc" in mrpc
        and "--seed 1" not in mrpc
    )
    html = report(leaderboard_rows(made, resamples=10), ["cola", "mrpc"], recipe="own")
    assert "<td>0, 1 (CoLA); 0 (MRPC)</td>" in html
    assert "--accumulation 4" in cola and "--warmup 0.2" in cola and "--examples 2000" in cola
