"""Repeated structures: the same atoms at the same places, in the same charge and spin state, read once more."""

import hashlib

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.types import Structure

DECIMALS = 5
"""Positions relative to the first atom are compared in angstrom to so many decimals. Copies that were rotated, or whose
atoms come in another order, are not looked for."""

SAME_ENERGY_EV = 1e-3
"""Energies of one geometry that differ by more are two labels of which one is wrong."""

REMEMBERED = 2_000_000
"""Structures to compare with, the latest; bounds the memory of reading to some 300 MB."""


class Duplicates:
    """The geometries that were read so far, by which a repeated one is recognised."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        """Begin with none.

        Args:
            remembered: how many of the latest structures are compared with.
        """
        self._remembered = remembered
        self._energy: dict[bytes, float] = {}  # eV, by hash of the geometry

    def earlier_energy(self, structure: Structure) -> float | None:
        """Energy (eV) with which the geometry was read before; None if it is new, and then it is remembered."""
        key = _key(structure)
        if key in self._energy:
            return self._energy[key]
        self._energy[key] = structure.energy
        if len(self._energy) > self._remembered:
            del self._energy[next(iter(self._energy))]  # the oldest
        return None


def geometry_hashes(dataset: dataset_lib.Dataset) -> np.ndarray:
    """64 bits of the hash by which each structure's geometry is told from others, (n_structures,), uint64."""
    return np.array([int.from_bytes(_key(structure)[:8], "little") for structure in dataset], np.uint64)


def _key(structure: Structure) -> bytes:
    relative = np.round(structure.positions - structure.positions[0], DECIMALS) + 0.0  # no negative zero
    digest = hashlib.blake2b(np.ascontiguousarray(relative).tobytes(), digest_size=8)
    digest.update(np.asarray(structure.atomic_numbers, np.int32).tobytes())
    digest.update(f"{structure.charge} {structure.spin_multiplicity}".encode())
    return digest.digest()
