"""The numbers that order structures depend on what a structure is, and stay what they were."""

import types

import numpy as np

from h2scale.data import dataset, hashing


def made_up(molecule, rung):
    def coded(column):
        return dataset.Coded(*np.unique(np.array(column), return_inverse=True))

    return types.SimpleNamespace(molecules=coded(molecule), rungs=coded(rung))


def test_orders_are_pinned():
    """A change here draws every training set anew and moves every published number of a study."""
    made = made_up(["C", "C", "N", "O", "C", "N"], ["equilibrium"] * 4 + ["thermal"] * 2)
    assert [np.argsort(hashing.structure_draws(made, seed)).tolist() for seed in range(3)] == [
        [5, 2, 0, 1, 3, 4],
        [0, 5, 2, 3, 1, 4],
        [4, 0, 2, 3, 1, 5],
    ]


def test_draws_of_a_structure_do_not_depend_on_the_others():
    small = made_up(["C", "N", "C"], ["thermal", "thermal", "thermal"])
    large = made_up(["O", "C", "N", "C", "C"], ["thermal", "thermal", "thermal", "thermal", "equilibrium"])
    draws = hashing.structure_draws(large, 4)
    np.testing.assert_array_equal(hashing.structure_draws(small, 4), draws[1:4])
    assert len(set(draws.tolist())) == 5
