"""What a plan may do for the hardware that runs the smaller model: wider, more regular widths."""

from __future__ import annotations

from dataclasses import dataclass

from obce_core.errors import PlanError, shorten

ROUND_TO = (0, 8, 16)


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Neurons to add back after percentiles and exceptions (see `widen`); nothing is ever cut for it.

    `round_to` makes stored widths multiples of 8 or 16 (0: leave them), `per_head` makes all heads of a layer as wide
    as its widest.
    """

    round_to: int = 0
    per_head: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.round_to, bool) or not isinstance(self.round_to, int) or self.round_to not in ROUND_TO:
            raise PlanError(f"round_to is {shorten(self.round_to)}; allowed: 8 or 16 (0: widths stay as they are).")
        if not isinstance(self.per_head, bool):
            raise PlanError(f"per_head is {shorten(self.per_head)}; expected true or false.")

    @property
    def asked(self) -> bool:
        """Return True if any width is to be changed."""
        return self != Hardware()

    def joined(self, other: Hardware) -> Hardware:
        """Return these options with those of `other` on top."""
        return Hardware(round_to=other.round_to or self.round_to, per_head=other.per_head or self.per_head)

    def words(self) -> str:
        """Say in a few words what is asked for."""
        parts = [f"widths are multiples of {self.round_to}"] if self.round_to else []
        return ", ".join([*parts, "the heads of a layer are equally wide"] if self.per_head else parts)
