"""VQM24: 836 thousand conformers of closed-shell molecules with up to five heavy atoms, wB97X-D3/cc-pVDZ, as .npz.

Object arrays, one row a conformer: `atoms` (atomic numbers), `coordinates` (angstrom), `compounds` (stoichiometry and
running numbers, joined by `_`), in some files `graphs` (SMILES), and in hartree `Etot` (total electronic energy) and
`Eatomization`. The latter is what is read: the authors took it relative to their own isolated atoms. Its sign is looked
at or declared. That it belongs to `Etot` is checked: their difference must be a sum over atoms, which a column of
another unit, set or order is not. There are no forces. `DFT_saddles.npz` holds no minima: declare another rung for it.

References: Khan, Benali, Kim, von Rudorff, von Lilienfeld, Sci. Data 12 (2025), arXiv:2405.05961,
doi:10.5281/zenodo.15442257; array names and hartree as in `GNN_learning.py` of github.com/dkhan42/VQM24.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale import errors, units
from h2scale.data.readers import entries, object_arrays

LEVEL = "wb97x-d3/cc-pvdz"
NAMES = ("atoms", "coordinates", "compounds", "Etot", "Eatomization")
SMILES = "graphs"
ADDITIVITY_TOLERANCE_HARTREE = 0.01
"""Far above rounding and what a dispersion correction left out of one column would do, far below a wrong unit."""


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of .npz files, energies in eV relative to isolated atoms, without forces.

    Raises:
        InputError: a file is no .npz, is cut short or lacks an array; lengths or shapes disagree; the sign cannot be
            told; atomization and total energies do not belong together.
    """
    for path in paths:
        arrays = object_arrays.load_npz(path, NAMES, optional=(SMILES,))
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1 or not lengths["atoms"]:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise errors.InputError(f"{path}: the arrays must be equally long; got {listed}.")
        atomization = _energies(arrays["Eatomization"], "Eatomization", path)
        sign = entries.sign_of_bound(atomization, options, path, facts)
        numbers = [
            entries.atomic_numbers(row, f"{path}, molecule {index}")
            for index, row in enumerate(object_arrays.rows(arrays["atoms"]))
        ]
        _check_additive(numbers, _energies(arrays["Etot"], "Etot", path) + sign * atomization, path)
        for index, xyz in enumerate(object_arrays.rows(arrays["coordinates"])):
            where = f"{path}, molecule {index}"
            relative = -sign * float(atomization[index]) * units.HARTREE_EV
            molecule = str(arrays[SMILES][index]) if SMILES in arrays else ""
            positions = entries.vectors(xyz, len(numbers[index]), "coordinates", where)
            structure = entries.closed_shell(
                numbers[index], positions, relative, None, rung="equilibrium", molecule=molecule, teacher=LEVEL
            )
            yield entries.Entry(structure, where)


def _energies(array: np.ndarray, name: str, path: Path) -> np.ndarray:
    try:
        energies = np.asarray(array, np.float64)
    except (TypeError, ValueError) as error:
        raise errors.InputError(f"{path}: {name} must be one number a molecule, in hartree: {error}.") from error
    if energies.ndim != 1 or not np.isfinite(energies).all():
        raise errors.InputError(f"{path}: {name} must be one finite number a molecule, in hartree.")
    return energies


def _check_additive(numbers: list[np.ndarray], atoms_hartree: np.ndarray, path: Path) -> None:
    """Refuse energies of separated atoms (hartree, one per molecule) that are no sum over elements."""
    present = np.unique(np.concatenate(numbers))
    counts = np.stack([np.sum(row[:, None] == present[None, :], axis=0) for row in numbers]).astype(np.float64)
    per_element = np.linalg.lstsq(counts, atoms_hartree, rcond=None)[0]
    worst = int(np.argmax(np.abs(counts @ per_element - atoms_hartree)))
    error = abs(counts[worst] @ per_element - atoms_hartree[worst])
    if error > ADDITIVITY_TOLERANCE_HARTREE:
        raise errors.InputError(
            f"{path}, molecule {worst}: Etot and Eatomization (hartree) do not belong together: their separated atoms "
            f"are no sum over elements, by {error:.2g} hartree."
        )
