"""Edges are the pairs within the cutoff, each in both directions, whatever else is in the dataset."""

import numpy as np
import pytest

from h2scale import data
from h2scale.graphs import neighbors


def brute_force(positions, cutoff):
    pairs = []
    for i in range(len(positions)):
        for j in range(len(positions)):
            if i != j and np.linalg.norm(positions[i] - positions[j]) < cutoff:
                pairs.append((j, i))  # sender, receiver; sorted by receiver
    return pairs


@pytest.mark.parametrize("cutoff", [1.2, 4.0, 50.0])
def test_edges_are_all_pairs_within_the_cutoff(cutoff):
    shipped = data.load_dataset("pbe0_def2svp")
    dataset = shipped.select(np.arange(0, len(shipped), 31))
    edges = neighbors.find_edges(dataset.positions, dataset.n_atoms, cutoff)
    for i, structure in enumerate(dataset):
        mine = slice(edges.edge_offset[i], edges.edge_offset[i] + edges.n_edges[i])
        found = list(zip(edges.senders[mine].tolist(), edges.receivers[mine].tolist(), strict=True))
        assert found == brute_force(structure.positions, cutoff)
    assert edges.n_edges.sum() == len(edges.senders) == len(edges.receivers)


def test_structures_without_edges_keep_their_place():
    positions = np.array([[0.0, 0, 0], [0.0, 0, 0], [0, 0, 9.0], [0.0, 0, 0], [0, 0, 1.0], [5.0, 0, 0]])
    edges = neighbors.find_edges(positions, np.array([1, 2, 2, 1]), 2.0)
    np.testing.assert_array_equal(edges.n_edges, [0, 0, 2, 0])
    np.testing.assert_array_equal(edges.senders, [1, 0])
    np.testing.assert_array_equal(edges.receivers, [0, 1])


def test_a_pair_at_the_cutoff_has_no_edge():
    positions = np.array([[0.0, 0, 0], [0, 0, 3.0]])
    assert neighbors.find_edges(positions, np.array([2]), 3.0).n_edges[0] == 0
    assert neighbors.find_edges(positions, np.array([2]), np.nextafter(3.0, 4.0)).n_edges[0] == 2


def test_blocks_do_not_show(monkeypatch):
    dataset = data.load_dataset("pbe0_def2svp").select(np.arange(300, 340))
    whole = neighbors.find_edges(dataset.positions, dataset.n_atoms, 4.0)
    monkeypatch.setattr(neighbors, "_PAIRS_PER_BLOCK", 500)
    for x, y in zip(whole, neighbors.find_edges(dataset.positions, dataset.n_atoms, 4.0), strict=True):
        np.testing.assert_array_equal(x, y)


def test_no_structures_have_no_edges():
    assert [len(x) for x in neighbors.find_edges(np.zeros((0, 3)), np.zeros(0, int), 4.0)] == [0, 0, 0]


@pytest.mark.parametrize("cutoff", [0.0, -4.0, np.nan, np.inf])
def test_a_cutoff_that_is_not_positive_is_refused(cutoff):
    with pytest.raises(ValueError, match=r"model\.cutoff must be positive, in angstrom; got"):
        neighbors.find_edges(np.zeros((1, 3)), np.array([1]), cutoff)


def test_counts_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"positions must have shape \(5, 3\) for these n_atoms; got \(4, 3\)"):
        neighbors.find_edges(np.zeros((4, 3)), np.array([2, 3]), 4.0)
