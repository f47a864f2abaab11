"""`obce report`: one file, of one recipe, never over another file unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made import make_board, make_evaluation

from obce_core.cli import main
from obce_core.glue.recipe import recipe_of


def test_a_report_is_written_once_and_of_one_recipe(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--out", str(tmp_path / "r.html")]) == 2
    assert "There are no evaluations to report on" in capsys.readouterr().err
    make_board(cache / "evaluations")
    make_evaluation(cache / "evaluations", recipe=recipe_of("smoke"))
    assert main(["report", "--out", str(tmp_path / "r.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["recipe"], told["rows"], told["tasks"]) == ("quick", 4, ["cola", "mrpc"])
    assert "P50 by r_f" in (tmp_path / "r.html").read_text("utf-8")
    assert main(["report", "--out", str(tmp_path / "r.html")]) == 2
    assert "already exists" in capsys.readouterr().err
    assert (
        main(["report", "--out", str(tmp_path / "r.html"), "--overwrite", "--recipe", "smoke", "--task", "cola"]) == 0
    )
    assert "P50 by r_f" not in (tmp_path / "r.html").read_text("utf-8")
    assert main(["report", "--out", str(tmp_path), "--overwrite"]) == 2
    assert main(["report", "--out", str(tmp_path / "x.html"), "--recipe", "paper"]) == 2
    assert main(["report", "--out", str(tmp_path / "x.html"), "--task", "rte"]) == 2
