"""A trained replica as an ASE calculator; the only module of evaluation that imports ASE."""

from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from h2scale.evaluation import replica as replica_lib


class H2ScaleCalculator(Calculator):
    """Energies (eV, relative to isolated atoms) and forces (eV/angstrom) of one replica of a run.

    Charge and spin multiplicity are read from `atoms.info["charge"]` (default 0) and `atoms.info["spin"]` (default 1)
    at every call; a change of either is a new calculation.

    Args:
        workdir: the folder of a run.
        replica_id: as in its replicas.csv.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, workdir: str | Path, replica_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.replica = replica_lib.load_replica(workdir, replica_id)
        self._calculated: tuple[int, int] | None = None

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Return what changed since the last calculation; `info` counts, which ASE itself does not compare."""
        changes = super().check_state(atoms, tol=tol)
        if self._calculated != _charge_and_spin(atoms):
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
        if self.atoms is None:
            raise ValueError("H2ScaleCalculator was given no structure.")
        if self.atoms.pbc.any():
            raise PropertyNotImplementedError(
                f"H2ScaleCalculator knows molecules only; set atoms.pbc to False, got {self.atoms.pbc.tolist()}."
            )
        charge, spin = self._calculated = _charge_and_spin(self.atoms)
        energy, forces = self.replica.energy_and_forces(self.atoms.numbers, self.atoms.positions, charge, spin)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}


def _charge_and_spin(atoms: Atoms) -> tuple[int, int]:
    return int(atoms.info.get("charge", 0)), int(atoms.info.get("spin", 1))
