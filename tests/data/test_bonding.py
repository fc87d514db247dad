"""Bonds are perceived by one rule, wherever they are asked for."""

import numpy as np
import pytest

from h2scale.data import bonding, coverage, storage

WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
CARBON_RADIUS_ANGSTROM = 0.76  # Cordero et al., Dalton Trans. 2008, 2832


@pytest.mark.parametrize(("factor", "pairs"), [(1.0, ((0, 1), (0, 2))), (3.0, ()), (0.5, ((0, 1), (0, 2), (1, 2)))])
def test_bonds_break_when_stretched_and_appear_when_compressed(factor, pairs):
    assert bonding.bonded_pairs((8, 1, 1), factor * WATER) == pairs


def test_bond_ends_at_a_distance_that_only_the_elements_set():
    limit = 1.3 * 2 * CARBON_RADIUS_ANGSTROM
    distances = np.array([0.999, 1.001]) * limit
    np.testing.assert_array_equal(bonding.are_bonded(np.array([6, 6]), np.array([6, 6]), distances), [True, False])
    np.testing.assert_array_equal(bonding.covalent_radii((6, 6)), 2 * [CARBON_RADIUS_ANGSTROM])


def test_molecules_of_the_shipped_set_have_the_bonds_of_their_lowest_structures():
    dataset = storage.load_dataset("pbe0_def2svp")
    found = coverage.molecule_parts(dataset, np.arange(len(dataset)))
    assert len(found) > 400
    for name, parts in found.items():
        own = np.flatnonzero(dataset.molecule == name)
        lowest = dataset[int(own[np.argmin(dataset.energy[own])])]
        numbers = lowest.atomic_numbers
        pairs = bonding.bonded_pairs(numbers, lowest.positions)
        assert parts.pairs == {tuple(sorted((int(numbers[i]), int(numbers[j])))) for i, j in pairs}, name
