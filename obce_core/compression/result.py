"""The measurements of a compressed model, read from its folder without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.errors import ModelError
from obce_core.plan.size import Budget
from obce_core.storage.atomic import read_json
from obce_core.storage.staging import is_complete

RESULT = "obce.json"


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """Mean cosine between two models' outputs over texts: of [CLS] and of the mean over a text's tokens.

    `cls_lowest` and `pooled_lowest` are of the text that suffers most.
    """

    texts: int
    cls: float
    pooled: float
    cls_lowest: float
    pooled_lowest: float


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """A compressed model on disk and what was measured of it.

    `plan` and `analysis` name what it was made from; `difference` is the largest difference to the masked original on
    `difference_texts` texts (see `largest_difference`); `fidelity` is None when there was no text to measure it on.
    """

    folder: Path
    plan: str
    analysis: str
    name: str
    budget: Budget
    difference: float
    difference_texts: int
    fidelity: Fidelity | None

    def plain(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return {**asdict(self), "folder": str(self.folder)}


def read_compressed(folder: str | Path) -> Compressed:
    """Read what was measured when a model was compressed, or raise ModelError."""
    home = Path(folder)
    try:
        facts = read_json(home / RESULT)
        close = facts["fidelity"]
        return Compressed(
            folder=home,
            plan=facts["plan"],
            analysis=facts["analysis"],
            name=facts["model"]["name"],
            budget=Budget(**facts["budget"]),
            difference=facts["difference"],
            difference_texts=facts["difference_texts"],
            fidelity=Fidelity(**close) if close else None,
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"{home} is not a model folder written by obce ({RESULT} is missing or unreadable).") from None


def models_home() -> Path:
    """Return where compressed models without a folder of their own lie."""
    return settings.cache_dir() / "models"


def list_models() -> list[Compressed]:
    """List the complete compressed models of the cache, the newest first; unreadable ones are left out."""
    models = []
    home = models_home()
    folders = [folder for folder in home.iterdir() if is_complete(folder)] if home.is_dir() else []
    for folder in sorted(folders, key=lambda path: -path.lstat().st_mtime):
        if ".tmp-" not in folder.name:
            try:
                models.append(read_compressed(folder))
            except ModelError:
                continue
    return models
