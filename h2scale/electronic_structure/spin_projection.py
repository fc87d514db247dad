"""Share of higher spins in coupled cluster on a broken field, seen in its <S^2> and taken away; hartree and bohr.

A broken field mixes states of higher spin into the one that is asked for. Singles and doubles take most of them out of
two electrons that part, all of them for two electrons alone, and leave some while several pairs recouple. Yamaguchi,
Jensen, Dorigo and Houk, Chem. Phys. Lett. 149, 537 (1988) take such a share away by the energy of a state of higher
spin at the same geometry; here with the cluster's own <S^2>, and among the spins that the broken pairs can reach with
the one that changes the energy least: a field that is free to choose mixes in what costs least.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from h2scale.electronic_structure import coupled_cluster, molecules, search
from h2scale.electronic_structure.coupled_cluster import Amplitudes, Solved
from h2scale.electronic_structure.fields import Solution
from h2scale.electronic_structure.molecules import Field, Molecule

POLARISATION = 1e-3
"""Excess of <S^2> that stays: as little as the spins of any open shell at equilibrium leave, worth 0.05 kcal/mol."""
LARGEST_SHARE = 0.75
"""Of the way to the higher spin; beyond, where the two are the same far out, <S^2> is a ratio of two small numbers."""
_WHOLE_PAIR = 0.98
"""Square of the overlap of two corresponding orbitals from which they count as one pair."""


class Projection(NamedTuple):
    """A cluster's contamination by higher spins, and the energy that it is worth."""

    excess: float  # projected <S^2> less S(S + 1)
    shift: float  # hartree, to be added to the cluster's energy
    spin_multiplicity: int  # of the state whose share is taken away; that of the molecule where nothing is


def project(
    molecule: Molecule, solution: Solution, field: Field, solved: Solved, core: int, *, distinguishable: bool
) -> Projection:
    """Return what approximate projection adds to the energy of coupled cluster on an unrestricted field.

    Up to two correlated electrons nothing, as these are exact already.

    Args:
        molecule: hydrogen to neon, without symmetry.
        solution: the field as it was found.
        field: whose orbitals coupled cluster took, unrestricted.
        solved: coupled cluster of that field.
        core: lowest orbitals of each spin that stay uncorrelated.
        distinguishable: whether it is the distinguishable cluster, which the states of higher spin take too.

    Raises:
        ValueError: a state of higher spin does not converge.
    """
    nothing = Projection(0.0, 0.0, molecule.spin + 1)
    if molecule.nelectron - 2 * core <= 2:
        return nothing
    spin = molecule.spin / 2
    excess = spin_squared(molecule, field, solved.amplitudes) - spin * (spin + 1)
    if excess <= POLARISATION:
        return nothing._replace(excess=excess)
    energy = float(field.e_tot) + solved.correlation
    found = []
    for pairs in range(1, _num_broken(molecule, field, core) + 1):
        higher, higher_spin_squared = _higher(molecule, solution, core, pairs, distinguishable)
        reach = higher_spin_squared - spin * (spin + 1)
        share = min((excess - POLARISATION) / reach, LARGEST_SHARE)
        shift = share / (1 - share) * (energy - higher)
        found.append(Projection(excess, shift, molecule.spin + 1 + 2 * pairs))
    return min(found, key=lambda one: abs(one.shift))


def spin_squared(molecule: Molecule, field: Field, amplitudes: Amplitudes) -> float:
    """Projected <S^2> of coupled cluster, <0|S^2 exp(T)|0>: 0 for a singlet, 0.75 for a doublet, 2 for a triplet.

    Args:
        molecule: its electrons and overlaps.
        field: unrestricted.
        amplitudes: of coupled cluster on it.
    """
    overlap = molecule.intor_symmetric("int1e_ovlp")
    up, down = _occupied(field)
    spin = molecule.spin / 2
    reference = spin * (spin + 1) + down.shape[1] - float(((up.T @ overlap @ down) ** 2).sum())
    occupied, empty, singles = amplitudes.occupied, amplitudes.empty, amplitudes.singles
    value = reference
    for own, other in ((0, down), (1, up)):
        through = empty[own].T @ overlap @ other @ other.T @ overlap @ occupied[own]  # (a, i), by way of the other spin
        value -= float(np.einsum("ia,ai->", singles[own], through))
    doubles = amplitudes.doubles.up_down + np.einsum("ia,jb->ijab", *singles)
    hole_particle = occupied[0].T @ overlap @ empty[1]  # (i, b)
    particle_hole = empty[0].T @ overlap @ occupied[1]  # (a, j)
    return value - float(np.einsum("ijab,ib,aj->", doubles, hole_particle, particle_hole, optimize=True))


def _higher(
    molecule: Molecule, solution: Solution, core: int, pairs: int, distinguishable: bool
) -> tuple[float, float]:
    """Energy and <S^2> of coupled cluster with this many pairs of electrons turned parallel, at the same geometry."""
    higher = molecules.make_molecule(
        molecule.elements,
        molecule.atom_coords(),
        molecule.basis,
        charge=molecule.charge,
        spin_multiplicity=molecule.spin + 1 + 2 * pairs,
    )
    starts = [_natural_densities(molecule, solution, higher.nelec)]
    own = search.lowest_field(higher, "hf", densities=starts)
    solved = coupled_cluster.solve(higher, own.field, core, False, distinguishable=distinguishable, triples=False)
    return float(own.field.e_tot) + solved.correlation, spin_squared(higher, own.field, solved.amplitudes)


def _natural_densities(molecule: Molecule, solution: Solution, numbers: tuple[int, int]) -> np.ndarray:
    """Densities of both spins with the solution's most occupied natural orbitals filled, (2, n_ao, n_ao)."""
    overlap = molecule.intor_symmetric("int1e_ovlp")
    density = solution.spin_densities.sum(axis=0)
    _, orbitals = scipy.linalg.eigh(overlap @ density @ overlap, overlap)
    filled = [orbitals[:, ::-1][:, :number] for number in numbers]
    return np.stack([own @ own.T for own in filled])


def _num_broken(molecule: Molecule, field: Field, core: int) -> int:
    """Pairs of electrons whose two orbitals have parted, at least one and at most those that can turn parallel."""
    up, down = _occupied(field)
    overlap = molecule.intor_symmetric("int1e_ovlp")
    corresponding = np.linalg.svd(up.T @ overlap @ down, compute_uv=False)
    most = min(down.shape[1] - core, molecule.nao - up.shape[1])
    if most < 1:
        raise ValueError(f"{molecules.describe(molecule)} in this basis has no state of higher spin to compare with.")
    return min(max(int((corresponding**2 < _WHOLE_PAIR).sum()), 1), most)


def _occupied(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Occupied orbitals of both spins, (n_ao, n_up) and (n_ao, n_down)."""
    coefficients, occupations = np.asarray(field.mo_coeff), np.asarray(field.mo_occ)
    return coefficients[0][:, occupations[0] > 0], coefficients[1][:, occupations[1] > 0]
