"""A remedy as an ASE calculator; the only module of this room that imports ASE."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from h2scale.remedies import remedy as remedy_lib

STEP_ANGSTROM = 0.005
"""Of the differences that forces are made by: the energy's own noise, 1e-7 eV, then gives 1e-5 eV/angstrom."""


class RemedyCalculator(Calculator):
    """Energies (eV, relative to isolated atoms) of a remedy, and forces (eV/angstrom) by central differences.

    Charge and spin multiplicity are read from `atoms.info["charge"]` (default 0) and `atoms.info["spin"]` (default 1)
    at every call. Forces take six energies an atom, each of which starts from the field in the middle.

    Args:
        name: of a shipped remedy, or the path of an .npz file.
        forces: whether forces are offered; without, the calculator says that it has none.
    """

    def __init__(self, name: str, forces: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.implemented_properties = ["energy", "free_energy"] + ["forces"] * forces
        self.remedy = remedy_lib.load_remedy(name)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Return every change: ASE does not look at `info`, where charge and spin are."""
        return list(all_changes)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill `results`; called by ASE.

        Raises:
            InputError: as `Remedy.energy`.
        """
        super().calculate(atoms, properties, system_changes)
        if self.atoms is None:
            raise ValueError("RemedyCalculator was given no structure.")
        if self.atoms.pbc.any():
            raise PropertyNotImplementedError(
                f"RemedyCalculator knows molecules only; set atoms.pbc to False, got {self.atoms.pbc.tolist()}."
            )
        numbers, positions = self.atoms.numbers, self.atoms.positions
        state = int(self.atoms.info.get("charge", 0)), int(self.atoms.info.get("spin", 1))
        found = self.remedy.predict(numbers, positions, *state)
        self.results = {"energy": found.energy, "free_energy": found.energy}
        if "forces" in properties:
            starts = () if found.density is None else (found.density,)
            forces = np.zeros_like(positions)
            for index in np.ndindex(positions.shape):
                step = np.zeros_like(positions)
                step[index] = STEP_ANGSTROM
                ahead, behind = (
                    self.remedy.predict(numbers, positions + sign * step, *state, densities=starts).energy
                    for sign in (1.0, -1.0)
                )
                forces[index] = (behind - ahead) / (2 * STEP_ANGSTROM)
            self.results["forces"] = forces
