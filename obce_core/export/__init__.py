"""Exports of a model folder to the formats of other runtimes, one module per format."""

from __future__ import annotations

from pathlib import Path

from obce_core.errors import ObceError
from obce_core.models.check import check_model
from obce_core.models.identity import identity_of
from obce_core.storage.atomic import read_json
from obce_core.storage.staging import is_complete
from obce_core.version import ALGORITHMS

FACTS = "export.json"


def is_export_of(folder: Path, model: Path) -> bool:
    """Return True if a complete export was made from the present model by the algorithm of this version.

    An export of the older kind, which records no identity, is not one.
    """
    try:
        facts = read_json(folder / FACTS) if is_complete(folder) else {}
        return (facts.get("identity"), facts.get("algorithm")) == (
            identity_of(check_model(model)).plain(),
            ALGORITHMS["export"],
        )
    except (ObceError, OSError, ValueError, AttributeError):
        return False
