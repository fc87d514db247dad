"""Exchange and correlation of a density functional on a grid whose basis-function values are kept in memory.

PySCF evaluates the basis functions anew in every iteration. A label needs twenty to a hundred evaluations at one
geometry (restricted field, broken-symmetry fields from several starts, stability analysis), so here they are computed
once, in blocks small enough for the processor's cache, and functions that vanish on a block are left out of it.
Densities are formed from occupied orbitals instead of density matrices, which are several times larger.
"""

from typing import NamedTuple

import numpy as np
from pyscf import dft, gto
from pyscf.dft import numint

_BLOCK = 2048
_NEGLIGIBLE = 1e-11
"""Basis functions below this (and their gradients) on a whole block are left out."""
_NEGLIGIBLE_CHARGE = 1e-12
"""Grid points where weight times the largest squared basis function is below this are left out, most of them far away.
Neither changes an energy by 1e-9 hartree."""


_SECOND = ((4, 5, 6), (5, 7, 8), (6, 8, 9))
"""Places of the second derivatives xx, xy, xz, yy, yz, zz after value and gradient in PySCF's arrays, by axes."""


class Block(NamedTuple):
    """Basis functions that do not vanish on some grid points: values and gradients."""

    functions: np.ndarray  # (n_kept,), indices of basis functions
    values: np.ndarray  # (4, n_kept, n_points): value and the three derivatives
    coordinates: np.ndarray  # (n_points, 3), bohr
    weights: np.ndarray  # (n_points,)


class Quadrature(NamedTuple):
    """A molecule's grid, and the functional to integrate on it."""

    functional: str
    blocks: tuple[Block, ...]
    num_functions: int
    grids: dft.gen_grid.Grids  # all points, as PySCF made them
    integrator: numint.NumInt


class Kernel(NamedTuple):
    """Second derivatives of the functional at a density, and the orbitals it is made of."""

    orbitals: tuple[tuple[np.ndarray, ...], ...]  # per block, per spin, (4, n_occupied, n_points)
    second: tuple[np.ndarray, ...]  # per block, (2, 4, 2, 4, n_points), weights included


def make(molecule: gto.Mole, functional: str, grid_level: int) -> Quadrature:
    """Grid points, weights and basis-function values of a molecule; functionals of the density and its gradient only.

    Raises:
        ValueError: a functional that needs more (kinetic-energy density, non-local correlation).
    """
    integrator = numint.NumInt()
    if integrator._xc_type(functional) not in ("GGA", "LDA") or dft.libxc.is_nlc(functional):
        raise ValueError(
            f"labels need a functional of the density and its gradient, such as 'pbe0'; got {functional!r}."
        )
    grids = dft.gen_grid.Grids(molecule)
    grids.level = grid_level
    grids.build(with_non0tab=True)
    blocks = []
    for start in range(0, len(grids.weights), _BLOCK):
        coordinates, weights = grids.coords[start : start + _BLOCK], grids.weights[start : start + _BLOCK]
        values = molecule.eval_gto("GTOval_sph_deriv1", coordinates).transpose(0, 2, 1)
        size = np.abs(weights) * np.abs(values[0]).max(axis=0) ** 2  # Lebedev weights may be negative
        points = np.flatnonzero(size > _NEGLIGIBLE_CHARGE)
        kept = np.flatnonzero(np.abs(values).max(axis=(0, 2)) > _NEGLIGIBLE)
        if points.size and kept.size:
            stored = np.ascontiguousarray(values[:, kept][:, :, points])
            blocks.append(Block(kept, stored, coordinates[points], weights[points]))
    return Quadrature(functional, tuple(blocks), molecule.nao, grids, integrator)


def energy_and_potential(
    quadrature: Quadrature, orbitals: tuple[np.ndarray, ...], restricted: bool
) -> tuple[float, np.ndarray]:
    """Exchange-correlation energy (hartree) and its potential matrix for each spin.

    Args:
        orbitals: per spin, (n_ao, n_occupied), scaled by the root of their occupation; one entry if `restricted`,
            with the occupations of both spins.

    Returns:
        Energy, and potentials of shape (len(orbitals), n_ao, n_ao).
    """
    energy = 0.0
    potential = np.zeros((len(orbitals), quadrature.num_functions, quadrature.num_functions))
    for block in quadrature.blocks:
        densities = np.stack([_density(_on_grid(block, spin)) for spin in orbitals])
        rho = densities[0] if restricted else densities
        exc, vxc = quadrature.integrator.eval_xc_eff(
            quadrature.functional, rho, deriv=1, xctype="GGA", spin=int(not restricted)
        )[:2]
        energy += float(np.dot(densities[:, 0].sum(axis=0) * block.weights, exc))
        slopes = (vxc[None] if restricted else vxc) * block.weights
        for spin, slope in enumerate(slopes):
            _add_matrix(potential[spin], block, slope)
    return energy, potential + potential.transpose(0, 2, 1)


