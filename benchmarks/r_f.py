"""Claim: r_f of a whole BERT Base (82,944 neurons x 150 texts) costs about as much as sorting its outputs.

At least 2,000 times faster than a gudhi call for each neuron (a sample is measured and scaled), at most 3 times
numpy's sort of the same data laid out for it.
"""

from __future__ import annotations

import gudhi
import numpy as np

from benchmarks.timing import at_least, at_most, interleaved, median, note, ratio
from obce_core.topology import line_r_f

TEXTS, NEURONS, SAMPLE, ROUNDS = 150, 82_944, 400, 9


def gudhi_r_f(values: np.ndarray) -> float:
    """Compute one neuron's r_f from a Rips complex, with only what dimension 0 needs."""
    points = values.reshape(-1, 1).copy()  # gudhi misreads the strides of values[:, None]
    tree = gudhi.RipsComplex(points=points).create_simplex_tree(max_dimension=1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=-1.0)
    deaths = tree.persistence_intervals_in_dimension(0)[:, 1]
    return float(deaths[np.isfinite(deaths)].max()) / 2


def main() -> None:
    outputs = np.random.default_rng(0).normal(size=(TEXTS, NEURONS)).astype(np.float32)
    rows = np.ascontiguousarray(outputs.T)  # (neurons, texts): what a sort likes best
    chosen = np.random.default_rng(1).choice(NEURONS, SAMPLE, replace=False)
    clouds = [outputs[:, neuron].astype(np.float64) for neuron in chosen]
    ours = line_r_f(outputs)
    theirs = [gudhi_r_f(cloud) for cloud in clouds]
    note("largest difference to gudhi on the sample", f"{np.abs(ours[chosen] - theirs).max():.1e}")

    times = interleaved(
        {
            "ours": lambda: line_r_f(outputs),
            "sort": lambda: np.sort(rows, axis=1),
            "sort again": lambda: np.sort(rows, axis=1),
            "gudhi": lambda: [gudhi_r_f(cloud) for cloud in clouds],
        },
        ROUNDS,
    )
    scaled = median(times, "gudhi") * NEURONS / SAMPLE
    note("r_f of all neurons, from (texts, neurons)", f"{median(times, 'ours'):.3f} s")
    note("np.sort(axis=1) of a contiguous (neurons, texts) float32", f"{median(times, 'sort'):.3f} s")
    note(f"gudhi, {SAMPLE} neurons scaled to {NEURONS:,}", f"{scaled:,.0f} s")
    note("np.sort against itself", f"{ratio(times, 'sort again', 'sort'):.2f}")
    at_least("times faster than a gudhi call for each neuron", scaled / median(times, "ours"), 2000)
    at_most("r_f against np.sort", ratio(times, "ours", "sort"), 3)


if __name__ == "__main__":
    main()
