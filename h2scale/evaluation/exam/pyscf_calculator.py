"""Electronic structure as ASE calculators: total energies of any PySCF method that the physics layer offers."""

from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from h2scale import units
from h2scale.physics import electronic_structure

GRID_LEVEL = 3


class PySCFCalculator(Calculator):
    """Spin-unrestricted energy in eV, spin symmetry broken where that lowers it; no forces.

    Charge and spin multiplicity are read from `atoms.info` at every call, and every call is a new calculation.

    Args:
        method: "hf", "ccsd(t)", or a density functional that PySCF knows.
        basis: any that PySCF knows.
    """

    implemented_properties: ClassVar[list[str]] = ["energy"]

    def __init__(self, method: str, basis: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method, self.basis = method, basis

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Everything counts as changed: ASE does not look at `info`, where charge and spin are."""
        return list(all_changes)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fills `results`; called by ASE.

        Raises:
            ValueError: an element beyond argon, a spin that this number of electrons cannot have, or no convergence.
        """
        super().calculate(atoms, properties, system_changes)
        charge = int(self.atoms.info["charge"])
        molecule = electronic_structure.make_molecule(
            self.atoms.get_chemical_symbols(),
            self.atoms.positions / units.BOHR_ANGSTROM,
            self.basis,
            charge=charge,
            spin_multiplicity=int(self.atoms.info["spin"]),
            # Functionals spread one electron over both atoms of stretched H2+. Without symmetry its two orbitals, which
            # are degenerate, mix at random, and the field can end 2 eV too high on one atom.
            symmetry=int(self.atoms.numbers.sum()) - charge == 1,
        )
        functional = "hf" if self.method == "ccsd(t)" else self.method
        field = electronic_structure.mean_field(
            molecule, functional, restricted=False, density=None, grid_level=GRID_LEVEL, follow=True
        )
        energy = field.energy_hartree
        if self.method == "ccsd(t)":
            energy = electronic_structure.coupled_cluster(molecule, field.density, restricted=False)
        self.results = {"energy": energy * units.HARTREE_EV}
