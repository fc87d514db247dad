"""The clusters are the published ones: numbers that anybody can make again from the rule."""

import numpy as np

from h2scale.benchmark import clusters
from h2scale.graphs import neighbors


def test_thirty_two_clusters_have_the_published_size():
    dataset = clusters.random_clusters(32)
    edges = neighbors.find_edges(dataset.positions, dataset.n_atoms, cutoff=5.0)
    assert int(dataset.n_atoms.sum()) == 278
    assert int(edges.n_edges.sum()) == 2214


def test_more_clusters_begin_with_the_fewer():
    few, many = clusters.random_clusters(3), clusters.random_clusters(5)
    atoms = int(few.n_atoms.sum())
    np.testing.assert_array_equal(many.positions[:atoms], few.positions)
    np.testing.assert_array_equal(many.energy[:3], few.energy)


def test_atoms_keep_their_distance_and_their_cube():
    dataset = clusters.random_clusters(16)
    assert np.abs(dataset.positions).max() < clusters.HALF_WIDTH_ANGSTROM
    assert set(dataset.n_atoms.tolist()) <= set(range(5, 13))
    assert set(dataset.atomic_numbers.tolist()) == set(clusters.SPECIES)
    for start, count in zip(dataset.atom_offset, dataset.n_atoms, strict=True):
        positions = dataset.positions[start : start + count]
        distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
        assert distances[~np.eye(count, dtype=bool)].min() > clusters.SHORTEST_DISTANCE_ANGSTROM
