"""Controls on a board: which row keeps other neurons in the stored shape of which plan.

An evaluation that was made as a control says so (`control_of`, outside its id: the plan's digest, the criterion, the
draw). Of older ones only the label tells, by the name that `variants_of` gave it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from obce_core.glue.leaderboard import Row

_SHAPE = " of the same shape"
_NAMED = re.compile(rf"(?:(random) (\d{{1,3}})|(\w{{1,40}})){_SHAPE}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Control:
    """A control: the digest of the plan whose shape it has, the criterion that chose its neurons, and the draw."""

    plan: str
    criterion: str
    draw: int = 0

    @property
    def name(self) -> str:
        """The control's name beside its plan's: "random 1"."""
        return control_name(self.criterion, self.draw)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def control_name(criterion: str, draw: int) -> str:
    """Name a control: its criterion, and of a random one the draw.

    >>> control_name("random", 1), control_name("std", 0)
    ('random 1', 'std')
    """
    return f"{criterion} {draw}" if criterion == "random" else criterion


def control_label(label: str, criterion: str, draw: int) -> str:
    """Name a control in full, behind the label of its plan."""
    return f"{label}, {control_name(criterion, draw)}{_SHAPE}"


def read_control(row: Row) -> Control | None:
    """Read what a row is a control of; None where it does not say so."""
    for unit in _units(row):
        document = unit.get("control_of")
        if isinstance(document, Mapping):
            try:
                return Control(
                    plan=str(document["plan"]), criterion=str(document["criterion"]), draw=int(document["draw"])
                )
            except (KeyError, TypeError, ValueError):
                continue
        if isinstance(control := unit.get("control"), list):  # cut after the training: the plan is its own
            return Control(plan=str(unit["plan"]), criterion=str(control[0]), draw=int(control[1]))
    return None


def find_control(row: Row, rows: Sequence[Row]) -> Control | None:
    """Return what a row is a control of; where it does not say so, by its label and the plan's row among `rows`."""
    control = read_control(row)
    parent = next((other for other in rows if is_control_of(row, other)), None)
    if control is not None or parent is None or parent.plan is None:
        return control
    match = _NAMED.fullmatch(row.label.removeprefix(f"{parent.label}, "))
    return Control(plan=parent.plan, criterion=match[1] or match[3], draw=int(match[2] or 0)) if match else None


def is_control(row: Row) -> bool:
    """Return True if a row is a control of the shape of a plan."""
    return read_control(row) is not None or row.label.endswith(_SHAPE)


def is_control_of(row: Row, other: Row) -> bool:
    """Return True if a row is a control of the shape of another row: same weights, same order."""
    mine, theirs = _units(row)[0], _units(other)[0]
    if row.key == other.key or mine["model"] != theirs["model"] or row.order != other.order or is_control(other):
        return False
    control = read_control(row)
    if control is None:
        return row.label.startswith(f"{other.label}, ") and is_control(row)
    return control.plan == other.plan and (row.order == "cut-first" or mine["intent"] == theirs["intent"])


def short_label(row: Row, rows: Sequence[Row]) -> str:
    """Name a control without its plan's name where the plan's row is among `rows`; any other row by its label."""
    parent = next((other for other in rows if is_control_of(row, other)), None)
    if parent is None:
        return row.label
    control = read_control(row)
    return f"{control.name}{_SHAPE}" if control is not None else row.label.removeprefix(f"{parent.label}, ")


def _units(row: Row) -> list[Mapping[str, Any]]:
    return [one.unit for cell in row.cells.values() for one in cell.evaluations.values()]
