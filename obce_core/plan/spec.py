"""The prune spec: percentiles by layer and component, manual overrides, compensation and hardware options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from obce_core.components import CUTTABLE, LOCKED, check_component
from obce_core.criteria import criterion
from obce_core.errors import PlanError, UnknownName, shorten

ROUND_TO = (0, 8, 16)


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Neurons to add back after percentiles and exceptions (see `widen`); nothing is ever cut for it.

    `round_to` makes stored widths multiples of 8 or 16 (0: leave them), `per_head` makes all heads of a layer as wide as
    its widest.
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
        """Say whether there is anything to do."""
        return self != Hardware()

    def joined(self, other: Hardware) -> Hardware:
        """Return these options with those of `other` on top."""
        return Hardware(round_to=other.round_to or self.round_to, per_head=other.per_head or self.per_head)

    def words(self) -> str:
        """Say in a few words what is asked for."""
        parts = [f"widths are multiples of {self.round_to}"] if self.round_to else []
        return ", ".join([*parts, "the heads of a layer are equally wide"] if self.per_head else parts)


Method = Literal["mean+std", "mean", "zero", "least-squares"]
METHODS: tuple[Method, ...] = ("mean+std", "mean", "zero", "least-squares")
COMPENSATION_TOKENS = ("cls", "all")
_MAX_REASON = 500


@dataclass(frozen=True, kw_only=True)
class Compensation:
    """What stands in a removed neuron's place: a constant over [CLS] or all tokens, or a prediction from the kept ones.

    `mean+std` (paper), `mean` and `zero` are constants. `least-squares` predicts the neuron from the kept ones (ridge
    regression with intercept) and is fitted when the model is cut. `tokens` None takes the method's own: `all` for
    least-squares, `cls` (the paper's) for the others.

    Raises:
        UnknownName: no such method or tokens.
        PlanError: least-squares over [CLS].
    """

    method: Method = "mean+std"
    tokens: Literal["cls", "all"] | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownName("compensation", self.method, METHODS)
        if self.tokens is None:
            object.__setattr__(self, "tokens", "all" if self.predicts else "cls")
        if self.tokens not in COMPENSATION_TOKENS:
            raise UnknownName("compensation tokens", self.tokens, COMPENSATION_TOKENS)
        if self.predicts and self.tokens == "cls":
            raise PlanError(
                "least-squares over [CLS] alone overfits: it would have one row a text (the paper's 150) for hundreds of neurons.",
                hint="Leave --compensation-tokens out, or give all.",
            )

    @property
    def predicts(self) -> bool:
        """Say whether removed neurons are predicted from kept ones instead of being constants."""
        return self.method == "least-squares"

    def constants(self, columns: Mapping[str, Any]) -> Any:
        """Compute the constant of every neuron of a cell from its importance columns, float64, shape (neurons,).

        None under least-squares, which has no constants.
        """
        if self.predicts:
            return None
        mean, std = columns[f"mean_{self.tokens}"], columns[f"std_{self.tokens}"]
        return {"mean+std": mean + std, "mean": mean + 0.0, "zero": mean * 0.0}[self.method]


@dataclass(frozen=True, kw_only=True)
class ManualOverride:
    """Neurons of one cell that a person keeps or drops, and why."""

    layer: int
    component: str
    neurons: tuple[int, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        check_cuttable(self.layer, self.component)
        for neuron in self.neurons:
            if isinstance(neuron, bool) or not isinstance(neuron, int) or neuron < 0:
                raise PlanError(
                    f"Layer {self.layer} {self.component}: {shorten(neuron)!r} is no neuron (whole numbers from 0)."
                )
        if len(set(self.neurons)) != len(self.neurons):
            raise PlanError(f"Layer {self.layer} {self.component}: a neuron is named twice by hand.")
        if not isinstance(self.reason, str) or len(self.reason) > _MAX_REASON:
            raise PlanError(
                f"Layer {self.layer} {self.component}: a reason is text of at most {_MAX_REASON} characters."
            )
        object.__setattr__(self, "neurons", tuple(sorted(self.neurons)))


@dataclass(frozen=True, kw_only=True)
class PruneSpec:
    """A pruning intent; an edited intent is a new one.

    `cells` maps layer (from 1) to component to percentile, 0 < percentile < 100; an absent entry or 0 is untouched.
    `first_layer` records where a uniform percentile began. `keep` and `drop` act after the percentiles, `hardware` after
    both.
    """

    criterion: str = "r_f"
    seed: int = 0
    first_layer: int = 3
    cells: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    keep: tuple[ManualOverride, ...] = ()
    drop: tuple[ManualOverride, ...] = ()
    compensation: Compensation = field(default_factory=Compensation)
    hardware: Hardware = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        criterion(self.criterion)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise PlanError(f"seed is {shorten(self.seed)}; expected a whole number from 0 to {2**32 - 1}.")
        if isinstance(self.first_layer, bool) or not isinstance(self.first_layer, int) or self.first_layer < 1:
            raise PlanError(f"first_layer is {shorten(self.first_layer)}; layers count from 1.")
        clean: dict[int, dict[str, float]] = {}
        for layer, row in self.cells.items():
            for component, percentile in row.items():
                check_cuttable(layer, component)
                value = check_percentile(percentile, layer, component)
                if value:
                    clean.setdefault(layer, {})[component] = value
        object.__setattr__(self, "cells", {layer: clean[layer] for layer in sorted(clean)})
        _check_hands(self.keep, self.drop)

    def percentile(self, layer: int, component: str) -> float:
        """Return the percentile of a cell, 0 where it is untouched."""
        return self.cells.get(layer, {}).get(component, 0.0)

    def with_cells(self, changes: Mapping[tuple[int, str], float]) -> PruneSpec:
        """Return a new intent with some percentiles changed; 0 clears a cell."""
        cells = {layer: dict(row) for layer, row in self.cells.items()}
        for (layer, component), percentile in changes.items():
            cells.setdefault(layer, {})[component] = percentile
        return replace(self, cells=cells)


def check_percentile(value: object, layer: int, component: str) -> float:
    """Accept 0 (untouched) or a number strictly between 0 and 100."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 100:
        raise PlanError(
            f"Layer {layer} {component}: percentile {shorten(value)!r} is not possible; allowed: 0 (untouched) to below 100."
        )
    return float(value)


def check_cuttable(layer: object, component: object) -> None:
    """Refuse a locked or unknown component and a layer below 1."""
    if isinstance(layer, bool) or not isinstance(layer, int) or layer < 1:
        raise PlanError(f"Layer {shorten(layer)!r} is not possible; layers count from 1.")
    name = check_component(component)
    if name in LOCKED:
        raise PlanError(
            f"Layer {layer} {name} is locked: it feeds a residual sum and cannot be cut.",
            hint=f"Components that can be cut: {', '.join(CUTTABLE)}.",
        )


def _check_hands(keep: tuple[ManualOverride, ...], drop: tuple[ManualOverride, ...]) -> None:
    kept = {(hand.layer, hand.component, neuron) for hand in keep for neuron in hand.neurons}
    both = [
        (hand.layer, hand.component, neuron)
        for hand in drop
        for neuron in hand.neurons
        if (hand.layer, hand.component, neuron) in kept
    ]
    if both:
        layer, component, neuron = both[0]
        raise PlanError(
            f"Layer {layer} {component}: neuron {neuron} is both kept and dropped by hand.",
            hint="Remove it from one list.",
        )


def as_method(name: str) -> Method:
    """Check a compensation method's name."""
    return Compensation(method=cast(Method, name)).method


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
        found = [
            Choice(side=side, layer=hand.layer, component=hand.component, neuron=neuron, reason=hand.reason)
            for hand in hands
            for neuron in hand.neurons
        ]
        yield from sorted(found, key=lambda choice: (choice.layer, choice.component, choice.neuron))


def choice_of(prune_spec: PruneSpec, layer: int, component: str, neuron: int) -> Choice | None:
    """Return what was chosen for a neuron by hand, or None."""
    wanted = (layer, component, neuron)
    return next(
        (choice for choice in choices(prune_spec) if (choice.layer, choice.component, choice.neuron) == wanted), None
    )