def make_kernel(quadrature: Quadrature, orbitals: tuple[np.ndarray, np.ndarray]) -> Kernel:
    """Second derivatives of the functional at the density of occupied orbitals (up, down), each (n_ao, n_occupied)."""
    on_grid, second = [], []
    for block in quadrature.blocks:
        values = tuple(_on_grid(block, spin) for spin in orbitals)
        rho = np.stack([_density(spin) for spin in values])
        fxc = quadrature.integrator.eval_xc_eff(quadrature.functional, rho, deriv=2, xctype="GGA", spin=1)[2]
        on_grid.append(values)
        second.append(fxc * block.weights)
    return Kernel(tuple(on_grid), tuple(second))


def response(quadrature: Quadrature, kernel: Kernel, changes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Change of both potential matrices, (2, n_ao, n_ao), when each occupied orbital changes by a column of `changes`.

    To first order, and per spin: the density changes by twice the product of orbital and change.
    """
    potential = np.zeros((2, quadrature.num_functions, quadrature.num_functions))
    for block, orbitals, second in zip(quadrature.blocks, kernel.orbitals, kernel.second, strict=True):
        first_order = []
        for occupied, change in zip(orbitals, changes, strict=True):
            moved = _on_grid(block, change)
            value = np.einsum("on,on->n", occupied[0], moved[0])
            slope = np.einsum("on,xon->xn", occupied[0], moved[1:]) + np.einsum("xon,on->xn", occupied[1:], moved[0])
            first_order.append(np.concatenate([2 * value[None], 2 * slope]))
        slopes = np.einsum("sxg,sxtyg->tyg", np.stack(first_order), second)
        for spin in range(2):
            _add_matrix(potential[spin], block, slopes[spin])
    return potential + potential.transpose(0, 2, 1)


def gradient(
    quadrature: Quadrature, molecule: gto.Mole, orbitals: tuple[np.ndarray, ...], restricted: bool
) -> np.ndarray:
    """Derivatives of the energy of `energy_and_potential` with the basis functions' centres, (n_atoms, 3).

    hartree/bohr; points and weights of the grid stay where they are, as in PySCF.
    """
    by_function = np.zeros((3, quadrature.num_functions))
    for block in quadrature.blocks:
        values = molecule.eval_gto("GTOval_sph_deriv2", block.coordinates).transpose(0, 2, 1)[:, block.functions]
        on_grid = [_on_grid(block, spin) for spin in orbitals]
        rho = np.stack([_density(spin) for spin in on_grid])
        vxc = quadrature.integrator.eval_xc_eff(
            quadrature.functional, rho[0] if restricted else rho, deriv=1, xctype="GGA", spin=int(not restricted)
        )[1]
        slopes = (vxc[None] if restricted else vxc) * block.weights
        for spin, values_of_spin, slope in zip(orbitals, on_grid, slopes, strict=True):
            kept = spin[block.functions]
            along = kept @ np.einsum("xn,xon->on", slope, values_of_spin)
            density = kept @ values_of_spin[0]
            for axis in range(3):
                total = np.einsum("fn,fn->f", values[1 + axis], along)
                for other in range(3):
                    total += np.einsum("fn,fn,n->f", values[_SECOND[axis][other]], density, slope[1 + other])
                by_function[axis, block.functions] -= 2 * total
    ranges = molecule.aoslice_by_atom()[:, 2:]
    return np.stack([by_function[:, first:last].sum(axis=1) for first, last in ranges])


def _on_grid(block: Block, orbitals: np.ndarray) -> np.ndarray:
    """Orbitals and their gradients on a block's points, (4, n_orbitals, n_points)."""
    return orbitals[block.functions].T @ block.values


def _density(on_grid: np.ndarray) -> np.ndarray:
    """Density and its gradient, (4, n_points), of occupied orbitals on the grid."""
    value = np.einsum("on,on->n", on_grid[0], on_grid[0])
    return np.concatenate([value[None], 2 * np.einsum("on,xon->xn", on_grid[0], on_grid[1:])])


def _add_matrix(matrix: np.ndarray, block: Block, slopes: np.ndarray) -> None:
    """Add half of the symmetric potential matrix of energy slopes (4, n_points), weights included, to `matrix`."""
    weighted = 0.5 * slopes[0] * block.values[0]
    for component in (1, 2, 3):
        weighted += slopes[component] * block.values[component]
    matrix[np.ix_(block.functions, block.functions)] += block.values[0] @ weighted.T
