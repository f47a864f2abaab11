"""The commands that do what the dashboard does."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from obce_core.plan.spec import Hand, Intent


def plan_commands(analysis: str, intent: Intent, *, out: str = "my-model") -> str:
    """Return the shell commands that resolve an intent saved as intent.json and build the model.

    The file carries everything: criterion, seed, first layer, percentiles, hand choices, compensation, hardware. What is not
    the default is named in a comment, so that a reader sees it without opening the file.
    """
    plain, how = Intent(), intent.compensation
    told = [
        f"criterion {intent.criterion}" + (f", seed {intent.seed}" if intent.seed else "")
        if intent.criterion != plain.criterion
        else "",
        f"compensation {how.method} over {'[CLS]' if how.tokens == 'cls' else 'all tokens'}"
        if how != plain.compensation
        else "",
        intent.hardware.words(),
        f"{_neurons(intent.keep)} kept by hand" if intent.keep else "",
        f"{_neurons(intent.drop)} dropped by hand" if intent.drop else "",
    ]
    named = "; ".join(part for part in told if part)
    return "\n".join(
        [
            *([f"# {named}"] if named else []),
            f"obce plan --analysis {analysis} --from intent.json --out plan.json",
            f"obce compress --analysis {analysis} --plan plan.json --out {shlex.quote(out)}",
        ]
    )


def _neurons(hands: Sequence[Hand]) -> str:
    number = sum(len(hand.neurons) for hand in hands)
    return f"{number:,} neuron{'' if number == 1 else 's'}"
