"""A remedy as an ASE calculator."""

from typing import Any

import numpy as np
from ase import Atoms

from h2scale.evaluation import molecule_calculator
from h2scale.remedies import remedy as remedy_lib

STEP_ANGSTROM = 0.005
"""Of the differences that forces are made by: the energy's own noise, 1e-7 eV, then gives 1e-5 eV/angstrom."""


class RemedyCalculator(molecule_calculator.MoleculeCalculator):
    """Energies (eV, relative to isolated atoms) of a remedy, and forces (eV/angstrom) by central differences.

    Charge and spin multiplicity are read from `atoms.info["charge"]` (default 0) and `atoms.info["spin"]` (default 1).
    Forces take six energies an atom, each of which starts from the field in the middle.

    Args:
        name: of a shipped remedy, or the path of an .npz file.
        forces: whether forces are offered; without, the calculator says that it has none.
    """

    def __init__(self, name: str, forces: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.implemented_properties = ["energy", "free_energy"] + ["forces"] * forces
        self.remedy = remedy_lib.load_remedy(name)

    def predict(self, atoms: Atoms, charge: int, spin: int, *, forces: bool) -> tuple[float, np.ndarray | None]:
        """Energy in eV and, where asked for, forces in eV/angstrom.

        Raises:
            InputError: as `Remedy.energy`.
        """
        numbers, positions = atoms.numbers, atoms.positions
        found = self.remedy.predict(numbers, positions, charge, spin)
        if not forces:
            return found.energy, None
        starts = () if found.density is None else (found.density,)
        pushes = np.zeros_like(positions)
        for index in np.ndindex(positions.shape):
            step = np.zeros_like(positions)
            step[index] = STEP_ANGSTROM
            ahead, behind = (
                self.remedy.predict(numbers, positions + sign * step, charge, spin, densities=starts).energy
                for sign in (1.0, -1.0)
            )
            pushes[index] = (behind - ahead) / (2 * STEP_ANGSTROM)
        return found.energy, pushes
