"""Numbers of a sweep's file: exponents as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from obce_core.errors import BadInput
from obce_core.glue.sweep import read_sweep


@pytest.mark.parametrize("written", ["2e-5", "2.0e-5", "2.0e-05", "2E-5", "0.00002"])
def test_a_learning_rate_with_an_exponent_is_a_number(written: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(f"variants: [original]\ntasks: [sst2]\nrecipe: {{learning_rate: {written}}}\n")
    assert read_sweep(path).recipe.learning_rate == 2e-5


@pytest.mark.parametrize(
    ("written", "said"), [("2e5", "write 200000.0 for the number"), ("'2e-5'", "expected a number from 0")]
)
def test_what_is_not_a_number_is_refused_without_wrong_advice(written: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(f"variants: [original]\ntasks: [sst2]\nrecipe: {{learning_rate: {written}}}\n")
    with pytest.raises(BadInput, match=said):
        read_sweep(path)
