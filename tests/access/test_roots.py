"""Paths that somebody types into the dashboard: below the roots, wherever symlinks lead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from obce_core import settings
from obce_core.access import ReadOnly
from obce_core.access.roots import roots, typed_model, typed_path
from obce_core.errors import PathError


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home, a working folder and a place outside of both."""
    for name in ("home/data", "work/texts", "outside/secret"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OBCE_ROOTS")
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def test_the_default_is_home_working_folder_and_the_caches(places: Path, cache: Path) -> None:
    assert roots() == [places / "home", places / "work", cache, places / "home/.cache/huggingface/hub"]
    assert typed_path("~/data") == places / "home/data"
    assert typed_path("texts/a.txt") == places / "work/texts/a.txt"  # what is not there yet may be typed
    assert typed_path(cache / "models/x") == cache / "models/x"
    assert typed_path(places / "home") == places / "home"


OUTSIDE = [
    "../outside/secret",
    "/etc/passwd",
    "~/../outside",
    "texts/../../outside",
    "/",
    "..",
    "../homework",
    "../home2",
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_leads_out_is_refused_and_said(places: Path, text: str) -> None:
    with pytest.raises(PathError) as caught:
        typed_path(text, what="GLUE folder")
    message = str(caught.value)
    assert (
        f"The GLUE folder {text} is outside" in message and str(places / "home") in message and "OBCE_ROOTS" in message
    )
    with pytest.raises(PathError):
        typed_model(text)


def test_the_refusal_does_not_say_whether_a_file_exists(places: Path) -> None:
    told = []
    for name in ("secret", "absent"):
        with pytest.raises(PathError) as caught:
            typed_path(f"../outside/{name}")
        told.append(str(caught.value).replace(name, ""))
    assert told[0] == told[1]


def test_symlinks_are_followed_before_the_comparison(places: Path) -> None:
    (places / "work/link").symlink_to(places / "outside")
    (places / "work/chain").symlink_to(places / "work/link/secret")
    (places / "outside/back").symlink_to(places / "home/data")
    (places / "work/loop").symlink_to(places / "work/loop")
    for text in ("link", "link/secret", "chain", "link/new/file"):
        with pytest.raises(PathError):
            typed_path(text)
    assert typed_path("link/back") == places / "home/data"
    assert typed_path("loop") == places / "work/loop"


def test_a_root_may_be_a_symlink(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (places / "alias").symlink_to(places / "outside")
    monkeypatch.setenv("OBCE_ROOTS", str(places / "alias"))
    assert typed_path(places / "outside/secret") == places / "outside/secret"


def test_obce_roots_replaces_the_default(places: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_ROOTS", os.pathsep.join([str(places / "outside"), "", "~/data"]))
    assert roots()[:2] == [places / "outside", places / "home/data"]
    assert typed_path("../outside/secret") == places / "outside/secret"
    for text in ("texts", "~"):
        with pytest.raises(PathError):
            typed_path(text)
    assert typed_path(cache) == cache


@pytest.mark.parametrize("text", ["~nobody-of-this-name/x", "a\0b"])
def test_what_is_not_a_path_is_refused(places: Path, text: str) -> None:
    with pytest.raises(PathError):
        typed_path(text)


@pytest.mark.parametrize("spec", ["demo", "bert-base-cased", "google-bert/bert-base-cased"])
def test_a_hub_id_is_not_a_path(places: Path, spec: str) -> None:
    assert typed_model(spec) == spec


def test_a_folder_that_looks_like_a_hub_id_is_a_path(places: Path) -> None:
    (places / "work/owner").symlink_to(places / "outside")
    with pytest.raises(PathError):
        typed_model("owner/secret")
    assert typed_model("texts") == "texts"


def test_a_read_only_dashboard_takes_no_typed_path(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_READ_ONLY", "1")
    for call in (
        lambda: typed_path("texts"),
        lambda: typed_model("texts"),
        lambda: typed_model("google-bert/bert-base-cased"),
    ):
        with pytest.raises(ReadOnly, match="read-only"):
            call()
    assert typed_model("demo") == "demo"


def test_the_hubs_cache_is_where_the_library_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Against the library's own constants, read in a process of its own for each environment."""
    import subprocess
    import sys

    for variables in (
        {},
        {"HF_HOME": str(tmp_path / "a")},
        {"HF_HUB_CACHE": str(tmp_path / "b")},
        {"XDG_CACHE_HOME": str(tmp_path / "c")},
    ):
        plain = {
            k: v
            for k, v in os.environ.items()
            if k not in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME")
        }
        script = (
            "from huggingface_hub.constants import HF_HUB_CACHE; from obce_core import settings; print(HF_HUB_CACHE)"
        )
        script += "; print(settings.hub_cache())"
        done = subprocess.run(
            [sys.executable, "-c", script], env={**plain, **variables}, capture_output=True, text=True, timeout=60
        )
        theirs, ours = done.stdout.split("\n")[:2]
        assert theirs == ours, done.stderr
    assert settings.hub_cache()
