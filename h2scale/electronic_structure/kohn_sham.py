"""Spin-polarised Kohn-Sham solutions at one geometry, density-fitted and on a stored grid: what labels are made of.

All that depends on the geometry alone (grid, basis functions on it, fitted integrals) is computed once by `prepare`.
`restricted` and `unrestricted` converge a solution from given orbitals, `forces` differentiates it. Hartree and bohr
throughout; the occupied orbitals of one solution start the next at another geometry.
"""

import dataclasses
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from pyscf import dft, gto, lib

from h2scale.electronic_structure import fields, molecules, quadrature
from h2scale.electronic_structure.fields import Convergence, Orbitals, Solution
from h2scale.electronic_structure.molecules import Field

CONVERGENCE = Convergence(1e-8, cycles=80, newton_cycles=30, plain_ending=True, rounds=5)


class Level(NamedTuple):
    """A Kohn-Sham level of theory."""

    functional: str = "pbe0"
    basis: str = "def2-svp"
    grid_level: int = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One geometry at one level."""

    molecule: gto.Mole
    level: Level
    grid: quadrature.Quadrature
    fitted: np.ndarray  # (n_auxiliary, n_ao, n_ao), factors of the Coulomb integrals
    exchange_fraction: float
    overlap: np.ndarray  # (n_ao, n_ao)
    density_fitting: Any  # PySCF's, for the gradient

    def make_field(self, *, restricted: bool) -> Field:
        """PySCF's field, not yet run, that shares the problem's grid and fitted integrals."""
        kind = dft.RKS if restricted else dft.UKS
        field = kind(self.molecule, xc=self.level.functional).density_fit(with_df=self.density_fitting)
        field.grids = self.grid.grids
        own: Callable[[], Field] = weakref.ref(field)  # a cycle would keep grids in memory until garbage is collected

        def potential(
            mol: gto.Mole | None = None,
            dm: np.ndarray | None = None,
            dm_last: np.ndarray | None = None,
            vhf_last: np.ndarray | None = None,
            hermi: int = 1,
        ) -> np.ndarray:
            del mol, dm_last, vhf_last, hermi  # PySCF's signature
            return _potential(self, own().make_rdm1() if dm is None else dm, restricted=restricted)

        # On the instance and not on a class: PySCF's second-order solver copies the instance's attributes.
        field.get_veff = potential
        return fields.configure(field, CONVERGENCE)


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
    """Problem of the same geometry and integrals with another grid."""
    level = problem.level._replace(grid_level=grid_level)
    grid = quadrature.make(problem.molecule, level.functional, grid_level)
    return dataclasses.replace(problem, level=level, grid=grid)


def restricted(problem: Problem, start: Orbitals | None = None) -> Solution:
    """Solution with the same orbitals for both spins; singlets only.

    Args:
        problem: the geometry.
        start: orbitals whose total density starts the iteration; None for PySCF's guess.

    Raises:
        ValueError: open shell, or no convergence.
    """
    if problem.molecule.spin:
        raise ValueError(f"a restricted label needs a singlet; got {molecules.describe(problem.molecule)}.")
    field = problem.make_field(restricted=True)
    density = None if start is None else start.up @ start.up.T + start.down @ start.down.T
    fields.converge(field, density, CONVERGENCE)
    return fields.solution(field)


def unrestricted(problem: Problem, start: Orbitals) -> Solution:
    """Solution with orbitals of their own for each spin, the one that the iteration reaches from `start`.

    Raises:
        ValueError: no convergence.
    """
    field = problem.make_field(restricted=False)
    fields.converge(field, fields.density_matrix(start), CONVERGENCE)
    return fields.solution(field)


def gap(solution: Solution) -> float:
    """Difference (hartree) between the lowest empty and the highest occupied orbital of a restricted solution."""
    energies, occupations = solution.field.mo_energy, solution.field.mo_occ
    empty = energies[occupations == 0]
    return float(empty.min() - energies[occupations > 0].max()) if empty.size else np.inf


def forces(problem: Problem, solution: Solution) -> np.ndarray:
    """Forces on the nuclei, (n_atoms, 3), hartree/bohr, without the weight derivatives of the grid (as PySCF's)."""
    gradient = solution.field.nuc_grad_method()
    gradient.verbose = 0
    own: Callable[[], Any] = weakref.ref(gradient)

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


def contract(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sum over p and o of left[p, i, o] right[p, j, o]."""
    number = left.shape[1]
    return left.transpose(1, 0, 2).reshape(number, -1) @ right.transpose(1, 0, 2).reshape(number, -1).T


def _factors(density: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """Columns f with density = f f^T, (n_ao, rank), for a density matrix without negative occupations."""
    values, vectors = scipy.linalg.eigh(overlap @ density @ overlap, overlap)
    kept = values > 1e-10
    return vectors[:, kept] * np.sqrt(values[kept])


def _orbital_factors(density: np.ndarray, overlap: np.ndarray) -> tuple[np.ndarray, ...]:
    """Occupied orbitals scaled by the root of their occupation, for each spin, from a density with or without tags."""
    coefficients, occupations = (getattr(density, name, None) for name in ("mo_coeff", "mo_occ"))
    if coefficients is not None and occupations is not None:
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
