"""The search for the lowest unrestricted solution of one geometry, from several starts; hartree and bohr."""

from collections.abc import Sequence

import numpy as np

from h2scale.electronic_structure import mean_fields, starts
from h2scale.electronic_structure.fields import Solution
from h2scale.electronic_structure.molecules import Molecule

GRID_LEVEL = 3
"""PySCF's quadrature of the solution that is kept."""
SEARCH_GRID_LEVEL = 0


def lowest_field(molecule: Molecule, functional: str, *, densities: Sequence[np.ndarray] = ()) -> Solution:
    """Lowest of the fields reached from mixed frontier orbitals, from atoms of opposite spin with round densities, and
    from the isolated atoms' own, where their spins fit: the first two serve near the bond length, the last far out.

    A functional's are looked for on a coarse grid, whose error is nearly the same for all of them, and the lowest is
    converged again on the full one, in its state.

    Args:
        molecule: without symmetry, unless it has one electron.
        functional: "hf", or any that PySCF knows.
        densities: further starts, (2, n_ao, n_ao), such as those of a neighbouring geometry.

    Raises:
        ValueError: no start leads to a stable solution, the first one's reason; or the lowest is lost on the full grid.
    """
    guesses, fields, errors = [starts.mixed(molecule), *densities], [], []
    if molecule.natm > 1 and molecule.nelectron > 1:
        guesses.append(starts.opposed_atoms(molecule))
        try:
            atoms = starts.separated_atoms(molecule, functional, grid_level=SEARCH_GRID_LEVEL)
        except ValueError as error:
            atoms = None
            errors.append(error)
        guesses += [] if atoms is None else [atoms]
    for guess in guesses:
        try:
            fields.append(
                mean_fields.mean_field(
                    molecule, functional, restricted=False, density=guess, grid_level=SEARCH_GRID_LEVEL, follow=True
                )
            )
        except ValueError as error:
            errors.append(error)
    if not fields:
        raise errors[0]
    lowest = min(fields, key=lambda field: field.energy_hartree)
    if functional == "hf":
        return lowest
    return mean_fields.kept_state(molecule, functional, lowest, grid_level=GRID_LEVEL)
