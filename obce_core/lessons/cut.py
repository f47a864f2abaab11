"""Lesson 5: a percentile of one real cell's r_f, what it cuts, and what folding saves, counted as plans are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.architectures.stored import stored_shapes
from obce_core.components import TITLES
from obce_core.formatting import amount
from obce_core.lessons.question import Question, Slip, apart, counted, plural
from obce_core.plan import Budget, Plan, PruneSpec, count, plan_widths, resolve, stored_widths


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """One cell under one percentile.

    `scores` and `kept` have shape (neurons,), in the order of `neurons` (original indices); `saved` counts parameters,
    `left` is the share of the encoder; `extra` counts extra key rows; `tensors` are those of its layer that change:
    (name, shape before, after), an absent one has no shape.
    """

    layer: int
    component: str
    percentile: float
    neurons: np.ndarray
    scores: np.ndarray
    kept: np.ndarray
    threshold: float
    hidden: int
    saved: int
    left: float
    extra: int
    tensors: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    @property
    def gone(self) -> int:
        """Count the neurons that are cut."""
        return int((~self.kept).sum())


def prune_spec(layer: int, component: str, percentile: float) -> PruneSpec:
    """Ask for this one cell alone."""
    return PruneSpec(first_layer=layer).with_cells({(layer, component): percentile})


def look(
    analysis: Analysis, layer: int, component: str, percentile: float, carried: tuple[Plan, Budget] | None = None
) -> Cut:
    """Cut one cell at a percentile and count what that saves.

    Args:
        carried: the plan and its size, where they are at hand already.

    Raises:
        PlanError: the cell is degenerate, or the percentile keeps nothing.
    """
    plan = resolve(analysis, prune_spec(layer, component, percentile)) if carried is None else carried[0]
    budget = count(analysis, plan) if carried is None else carried[1]
    scores, neurons = analysis.scores(layer, component), analysis.neurons(layer, component)
    before, after = stored_widths(analysis, layer), plan_widths(analysis, plan)[layer - 1]
    old, new = stored_shapes(before, analysis.shape), stored_shapes(after, analysis.shape)
    changed = tuple(
        (name, old.get(name, ()), new.get(name, ())) for name in {**old, **new} if old.get(name) != new.get(name)
    )
    return Cut(
        layer=layer,
        component=component,
        percentile=percentile,
        neurons=neurons,
        scores=scores,
        kept=plan.mask(layer, component, analysis.shape)[neurons],
        threshold=float(np.percentile(scores, percentile)),
        hidden=analysis.shape.hidden,
        saved=budget.parameters_cut,
        left=budget.encoder_share,
        extra=sum(after.extra) - sum(before.extra),
        tensors=changed,
    )


def questions(cut: Cut, neuron: int | None = None) -> tuple[Question, ...]:
    """Ask how many neurons go, what becomes of one neuron, and how many parameters that saves."""
    return (_count(cut), _fate(cut, neuron), _saved(cut))


def _count(cut: Cut) -> Question:
    total, gone = len(cut.scores), cut.gone
    choices, slips = counted(
        gone,
        [
            (total - gone, "That many stay: the smallest r_f go."),
            (round(cut.percentile), f"{cut.percentile:g} is the share in percent; the cell has {total:,} neurons."),
            _at_the_percentile(cut),
        ],
    )
    return Question(
        text=f"How many of the {total:,} neurons does P{cut.percentile:g} cut?",
        choices=choices,
        slips=slips,
        answer=f"{gone:,}",
        why=f"P{cut.percentile:g} of this cell lies at r_f = {amount(cut.threshold)}; {gone:,} of {total:,} neurons "
        "are at or below it, "
        f"and the {total - gone:,} strictly above stay.",
        asks=("cut",),
    )


def _at_the_percentile(cut: Cut) -> tuple[int, str]:
    """Return the wrong count of one who forgets the neurons at the percentile itself, and the reason."""
    there = int((cut.scores == cut.threshold).sum())
    if not there:
        return cut.gone + 1, "The neurons strictly above the percentile stay."
    return cut.gone - there, f"{plural(there, 'neuron')} at the percentile itself must go too."


def place(cut: Cut, neuron: int | None) -> int:
    """Return the place of a neuron in the cell; of the middle one by r_f, where none is named."""
    if neuron is None or neuron not in cut.neurons:
        return int(np.argsort(cut.scores, kind="stable")[len(cut.scores) // 2])
    return int(np.flatnonzero(cut.neurons == neuron)[0])


def _fate(cut: Cut, neuron: int | None) -> Question:
    at = place(cut, neuron)
    score, kept = float(cut.scores[at]), bool(cut.kept[at])
    sign, fate = (">", "stays") if kept else ("≤", "goes")
    told, limit = apart(score, cut.threshold)
    mistake = (
        "Only neurons at or below the percentile go." if kept else "Only neurons strictly above the percentile stay."
    )
    return Question(
        text=f"Neuron {int(cut.neurons[at])} has r_f {told}. Does P{cut.percentile:g} keep it?",
        choices=("Kept", "Cut"),
        answer="Kept" if kept else "Cut",
        why=f"{told} {sign} {limit}, the percentile of its cell, so it {fate}.",
        slips=(Slip(answer="Cut" if kept else "Kept", why=mistake),),
        asks=("threshold",),
    )


def _saved(cut: Cut) -> Question:
    gone, row = cut.gone, cut.hidden + 1
    one_side, why = gone * row, ""
    if cut.component in ("value", "intermediate"):
        reader = "attention output" if cut.component == "value" else "output"
        right = gone * (row + cut.hidden)
        why = (
            f"Each takes its row of {cut.hidden:,} weights, its bias, and the column of {cut.hidden:,} weights of "
            f"{reader} that read it: "
            f"{gone:,} × {row + cut.hidden:,} = {right:,}. The constants go into the bias that is there."
        )
        slips = [
            (one_side, f"That leaves out the columns of {reader} that read these neurons: they go too."),
            (gone * (row + cut.hidden - 1), "Each neuron's bias goes with it."),
        ]
    else:
        right = 2 * one_side - cut.extra * cut.hidden
        twin = "key" if cut.component == "query" else "query"
        added = f" The constant queries leave a bias on every key: one extra row in {plural(cut.extra, 'head')}, "
        added = f"{added}{cut.extra * cut.hidden:,} back." if cut.extra else ""
        why = (
            f"A {cut.component} meets its {twin} in a product, so the pair drops out: {gone:,} × 2 rows of {row:,} = "
            f"{2 * one_side:,}."
            f"{added} {right:,} in all."
        )
        slips = [
            (one_side, f"That counts one side; the {twin} that it is multiplied with goes too."),
            (2 * one_side, "That leaves out the extra key rows."),
        ]
    if right != cut.saved:  # an earlier cut took some of the partners already
        why = (
            f"Counted from the tensors that are left: {cut.saved:,} fewer, because an earlier cut had taken part of it."
        )
        slips = []
    choices, found = counted(cut.saved, [*slips, (gone, "That counts neurons; each has a row of weights.")])
    which = "does this neuron" if gone == 1 else f"do these {gone:,} neurons"
    return Question(
        text=f"{TITLES[cut.component]}: how many parameters {which} take along?",
        choices=choices,
        slips=found,
        answer=f"{cut.saved:,}",
        why=why,
        asks=("saved",),
    )
