"""The wheel carries the whole product: installed elsewhere, its command answers and its dashboard opens Home."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

_HOME = """
import sys
from pathlib import Path
import obce_core
from obce_core.cli.app import app_home
home = app_home()
assert Path(obce_core.__file__).is_relative_to({target!r}), obce_core.__file__
assert home.is_relative_to({target!r}), home
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(str(home / "app.py"), default_timeout=60).run()
assert not app.exception, app.exception
print([button.label for button in app.button])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it into a folder of its own, as an installer does."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    environment.pop("OBCE_CACHE", None)
    return subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_wheel_has_what_is_not_code(installed: Path) -> None:
    for name in (
        "texts/sources/demo.tsv",
        "figures/widgets/film/script.js",
        "figures/widgets/cell_map/style.css",
        "_app/app.py",
        "_app/pages/home/page.py",
        "py.typed",
    ):
        assert (installed / "obce_core" / name).is_file(), name
    assert (installed / "obce_core" / "_app" / ".streamlit" / "config.toml").is_file()


def test_the_installed_dashboard_opens_home(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-c", _HOME.format(target=str(installed)))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Run the demo" in done.stdout


def test_the_installed_cache_is_the_users(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-c", "from obce_core.settings import cache_dir; print(cache_dir())")
    expected = tmp_path / ("Library/Caches/obce" if sys.platform == "darwin" else "cache/obce")
    assert done.stdout.strip() == str(expected)


def test_the_installed_command_answers(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-m", "obce_core.cli", "--version")
    assert done.stdout.startswith("obce ")
