"""The merge tree of a cloud in space: who touches whom, and how large the two parts were."""

from __future__ import annotations

import numpy as np
import pytest
from naive import Parts, kruskal

from obce_core.topology import Merge, barcode, merges, minimum_spanning_tree

CORNER = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0], [0.0, 0.0]])


def test_hand_computed_points_merge_in_this_order() -> None:
    assert merges(CORNER) == (
        Merge(radius=0.0, left=0, right=3, left_size=1, right_size=1),
        Merge(radius=0.5, left=0, right=2, left_size=2, right_size=1),
        Merge(radius=np.sqrt(18.0) / 2, left=2, right=1, left_size=3, right_size=1),
    )


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_points_have_no_edge(count: int) -> None:
    tree = minimum_spanning_tree(np.zeros((count, 3)))
    assert (tree.edges.shape, tree.lengths.shape) == ((0, 2), (0,))
    assert merges(np.zeros((count, 3))) == ()


def test_equal_points_are_joined_by_edges_of_length_zero() -> None:
    tree = minimum_spanning_tree(np.ones((150, 2)))
    assert tree.lengths.tolist() == [0.0] * 149


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_is_as_short_as_kruskals_and_spans_all_points(seed: int) -> None:
    cloud = np.random.default_rng(seed).normal(size=(15, 3))
    tree = minimum_spanning_tree(cloud)
    assert tree.lengths == pytest.approx(kruskal(cloud), rel=1e-12)
    assert (np.diff(tree.lengths) >= 0).all()
    parts = Parts(15)
    assert all(parts.join(a, b) for a, b in tree.edges.tolist())
    assert parts.count == 1


@pytest.mark.parametrize("seed", range(4))
def test_each_merge_touches_at_its_radius_and_its_sizes_add_up(seed: int) -> None:
    cloud = np.random.default_rng(seed).integers(0, 6, size=(16, 2)).astype(float)
    parts = Parts(16)
    for merge in merges(cloud):
        assert np.linalg.norm(cloud[merge.left] - cloud[merge.right]) / 2 == merge.radius
        assert (merge.left_size, merge.right_size) == (parts.size(merge.left), parts.size(merge.right))
        one, two = parts.label[merge.left], parts.label[merge.right]
        between = [
            np.linalg.norm(cloud[a] - cloud[b]) / 2
            for a in range(16)
            for b in range(16)
            if parts.label[a] == one and parts.label[b] == two
        ]
        assert merge.radius == min(between)
        assert parts.join(merge.left, merge.right)
        assert parts.size(merge.left) == merge.left_size + merge.right_size
    assert parts.count == 1
    assert merge.radius == barcode(cloud).r_f


@pytest.mark.parametrize("dim", [16, 17, 60])
def test_many_coordinates_give_the_same_tree_by_one_matrix_product(dim: int) -> None:
    random = np.random.default_rng(dim)
    cloud = random.normal(size=(40, dim)).astype(np.float32) + 100.0  # far from 0, where products lose most
    cloud[7] = cloud[3]
    tree = minimum_spanning_tree(cloud)
    assert tree.lengths == pytest.approx(kruskal(cloud.astype(np.float64)), rel=1e-6)
    assert tree.lengths[0] == 0.0
