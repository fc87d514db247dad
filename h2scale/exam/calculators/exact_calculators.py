"""Calculators of exact energies: perfect models of a few electrons, which the exam itself is tested with."""

from typing import Any

import jax
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from h2scale import units
from h2scale.physics import coulomb, exact

_PROTON = 1
_repulsion = jax.jit(coulomb.nuclear_repulsion)
_forces = jax.jit(coulomb.nuclear_forces)
_CURVES = {  # by charge and spin multiplicity
    (0, 1): jax.jit(jax.value_and_grad(exact.h2_ground_state)),
    (1, 2): jax.jit(jax.value_and_grad(exact.h2_cation)),
}


class CoulombCalculator(Calculator):
    """Bare nuclei exactly, in eV and eV/angstrom; refuses whatever has electrons."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        jax.config.update("jax_enable_x64", True)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Return every change: ASE does not look at `info`, where the charge is."""
        return list(all_changes)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill `results`; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        if self.atoms is None:
            raise ValueError("no structure was given")
        energy, forces = self.predict(self.atoms, int(self.atoms.info["charge"]), int(self.atoms.info["spin"]))
        self.results = {"energy": energy, "forces": forces}

    def predict(self, atoms: Atoms, charge: int, spin: int) -> tuple[float, np.ndarray]:
        """Energy in eV and forces in eV/angstrom.

        Raises:
            ValueError: there are electrons.
        """
        if charge != atoms.numbers.sum():
            raise ValueError(
                f"{atoms.get_chemical_formula()} with charge {charge} has electrons; only bare nuclei here"
            )
        positions = atoms.positions / units.BOHR_ANGSTROM
        energy = float(_repulsion(atoms.numbers, positions)) * units.HARTREE_EV
        forces = np.asarray(_forces(atoms.numbers, positions))
        return energy, forces * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM


class ExactCalculator(CoulombCalculator):
    """Bare nuclei, the hydrogen atom, H2+ and H2's ground state exactly; refuses everything else."""

    def predict(self, atoms: Atoms, charge: int, spin: int) -> tuple[float, np.ndarray]:
        """Energy in eV and forces in eV/angstrom.

        Raises:
            ValueError: more than two protons with electrons, another element with electrons, or another state.
        """
        if charge == atoms.numbers.sum():
            return super().predict(atoms, charge, spin)
        if (atoms.numbers == _PROTON).all() and len(atoms) == 1 and (charge, spin) == (0, 2):
            return exact.HYDROGEN_ATOM_HARTREE * units.HARTREE_EV, np.zeros((1, 3))
        if not (atoms.numbers == _PROTON).all() or len(atoms) != 2 or (charge, spin) not in _CURVES:
            formula = atoms.get_chemical_formula()
            raise ValueError(f"{formula} with charge {charge} and multiplicity {spin} has no exact curve here")
        bond = atoms.positions[1] - atoms.positions[0]
        distance = float(np.linalg.norm(bond))
        energy, slope = _CURVES[charge, spin](distance / units.BOHR_ANGSTROM)
        push = -float(slope) * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM * bond / distance
        return float(energy) * units.HARTREE_EV, np.array([-push, push])
