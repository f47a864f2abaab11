"""Manual overrides: keep or drop single neurons of a prune spec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from obce_core.plan.spec import ManualOverride, PruneSpec

Side = Literal["keep", "drop"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One neuron kept or dropped by hand (`side`), and why."""

    side: Side
    layer: int
    component: str
    neuron: int
    reason: str


def choose_neuron(
    prune_spec: PruneSpec, side: Side, layer: int, component: str, neuron: int, reason: str = ""
) -> PruneSpec:
    """Keep or drop one neuron whatever its percentile says; an earlier choice of the same neuron is replaced.

    Neurons of one cell with the same reason share an entry.

    Raises:
        PlanError: a locked component, no layer or neuron number, or a reason that is too long.
    """
    free = release_neuron(prune_spec, layer, component, neuron)
    hands = list(getattr(free, side))
    for place, hand in enumerate(hands):
        if (hand.layer, hand.component, hand.reason) == (layer, component, reason):
            hands[place] = replace(hand, neurons=(*hand.neurons, neuron))
            break
    else:
        hands.append(ManualOverride(layer=layer, component=component, neurons=(neuron,), reason=reason))
    return replace(free, keep=tuple(hands)) if side == "keep" else replace(free, drop=tuple(hands))


def release_neuron(prune_spec: PruneSpec, layer: int, component: str, neuron: int) -> PruneSpec:
    """Forget what was chosen for a neuron by hand."""

    def without(hands: tuple[ManualOverride, ...]) -> tuple[ManualOverride, ...]:
        left = [
            replace(hand, neurons=tuple(n for n in hand.neurons if n != neuron))
            if (hand.layer, hand.component) == (layer, component)
            else hand
            for hand in hands
        ]
        return tuple(hand for hand in left if hand.neurons)

    return replace(prune_spec, keep=without(prune_spec.keep), drop=without(prune_spec.drop))


def choices(prune_spec: PruneSpec) -> Iterator[Choice]:
    """Yield every neuron chosen by hand, by layer, component and index; the kept before the dropped."""
    sides: tuple[tuple[Side, tuple[ManualOverride, ...]], ...] = (("keep", prune_spec.keep), ("drop", prune_spec.drop))
    for side, hands in sides:
        choices_ = [
            Choice(side=side, layer=hand.layer, component=hand.component, neuron=neuron, reason=hand.reason)
            for hand in hands
            for neuron in hand.neurons
        ]
        yield from sorted(choices_, key=lambda choice: (choice.layer, choice.component, choice.neuron))


def choice_of(prune_spec: PruneSpec, layer: int, component: str, neuron: int) -> Choice | None:
    """Return what was chosen for a neuron by hand, or None."""
    position = (layer, component, neuron)
    return next(
        (choice for choice in choices(prune_spec) if (choice.layer, choice.component, choice.neuron) == position), None
    )
