"""UMAP projection of a cloud in R^d, for display only; its import takes up to half a minute."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float

from obce_core.errors import BadInput

NEIGHBOURS = 15
LEAST = 5
"""A cloud of fewer points has no neighbourhoods to lay out."""


def umap_projection(cloud: Float[np.ndarray, "texts d"], *, seed: int) -> tuple[Float[np.ndarray, "texts 2"], int]:
    """Project a cloud to the plane by UMAP with a fixed seed, so that equal clouds have equal pictures.

    Returns:
        float64 coordinates rounded to 4 decimals, and the number of neighbours used: 15, or all others in a smaller
            cloud.

    Raises:
        BadInput: fewer than 5 points.
    """
    if len(cloud) < LEAST:
        raise BadInput(f"UMAP needs at least {LEAST} texts; this analysis has {len(cloud)}.")
    import umap

    neighbours = min(NEIGHBOURS, len(cloud) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap warns that a fixed seed implies a single thread
        # The spectral initialisation fails on very small clouds.
        init = "spectral" if len(cloud) > 3 * LEAST else "random"
        points = umap.UMAP(n_neighbors=neighbours, random_state=seed, init=init).fit_transform(cloud)
    return np.round(points.astype(np.float64), 4), neighbours
