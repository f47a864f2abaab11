"""The head of a model: which tensors its architecture needs, and which of them the file has. Without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from obce_core.architectures import Family


@dataclass(frozen=True, kw_only=True)
class Head:
    """The tensors outside the encoder that the outputs of `architecture` need, by names relative to the base model.

    `present` are in the file, `absent` are not: a model that is built without them has random outputs. A base model has
        no head, but
    a pooler.
    """

    architecture: str
    present: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Return True if the outputs follow from the file alone."""
        return not self.absent

    @property
    def absent_words(self) -> str:
        """Name what is absent: a whole module as `classifier.*`, else tensor by tensor."""
        return name_tensors(self.absent, self.present)

    @property
    def words(self) -> str:
        """Describe the head in one line."""
        there = name_tensors(self.present, self.absent)
        if not self.absent:
            return f"{there} in the file" if there else "none"
        return (
            f"{there} in the file; " if there else ""
        ) + f"missing: {self.absent_words} (random unless it is trained)"


def head_of(family: Family, architecture: str, config: Mapping[str, Any], names: Iterable[str]) -> Head:
    """Return the head that an architecture needs, held against the names of a file's tensors."""
    have = {family.strip_root(name) for name in names}
    required = family.head_tensors(architecture, config)
    return Head(
        architecture=architecture,
        present=tuple(name for name in required if name in have),
        absent=tuple(name for name in required if name not in have),
    )


def name_tensors(names: Iterable[str], others: Iterable[str] = ()) -> str:
    """Name tensors, those of a module that has none among `others` by the module.

    >>> name_tensors(["classifier.weight", "classifier.bias"], ["pooler.dense.bias"])
    'classifier.*'
    """
    rest = {_module(name) for name in others}
    return ", ".join(dict.fromkeys(name if _module(name) in rest else f"{_module(name)}.*" for name in names))


def _module(name: str) -> str:
    """Return the module that a tensor of a head belongs to: `cls.predictions`, `classifier`, `pooler`."""
    parts = name.split(".")
    return ".".join(parts[:2] if parts[0] == "cls" else parts[:1])
