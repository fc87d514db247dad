"""Geometries from geometries: minima, normal modes, thermal displacements, stretched bonds, scaled molecules.

Positions in angstrom, energies in eV, forces in eV/angstrom, masses in dalton.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg

EnergyAndForces = Callable[[np.ndarray], tuple[float, np.ndarray]]

BOLTZMANN_EV_PER_KELVIN = 8.617333262e-5
SOFT_MODE_EV = 0.0155
"""Modes below this quantum (125 per cm) are not displaced: torsions and rotations of nearly free groups are not
harmonic."""

IMAGINARY_EV = -0.0062
"""A quantum below this (50 i per cm) is an instability; above it lies the noise of differences of forces.
"""

_OPEN_P_SHELL = {5, 6, 8, 9}
"""Atomic numbers of atoms whose open p shell has an orientation: nothing fixes it once the atom is isolated."""

_HESSIAN_STEP_ANGSTROM = 0.01
_STIFF_BOND = 70.0  # eV/angstrom^2
_SPRING, _SPRING_DECAY, _SOFT_SPRING = 40.0, 2.5, 2.0  # eV/angstrom^2, 1/angstrom, eV/angstrom^2
_LONGEST_STEP_ANGSTROM = 0.2
_SOFTEST_CURVATURE = 1.0  # eV/angstrom^2, below which a Hessian is no guide to a step
_FLATTEST = 0.01  # eV / (angstrom^2 dalton): below this, dividing by a curvature overshoots
_HBAR_EV = 0.06465415  # hbar in eV sqrt(dalton) angstrom / sqrt(eV): quantum of a mode of unit curvature and mass


class Modes(NamedTuple):
    """Harmonic vibrations, without translations and rotations."""

    quanta_ev: np.ndarray  # (n_modes,), increasing; imaginary ones negative
    curvatures: np.ndarray  # (n_modes,), eV / (angstrom^2 dalton)
    vectors: np.ndarray  # (n_modes, n_atoms, 3), orthonormal in mass-weighted coordinates


def shortest_distance(positions: np.ndarray) -> float:
    """Smallest distance between two atoms, angstrom; infinite for one atom."""
    first, second = np.triu_indices(len(positions), k=1)
    return float(np.linalg.norm(positions[first] - positions[second], axis=1).min(initial=np.inf))


def largest_force(forces: np.ndarray) -> float:
    """Length of the longest force, of (n_atoms, 3)."""
    return float(np.linalg.norm(forces, axis=1).max())


def largest_component(forces: np.ndarray) -> float:
    """Largest absolute component of forces (n_atoms, 3)."""
    return float(np.abs(forces).max())


def minimize(
    energy_and_forces: EnergyAndForces,
    positions: np.ndarray,
    *,
    max_force: float,
    max_steps: int,
    hessian: np.ndarray | None = None,
    size: Callable[[np.ndarray], float] = largest_force,
) -> tuple[np.ndarray, float, np.ndarray]:
    """A local minimum by quasi-Newton steps.

    Args:
        energy_and_forces: of positions (n_atoms, 3).
        positions: where to start.
        max_force: how large the forces may be that are left.
        max_steps: iterations allowed.
        hessian: (3n, 3n) to start from; soft directions are stiffened.
        size: of forces; the largest on an atom, or `largest_component`, a little looser.

    Returns:
        Positions, energy and forces at the minimum.

    Raises:
        ValueError: the forces are still larger after `max_steps`.
    """
    curvature = _STIFF_BOND * np.eye(positions.size) if hessian is None else hessian
    energy, forces = energy_and_forces(positions)
    for _ in range(max_steps):
        if size(forces) <= max_force:
            return positions, energy, forces
        # No line search: on a fixed grid, energies and forces disagree by more than the last steps gain.
        values, vectors = np.linalg.eigh(curvature)
        step = vectors @ ((vectors.T @ forces.ravel()) / np.clip(np.abs(values), _SOFTEST_CURVATURE, None))
        step = step.reshape(positions.shape)
        step *= min(1.0, _LONGEST_STEP_ANGSTROM / np.linalg.norm(step, axis=1).max())
        positions = positions + step
        previous = forces
        energy, forces = energy_and_forces(positions)
        curvature = _bfgs_update(curvature, step.ravel(), (previous - forces).ravel())
    if size(forces) <= max_force:
        return positions, energy, forces
    raise ValueError(f"relaxation unfinished: a force of {size(forces):.3f} eV/angstrom after {max_steps} steps.")


def _bfgs_update(curvature: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Second derivatives that explain how the gradient changed; Nocedal and Wright, Numerical Optimization, 6.19."""
    image = curvature @ step
    along, before = float(change @ step), float(step @ image)
    if abs(along) < 1e-10 or abs(before) < 1e-10:
        return curvature
    return curvature + np.outer(change, change) / along - np.outer(image, image) / before


