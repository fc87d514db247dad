"""The shell that all ASE calculators of molecules here share: charge, spin, boundaries, and what ASE asks for."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes


class MoleculeCalculator(Calculator):
    """ASE calculator of molecules; a subclass gives `predict`.

    Charge and spin multiplicity are read from `atoms.info["charge"]` (default 0) and `atoms.info["spin"]` (default 1)
    at every call; a change of either is a new calculation. Structures with periodic boundaries are refused.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def predict(self, atoms: Atoms, charge: int, spin: int, *, forces: bool) -> tuple[float, np.ndarray | None]:
        """Energy in eV and forces in eV/angstrom, shape (n_atoms, 3); forces may be None where they are not asked for.

        Args:
            atoms: the structure.
            charge: total charge.
            spin: multiplicity.
            forces: whether they are asked for.
        """
        raise NotImplementedError

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Return what changed since the last calculation; charge and spin count, which ASE itself does not compare."""
        changes = super().check_state(atoms, tol=tol)
        if self.atoms is not None and _charge_and_spin(self.atoms) != _charge_and_spin(atoms):
            changes = [*changes, "initial_charges"]
        return changes

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill `results`; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        name = type(self).__name__
        if self.atoms is None:
            raise ValueError(f"{name} was given no structure.")
        if self.atoms.pbc.any():
            raise PropertyNotImplementedError(
                f"{name} knows molecules only; set atoms.pbc to False, got {self.atoms.pbc.tolist()}."
            )
        energy, forces = self.predict(self.atoms, *_charge_and_spin(self.atoms), forces="forces" in properties)
        self.results = {"energy": energy, "free_energy": energy}
        if forces is not None:
            self.results["forces"] = forces


def _charge_and_spin(atoms: Atoms) -> tuple[int, int]:
    return int(atoms.info.get("charge", 0)), int(atoms.info.get("spin", 1))
