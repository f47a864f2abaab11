"""The prune spec: percentiles by layer and component, manual overrides, compensation and hardware options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from obce_core.components import CUTTABLE, LOCKED, check_component
from obce_core.criteria import criterion
from obce_core.errors import PlanError, UnknownName, shorten

ROUND_TO = (0, 8, 16)
Method = Literal["mean+std", "mean", "zero", "least-squares"]
METHODS: tuple[Method, ...] = ("mean+std", "mean", "zero", "least-squares")
COMPENSATION_TOKENS = ("cls", "all")
_MAX_REASON = 500
Side = Literal["keep", "drop"]


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Options that add neurons back after percentiles and manual overrides (see `widen`); they never cut any.

    `round_to` rounds stored widths up to multiples of 8 or 16 (0: unchanged). `per_head` makes all heads of a layer as
    wide as its widest head.
    """

    round_to: int = 0
    per_head: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.round_to, bool) or not isinstance(self.round_to, int) or self.round_to not in ROUND_TO:
            raise PlanError(f"round_to is {shorten(self.round_to)}; allowed: 8 or 16 (0: widths stay as they are).")
        if not isinstance(self.per_head, bool):
            raise PlanError(f"per_head is {shorten(self.per_head)}; expected true or false.")

    @property
    def is_set(self) -> bool:
        """Return True if any option is set."""
        return self != Hardware()

    def joined(self, other: Hardware) -> Hardware:
        """Return these options, overridden by those that `other` sets."""
        return Hardware(round_to=other.round_to or self.round_to, per_head=other.per_head or self.per_head)

    def words(self) -> str:
        """Describe the options in a few words; empty if none is set."""
        parts = [f"widths are multiples of {self.round_to}"] if self.round_to else []
        return ", ".join([*parts, "the heads of a layer are equally wide"] if self.per_head else parts)


@dataclass(frozen=True, kw_only=True)
class Compensation:
    """The replacement for a removed neuron: a constant over [CLS] or all tokens, or a prediction from kept neurons.

    `mean+std` (paper), `mean` and `zero` are constants. `least-squares` predicts the neuron from the kept ones (ridge
    regression with intercept) and is fitted when the model is cut. `tokens` None is replaced by the method's default:
    `all` for least-squares, `cls` (as in the paper) for the others.

    Raises:
        UnknownName: the method or the tokens do not exist.
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
                "least-squares over [CLS] alone overfits: it would have one row per text (the paper's 150) "
                "for hundreds of neurons.",
                hint="Leave --compensation-tokens out, or set it to all.",
            )

    @property
    def predicts(self) -> bool:
        """Return True if removed neurons are predicted from kept neurons instead of being constants."""
        return self.method == "least-squares"

    def constants(self, columns: Mapping[str, Any]) -> Any:
        """Compute the constant of every neuron of a cell from its importance columns, float64, shape (neurons,).

        Returns None for least-squares, which has no constants.
        """
        if self.predicts:
            return None
        mean, std = columns[f"mean_{self.tokens}"], columns[f"std_{self.tokens}"]
        return {"mean+std": mean + std, "mean": mean + 0.0, "zero": mean * 0.0}[self.method]


@dataclass(frozen=True, kw_only=True)
class ManualOverride:
    """Neurons of one cell that the user keeps or drops whatever their percentile says, and the reason."""

    layer: int
    component: str
    neurons: tuple[int, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        check_cuttable(self.layer, self.component)
        where = f"Layer {self.layer} {self.component}"
        for neuron in self.neurons:
            if isinstance(neuron, bool) or not isinstance(neuron, int) or neuron < 0:
                raise PlanError(f"{where}: {shorten(neuron)!r} is not a neuron index (expected an integer >= 0).")
        if len(set(self.neurons)) != len(self.neurons):
            raise PlanError(f"{where}: a manual override lists a neuron twice.")
        if not isinstance(self.reason, str) or len(self.reason) > _MAX_REASON:
            raise PlanError(f"{where}: a reason is text of at most {_MAX_REASON} characters.")
        object.__setattr__(self, "neurons", tuple(sorted(self.neurons)))


@dataclass(frozen=True, kw_only=True)
class PruneSpec:
    """A request for pruning; immutable, so an edit creates a new one.

    `cells` maps layer (from 1) to component to percentile, 0 < percentile < 100; an absent cell, or one with 0, is not
    cut. `first_layer` records where a uniform percentile starts. The manual overrides `keep` and `drop` are applied
    after the percentiles, `hardware` after both.
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
        _check_overrides(self.keep, self.drop)

    def percentile(self, layer: int, component: str) -> float:
        """Return the percentile of a cell, 0 if it is not cut."""
        return self.cells.get(layer, {}).get(component, 0.0)

    def with_cells(self, changes: Mapping[tuple[int, str], float]) -> PruneSpec:
        """Return a new prune spec with some percentiles changed; 0 clears a cell."""
        cells = {layer: dict(row) for layer, row in self.cells.items()}
        for (layer, component), percentile in changes.items():
            cells.setdefault(layer, {})[component] = percentile
        return replace(self, cells=cells)


