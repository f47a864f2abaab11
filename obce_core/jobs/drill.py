"""The drill: a small training run that behaves like a long one, for testing a launcher or a cluster.

It fits a logistic regression by momentum SGD on made-up data, deterministic in its seed, and saves weights, momentum
and the state of its random numbers in checkpoints. However often it is killed and resumed, the weights at its end are
the same.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from obce_core.errors import BadInput, Cancelled, UnknownName
from obce_core.progress import Context
from obce_core.storage.checkpoints import Checkpoint, commit, newest

_DIMENSIONS, _EXAMPLES = 64, 4096

DEFAULTS: dict[str, Any] = {
    "steps": 100,  # to train
    "seconds": 0.02,  # that a step takes at least
    "every": 10,  # steps between two checkpoints
    "seed": 0,
    "batch_size": 32,
    "ballast": 0,  # bytes that each checkpoint holds besides
    "memory": None,  # bytes that it is said to need before it starts
    "hoard": None,  # bytes to fill at batch size `full_batch`; in proportion at smaller ones
    "full_batch": 32,
    "deaf_from": None,  # step from which it no longer asks whether it is to end
    "pause": 0.0,  # seconds that a checkpoint takes to write, at the least
}


def drill(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Train from the newest checkpoint that verifies to the last step; return what the weights came to.

    Raises:
        BadInput: an option that is not in DEFAULTS.
        Cancelled: asked to end; a checkpoint of that step was saved.
    """
    for name in options:
        if name not in DEFAULTS:
            raise UnknownName("option of a drill", name, DEFAULTS)
    selection = DEFAULTS | dict(options)
    if (
        not 1 <= int(selection["steps"]) <= 10**7
        or int(selection["every"]) < 1
        or not 1 <= int(selection["batch_size"]) <= _EXAMPLES
    ):
        raise BadInput(
            "A drill has 1 to 10,000,000 steps, checkpoints at least one step apart, and a batch of 1 to 4,096."
        )
    hoarded = (
        np.ones(int(selection["hoard"] * selection["batch_size"] / selection["full_batch"]) // 8)
        if selection["hoard"]
        else None
    )
    x, y = _examples(int(selection["seed"]))  # (4096, 64), (4096,)
    checkpoint = newest(context.checkpoints)
    weights, momentum, random, begun = _start(checkpoint.checkpoint, int(selection["seed"]))
    step = begun
    while step < selection["steps"]:
        deaf = selection["deaf_from"] is not None and step >= selection["deaf_from"]
        if not deaf and context.cancelled():
            _save(context, step, weights, momentum, random, selection)
            raise Cancelled(f"Stopped after step {step}.")
        until = time.monotonic() + selection["seconds"]
        rows = random.integers(0, _EXAMPLES, size=int(selection["batch_size"]))
        gradient = x[rows].T @ (_sigmoid(x[rows] @ weights) - y[rows]) / len(rows)
        momentum = 0.9 * momentum + gradient
        weights = weights - 0.1 * momentum
        step += 1
        context.progress(step, selection["steps"], "steps")
        if step % selection["every"] == 0:
            _save(context, step, weights, momentum, random, selection)
        time.sleep(max(0.0, until - time.monotonic()))
    loss = float(-np.mean(np.log(np.where(y > 0, _sigmoid(x @ weights), 1 - _sigmoid(x @ weights)) + 1e-12)))
    return {
        "weights_sha256": hashlib.sha256(weights.tobytes()).hexdigest(),
        "loss": loss,
        "steps": step,
        "resumed_from": begun,
        "passed_over": list(checkpoint.passed_over),
        "attempt": context.attempt,
        "batch_size": int(selection["batch_size"]),
        "hoarded": 0 if hoarded is None else hoarded.nbytes,
    }


def _examples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng([seed, 1])
    x = random.standard_normal((_EXAMPLES, _DIMENSIONS))
    return x, (x @ random.standard_normal(_DIMENSIONS) + random.standard_normal(_EXAMPLES) > 0).astype(np.float64)


def _start(checkpoint: Checkpoint | None, seed: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator, int]:
    random = np.random.default_rng([seed, 2])
    if checkpoint is None:
        return np.zeros(_DIMENSIONS), np.zeros(_DIMENSIONS), random, 0
    file = load_file(checkpoint.folder / "weights.safetensors")
    random.bit_generator.state = json.loads((checkpoint.folder / "random.json").read_text("utf-8"))
    return file["weights"], load_file(checkpoint.folder / "momentum.safetensors")["momentum"], random, checkpoint.step


def _save(
    context: Context,
    step: int,
    weights: np.ndarray,
    momentum: np.ndarray,
    random: np.random.Generator,
    selection: Mapping[str, Any],
) -> None:
    def write(folder: Path) -> None:
        save_file({"weights": weights}, folder / "weights.safetensors")
        time.sleep(selection["pause"])
        save_file({"momentum": momentum}, folder / "momentum.safetensors")
        (folder / "random.json").write_text(json.dumps(random.bit_generator.state), "utf-8")
        if selection["ballast"]:
            (folder / "ballast.bin").write_bytes(bytes(int(selection["ballast"])))

    commit(context.checkpoints, step, write, attempt=context.attempt, guard=context.guard)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.clip(z, -30.0, 30.0)))
