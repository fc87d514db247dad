"""Bonds of a molecule, from the distances of its atoms alone."""

from collections.abc import Sequence

import numpy as np

from h2scale import elements

BOND_FACTOR = 1.3
"""Two atoms are bonded if they are nearer than this times the sum of their covalent radii."""

_RADII = np.array(elements.COVALENT_RADII_ANGSTROM)


def covalent_radii(atomic_numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    """Covalent radius of each atom, angstrom, (n_atoms,)."""
    return _RADII[np.asarray(atomic_numbers)]


def are_bonded(first: np.ndarray, second: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """True for each pair of atoms that are bonded at their distance, (n_pairs,).

    Args:
        first: atomic numbers, (n_pairs,).
        second: atomic numbers of the partners, (n_pairs,).
        distances: angstrom, (n_pairs,).
    """
    return distances < BOND_FACTOR * (_RADII[first] + _RADII[second])


def bonded_pairs(atomic_numbers: Sequence[int] | np.ndarray, positions: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Pairs of bonded atoms of one molecule, sorted.

    Args:
        atomic_numbers: (n_atoms,).
        positions: (n_atoms, 3), angstrom.
    """
    numbers = np.asarray(atomic_numbers)
    first, second = np.triu_indices(len(positions), k=1)
    distances = np.linalg.norm(positions[first] - positions[second], axis=1)
    close = are_bonded(numbers[first], numbers[second], distances)
    return tuple((int(i), int(j)) for i, j in zip(first[close], second[close], strict=True))
