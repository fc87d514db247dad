"""Minima of an existing dataset as the start of new labels, in place of relaxing every molecule again."""

import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from h2scale import elements
from h2scale.data import storage
from h2scale.types import Structure


def of_molecule(name_or_path: str, smiles: str) -> Sequence[Structure]:
    """Minima of a molecule in a dataset (shipped name or path), in its order; none if it does not hold the molecule.

    Energies are total energies, in eV.
    """
    return _by_molecule(name_or_path).get(smiles, [])


def digest(minima: Sequence[Structure]) -> str:
    """SHA-256 of what the minima are: elements, and positions to 1e-6 angstrom."""
    content = hashlib.sha256()
    for structure in minima:
        content.update(np.asarray(structure.atomic_numbers, "<i4").tobytes())
        content.update((np.round(structure.positions * 1e6) + 0.0).astype("<i8").tobytes())
    return content.hexdigest()


@functools.cache
def _by_molecule(name_or_path: str) -> dict[str, list[Structure]]:
    dataset = storage.load_dataset(name_or_path)
    atoms = dataset.manifest["isolated_atom_energies_ev"]
    found: dict[str, list[Structure]] = {}
    for index in np.flatnonzero(dataset.rung == "equilibrium").tolist():
        structure = dataset[index]
        zero = sum(atoms[elements.SYMBOLS[number]] for number in structure.atomic_numbers)
        found.setdefault(structure.molecule, []).append(structure._replace(energy=structure.energy + zero))
    return found
