"""A trained replica as an ASE calculator."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from h2scale.evaluation import molecule_calculator
from h2scale.evaluation import replica as replica_lib


class H2ScaleCalculator(molecule_calculator.MoleculeCalculator):
    """Energies (eV, relative to isolated atoms) and forces (eV/angstrom) of one replica of a run.

    Charge and spin multiplicity are read from `atoms.info["charge"]` (default 0) and `atoms.info["spin"]` (default 1).

    Args:
        workdir: the folder of a run.
        replica_id: as in its replicas.csv.
    """

    def __init__(self, workdir: str | Path, replica_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.replica = replica_lib.load_replica(workdir, replica_id)

    def predict(self, atoms: Atoms, charge: int, spin: int, *, forces: bool) -> tuple[float, np.ndarray | None]:
        """Energy in eV and forces in eV/angstrom."""
        return self.replica.energy_and_forces(atoms.numbers, atoms.positions, charge, spin)
