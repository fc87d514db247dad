"""A geometry that is read again is known, one that differs in anything else is new."""

import numpy as np
import pytest

from h2scale.data import duplicates
from h2scale.types import Structure

WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.470], [0.0, -0.757, -0.470]])


def water(positions=WATER, energy=-10.0, charge=0, multiplicity=1, numbers=(8, 1, 1)):
    numbers = np.array(numbers)
    return Structure(
        numbers, positions, energy, 0 * positions, charge, multiplicity, "thermal", "thermal", "O", "test", 0.0
    )


@pytest.mark.parametrize(
    "again",
    [water(), water(WATER + 3.0), water(WATER + 1e-7), water(energy=-9.0)],
    ids=["same", "moved", "rounded", "another energy"],
)
def test_a_repeated_geometry_is_known_with_its_energy(again):
    seen = duplicates.Duplicates()
    assert seen.earlier_energy(water()) is None
    assert seen.earlier_energy(again) == -10.0


@pytest.mark.parametrize(
    "other",
    [
        water(WATER * 1.001),
        water(charge=2),
        water(multiplicity=3),
        water(numbers=(1, 8, 1)),
        water(WATER[:2], numbers=(8, 1), multiplicity=2),
    ],
    ids=["stretched", "charge", "spin", "elements", "fewer atoms"],
)
def test_what_differs_is_new(other):
    seen = duplicates.Duplicates()
    assert seen.earlier_energy(water()) is None
    assert seen.earlier_energy(other) is None


def test_memory_is_bounded_and_the_oldest_is_forgotten():
    seen = duplicates.Duplicates(remembered=2)
    for factor in (1.0, 1.01, 1.02):
        assert seen.earlier_energy(water(WATER * factor)) is None
    assert seen.earlier_energy(water(WATER * 1.02)) == -10.0
    assert seen.earlier_energy(water()) is None
