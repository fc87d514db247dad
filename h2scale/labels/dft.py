"""Kohn-Sham labels of single geometries, and what scans share with them.

Solutions are looked for on a coarse grid and converged again on the level's own. Hartree and bohr inside; `Label` is in
eV and angstrom.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure, units
from h2scale.electronic_structure import kohn_sham, stability

EXPLORATION_GRID_LEVEL = 0
_SAFE_GAP_HARTREE = 0.25
"""HOMO-LUMO gap above which a restricted solution is not tested for stability: breaking the symmetry costs the gap and
gains an exchange integral, which is smaller than this in molecules of light elements."""


class Species(NamedTuple):
    """What a geometry is of."""

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
    return kohn_sham.prepare(
        electronic_structure.make_molecule(
            species.symbols,
            np.asarray(positions) / units.BOHR_ANGSTROM,
            level.basis,
            charge=species.charge,
            spin_multiplicity=species.spin_multiplicity,
        ),
        level,
    )


def ground_solution(
    prepared: kohn_sham.Problem, start: kohn_sham.Orbitals | None = None
) -> tuple[kohn_sham.Solution, bool]:
    """The stable solution nearest to the restricted one, or, for an open shell, to superposed atoms.

    Args:
        start: orbitals of a neighbouring geometry.

    Returns:
        The solution, and whether its stability was computed rather than inferred from its gap.

    Raises:
        ValueError: no convergence, or no stable solution.
    """
    if prepared.molecule.spin or prepared.molecule.nelectron < 2:
        atoms = np.zeros(prepared.molecule.natm)
        first = kohn_sham.polarised(prepared, atoms) if start is None else kohn_sham.transfer(start, prepared)
        solution = kohn_sham.unrestricted(prepared, first)
        return (solution, False) if prepared.molecule.nelectron < 2 else (stability.relax(prepared, solution)[0], True)
    solution = kohn_sham.restricted(prepared, None if start is None else kohn_sham.transfer(start, prepared))
    if kohn_sham.gap(solution) > _SAFE_GAP_HARTREE:
        return solution, False
    return stability.relax(prepared, solution)[0], True


def label(
    species: Species, positions: np.ndarray, level: kohn_sham.Level, start: kohn_sham.Orbitals | None = None
) -> tuple[Label, kohn_sham.Orbitals]:
    """Label of one geometry near equilibrium, and the orbitals that start the next.

    Raises:
        ValueError: as `problem` and `ground_solution`.
    """
    coarse = problem(species, positions, level._replace(grid_level=EXPLORATION_GRID_LEVEL))
    found, tested = ground_solution(coarse, start)
    prepared, solution = on_own_grid(coarse, [found], level)
    words = f"{kind_of(solution)}, {'stable' if tested else 'gap above 0.25 hartree'}"
    return make_label(prepared, solution, positions, words), solution.orbitals


def label_nearby(species: Species, positions: np.ndarray, level: kohn_sham.Level, start: kohn_sham.Orbitals) -> Label:
    """Label of a geometry a little away from one whose solution is known, of the same character; nothing is searched.

    Raises:
        ValueError: as `problem`, or no convergence.
    """
    prepared = problem(species, positions, level)
    kind = kohn_sham.restricted if np.array_equal(start.up, start.down) else kohn_sham.unrestricted
    solution = kind(prepared, kohn_sham.transfer(start, prepared))
    return make_label(prepared, solution, positions, f"{kind_of(solution)}, followed from nearby")


def on_own_grid(
    coarse: kohn_sham.Problem, candidates: Sequence[kohn_sham.Solution], level: kohn_sham.Level
) -> tuple[kohn_sham.Problem, kohn_sham.Solution]:
    """The lowest of these solutions when converged on the level's own grid."""
    prepared = kohn_sham.refine(coarse, level.grid_level)
    converged = [
        kohn_sham.restricted(prepared, candidate.orbitals)
        if candidate.restricted
        else kohn_sham.unrestricted(prepared, candidate.orbitals)
        for candidate in candidates
    ]
    return prepared, min(converged, key=lambda solution: solution.energy_hartree)


def kind_of(solution: kohn_sham.Solution) -> str:
    """Restricted, unrestricted or broken symmetry."""
    if solution.restricted:
        return "restricted"
    up, down = (orbitals.shape[1] for orbitals in solution.orbitals)
    pure = (up - down) / 2 * ((up - down) / 2 + 1)
    return "broken symmetry" if solution.spin_squared > pure + 0.05 else "unrestricted"


def make_label(
    prepared: kohn_sham.Problem, solution: kohn_sham.Solution, positions: np.ndarray, convergence: str
) -> Label:
    """Energy, forces and <S^2> of a solution at positions (angstrom), with words on how it was found."""
    return Label(
        positions=np.asarray(positions),
        energy=solution.energy_hartree * units.HARTREE_EV,
        forces=kohn_sham.forces(prepared, solution) * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM,
        spin_squared=solution.spin_squared,
        convergence=convergence,
    )
