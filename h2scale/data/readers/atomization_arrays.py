"""The arrays of arXiv:2509.26397: a folder of three .npy files, geometries with total atomization energies.

`all_nuclear_charges.npy` and `all_xyz_coordinates.npy` are object arrays, one row of atomic numbers and one
(n_atoms, 3) array in angstrom for each molecule; `all_total_atomization_energy.npy` holds kcal/mol. The names, the
coordinates' unit and kcal/mol are those of the training script and README that accompany the paper
(`SchNet_train_script.py` divides by TAE_SCALING_FACTOR "so that kcal/mol is of similar magnitude to eV"). Neither says
which sign a bound molecule has, so that is declared or looked at. There are no forces, charges or spins: every molecule
is neutral, closed-shell and at its minimum.

The level is that of the set behind the arrays (GDB-9-G4(MP2) or VQM24 in the paper) and must be declared.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale import errors, units
from h2scale.data.readers import entries, object_arrays

NUMBERS, POSITIONS, ENERGIES = (
    "all_nuclear_charges.npy",
    "all_xyz_coordinates.npy",
    "all_total_atomization_energy.npy",
)


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of each folder, energies in eV relative to isolated atoms, without forces.

    Raises:
        InputError: a file is missing, cut short or no array; lengths or shapes disagree; the sign cannot be told.
    """
    for folder in paths:
        for name in (NUMBERS, POSITIONS, ENERGIES):
            if not (folder / name).is_file():
                raise errors.InputError(f"{folder} must be a folder with {name}; there is no such file.")
        charges = object_arrays.load_npy(folder / NUMBERS)
        positions = object_arrays.load_npy(folder / POSITIONS)
        stored = object_arrays.load_npy(folder / ENERGIES)
        lengths = (len(charges), len(positions), len(stored))
        if len(set(lengths)) != 1 or not lengths[0]:
            raise errors.InputError(
                f"{folder}: charges, coordinates and energies must be equally many; got {', '.join(map(str, lengths))}."
            )
        energies = _numbers(stored, folder / ENERGIES)
        sign = entries.sign_of_bound(energies, options, folder / ENERGIES, facts)
        relative = -sign * energies * units.KCAL_PER_MOL_EV
        for index, (row, xyz) in enumerate(
            zip(object_arrays.rows(charges), object_arrays.rows(positions), strict=True)
        ):
            where = f"{folder}, molecule {index}"
            numbers = entries.atomic_numbers(row, where)
            xyz = entries.vectors(xyz, len(numbers), "coordinates", where)
            structure = entries.closed_shell(numbers, xyz, float(relative[index]), None, rung="equilibrium")
            yield entries.Entry(structure, where)


def _numbers(stored: np.ndarray, path: Path) -> np.ndarray:
    try:
        energies = np.array([float(value) for value in stored.reshape(len(stored), -1)[:, 0]])
    except (TypeError, ValueError) as error:
        raise errors.InputError(f"{path}: each energy must be one number in kcal/mol: {error}.") from error
    if stored.size != len(stored) or not np.isfinite(energies).all():
        raise errors.InputError(f"{path}: each molecule must have one finite energy in kcal/mol.")
    return energies
