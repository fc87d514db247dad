"""A local hybrid functional on a fixed unrestricted density: what a learned functional multiplies, point by point.

    E = E_HF[P] + sum over points of w q { x (e_x^PBE - e_x^exact) + c e_c^TPSS },  q = 1 - (zeta^2 tau_W / tau)^8

with x = 3/4 and c = 1 where nothing is learned. In a point where all electrons have one spin and one orbital q is zero,
so that a single electron keeps Hartree-Fock's energy of its density, which is exact. Hartree and bohr.
"""

from typing import Any, NamedTuple

import numpy as np

from h2scale.electronic_structure.fields import Solution
from h2scale.electronic_structure.molecules import Molecule

SEMILOCAL_SHARE = 0.75
POWER = 8
"""Of the ratio in q: at 1 the energy has a kink where spin symmetry breaks, at 8 none is seen."""
INPUTS = ("density", "gradient", "one orbital", "polarisation", "kinetic energy", "exact exchange")
_NEGLIGIBLE_ELECTRONS = 1e-9  # in a point
_INTEGRALS = 3e7  # numbers in memory at once


class LocalHybrid(NamedTuple):
    """Energy and points of one density."""

    energy_hartree: float
    inputs: np.ndarray  # (n_points, 6), -1 to 1, by the names of `INPUTS`
    amounts_hartree: np.ndarray  # (n_points, 2): of semilocal minus exact exchange, and of correlation
    atom: np.ndarray  # (n_points,), the nearest one


class _Spin(NamedTuple):
    """Densities of one spin in every point."""

    rho: np.ndarray  # (n_points,)
    gradient: np.ndarray  # (3, n_points)
    tau: np.ndarray  # (n_points,), of kinetic energy


def local_hybrid(molecule: Molecule, solution: Solution, grid_level: int) -> LocalHybrid:
    """Energy of the functional that is not learned on a field's density, and what learning multiplies.

    Args:
        molecule: without symmetry.
        solution: its unrestricted field; the functional is asked about its density and does not change it.
        grid_level: of PySCF, 0 to 9.
    """
    density = solution.spin_densities
    points, weights, spins, exact = _on_grid(molecule, density, grid_level)
    exchange, correlation = _semilocal(spins)
    inputs, one_orbital = _inputs(spins, exact, exchange)
    gate = weights * (1 - one_orbital**POWER)
    amounts = np.stack([SEMILOCAL_SHARE * gate * (exchange - exact), gate * correlation], axis=1)
    nearest = np.linalg.norm(points[:, None] - molecule.atom_coords()[None], axis=-1).argmin(axis=1)
    return LocalHybrid(_hartree_fock(molecule, density) + float(amounts.sum()), inputs, amounts, nearest)


def _hartree_fock(molecule: Molecule, density: np.ndarray) -> float:
    """Energy of a density by Hartree-Fock's functional."""
    from pyscf import scf

    coulomb, exchange = scf.hf.get_jk(molecule, density)
    total = density.sum(axis=0)
    one_electron = np.einsum("ij,ji", scf.hf.get_hcore(molecule), total)
    repulsion = np.einsum("ij,ji", coulomb.sum(axis=0), total) / 2
    exact = -np.einsum("sij,sji", density, exchange) / 2
    return float(one_electron + repulsion + exact + molecule.energy_nuc())


def _on_grid(
    molecule: Molecule, density: np.ndarray, grid_level: int
) -> tuple[np.ndarray, np.ndarray, list[_Spin], np.ndarray]:
    """Points that hold electrons, their weights, densities of both spins and energy density of exact exchange."""
    from pyscf import dft

    grid = dft.gen_grid.Grids(molecule)
    grid.level = grid_level
    grid.build(with_non0tab=False)
    numint = dft.numint.NumInt()
    orbitals = numint.eval_ao(molecule, grid.coords, deriv=1)
    every = np.stack([numint.eval_rho(molecule, orbitals, own, xctype="MGGA", with_lapl=False) for own in density])
    # Pruned grids have negative weights too.
    kept = np.abs(grid.weights) * every[:, 0].sum(axis=0) > _NEGLIGIBLE_ELECTRONS
    points = grid.coords[kept]
    exact = _exact_exchange(molecule, density, points, orbitals[0][kept])
    return points, grid.weights[kept], [_Spin(own[0], own[1:4], own[4]) for own in every[:, :, kept]], exact


def _exact_exchange(molecule: Molecule, density: np.ndarray, points: np.ndarray, orbitals: np.ndarray) -> np.ndarray:
    """Energy density of exact exchange, hartree per cubic bohr, (n_points,); by blocks of points."""
    size, step = molecule.nao, max(64, int(_INTEGRALS // molecule.nao**2))
    found = np.zeros(len(points))
    for start in range(0, len(points), step):
        block = slice(start, start + step)
        potentials = molecule.intor("int1e_grids", grids=points[block]).reshape(-1, size, size)
        for own in density:
            held = orbitals[block] @ own
            found[block] -= np.einsum("gm,gm->g", held, (potentials @ held[:, :, None])[:, :, 0]) / 2
    return found


def _semilocal(spins: list[_Spin]) -> tuple[np.ndarray, np.ndarray]:
    """Energy densities of PBE's exchange and TPSS's correlation, hartree per cubic bohr."""
    from pyscf.dft import libxc

    total = spins[0].rho + spins[1].rho
    gradients = tuple(np.vstack([own.rho[None], own.gradient]) for own in spins)
    kinetic = tuple(np.vstack([g, 0 * g[:1], own.tau[None]]) for g, own in zip(gradients, spins, strict=True))

    def of(name: str, arguments: Any) -> np.ndarray:
        return np.asarray(libxc.eval_xc(name, arguments, spin=1, deriv=0)[0]) * total

    return of("gga_x_pbe,", gradients), of(",mgga_c_tpss", kinetic)


def _inputs(spins: list[_Spin], exact: np.ndarray, semilocal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs in every point, and zeta^2 tau_W / tau, which is 1 where there is one orbital of one spin."""
    rho, tau = spins[0].rho + spins[1].rho, spins[0].tau + spins[1].tau
    slope = ((spins[0].gradient + spins[1].gradient) ** 2).sum(axis=0)
    weizsaecker = slope / (8 * rho)
    orbital = np.clip(weizsaecker / np.maximum(tau, 1e-14), 0, 1)
    polarisation = np.clip(((spins[0].rho - spins[1].rho) / rho) ** 2, 0, 1)
    wave_number = (3 * np.pi**2 * rho) ** (1 / 3)  # of a uniform gas
    gradient = np.sqrt(slope) / (2 * wave_number * rho)
    kinetic = np.maximum(tau - weizsaecker, 0) / (0.3 * wave_number**2 * rho)
    share = np.log(np.clip(exact / semilocal, 0.1, 10))
    inputs = [
        np.tanh(np.log(rho + 1e-12) / 4),
        2 * gradient / (1 + gradient) - 1,
        2 * orbital - 1,
        2 * polarisation - 1,
        2 * kinetic / (1 + kinetic) - 1,
        np.tanh(2 * share),
    ]
    return np.stack(inputs, axis=1), orbital * polarisation
