"""Output folders given to Python functions, as the command line takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from obce_core.errors import BadInput, PathError
from obce_core.export.formats import FORMATS


def test_a_folder_below_the_home_is_meant_by_a_tilde_in_python_too(
    tiny_folder: Path, tiny_analysis: Any, tiny_cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny import sample, some_of_everything

    from obce_core.analysis.analyze import analyze
    from obce_core.compression.build import compress
    from obce_core.export.dense import export_dense
    from obce_core.export.onnx import export_onnx

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    calls = [
        lambda: analyze(tiny_folder, sample(20), out="~/mine"),
        lambda: compress(tiny_analysis, some_of_everything(tiny_analysis), "~/mine"),
        lambda: export_dense(tiny_cut, "~/mine"),
        *([lambda: export_onnx(tiny_cut, "~/mine")] if not FORMATS["onnx"].missing() else []),
    ]
    for call in calls:
        with pytest.raises(PathError, match=f"{tmp_path}/mine already exists"):
            call()
    with pytest.raises(BadInput, match="does not exist"):
        export_dense(tiny_cut, "~nobody-here/mine")
