"""The learning rate of a tier follows from the model's width, is written down, and never mixes with a rate that was
given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import SMALL
from made import make_evaluation

from obce_core.cli import main
from obce_core.figures.report import commands
from obce_core.glue.estimate import estimate_launch, lay_out
from obce_core.glue.evaluation import Evaluation
from obce_core.glue.execute import perform
from obce_core.glue.execution import Execution
from obce_core.glue.leaderboard import leaderboard_rows
from obce_core.glue.learning_rate import RATES, plain_rate, rate_at, rate_words, rule_words
from obce_core.glue.recipe import Recipe, recipe_of, title, words
from obce_core.glue.recipe_groups import by_recipe
from obce_core.glue.sweep import read_sweep
from obce_core.glue.sweep_file import sweep_file
from obce_core.glue.tables import markdown, table_csv
from obce_core.glue.unit import Prepared, Unit, Variant, prepare, read_unit


@pytest.mark.parametrize(
    ("width", "rate"),
    [
        (4096, 2e-5),
        (1024, 2e-5),
        (768, 2e-5),
        (767, 5e-5),
        (512, 5e-5),
        (384, 1e-4),
        (312, 1e-4),
        (256, 1e-4),
        (128, 2e-4),
        (8, 2e-4),
    ],
)
def test_a_rate_follows_from_the_width(width: int, rate: float) -> None:
    assert rate_at(width) == rate == recipe_of("quick").at_width(width).learning_rate
    assert recipe_of("quick", learning_rate=3e-5).at_width(width).learning_rate == 3e-5


def test_a_narrower_model_never_has_a_smaller_rate() -> None:
    widths, rates = [row[0] for row in RATES], [row[1] for row in RATES]
    assert widths == sorted(widths, reverse=True) and rates == sorted(rates) and widths[-1] == 1


def test_rates_are_written_in_one_way() -> None:
    assert [plain_rate(value) for value in (2e-5, 1e-4, 2.5e-4, 1e-3, 1e-9, 0.5)] == [
        "2e-05",
        "1e-04",
        "2.5e-04",
        "1e-03",
        "1e-09",
        "5e-01",
    ]
    assert (
        rate_words([(1e-4, 384), (2e-5, 1024), (1e-4, 384)])
        == "2e-05, by the model's width (1,024); 1e-04, by the model's width (384)"
    )
    assert rate_words([]) == "" and all(plain_rate(rate) in rule_words() for _, rate in RATES)


def test_a_tier_before_the_rule_is_another_recipe(cache: Path) -> None:
    home = cache / "evaluations"
    old = make_evaluation(home, recipe=recipe_of("quick", learning_rate=2e-5), told={"tier": "quick"})
    new = make_evaluation(home, width=384)
    assert old.tier == "quick, but learning rate 2e-05" and old.learning_rate == (2e-5, None)
    assert new.tier == "quick" and new.learning_rate == (1e-4, 384) and new.unit["recipe"]["learning_rate"] == 1e-4
    groups = by_recipe([old, new])
    assert [group.title for group in groups] == ["quick", "quick, but learning rate 2e-05"]
    assert (
        "learning rate 1e-04, by the model's width (384)" in groups[0].words
        and "learning rate 2e-05;" in groups[1].words
    )
    rows = leaderboard_rows([old, new], resamples=20)
    assert len(rows) == 2 and all(len(row.cells["cola"].evaluations) == 1 for row in rows)
    text = markdown(rows, ["cola"])
    assert "original (quick, learning rate 1e-04)" in text and "original (quick, but learning rate 2e-05)" in text
    assert "quick,0.0001," in table_csv(rows) and ',"quick, but learning rate 2e-05",2e-05,' in table_csv(rows)
    assert "--tier quick" in commands(rows) and "--learning-rate 2e-05" in commands(rows)


def test_models_of_different_widths_share_a_tier(cache: Path) -> None:
    home = cache / "evaluations"
    made = [
        make_evaluation(home, label=str(width), width=width, told={"model": f"{width:064}"}) for width in (768, 384)
    ]
    (group,) = by_recipe(made)
    assert group.title == "quick"
    assert "learning rate 2e-05, by the model's width (768); 1e-04, by the model's width (384)" in group.words


def unit_of(folder: Path, recipe: Recipe) -> Unit:
    return Unit(variant=Variant(label="original", model=str(folder)), task="mrpc", seed=0, recipe=recipe)


def test_the_rate_is_resolved_where_the_model_is_known_and_names_the_evaluation(folder: Path, glue: Path) -> None:
    def made(**changes: Any) -> Prepared:
        return prepare(read_unit(unit_of(folder, recipe_of("quick", **changes)).plain()), glue_dir=glue)

    by_width, given = made(), made(learning_rate=2e-4)
    assert by_width.recipe == given.recipe == recipe_of("quick", learning_rate=2e-4)  # 24 wide
    assert by_width.document["recipe"]["learning_rate"] == 2e-4 and by_width.document["learning_rate_by"] == {
        "width": 24
    }
    assert "learning_rate_by" not in given.document and by_width.id != given.id
    assert (by_width.document["tier"], given.document["tier"]) == ("quick", "own")


def test_the_bill_names_the_rates(folder: Path, glue: Path) -> None:
    units = [unit_of(folder, recipe) for recipe in (recipe_of("smoke"), recipe_of("smoke", learning_rate=5e-5))]
    lines, _ = lay_out(units, glue_dir=glue)
    assert estimate_launch(lines, set(), []).learning_rates == "2e-04, by the model's width (24); 5e-05"
    assert recipe_of("paper", epochs=0).rate(24) is None  # nothing is trained


def test_the_model_is_trained_with_the_rate_of_its_width(folder: Path, glue: Path, cache: Path) -> None:
    def trained(rate: float | None) -> Evaluation:
        recipe = Recipe(**{**SMALL.plain(), "learning_rate": rate})
        return perform(prepare(unit_of(folder, recipe), glue_dir=glue), Execution(device="cpu"))

    by_width, same, other = (trained(rate) for rate in (None, 2e-4, 2e-5))
    assert by_width.learning_rate == (2e-4, 24) and same.learning_rate == (2e-4, None)
    assert by_width.result["weights_sha256"] == same.result["weights_sha256"] != other.result["weights_sha256"]


def test_no_training_has_no_rate_in_words() -> None:
    assert (
        words(recipe_of("paper", epochs=0)).startswith("no training")
        and title(recipe_of("paper", epochs=0)) == "paper, but epochs 0"
    )


def test_commands_say_the_rate(
    folder: Path, glue: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(f"model: {folder}\nvariants: [original]\ntasks: [mrpc]\ntier: smoke\n")
    assert main(["sweep", str(sweep), "--glue-dir", str(glue), "--dry-run"]) == 0
    assert "Learning rate 2e-04, by the model's width (24)." in capsys.readouterr().out
    asked = [
        "evaluate",
        "--model",
        str(folder),
        "--task",
        "mrpc",
        "--tier",
        "smoke",
        "--max-steps",
        "2",
        "--glue-dir",
        str(glue),
    ]
    assert main([*asked, "--device", "cpu", "--quiet"]) == 0
    assert "learning rate 2e-04, by the model's width (24)" in capsys.readouterr().out


@pytest.mark.parametrize("rate", [3e-5, 1e-5, 1e-4, 2.5e-6])
def test_a_sweep_file_with_a_rate_is_read_back(rate: float, tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(sweep_file({"model": "demo", "recipe": {"learning_rate": rate}}))
    assert "!!" not in path.read_text() and read_sweep(path).recipe.learning_rate == rate
