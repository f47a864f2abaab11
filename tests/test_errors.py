"""The tree of failures: drawn as it is, each message one plain line."""

from __future__ import annotations

import re
import tracemalloc

import pytest

from obce_core import errors
from obce_core.errors import BadInput, Mismatch, NotFinite, ObceError, UnknownName, shorten


def every(cls: type[ObceError] = ObceError) -> list[type[ObceError]]:
    """List the classes of this module in the order of the tree, a child after its parent."""
    own = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    return [cls, *(found for child in own for found in every(child))]


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = re.findall(r"^    ([│ ├└─]*)(\w+)", errors.__doc__ or "", flags=re.MULTILINE)
    parents: list[str] = []
    told = {}
    for branch, name in drawn:
        depth = len(branch) // 4
        del parents[depth:]
        told[name] = parents[-1] if parents else "Exception"
        parents.append(name)
    assert told == {cls.__name__: cls.__mro__[1].__name__ for cls in every()}


@pytest.mark.parametrize("cls", every(), ids=lambda cls: cls.__name__)
def test_every_class_says_what_it_is_for(cls: type[ObceError]) -> None:
    assert cls.__doc__ and cls.__doc__.endswith(".")
    assert cls.exit_code == (
        2 if issubclass(cls, (BadInput, NotFinite)) else {"Cancelled": 130, "Superseded": 3}.get(cls.__name__, 1)
    )


def test_a_message_is_one_line_with_its_hint_after_it() -> None:
    error = Mismatch("two\nlines \t here", hint=" and\n a hint ")
    assert (error.message, error.hint, str(error)) == ("two lines here", "and a hint", "two lines here and a hint")
    assert str(ObceError("alone")) == "alone"


def test_an_unknown_name_lists_the_known_ones_and_guesses() -> None:
    assert (
        str(UnknownName("criterion", "rf", ["r_f", "std"]))
        == "Unknown criterion 'rf'; known: r_f, std. Did you mean 'r_f'?"
    )
    assert str(UnknownName("criterion", 3, iter(["r_f"]))) == "Unknown criterion '3'; known: r_f."
    assert (
        "\n" not in str(UnknownName("x", "a\nb" * 500, ["c"])) and len(str(UnknownName("x", "a\nb" * 500, ["c"]))) < 120
    )


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ("abc", "abc"),
        (None, "None"),
        ("a\nb\x1b[31m", "a?b?[31m"),
        ("x" * 61, "x" * 59 + "…"),
        ("x" * 60, "x" * 60),
        ("\u202eevil", "?evil"),
        ("é😀", "é😀"),
    ],
)
def test_foreign_text_is_cut_and_made_printable(value: object, short: str) -> None:
    assert shorten(value) == short


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (["ab"] * 1_000_000, "['ab', 'ab', "),
        ({"key": {"n": list(range(1_000_000))}}, "{'key': {'n': [0, 1, 2, "),
        ("x" * 10_000_000, "xxx"),
        ([10**5000, 1], "['a number of about 4,98"),
        (10**5000, "a number of about 4,98"),
        ([1, "two", None, True], "[1, 'two', None, True]"),
    ],
    ids=["list", "nested", "text", "number in a list", "number", "short"],
)
def test_what_is_shortened_is_never_written_in_full(value: object, start: str) -> None:
    tracemalloc.start()
    try:
        text = shorten(value)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert text.startswith(start) and len(text) <= 60
