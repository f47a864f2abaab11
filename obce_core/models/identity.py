"""The identity of a model: everything in its folder that decides a number computed with it.

Two folders with the same identity give the same outputs for the same texts; every result is stored with the identity of
its model, and a result is reused or combined only where the whole identity is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from obce_core.architectures.stored import to_entry
from obce_core.models.check import ModelReport
from obce_core.models.locate import TOKENIZER_FILES
from obce_core.storage.digests import digest, stable_sha256

FORMAT = "obce-identity/1"

OLDER = "Its identity is of the older kind (the weights, and not every file that decides a number)."
"""What is said of a result that was stored before identities were recorded."""

_TITLES = {
    "weights": "other weights",
    "architecture": "another architecture",
    "config": "another config.json",
    "widths": "other stored rows",
    "tokenizer": "another tokenizer",
}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The parts of a model that decide its outputs, each 64 hex digits except `architecture`.

    Attributes:
        weights: sha256 of the weights file.
        architecture: family and class name, `bert/BertModel`.
        config: digest of the checked fields of config.json; fields that change nothing are not part of it.
        widths: digest of the rows that a cut model stores; "" for a stock model.
        tokenizer: digest of the name and content of every file that a tokenizer may read.
    """

    weights: str
    architecture: str
    config: str
    widths: str
    tokenizer: str

    @property
    def digest(self) -> str:
        """One digest (64 hex digits) of all parts."""
        return digest([FORMAT, self.plain()])

    def plain(self) -> dict[str, str]:
        """Return the parts as plain data."""
        return asdict(self)

    def differences(self, other: Identity) -> list[str]:
        """Name the parts in which another identity differs, in words: "another tokenizer"."""
        return [title for name, title in _TITLES.items() if getattr(self, name) != getattr(other, name)]


def identity_of(report: ModelReport) -> Identity:
    """Compute the identity of a checked model; reads its weights and tokenizer files once each."""
    source = report.source
    files = {name: source.file(name) for name in TOKENIZER_FILES}
    return Identity(
        weights=source.weights_sha256,
        architecture=f"{report.family.model_type}/{report.architecture}",
        config=config_digest(report.config),
        widths=stored_rows(report),
        tokenizer=digest({name: stable_sha256(path) for name, path in files.items() if path is not None}),
    )


def config_digest(config: Mapping[str, Any]) -> str:
    """Return the digest of a checked config; numbers as keys (`id2label`) and their text are one."""
    return digest({name: _text_keys(value) for name, value in config.items()})


def stored_rows(report: ModelReport) -> str:
    """Return the digest of the rows that each layer of a cut model stores, "" for a stock model."""
    return digest([layer and to_entry(layer, report.shape) for layer in report.layers]) if report.layers else ""


def read_identity(data: object) -> Identity | None:
    """Read an identity from plain data, or return None where none, or one of another form, was stored."""
    names = {field.name for field in fields(Identity)}
    if (
        not isinstance(data, Mapping)
        or set(data) != names
        or not all(isinstance(value, str) for value in data.values())
    ):
        return None
    return Identity(**data)


def _text_keys(value: Any) -> Any:
    return {str(key): entry for key, entry in value.items()} if isinstance(value, Mapping) else value
