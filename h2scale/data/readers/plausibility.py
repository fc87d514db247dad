"""Check that a file is in the unit that its format promises: only then are its molecules bonded and bound.

A length in bohr read as angstrom is 1.9 times too long, an energy in kcal/mol read as eV 23 times too deep. Both leave
every single number possible and the median impossible.
"""

from collections.abc import Sequence

import numpy as np

from h2scale import errors
from h2scale.data.readers import entries

HYDROGEN_BOND_ANGSTROM = (0.65, 1.7)
"""Median over structures with hydrogen of their shortest distance: 0.74 in H2, 0.92 in HF, 1.09 in CH4, 1.6 in LiH."""

ENERGY_PER_ATOM_EV = (0.5, 10.0)
"""Median binding per atom, three atoms and more: 1.3 eV in F2O, 3.6 in CH4, 7 in large carbons."""


def check(sample: Sequence[entries.Entry], energies: bool) -> None:
    """Check that lengths and energies of a sample, relative to atoms, are those of molecules.

    Args:
        sample: entries with energies in eV relative to isolated atoms.
        energies: also check energies; relative to fitted atoms they are small.

    Raises:
        InputError: a median lies outside what any unit but the declared one explains.
    """
    shortest = [
        _shortest(entry.structure.positions)
        for entry in sample
        if len(entry.structure.atomic_numbers) > 1 and np.any(entry.structure.atomic_numbers == 1)
    ]
    bound = [
        abs(entry.structure.energy) / len(entry.structure.atomic_numbers)
        for entry in sample
        if len(entry.structure.atomic_numbers) > 2
    ]
    where = sample[0].where if sample else ""
    if shortest:
        _refuse(float(np.median(shortest)), HYDROGEN_BOND_ANGSTROM, "shortest distance", "angstrom", where)
    if energies and bound:
        _refuse(float(np.median(bound)), ENERGY_PER_ATOM_EV, "energy per atom relative to isolated atoms", "eV", where)


def _shortest(positions: np.ndarray) -> float:
    distances = np.linalg.norm(positions[:, None] - positions[None, :], axis=-1)
    return float(distances[np.triu_indices(len(positions), k=1)].min())


def _refuse(median: float, window: tuple[float, float], what: str, unit: str, where: str) -> None:
    if not window[0] <= median <= window[1]:
        raise errors.InputError(
            f"{where} and those after it: the median {what} is {median:.3g} {unit}, outside {window[0]} to "
            f"{window[1]}; the file is of another unit or level, or these are no molecules at rest: check_units=False."
        )
