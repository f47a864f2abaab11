"""The sizes that the paper states, shown next to the counted ones and never mixed with them."""

from __future__ import annotations

from dataclasses import dataclass

from obce_core.architectures import EncoderShape, Family


@dataclass(frozen=True, kw_only=True)
class Published:
    """A claimed size: what the paper calls the model's size (`nominal` parameters), what is left of it, and how that is
    got."""

    model: str
    nominal: int
    claim: float
    words: str


_CLAIMS = {
    (12, 768, 12, 3072): Published(
        model="BERT Base",
        nominal=110_000_000,
        claim=0.5847,
        words="58.47 % of BERT Base (110M to 64M); none of the three readings of its own Table 2 gives it",
    ),
    (24, 1024, 16, 4096): Published(
        model="BERT Large",
        nominal=340_000_000,
        claim=0.523,
        words="52.3 % of BERT Large (340M to 177.2M): what its Table 3 leaves of the encoder, divided by the nominal "
        "size",
    ),
}
"""By layers, hidden width, heads and intermediate width."""


def published(family: Family, shape: EncoderShape) -> Published | None:
    """Return the paper's claim for an encoder of this family and shape, or None where it has none."""
    if family.model_type != "bert":
        return None
    return _CLAIMS.get((shape.layers, shape.hidden, shape.heads, shape.intermediate))
