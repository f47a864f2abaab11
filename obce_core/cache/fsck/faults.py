"""The seven conditions under which nothing is lost, and a breach of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONDITIONS = {
    "N1": "every run whose id was returned exists, with the spec that was submitted",
    "N2": "everything that was committed before is still there",
    "N3": "everything under a final name is whole; what is half-written has a temporary name",
    "N4": "no state is false: what is done has its result, what is at work has a process, what failed has a reason",
    "N5": "a run has one owner: no older attempt wrote after a newer one began",
    "N6": "the same job gives the same answer, however often it was interrupted",
    "N7": "every edit that was said to be saved can be read",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A breach of one condition: where, and what is wrong."""

    condition: str
    path: Path
    what: str

    def describe(self) -> str:
        return f"{self.condition}  {self.path}: {self.what}"
