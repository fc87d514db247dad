"""Spin-polarised Kohn-Sham solutions at one geometry, from many starts: the engine behind labels.

All that depends on the geometry alone (grid, basis functions on it, fitted integrals) is computed once by `prepare`.
`restricted` and `unrestricted` converge a solution from given orbitals, `relax` follows instabilities until the
solution is a local minimum of the energy, `forces` differentiates it. Hartree and bohr throughout; the occupied
orbitals of one solution, carried over by `transfer`, start the next at another geometry.
"""

import dataclasses
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
from pyscf import dft, gto, lib
from pyscf.scf import hf

from h2scale.electronic_structure import mean_fields, molecules, quadrature

_CYCLES = 80
NEWTON_CYCLES = 30


class Level(NamedTuple):
    """A Kohn-Sham level of theory and how tightly it is solved."""

    functional: str = "pbe0"
    basis: str = "def2-svp"
    grid_level: int = 2
    energy_tolerance_hartree: float = 1e-8


class Orbitals(NamedTuple):
    """Occupied orbitals of both spins."""

    up: np.ndarray  # (n_ao, n_up)
    down: np.ndarray  # (n_ao, n_down)


class Solution(NamedTuple):
    """A converged solution."""

    energy_hartree: float
    spin_squared: float  # <S^2>
    orbitals: Orbitals
    restricted: bool
    field: hf.SCF  # what PySCF needs to differentiate it


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One geometry at one level."""

    molecule: gto.Mole
    level: Level
    grid: quadrature.Quadrature
    fitted: np.ndarray  # (n_auxiliary, n_ao, n_ao), factors of the Coulomb integrals
    exchange_fraction: float
    overlap: np.ndarray  # (n_ao, n_ao)
    density_fitting: object  # PySCF's, for the gradient


def prepare(molecule: gto.Mole, level: Level) -> Problem:
    """Grid and integrals of a molecule.

    Raises:
        ValueError: a functional that is unknown, or that needs more than the density and its gradient.
    """
    try:
        dft.libxc.parse_xc(level.functional)
    except (KeyError, ValueError) as error:
        raise ValueError(f"functional must be one that PySCF knows; got {level.functional!r}.") from error
    fitting = dft.RKS(molecule, xc=level.functional).density_fit().with_df
    fitting.build()
    omega, _, fraction = dft.numint.NumInt().rsh_and_hybrid_coeff(level.functional)
    if omega:
        raise ValueError(
            f"labels need a functional without range separation, such as 'pbe0'; got {level.functional!r}."
        )
    return Problem(
        molecule=molecule,
        level=level,
        grid=quadrature.make(molecule, level.functional, level.grid_level),
        fitted=np.concatenate([lib.unpack_tril(block) for block in fitting.loop()]),
        exchange_fraction=fraction,
        overlap=molecule.intor_symmetric("int1e_ovlp"),
        density_fitting=fitting,
    )


def refine(problem: Problem, grid_level: int) -> Problem:
    """The same geometry and integrals with another grid."""
    level = problem.level._replace(grid_level=grid_level)
    grid = quadrature.make(problem.molecule, level.functional, grid_level)
    return dataclasses.replace(problem, level=level, grid=grid)


def restricted(problem: Problem, start: Orbitals | None = None) -> Solution:
    """Solution with the same orbitals for both spins; singlets only.

    Args:
        start: orbitals whose mean density starts the iteration; None for PySCF's guess.

    Raises:
        ValueError: open shell, or no convergence.
    """
    if problem.molecule.spin:
        raise ValueError(f"a restricted label needs a singlet; got {molecules.describe(problem.molecule)}.")
    field = make_field(problem, restricted=True)
    density = None if start is None else _mean_density(start)
    return converged(problem, field, density, restricted=True)


def unrestricted(problem: Problem, start: Orbitals) -> Solution:
    """Solution with orbitals of their own for each spin, the one that the iteration reaches from `start`.

    Raises:
        ValueError: no convergence.
    """
    density = np.stack([orbitals @ orbitals.T for orbitals in start])
    occupied = [np.ones(orbitals.shape[1]) for orbitals in start]
    tagged = lib.tag_array(density, mo_coeff=list(start), mo_occ=occupied)
    return converged(problem, make_field(problem, restricted=False), tagged, restricted=False)


def polarised(problem: Problem, polarisation: np.ndarray) -> Orbitals:
    """Occupied orbitals in the field of superposed atoms whose valence electrons are spin-polarised.

    Args:
        polarisation: (n_atoms,), between -1 (every unpaired electron of the atom points down) and 1 (all point up);
            zeros keep what symmetry PySCF's atoms have.
    """
    field = make_field(problem, restricted=False)
    density = mean_fields.polarised_density(field, polarisation)
    orbitals, occupations = _diagonalised(field, density)
    return Orbitals(*(orbitals[s][:, occupations[s] > 0] for s in range(2)))


def superposed(problem: Problem, parts: Sequence[tuple[Sequence[int], Orbitals]]) -> Orbitals:
    """Occupied orbitals of parts of a molecule side by side, made orthonormal.

    Args:
        parts: atoms of each part and its orbitals in the functions of these atoms; together they hold every atom once
            and as many electrons of each spin as the molecule.
    """
    slices = problem.molecule.aoslice_by_atom()
    spins: tuple[list[np.ndarray], ...] = ([], [])
    for atoms, orbitals in parts:
        functions = np.concatenate([np.arange(*slices[atom, 2:]) for atom in atoms])
        for whole, part in zip(spins, orbitals, strict=True):
            placed = np.zeros((problem.molecule.nao, part.shape[1]))
            placed[functions] = part
            whole.append(placed)
    return transfer(Orbitals(*(np.hstack(whole) for whole in spins)), problem)


def solved_alone(problem: Problem) -> Orbitals:
    """Occupied orbitals of what `mean_fields.lowest_field` finds: a start that needs neither neighbours nor parts.

    Raises:
        ValueError: no convergence, or no stable solution.
    """
    level = problem.level
    field = mean_fields.lowest_field(problem.molecule, level.functional, grid_level=level.grid_level)
    coefficients, occupations = np.asarray(field.mo_coeff), np.asarray(field.mo_occ)
    if occupations.ndim == 1:
        return Orbitals(*(coefficients[:, occupations > 0] for _ in range(2)))
    return Orbitals(*(coefficients[s][:, occupations[s] > 0] for s in range(2)))


def scrambled(problem: Problem, orbitals: Orbitals, rng: np.random.Generator) -> Orbitals:
    """Occupied orbitals turned at random into empty ones: a start that keeps no symmetry."""
    noise = [spin + 0.1 * rng.normal(size=spin.shape) for spin in orbitals]
    return transfer(Orbitals(*noise), problem)


def gap(solution: Solution) -> float:
    """Difference (hartree) between the lowest empty and the highest occupied orbital of a restricted solution."""
    energies, occupations = solution.field.mo_energy, solution.field.mo_occ
    empty = energies[occupations == 0]
    return float(empty.min() - energies[occupations > 0].max()) if empty.size else np.inf


def forces(problem: Problem, solution: Solution) -> np.ndarray:
    """Forces on the nuclei, (n_atoms, 3), hartree/bohr, without the weight derivatives of the grid (as PySCF's)."""
    gradient = solution.field.nuc_grad_method()
    gradient.verbose = 0
    own = weakref.ref(gradient)

    def two_electron(mol: gto.Mole, dm: np.ndarray) -> np.ndarray:
        coulomb, exchange = own().get_jk(mol, dm)
        fraction = problem.exchange_fraction
        if solution.restricted:
            fitted = (coulomb.aux - 0.5 * fraction * exchange.aux).sum((0, 1))
            return lib.tag_array(coulomb - 0.5 * fraction * exchange, aux=fitted)
        fitted = coulomb.aux.sum((0, 1)) - fraction * np.trace(exchange.aux, axis1=0, axis2=1)
        return lib.tag_array(coulomb[0] + coulomb[1] - fraction * exchange, aux=fitted)

    # Exchange and correlation come from the stored grid instead.
    gradient.get_veff = two_electron
    density = solution.field.make_rdm1()
    factors = _orbital_factors(density, problem.overlap)
    local = quadrature.gradient(problem.grid, problem.molecule, factors, solution.restricted)
    return -(gradient.kernel() + local)


def transfer(orbitals: Orbitals, problem: Problem) -> Orbitals:
    """Orbitals of a neighbouring geometry (same atoms, basis, electrons) made orthonormal in this one."""
    made = []
    for spin in orbitals:
        if spin.shape[1] == 0:
            made.append(spin)
            continue
        values, vectors = np.linalg.eigh(spin.T @ problem.overlap @ spin)
        made.append(spin @ (vectors / np.sqrt(values)) @ vectors.T)
    return Orbitals(*made)


def contract(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """sum_po left[p, i, o] right[p, j, o]."""
    number = left.shape[1]
    return left.transpose(1, 0, 2).reshape(number, -1) @ right.transpose(1, 0, 2).reshape(number, -1).T


def _mean_density(orbitals: Orbitals) -> np.ndarray:
    return orbitals.up @ orbitals.up.T + orbitals.down @ orbitals.down.T


def _diagonalised(field: hf.SCF, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    energies, orbitals = field.eig(field.get_fock(dm=density), field.get_ovlp())
    return orbitals, field.get_occ(energies, orbitals)


def converged(problem: Problem, field: hf.SCF, density: np.ndarray | None, *, restricted: bool) -> Solution:
    """Runs the field, by second-order steps if the plain iteration fails; one that has converged is taken as it is."""
    if not field.converged:
        field.kernel(density)
    if not field.converged:
        second_order = field.newton()
        second_order.verbose, second_order.max_cycle = 0, NEWTON_CYCLES
        second_order.kernel(field.mo_coeff, field.mo_occ)
        if not second_order.converged:
            raise ValueError(f"{problem.level.functional} of {molecules.describe(problem.molecule)} did not converge.")
        # Once more by plain iteration, which leaves eigenvalues and a consistent energy behind.
        field.kernel(field.make_rdm1(second_order.mo_coeff, second_order.mo_occ))
        if not field.converged:
            field.mo_coeff, field.mo_occ = second_order.mo_coeff, second_order.mo_occ
            field.mo_energy, field.e_tot = second_order.mo_energy, second_order.e_tot
            field.converged = True
    if restricted:
        occupied = field.mo_coeff[:, field.mo_occ > 0]
        orbitals, spin_squared = Orbitals(occupied, occupied), 0.0
    else:
        orbitals = Orbitals(*(field.mo_coeff[s][:, field.mo_occ[s] > 0] for s in range(2)))
        spin_squared = _spin_squared(orbitals, problem.overlap)
    return Solution(float(field.e_tot), spin_squared, orbitals, restricted, field)


def _spin_squared(orbitals: Orbitals, overlap: np.ndarray) -> float:
    """<S^2> of a determinant; Szabo and Ostlund, Modern Quantum Chemistry, eq. 2.271."""
    up, down = orbitals.up.shape[1], orbitals.down.shape[1]
    spin = (up - down) / 2
    shared = np.sum((orbitals.up.T @ overlap @ orbitals.down) ** 2)
    return float(spin * (spin + 1) + down - shared)


def _factors(density: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """Columns f with density = f f^T, (n_ao, rank), for a density matrix without negative occupations."""
    values, vectors = scipy.linalg.eigh(overlap @ density @ overlap, overlap)
    kept = values > 1e-10
    return vectors[:, kept] * np.sqrt(values[kept])


def _orbital_factors(density: np.ndarray, overlap: np.ndarray) -> tuple[np.ndarray, ...]:
    """Occupied orbitals scaled by the root of their occupation, for each spin, from a density with or without tags."""
    if hasattr(density, "mo_coeff"):
        coefficients, occupations = density.mo_coeff, density.mo_occ
        pairs = zip(coefficients, occupations, strict=True) if density.ndim == 3 else [(coefficients, occupations)]
        return tuple(c[:, o > 0] * np.sqrt(o[o > 0]) for c, o in pairs)
    matrices = np.asarray(density).reshape(-1, *np.shape(density)[-2:])
    return tuple(_factors(matrix, overlap) for matrix in matrices)


def _potential(problem: Problem, density: np.ndarray, *, restricted: bool) -> np.ndarray:
    """PySCF's tagged two-electron potential for a density matrix, (n_ao, n_ao) or (2, n_ao, n_ao)."""
    orbitals = _orbital_factors(density, problem.overlap)
    exc, potential = quadrature.energy_and_potential(problem.grid, orbitals, restricted)
    total = np.asarray(density) if restricted else density[0] + density[1]
    coulomb = np.tensordot(np.einsum("pij,ij->p", problem.fitted, total), problem.fitted, axes=1)
    potential = potential + coulomb
    if problem.exchange_fraction:
        share = 0.5 if restricted else 1.0
        for spin, factors in enumerate(orbitals):
            half = problem.fitted @ factors
            exchange = share * problem.exchange_fraction * contract(half, half)
            potential[spin] -= exchange
            exc -= 0.5 * float(np.sum(exchange * (density if restricted else density[spin])))
    matrix = potential[0] if restricted else potential
    energy = 0.5 * float(np.sum(coulomb * total))
    return lib.tag_array(matrix, ecoul=energy, exc=exc, vj=None, vk=None)


def make_field(problem: Problem, *, restricted: bool) -> hf.SCF:
    """PySCF's field with the potential from `_potential`, sharing the problem's grid and fitted integrals."""
    kind = dft.RKS if restricted else dft.UKS
    field = kind(problem.molecule, xc=problem.level.functional).density_fit(with_df=problem.density_fitting)
    field.verbose, field.max_cycle, field.chkfile = 0, _CYCLES, None
    field.conv_tol = problem.level.energy_tolerance_hartree
    field.grids = problem.grid.grids
    own = weakref.ref(field)  # a cycle would keep grids in memory until the collector comes by

    def potential(
        mol: gto.Mole | None = None,
        dm: np.ndarray | None = None,
        dm_last: np.ndarray | None = None,
        vhf_last: np.ndarray | None = None,
        hermi: int = 1,
    ) -> np.ndarray:
        del mol, dm_last, vhf_last, hermi  # PySCF's signature
        return _potential(problem, own().make_rdm1() if dm is None else dm, restricted=restricted)

    # On the instance and not on a class: PySCF's second-order solver copies the instance's attributes.
    field.get_veff = potential
    return field
