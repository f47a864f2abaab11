"""The facade: what it lists is what there is."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import obce_core

LISTED = re.findall(r"^    (\w+)  +[\w(].*->", obce_core.__doc__ or "", flags=re.MULTILINE)
VERBS = sorted(set(obce_core.__all__) - {"__version__"})


def test_the_docstring_lists_the_public_names() -> None:
    assert sorted(LISTED) == VERBS
    assert sorted(obce_core._HOMES) == VERBS
    assert dir(obce_core) == sorted(obce_core.__all__)
    assert {"analyze", "compress", "load", "make_plan", "read_analysis", "read_plan"} <= set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_every_name_is_the_function_of_its_module(name: str) -> None:
    found = getattr(obce_core, name)
    assert callable(found)
    assert found is getattr(import_module(obce_core._HOMES[name]), name)
    assert getattr(obce_core, name) is found
    assert inspect.getdoc(found)


@pytest.mark.parametrize("name", VERBS)
def test_no_module_has_the_name_of_a_function(name: str) -> None:
    home = Path(obce_core.__file__).parent  # importing such a module would hide the function
    assert not (home / f"{name}.py").exists() and not (home / name).exists()


@pytest.mark.parametrize("name", VERBS)
def test_every_name_tells_its_errors(name: str) -> None:
    text = inspect.getdoc(getattr(obce_core, name)) or ""
    assert "Raises:" in text


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'obce_core' has no attribute 'analyse'"):
        obce_core.analyse  # noqa: B018


def test_the_version_is_the_projects() -> None:
    from obce_core.version import versions

    assert re.fullmatch(r"\d+\.\d+\.\d+", obce_core.__version__)
    found = versions()
    assert list(found) == ["obce", "python", "torch", "transformers", "tokenizers", "numpy"]
    assert found["obce"] == obce_core.__version__
