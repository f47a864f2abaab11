"""The registry of criteria, which rank the neurons of a cell; the default is `r_f`."""

from __future__ import annotations

from obce_core.criteria.base import DEGENERATE, CellData, Criterion
from obce_core.criteria.control import MAGNITUDE, RANDOM, random_scores
from obce_core.criteria.persistence import R_F, TOTAL_PERSISTENCE
from obce_core.criteria.spread import RANGE, STD, STD_ALL
from obce_core.errors import UnknownName

CRITERIA: dict[str, Criterion] = {
    criterion.name: criterion for criterion in (R_F, STD, STD_ALL, RANGE, TOTAL_PERSISTENCE, MAGNITUDE, RANDOM)
}

__all__ = ["CRITERIA", "DEGENERATE", "CellData", "Criterion", "criterion", "random_scores"]


def criterion(name: str) -> Criterion:
    """Return a criterion by name, or raise UnknownName with the known ones."""
    if name not in CRITERIA:
        raise UnknownName("criterion", name, CRITERIA)
    return CRITERIA[name]
