"""Control criteria, which do not read outputs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from obce_core.components import COMPONENTS
from obce_core.criteria.base import CellData, Criterion


def _magnitude(cell: CellData) -> Float[np.ndarray, " neurons"]:
    return np.linalg.norm(cell.weight.astype(np.float64), axis=1)


def _no_seed(cell: CellData) -> Float[np.ndarray, " neurons"]:
    return random_scores(0, cell.layer, cell.component, cell.outputs.shape[1])


def random_scores(seed: int, layer: int, component: str, neurons: int) -> Float[np.ndarray, " neurons"]:
    """Draw a score for each neuron of a cell: uniform on [0, 1), fixed by seed, layer and component."""
    return np.random.default_rng([seed, layer, COMPONENTS.index(component)]).random(neurons)


MAGNITUDE = Criterion(
    name="magnitude",
    title="Weight norm",
    definition="L2 norm of the neuron's weight row, without its bias",
    unit="weight",
    reads="weights",
    score=_magnitude,
)
RANDOM = Criterion(
    name="random",
    title="Random",
    definition="a seeded draw for each neuron: what no knowledge gives",
    unit="",
    reads="seed",
    score=_no_seed,
)
