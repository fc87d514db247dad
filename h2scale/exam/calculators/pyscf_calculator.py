"""ASE calculator of electronic structure: Hartree-Fock, density functionals and CCSD(T) by PySCF."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from h2scale import electronic_structure, units


class PySCFCalculator(Calculator):
    """Spin-unrestricted energies and forces, spin symmetry broken where that lowers the energy; CCSD(T) has no forces.

    Charge and spin multiplicity are read from `atoms.info` at every call. Only the forces of the structure asked last
    are computed from its energy's solution; every other call is a new calculation.

    Args:
        method: "hf", "ccsd(t)", or a density functional that PySCF knows.
        basis: any that PySCF knows.
    """

    def __init__(self, method: str, basis: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method, self.basis = method, basis
        self.implemented_properties = ["energy"] if method == "ccsd(t)" else ["energy", "forces"]
        self._solved: tuple[tuple, electronic_structure.Solution] | None = None

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Return all that can change: ASE does not look at `info`, where charge and spin are."""
        return list(all_changes)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill `results`; called by ASE.

        Raises:
            ValueError: an element beyond argon, a spin that this number of electrons cannot have, or no convergence.
        """
        super().calculate(atoms, properties, system_changes)
        system = self.atoms
        if system is None:
            raise ValueError("atoms must be given or attached; got None.")
        charge = int(system.info["charge"])
        molecule = electronic_structure.make_molecule(
            system.get_chemical_symbols(),
            system.positions / units.BOHR_ANGSTROM,
            self.basis,
            charge=charge,
            spin_multiplicity=int(system.info["spin"]),
            # Functionals spread one electron over both atoms of stretched H2+. Without symmetry its two orbitals, which
            # are degenerate, mix at random, and the field can end 2 eV too high on one atom.
            symmetry=int(system.numbers.sum()) - charge == 1,
        )
        asked = (system.numbers.tobytes(), system.positions.tobytes(), molecule.charge, molecule.spin)
        with electronic_structure.one_thread():
            self.results = self._solve(molecule, asked, forces="forces" in properties)

    def _solve(self, molecule: electronic_structure.Molecule, asked: tuple, *, forces: bool) -> dict[str, Any]:
        """Energy (eV) and, if asked, forces (eV/angstrom)."""
        functional = "hf" if self.method == "ccsd(t)" else self.method
        if self._solved is None or self._solved[0] != asked:
            self._solved = (asked, electronic_structure.lowest_field(molecule, functional))
        field = self._solved[1]
        energy = field.energy_hartree
        if self.method == "ccsd(t)":
            energy = electronic_structure.ccsd_t_energy(molecule, field.density, restricted=False)
        results: dict[str, Any] = {"energy": energy * units.HARTREE_EV}
        if forces:
            push = electronic_structure.mean_field_forces(field)
            results["forces"] = np.array(push) * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM
        return results
