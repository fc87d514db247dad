"""Minima that were reached from two molecular graphs: resonance forms of a radical are one molecule."""

from collections.abc import Iterable

import numpy as np

from h2scale.types import Structure

SAME_ENERGY_EV = 0.01
"""Within which relaxations from different starts end in one minimum."""
SAME_DISTANCE_ANGSTROM = 0.05


def first_of_each(structures: Iterable[Structure]) -> list[int]:
    """Indices, in order, of structures whose minimum no earlier one has.

    Two are the same minimum if elements, charge, spin, energy and, by pairs of elements, all distances are.
    """
    kept: list[int] = []
    seen: dict[tuple, list[tuple[float, np.ndarray]]] = {}
    for index, structure in enumerate(structures):
        numbers = tuple(sorted(int(number) for number in structure.atomic_numbers))
        known = seen.setdefault((numbers, structure.charge, structure.spin_multiplicity), [])
        distances = _distances(structure)
        if not any(
            abs(energy - structure.energy) < SAME_ENERGY_EV
            and np.abs(others - distances).max(initial=0.0) < SAME_DISTANCE_ANGSTROM
            for energy, others in known
        ):
            known.append((structure.energy, distances))
            kept.append(index)
    return kept


def _distances(structure: Structure) -> np.ndarray:
    """Distances of all pairs of atoms, angstrom, by increasing elements, then distance."""
    first, second = np.triu_indices(len(structure.positions), 1)
    lengths = np.linalg.norm(structure.positions[first] - structure.positions[second], axis=1)
    numbers = np.asarray(structure.atomic_numbers)
    low, high = np.minimum(numbers[first], numbers[second]), np.maximum(numbers[first], numbers[second])
    return lengths[np.lexsort((lengths, high, low))]
