"""ANI-1x: five million conformations of H, C, N, O molecules off equilibrium, as HDF5 (`ani1x-release.h5`).

One group a composition: `atomic_numbers` (n_atoms,), `coordinates` (n, n_atoms, 3) in angstrom, and for each level and
property an array over the conformations, NaN where it was not computed. Read is the level of the original set,
wB97X/6-31G(d): `wb97x_dz.energy` (n,) in hartree and `wb97x_dz.forces` (n, n_atoms, 3) in hartree/angstrom; forces,
not gradients. Conformations without them are left out and counted. All molecules are neutral and closed-shell.

Isolated atoms: the self energies of the ANI models at this level, spin-unrestricted ground states.

References: Smith, Zubatyuk, Nebgen et al., Sci. Data 7, 134 (2020), table 2; github.com/aiqm/ANI1x_datasets;
atoms: github.com/isayev/ANI1_dataset, issue 2, and torchani's ground state atomic energies "wb97x-631gd".
"""

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from h2scale import units
from h2scale.data.readers import entries, hdf5_groups

LEVEL = "wb97x/6-31g(d)"
ATOMIC_ENERGIES_HARTREE = MappingProxyType(
    {"H": -0.499321232710, "C": -37.8338334397, "N": -54.5732824628, "O": -75.0424519384}
)
ATOMIC_ENERGIES_SOURCE = "self energies of the ANI models, UKS wB97X/6-31G(d) ground states"
ENERGY, FORCES = "wb97x_dz.energy", "wb97x_dz.forces"
NO_LABEL = f"no {ENERGY} or {FORCES}"


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of .h5 files, with total energies (eV) and forces; those without a label are counted in `facts`.

    Raises:
        InputError: a file is not HDF5 or is cut short; a group lacks an array; a shape is wrong.
    """
    left_out: Counter[str] = facts.setdefault("dropped", Counter())
    for path in paths:
        for name, group in hdf5_groups.groups(path, ("atomic_numbers", "coordinates", ENERGY, FORCES)):
            where = f"{path}, group {name}"
            numbers = entries.atomic_numbers(hdf5_groups.values(group, "atomic_numbers", where), where)
            coordinates = hdf5_groups.array(group, "coordinates", (None, len(numbers), 3), where)
            energies = hdf5_groups.array(group, ENERGY, (len(coordinates),), where)
            forces = hdf5_groups.array(group, FORCES, coordinates.shape, where)
            for index in range(len(coordinates)):
                if np.isnan(energies[index]) or np.isnan(forces[index]).any():
                    left_out[NO_LABEL] += 1
                    continue
                structure = entries.closed_shell(
                    numbers,
                    coordinates[index],
                    float(energies[index]) * units.HARTREE_EV,
                    forces[index] * units.HARTREE_EV,
                    rung="thermal",
                    molecule=name,
                    teacher=LEVEL,
                )
                yield entries.Entry(structure, f"{where}, conformation {index}")
