"""Commands equivalent to the choices of the dashboard."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from obce_core.plan.spec import ManualOverride, PruneSpec


def plan_commands(analysis: str, prune_spec: PruneSpec, *, out: str = "my-model") -> str:
    """Return the shell commands that resolve an intent saved as intent.json and build the model.

    The file carries everything: criterion, seed, first layer, percentiles, hand choices, compensation, hardware. What
        is not
    the default is named in a comment, so that a reader sees it without opening the file.
    """
    plain, how = PruneSpec(), prune_spec.compensation
    remarks = [
        f"criterion {prune_spec.criterion}" + (f", seed {prune_spec.seed}" if prune_spec.seed else "")
        if prune_spec.criterion != plain.criterion
        else "",
        f"compensation {how.method} over {'[CLS]' if how.tokens == 'cls' else 'all tokens'}"
        if how != plain.compensation
        else "",
        prune_spec.hardware.words(),
        f"{_neurons(prune_spec.keep)} kept by hand" if prune_spec.keep else "",
        f"{_neurons(prune_spec.drop)} dropped by hand" if prune_spec.drop else "",
    ]
    names = "; ".join(part for part in remarks if part)
    return "\n".join(
        [
            *([f"# {names}"] if names else []),
            f"obce plan --analysis {analysis} --from intent.json --out plan.json",
            f"obce compress --analysis {analysis} --plan plan.json --out {shlex.quote(out)}",
        ]
    )


def _neurons(hands: Sequence[ManualOverride]) -> str:
    number = sum(len(hand.neurons) for hand in hands)
    return f"{number:,} neuron{'' if number == 1 else 's'}"
