"""ASE calculator of electronic structure: Hartree-Fock, density functionals and CCSD(T) by PySCF."""

from typing import Any

import numpy as np
from ase import Atoms

from h2scale import electronic_structure, units
from h2scale.evaluation import molecule_calculator


class PySCFCalculator(molecule_calculator.MoleculeCalculator):
    """Spin-unrestricted energies and forces, spin symmetry broken where that lowers the energy; CCSD(T) has no forces.

    The forces of the structure asked last are computed from its energy's solution.

    Args:
        method: "hf", "ccsd(t)", or a density functional that PySCF knows.
        basis: any that PySCF knows.
    """

    def __init__(self, method: str, basis: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method, self.basis = method, basis
        self.implemented_properties = ["energy", "free_energy"] + ["forces"] * (method != "ccsd(t)")
        self._solved: tuple[tuple, electronic_structure.Solution] | None = None

    def predict(self, atoms: Atoms, charge: int, spin: int, *, forces: bool) -> tuple[float, np.ndarray | None]:
        """Energy in eV and, where asked for, forces in eV/angstrom.

        Raises:
            ValueError: an element beyond argon, a spin that this number of electrons cannot have, or no convergence.
        """
        molecule = electronic_structure.make_molecule(
            atoms.get_chemical_symbols(),
            atoms.positions / units.BOHR_ANGSTROM,
            self.basis,
            charge=charge,
            spin_multiplicity=spin,
            # Functionals spread one electron over both atoms of stretched H2+. Without symmetry its two orbitals, which
            # are degenerate, mix at random, and the field can end 2 eV too high on one atom.
            symmetry=int(atoms.numbers.sum()) - charge == 1,
        )
        asked = (atoms.numbers.tobytes(), atoms.positions.tobytes(), charge, spin)
        functional = "hf" if self.method == "ccsd(t)" else self.method
        with electronic_structure.one_thread():
            if self._solved is None or self._solved[0] != asked:
                self._solved = (asked, electronic_structure.lowest_field(molecule, functional))
            field = self._solved[1]
            energy = field.energy_hartree
            if self.method == "ccsd(t)":
                energy = electronic_structure.ccsd_t_energy(molecule, field.density, restricted=False)
            push = np.array(electronic_structure.mean_field_forces(field)) if forces else None
        return energy * units.HARTREE_EV, None if push is None else push * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM
