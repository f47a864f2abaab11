"""The two paths in docs/architecture.md, checked against the real calls of an analysis and a cut."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from tiny import save_tiny

import obce_core
from tests.architecture import PAGE, RANK, place


def documented(name: str) -> list[str]:
    """Return the functions of a path of the page, in its order, `obce_core` left out."""
    text = PAGE.read_text("utf-8").split(f"<!-- path: {name} -->\n")[1].split("\n\n")[0]
    return re.findall(r"^\d+\. `([\w.]+)`", text, re.M)


def calls(work: Callable[[], Any]) -> list[str]:
    """Do some work and return the functions of the package that were called, each at its first call."""
    seen: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__") or ""
        if event == "call" and module.startswith("obce_core."):
            seen.setdefault(f"{module.removeprefix('obce_core.')}.{frame.f_code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return list(seen)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Analyse and cut a tiny model, and return the calls of both."""
    home = tmp_path_factory.mktemp("paths")
    model = save_tiny(home / "model")
    lines = [f"{a} {b}" for a in ("able", "baby", "cake", "dark") for b in ("acid", "back", "calm", "dawn")]
    (home / "texts.txt").write_text("\n".join(lines))
    options: dict[str, Any] = {"device": "cpu", "batch_size": 8}

    def analyze() -> None:
        obce_core.analyze(model, home / "texts.txt", n_texts=12, out=home / "analysis", **options)

    def cut() -> None:
        analysis = obce_core.read_analysis(home / "analysis")
        obce_core.compress(
            analysis, obce_core.make_plan(analysis, percentile=50, first_layer=2), home / "cut", device="cpu"
        )

    return {"text": calls(analyze), "percentile": calls(cut)}


@pytest.mark.parametrize("name", ["text", "percentile"])
def test_the_path_is_what_is_called_in_this_order(name: str, traced: dict[str, list[str]]) -> None:
    steps = documented(name)
    assert len(steps) >= 5
    assert [step for step in steps if step not in traced[name]] == []
    assert sorted(steps, key=traced[name].index) == steps


def test_a_percentile_passes_at_most_six_modules_and_never_goes_back() -> None:
    modules = list(dict.fromkeys(re.sub(r"(\.[A-Z]\w*)?\.\w+$", "", step) for step in documented("percentile")))
    assert len(modules) <= 6
    ranks = [RANK[place(module)] for module in modules]
    assert ranks == sorted(ranks)


def test_calls_lists_a_function_once_and_in_order() -> None:
    from obce_core.formatting import amount, share

    assert calls(lambda: (share(0.5), amount(1.0), share(0.25))) == ["formatting.share", "formatting.amount"]
