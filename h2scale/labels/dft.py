"""Kohn-Sham labels of single geometries, and what scans share with them.

Solutions are searched on a coarse grid and converged again on the level's own. Hartree and bohr inside; `Label` is in
eV and angstrom.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure, units
from h2scale.electronic_structure import kohn_sham, stability, starts
from h2scale.electronic_structure.fields import Orbitals, Solution

EXPLORATION_GRID_LEVEL = 0
_SAFE_GAP_HARTREE = 0.25
"""HOMO-LUMO gap above which a restricted solution is not tested for stability: breaking the symmetry costs the gap and
gains an exchange integral, which is smaller than this in molecules of light elements."""


class Species(NamedTuple):
    """Elements, charge and spin of a molecule."""

    symbols: tuple[str, ...]
    charge: int
    spin_multiplicity: int


class Label(NamedTuple):
    """A label of one geometry."""

    positions: np.ndarray  # (n_atoms, 3), angstrom
    energy: float  # eV, total
    forces: np.ndarray  # (n_atoms, 3), eV/angstrom
    spin_squared: float
    convergence: str  # what kind of solution this is and how many were found


def problem(species: Species, positions: np.ndarray, level: kohn_sham.Level) -> kohn_sham.Problem:
    """Grid and integrals of a geometry (angstrom).

    Raises:
        ValueError: coincident nuclei, unknown element, basis or functional, an impossible charge and spin.
    """
    return kohn_sham.prepare(make_molecule(species, positions, level.basis), level)


def make_molecule(species: Species, positions: np.ndarray, basis: str) -> electronic_structure.Molecule:
    """PySCF's molecule of a geometry (angstrom); errors as in `problem`."""
    return electronic_structure.make_molecule(
        species.symbols,
        np.asarray(positions) / units.BOHR_ANGSTROM,
        basis,
        charge=species.charge,
        spin_multiplicity=species.spin_multiplicity,
    )


def plain_solution(molecule: electronic_structure.Molecule, functional: str, grid_level: int) -> Solution:
    """Lower of the restricted field and the unrestricted one from mixed frontier orbitals, both by PySCF alone.

    Density-fitted; instabilities of the unrestricted field are followed.

    Raises:
        ValueError: no convergence, or no stable solution.
    """
    found: list[Solution] = []
    for restricted in (True, False) if molecule.spin == 0 else (False,):
        start = None if restricted else starts.mixed(molecule, found[0] if found else None)
        try:
            solution = electronic_structure.mean_field(
                molecule,
                functional,
                restricted=restricted,
                density=start,
                grid_level=grid_level,
                follow=not restricted,
                fitted=True,
            )
        except ValueError:
            if restricted:  # far from equilibrium there may be no restricted solution
                continue
            raise
        found.append(solution)
    return min(found, key=lambda solution: solution.energy_hartree)


def ground_solution(prepared: kohn_sham.Problem, start: Orbitals | None = None) -> tuple[Solution, bool]:
    """Stable solution nearest to the restricted one, or, for an open shell, to superposed atoms.

    Args:
        prepared: the geometry.
        start: orbitals of a neighbouring geometry.

    Returns:
        The solution, and whether its stability was computed rather than inferred from its gap.

    Raises:
        ValueError: no convergence, or no stable solution.
    """
    if prepared.molecule.spin or prepared.molecule.nelectron < 2:
        atoms = np.zeros(prepared.molecule.natm)
        first = starts.polarised(prepared, atoms) if start is None else starts.transferred(prepared, start)
        solution = kohn_sham.unrestricted(prepared, first)
        return (solution, False) if prepared.molecule.nelectron < 2 else (stability.relax(prepared, solution)[0], True)
    solution = kohn_sham.restricted(prepared, None if start is None else starts.transferred(prepared, start))
    if kohn_sham.gap(solution) > _SAFE_GAP_HARTREE:
        return solution, False
    return stability.relax(prepared, solution)[0], True


def label(
    species: Species, positions: np.ndarray, level: kohn_sham.Level, start: Orbitals | None = None
) -> tuple[Label, Orbitals]:
    """Label of one geometry near equilibrium, and the orbitals that start the next.

    Raises:
        ValueError: as `problem` and `ground_solution`.
    """
    coarse = problem(species, positions, level._replace(grid_level=EXPLORATION_GRID_LEVEL))
    found, tested = ground_solution(coarse, start)
    prepared, solution = on_own_grid(coarse, [found], level)
    words = f"{kind_of(solution)}, {'stable' if tested else 'gap above 0.25 hartree'}"
    return make_label(prepared, solution, positions, words), solution.orbitals


def label_nearby(species: Species, positions: np.ndarray, level: kohn_sham.Level, start: Orbitals) -> Label:
    """Label of a geometry a little away from one whose solution is known, of the same character; nothing is searched.

    Raises:
        ValueError: as `problem`, or no convergence.
    """
    prepared = problem(species, positions, level)
    kind = kohn_sham.restricted if np.array_equal(start.up, start.down) else kohn_sham.unrestricted
    solution = kind(prepared, starts.transferred(prepared, start))
    return make_label(prepared, solution, positions, f"{kind_of(solution)}, followed from nearby")


def on_own_grid(
    coarse: kohn_sham.Problem, candidates: Sequence[Solution], level: kohn_sham.Level
) -> tuple[kohn_sham.Problem, Solution]:
    """Lowest of these solutions when converged on the level's own grid, and the geometry on that grid."""
    prepared = kohn_sham.refine(coarse, level.grid_level)
    converged = [
        kohn_sham.restricted(prepared, candidate.orbitals)
        if candidate.restricted
        else kohn_sham.unrestricted(prepared, candidate.orbitals)
        for candidate in candidates
    ]
    return prepared, min(converged, key=lambda solution: solution.energy_hartree)


def kind_of(solution: Solution) -> str:
    """Kind of a solution: restricted, unrestricted or broken symmetry."""
    if solution.restricted:
        return "restricted"
    up, down = (orbitals.shape[1] for orbitals in solution.orbitals)
    pure = (up - down) / 2 * ((up - down) / 2 + 1)
    return "broken symmetry" if solution.spin_squared > pure + 0.05 else "unrestricted"


def make_label(prepared: kohn_sham.Problem, solution: Solution, positions: np.ndarray, convergence: str) -> Label:
    """Energy, forces and <S^2> of a solution at positions (angstrom), with words on how it was found."""
    return Label(
        positions=np.asarray(positions),
        energy=solution.energy_hartree * units.HARTREE_EV,
        forces=kohn_sham.forces(prepared, solution) * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM,
        spin_squared=solution.spin_squared,
        convergence=convergence,
    )
