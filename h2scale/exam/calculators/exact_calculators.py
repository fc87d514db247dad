"""Calculators of exact energies: perfect models of a few electrons, which the exam itself is tested with."""

from typing import Any

import jax
import numpy as np
from ase import Atoms

from h2scale import units
from h2scale.evaluation import molecule_calculator
from h2scale.physics import coulomb, exact

_PROTON = 1
_repulsion = jax.jit(coulomb.nuclear_repulsion)
_forces = jax.jit(coulomb.nuclear_forces)
_CURVES = {  # by charge and spin multiplicity
    (0, 1): jax.jit(jax.value_and_grad(exact.h2_ground_state)),
    (1, 2): jax.jit(jax.value_and_grad(exact.h2_cation)),
}


class CoulombCalculator(molecule_calculator.MoleculeCalculator):
    """Bare nuclei exactly, in eV and eV/angstrom; refuses whatever has electrons."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        jax.config.update("jax_enable_x64", True)

    def predict(self, atoms: Atoms, charge: int, spin: int, *, forces: bool) -> tuple[float, np.ndarray | None]:
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
        pushes = np.asarray(_forces(atoms.numbers, positions))
        return energy, pushes * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM


class ExactCalculator(CoulombCalculator):
    """Bare nuclei, the hydrogen atom, H2+ and H2's ground state exactly; refuses everything else."""

    def predict(self, atoms: Atoms, charge: int, spin: int, *, forces: bool) -> tuple[float, np.ndarray | None]:
        """Energy in eV and forces in eV/angstrom.

        Raises:
            ValueError: more than two protons with electrons, another element with electrons, or another state.
        """
        if charge == atoms.numbers.sum():
            return super().predict(atoms, charge, spin, forces=forces)
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
