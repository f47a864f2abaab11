"""UMAP of a vector cloud, in the warm process: importing it takes half a minute at worst."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from obce_core.errors import BadInput

NEIGHBOURS = 15
LEAST = 5
"""Fewer texts than this have no neighbourhoods to lay out."""


def umap_points(arguments: Mapping[str, Any], memory: MutableMapping[str, Any]) -> dict[str, Any]:
    """Lay out a head's or a component's cloud by UMAP with a fixed seed, so that a question has one answer.

    `arguments`: `analysis` (id), `layer`, `component`, `head` (None: the whole component), `seed`. Returns `points`, one
    pair a text, and `neighbours`, the number used.

    Raises:
        BadInput: fewer than 5 texts.
        AnalysisError: no such analysis, layer or head.
    """
    from obce_core.analysis import read_analysis

    source = read_analysis(arguments["analysis"])
    cloud = source.cloud(arguments["layer"], arguments["component"], arguments["head"])
    if len(cloud) < LEAST:
        raise BadInput(f"UMAP needs at least {LEAST} texts; this analysis has {len(cloud)}.")
    import umap

    near = min(NEIGHBOURS, len(cloud) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a seed means one thread, and umap says so each time
        # The spectral start fails on very small clouds.
        start = "spectral" if len(cloud) > 3 * LEAST else "random"
        found = umap.UMAP(n_neighbors=near, random_state=arguments["seed"], init=start).fit_transform(cloud)
    return {"points": np.round(found.astype(np.float64), 4).tolist(), "neighbours": near}
