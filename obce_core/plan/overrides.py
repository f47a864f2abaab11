"""Neurons that a person keeps or drops one by one: an intent in, an intent out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from obce_core.plan.spec import Hand, Intent

Side = Literal["keep", "drop"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One neuron kept or dropped by hand (`side`), and why."""

    side: Side
    layer: int
    component: str
    neuron: int
    reason: str


def choose_neuron(intent: Intent, side: Side, layer: int, component: str, neuron: int, reason: str = "") -> Intent:
    """Keep or drop one neuron whatever its percentile says; an earlier choice of the same neuron is replaced.

    Neurons of one cell with the same reason share an entry.

    Raises:
        PlanError: a locked component, no layer or neuron number, or a reason that is too long.
    """
    free = release_neuron(intent, layer, component, neuron)
    hands = list(getattr(free, side))
    for place, hand in enumerate(hands):
        if (hand.layer, hand.component, hand.reason) == (layer, component, reason):
            hands[place] = replace(hand, neurons=(*hand.neurons, neuron))
            break
    else:
        hands.append(Hand(layer=layer, component=component, neurons=(neuron,), reason=reason))
    return replace(free, keep=tuple(hands)) if side == "keep" else replace(free, drop=tuple(hands))


def release_neuron(intent: Intent, layer: int, component: str, neuron: int) -> Intent:
    """Forget what was chosen for a neuron by hand."""

    def without(hands: tuple[Hand, ...]) -> tuple[Hand, ...]:
        left = [
            replace(hand, neurons=tuple(n for n in hand.neurons if n != neuron))
            if (hand.layer, hand.component) == (layer, component)
            else hand
            for hand in hands
        ]
        return tuple(hand for hand in left if hand.neurons)

    return replace(intent, keep=without(intent.keep), drop=without(intent.drop))


def choices(intent: Intent) -> Iterator[Choice]:
    """Yield every neuron chosen by hand, by layer, component and index; the kept before the dropped."""
    sides: tuple[tuple[Side, tuple[Hand, ...]], ...] = (("keep", intent.keep), ("drop", intent.drop))
    for side, hands in sides:
        found = [
            Choice(side=side, layer=hand.layer, component=hand.component, neuron=neuron, reason=hand.reason)
            for hand in hands
            for neuron in hand.neurons
        ]
        yield from sorted(found, key=lambda choice: (choice.layer, choice.component, choice.neuron))


def choice_of(intent: Intent, layer: int, component: str, neuron: int) -> Choice | None:
    """Return what was chosen for a neuron by hand, or None."""
    wanted = (layer, component, neuron)
    return next(
        (choice for choice in choices(intent) if (choice.layer, choice.component, choice.neuron) == wanted), None
    )