def model_hessian(positions: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Second derivatives of springs between near atoms, softer the longer they are, (3n, 3n), eV/angstrom^2.

    A relaxation that starts from it takes half the steps of one that starts from equal stiffness everywhere. After R.
    Lindh et al., Chem. Phys. Lett. 241, 423 (1995), with springs between pairs only.

    Args:
        positions: (n_atoms, 3), angstrom.
        radii: covalent radii, (n_atoms,), angstrom.
    """
    number = len(positions)
    first, second = np.triu_indices(number, k=1)
    vectors = positions[first] - positions[second]
    lengths = np.linalg.norm(vectors, axis=1)
    springs = _SPRING * np.exp(-_SPRING_DECAY * (lengths - radii[first] - radii[second]))
    blocks = (springs / lengths**2)[:, None, None] * vectors[:, :, None] * vectors[:, None, :]
    matrix = np.zeros((number, number, 3, 3))
    matrix[first, second] = matrix[second, first] = -blocks
    matrix[range(number), range(number)] = -matrix.sum(axis=1)
    return matrix.transpose(0, 2, 1, 3).reshape(3 * number, 3 * number) + _SOFT_SPRING * np.eye(3 * number)


def hessian(energy_and_forces: EnergyAndForces, positions: np.ndarray, forces: np.ndarray | None = None) -> np.ndarray:
    """Second derivatives of the energy by differences of forces, (3n, 3n), symmetric, eV/angstrom^2.

    Args:
        energy_and_forces: of positions (n_atoms, 3).
        positions: (n_atoms, 3).
        forces: those at `positions`; given, the differences are one-sided, half the work and of first order.
    """
    size = positions.size
    columns = np.empty((size, size))
    for index in range(size):
        step = np.zeros(positions.shape)
        step.flat[index] = _HESSIAN_STEP_ANGSTROM
        forward = energy_and_forces(positions + step)[1]
        backward = 2 * forces - forward if forces is not None else energy_and_forces(positions - step)[1]
        columns[:, index] = (backward - forward).ravel() / (2 * _HESSIAN_STEP_ANGSTROM)
    return (columns + columns.T) / 2


def normal_modes(hessian_matrix: np.ndarray, positions: np.ndarray, masses: np.ndarray) -> Modes:
    """Vibrations of a harmonic energy, rotations and translations projected out exactly."""
    root = np.repeat(np.sqrt(masses), 3)
    outer = _rigid_motions(positions, masses)
    vibrations = scipy.linalg.null_space(outer.T)
    weighted = vibrations.T @ (hessian_matrix / np.outer(root, root)) @ vibrations
    curvatures, vectors = np.linalg.eigh(weighted)
    quanta = np.sign(curvatures) * _HBAR_EV * np.sqrt(np.abs(curvatures))
    return Modes(quanta, curvatures, (vibrations @ vectors).T.reshape(-1, *positions.shape))


def lowest_quantum(
    energy_and_forces: EnergyAndForces,
    positions: np.ndarray,
    masses: np.ndarray,
    guess: np.ndarray,
    threshold_ev: float,
) -> tuple[float, np.ndarray]:
    """The lowest vibration as exactly as deciding about `threshold_ev` needs.

    Davidson's method, two forces a step in place of the six for every atom that all second derivatives cost. What it
    returns is an upper bound, so a value below the threshold says for certain that the geometry is a saddle; one above
    it has converged ten times nearer to a true vibration than to the threshold.

    Args:
        energy_and_forces: of positions (n_atoms, 3), angstrom; eV, eV/angstrom.
        positions: a stationary point.
        masses: (n_atoms,), dalton.
        guess: approximate second derivatives, (3n, 3n), eV/angstrom^2, to start from and to precondition with.
        threshold_ev: the quantum to decide about.

    Returns:
        The quantum (eV, imaginary ones negative) and the unit direction, (n_atoms, 3), in which the atoms move.
    """
    root = np.repeat(np.sqrt(masses), 3)
    vibrations = scipy.linalg.null_space(_rigid_motions(positions, masses).T)
    diagonal, frame = np.linalg.eigh(vibrations.T @ (guess / np.outer(root, root)) @ vibrations)
    frame = vibrations @ frame

    def curvature(vector: np.ndarray) -> np.ndarray:
        moved = (frame @ vector) / root
        step = (_HESSIAN_STEP_ANGSTROM / np.linalg.norm(moved) * moved).reshape(positions.shape)
        forward, backward = energy_and_forces(positions + step)[1], energy_and_forces(positions - step)[1]
        change = (backward - forward).ravel() / (2 * _HESSIAN_STEP_ANGSTROM) * np.linalg.norm(moved)
        return frame.T @ (change / root)

    limit = np.sign(threshold_ev) * (threshold_ev / _HBAR_EV) ** 2
    basis, images = np.zeros((0, len(diagonal))), np.zeros((0, len(diagonal)))
    queue = list(np.eye(len(diagonal))[:3])
    while True:
        for new in queue:
            new = new - basis.T @ (basis @ new)
            new = (new - basis.T @ (basis @ new)) / np.linalg.norm(new)
            basis, images = np.vstack([basis, new]), np.vstack([images, curvature(new)])
        small = basis @ images.T
        values, vectors = np.linalg.eigh((small + small.T) / 2)
        value, residual = float(values[0]), vectors[:, 0] @ images - values[0] * (vectors[:, 0] @ basis)
        error = float(np.linalg.norm(residual))
        if value < limit or error < 0.1 * (value - limit) or len(basis) == len(diagonal):
            direction = (frame @ (vectors[:, 0] @ basis) / root).reshape(positions.shape)
            return float(np.sign(value) * _HBAR_EV * np.sqrt(abs(value))), direction / np.linalg.norm(direction)
        shifted = diagonal - value
        queue = [residual / np.where(np.abs(shifted) < _FLATTEST, _FLATTEST, shifted)]


def thermal(
    positions: np.ndarray, modes: Modes, masses: np.ndarray, kelvin: float, rng: np.random.Generator
) -> np.ndarray:
    """Positions drawn from the classical harmonic ensemble at a temperature, soft modes left alone."""
    amplitudes = rng.normal(size=len(modes.quanta_ev))
    hard = modes.quanta_ev > SOFT_MODE_EV
    widths = np.sqrt(BOLTZMANN_EV_PER_KELVIN * kelvin / modes.curvatures[hard])
    weighted = np.tensordot(amplitudes[hard] * widths, modes.vectors[hard], axes=1)
    return positions + weighted / np.sqrt(masses)[:, None]


def fragment(number_of_atoms: int, bonds: tuple[tuple[int, int], ...], bond: tuple[int, int]) -> tuple[int, ...] | None:
    """Atoms on the second atom's side of a bond, or None if the bond is in a ring."""
    side, queue = {bond[1]}, [bond[1]]
    neighbors: list[set[int]] = [set() for _ in range(number_of_atoms)]
    for i, j in bonds:
        if (i, j) != bond and (j, i) != bond:
            neighbors[i].add(j)
            neighbors[j].add(i)
    while queue:
        for other in neighbors[queue.pop()] - side:
            side.add(other)
            queue.append(other)
    return None if bond[0] in side else tuple(sorted(side))


def cuttable_bonds(
    number_of_atoms: int, bonds: tuple[tuple[int, int], ...]
) -> list[tuple[tuple[int, int], tuple[int, ...]]]:
    """Bonds outside rings, each with the atoms on its second atom's side."""
    sides = [(bond, fragment(number_of_atoms, bonds, bond)) for bond in bonds]
    return [(bond, side) for bond, side in sides if side is not None]


def bond_to_cut(
    number_of_atoms: int, bonds: tuple[tuple[int, int], ...], turn: int
) -> tuple[tuple[int, int], tuple[int, ...]] | None:
    """The bond that a molecule's scan number `turn` stretches, and the atoms on its second atom's side.

    Every bond outside a ring is taken once before any is taken twice; None if all are in rings.
    """
    cuttable = cuttable_bonds(number_of_atoms, bonds)
    if not cuttable:
        return None
    return cuttable[np.random.default_rng(0).permutation(len(cuttable))[turn % len(cuttable)]]


def count_isolated_open_p_shells(atomic_numbers: Sequence[int], side: Sequence[int]) -> int:
    """Number of the two parts of a molecule, `side` and the other atoms, that are one atom with an open p shell."""
    parts = (side, [atom for atom in range(len(atomic_numbers)) if atom not in side])
    return sum(len(part) == 1 and atomic_numbers[part[0]] in _OPEN_P_SHELL for part in parts)


def stretch(positions: np.ndarray, bond: tuple[int, int], side: tuple[int, ...], factor: float) -> np.ndarray:
    """Positions with a bond set to `factor` times its length by moving the atoms on one side of it."""
    axis = positions[bond[1]] - positions[bond[0]]
    moved = positions.copy()
    moved[list(side)] += (factor - 1.0) * axis
    return moved


def scale(positions: np.ndarray, factor: float) -> np.ndarray:
    """Positions with every distance multiplied by `factor`."""
    center = positions.mean(axis=0)
    return center + factor * (positions - center)


def _rigid_motions(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Orthonormal mass-weighted translations and rotations, (3n, 5 or 6)."""
    root = np.sqrt(masses)[:, None]
    centered = positions - np.average(positions, axis=0, weights=masses)
    columns = [np.broadcast_to(axis, positions.shape) * root for axis in np.eye(3)]
    columns += [np.cross(axis, centered) * root for axis in np.eye(3)]
    vectors, values, _ = np.linalg.svd(np.stack([column.ravel() for column in columns], axis=1), full_matrices=False)
    return vectors[:, values > 1e-4 * values[0]]