@dataclass(frozen=True, kw_only=True)
class NeuronOverride:
    """The manual override of a single neuron: the list it is in (`side`), and the reason."""

    side: Side
    layer: int
    component: str
    neuron: int
    reason: str


def set_override(
    prune_spec: PruneSpec, side: Side, layer: int, component: str, neuron: int, reason: str = ""
) -> PruneSpec:
    """Keep or drop one neuron whatever its percentile says; replace its earlier override, if any.

    Neurons of one cell with the same reason share an entry.

    Raises:
        PlanError: a locked component, an invalid layer or neuron index, or a reason that is too long.
    """
    cleared = clear_override(prune_spec, layer, component, neuron)
    overrides = list(getattr(cleared, side))
    for index, override in enumerate(overrides):
        if (override.layer, override.component, override.reason) == (layer, component, reason):
            overrides[index] = replace(override, neurons=(*override.neurons, neuron))
            break
    else:
        overrides.append(ManualOverride(layer=layer, component=component, neurons=(neuron,), reason=reason))
    return replace(cleared, keep=tuple(overrides)) if side == "keep" else replace(cleared, drop=tuple(overrides))


def clear_override(prune_spec: PruneSpec, layer: int, component: str, neuron: int) -> PruneSpec:
    """Remove the manual override of a neuron, if any."""

    def without(overrides: tuple[ManualOverride, ...]) -> tuple[ManualOverride, ...]:
        remaining = [
            replace(override, neurons=tuple(n for n in override.neurons if n != neuron))
            if (override.layer, override.component) == (layer, component)
            else override
            for override in overrides
        ]
        return tuple(override for override in remaining if override.neurons)

    return replace(prune_spec, keep=without(prune_spec.keep), drop=without(prune_spec.drop))


def choices(prune_spec: PruneSpec) -> Iterator[NeuronOverride]:
    """Yield the manual overrides neuron by neuron: first `keep`, then `drop`, each by layer, component and index."""
    sides: tuple[tuple[Side, tuple[ManualOverride, ...]], ...] = (("keep", prune_spec.keep), ("drop", prune_spec.drop))
    for side, overrides in sides:
        rows = [
            NeuronOverride(
                side=side,
                layer=override.layer,
                component=override.component,
                neuron=neuron,
                reason=override.reason,
            )
            for override in overrides
            for neuron in override.neurons
        ]
        yield from sorted(rows, key=lambda row: (row.layer, row.component, row.neuron))


def override_of(prune_spec: PruneSpec, layer: int, component: str, neuron: int) -> NeuronOverride | None:
    """Return the manual override of a neuron, or None."""
    key = (layer, component, neuron)
    return next((row for row in choices(prune_spec) if (row.layer, row.component, row.neuron) == key), None)


def check_percentile(value: object, layer: int, component: str) -> float:
    """Return the percentile as a float; raise PlanError unless it is 0 (not cut) or strictly between 0 and 100."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 100:
        raise PlanError(
            f"Layer {layer} {component}: percentile {shorten(value)!r} is invalid; allowed: 0 (not cut) to below 100."
        )
    return float(value)


def check_cuttable(layer: object, component: object) -> None:
    """Raise PlanError for a layer below 1, or an unknown or locked component."""
    if isinstance(layer, bool) or not isinstance(layer, int) or layer < 1:
        raise PlanError(f"Layer {shorten(layer)!r} is invalid; layers count from 1.")
    name = check_component(component)
    if name in LOCKED:
        raise PlanError(
            f"Layer {layer} {name} is locked: it feeds a residual sum and cannot be cut.",
            hint=f"Components that can be cut: {', '.join(CUTTABLE)}.",
        )


def as_method(name: str) -> Method:
    """Return the name of a compensation method after checking it."""
    return Compensation(method=cast(Method, name)).method


def _check_overrides(keep: tuple[ManualOverride, ...], drop: tuple[ManualOverride, ...]) -> None:
    keep_keys = {(override.layer, override.component, neuron) for override in keep for neuron in override.neurons}
    for override in drop:
        for neuron in override.neurons:
            if (override.layer, override.component, neuron) in keep_keys:
                raise PlanError(
                    f"Layer {override.layer} {override.component}: neuron {neuron} is in both manual overrides, "
                    "keep and drop.",
                    hint="Remove it from one list.",
                )
