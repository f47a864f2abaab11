"""The size table of a model before and after a cut, and its readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from obce_core.plan.published_sizes import Published


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One component of one layer (from 1).

    `neurons` before the cut and `kept` by the plan (None: no plan is known) are not `rows`, the stored rows of the
    linear map, since query and key are stored in pairs; `extra` key rows stand apart from both. Parameters are weights,
    biases and extra rows; `flops` are two for a multiply-add, of one text: the linear map, QKᵀ with the key, attention
    times V with the value.
    """

    layer: int
    component: str
    neurons: int
    kept: int | None
    rows: int
    extra: int
    parameters: int
    parameters_left: int
    flops: int
    flops_left: int


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A part of the model that people count: its parameters, and its bytes in float32 (of `total`: the whole file)."""

    name: str
    parameters: int
    parameters_left: int
    bytes: int
    bytes_left: int


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Three ways to say how much is left, as shares: of the whole model, of the encoder, and encoder left / nominal
    size."""

    of_total: float
    encoder_only: float
    of_nominal: float | None


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The table: `entries` by layer and component, `parts` of the model that no plan cuts, and the `scopes` in sum.

    `paper_left` is the total left under the paper's convention (each side of Q/K cut on its own, coupled columns cut
    too); None where no plan is known. `claim` is what the paper says of a model of this shape, if it does.
    """

    entries: tuple[Entry, ...]
    parts: Mapping[str, int]
    scopes: tuple[Scope, Scope, Scope]
    length: int
    flops: int
    flops_left: int
    paper_left: int | None
    claim: Published | None

    @property
    def total(self) -> Scope:
        return self.scopes[0]

    @property
    def encoder(self) -> Scope:
        return self.scopes[1]

    @property
    def readings(self) -> Readings:
        """The three readings of what is stored."""
        return self._read(self.total.parameters_left)

    @property
    def paper_readings(self) -> Readings | None:
        """The three readings of the count under the paper's convention."""
        return None if self.paper_left is None else self._read(self.paper_left)

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data, readings included."""
        paper = self.paper_readings
        return {
            **asdict(self),
            "readings": asdict(self.readings),
            "paper_readings": None if paper is None else asdict(paper),
        }

    def _read(self, left: int) -> Readings:
        encoder_left = left - (self.total.parameters - self.encoder.parameters)
        return Readings(
            of_total=left / self.total.parameters,
            encoder_only=encoder_left / self.encoder.parameters,
            of_nominal=None if self.claim is None else encoder_left / self.claim.nominal,
        )
