"""Kohn-Sham labels of single geometries."""

import numpy as np
import pytest

from h2scale import electronic_structure
from h2scale.electronic_structure import kohn_sham
from h2scale.labels import dft

LEVEL = kohn_sham.Level(grid_level=1)


@pytest.fixture(autouse=True)
def _one_thread():
    with electronic_structure.one_thread():
        yield


def pair(distance):
    return np.array([[0.0, 0, 0], [0, 0, distance]])


def test_a_radical_keeps_its_spin_and_starts_the_next_geometry():
    species = dft.Species(("O", "H"), 0, 2)
    first, orbitals = dft.label(species, pair(0.97), LEVEL)
    warm, _ = dft.label(species, pair(1.0), LEVEL, orbitals)
    cold, _ = dft.label(species, pair(1.0), LEVEL)
    assert first.spin_squared == pytest.approx(0.75, abs=0.02)
    # Its orbital may point anywhere around the axis, and the grid knows directions to some 1e-5 eV.
    assert warm.energy == pytest.approx(cold.energy, abs=1e-4)


@pytest.mark.parametrize(
    ("species", "positions", "message"),
    [
        (dft.Species(("O", "H"), 0, 1), pair(1.0), "spin_multiplicity must be one of"),
        (dft.Species(("H", "H"), 3, 1), pair(1.0), "charge must be at most 2"),
        (dft.Species(("H", "H"), 0, 1), np.zeros((2, 3)), "coincide"),
    ],
)
def test_impossible_labels_are_refused_in_one_line(species, positions, message):
    with pytest.raises(ValueError, match=message):
        dft.label(species, positions, LEVEL)


def test_an_unknown_basis_is_named():
    with pytest.raises(ValueError, match=r"basis must be .* got 'nonsense'"):
        dft.label(dft.Species(("H", "H"), 0, 1), pair(0.74), LEVEL._replace(basis="nonsense"))
