"""Stability of Kohn-Sham solutions: curvature of the energy, and the way down where it is negative."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import scipy.linalg

from h2scale.electronic_structure import fields, kohn_sham, quadrature
from h2scale.electronic_structure.fields import Orbitals, Solution, Start
from h2scale.electronic_structure.molecules import Field

_VECTORS = 40
_UNSTABLE = -1e-4
"""Curvature (hartree) below which a solution is a saddle; PySCF's own threshold is -1e-5, within its convergence."""
_FLAT = -1e-3
"""Above this a saddle below which nothing is found counts as flat: an open shell that may point anywhere around an
axis, which only the grid distinguishes."""
_DESCENTS = ((0.4, False), (0.8, False), (0.4, True))
"""Angles in radians, and whether second-order steps follow."""


def relax(problem: kohn_sham.Problem, solution: Solution) -> tuple[Solution, int]:
    """Stable solution below (or equal to) a solution, and how many instabilities were followed to it.

    Raises:
        ValueError: no convergence, or no stable solution within five rounds.
    """
    field, rounds = fields.follow(
        solution.field,
        functools.partial(_instability, problem),
        lambda: problem.make_field(restricted=False),
        kohn_sham.CONVERGENCE,
    )
    return (fields.solution(field) if rounds else solution), rounds


def lowest_curvature(problem: kohn_sham.Problem, field: Field) -> tuple[float, np.ndarray]:
    """Lowest eigenvalue (hartree) of the energy's second derivatives over real orbital rotations, and its vector.

    Rotations of both spins are independent, so that a restricted field shows whether symmetry breaks. Davidson's
    method, ended as soon as the sign is certain: an eigenvalue lies within the residual of the Ritz value.
    """
    orbitals, energies, occupations = _both_spins(field)
    occupied = [orbitals[s][:, occupations[s] > 0] for s in range(2)]
    virtual = [orbitals[s][:, occupations[s] == 0] for s in range(2)]
    gaps = [energies[s][occupations[s] == 0][:, None] - energies[s][occupations[s] > 0][None, :] for s in range(2)]
    shapes = [gap.shape for gap in gaps]
    size = shapes[0][0] * shapes[0][1]
    diagonal = np.concatenate([gap.ravel() for gap in gaps])
    if not diagonal.size:
        return np.inf, diagonal
    kernel = quadrature.make_kernel(problem.grid, (occupied[0], occupied[1]))
    half = [np.einsum("pij,jo->pio", problem.fitted, o, optimize=True) for o in occupied]

    def curvature(vector: np.ndarray) -> np.ndarray:
        parts = (vector[:size].reshape(shapes[0]), vector[size:].reshape(shapes[1]))
        changes = (virtual[0] @ parts[0], virtual[1] @ parts[1])
        potential = quadrature.response(problem.grid, kernel, changes)
        potential += _fitted_response(problem, occupied, half, changes)
        return np.concatenate(
            [(gaps[s] * parts[s] + virtual[s].T @ potential[s] @ occupied[s]).ravel() for s in range(2)]
        )

    return _davidson(curvature, diagonal, size)


def _instability(problem: kohn_sham.Problem, field: Field) -> fields.Instability | None:
    """Way down from a field, if its lowest curvature is negative."""
    curvature, direction = lowest_curvature(problem, field)
    if curvature > _UNSTABLE:
        return None
    return fields.Instability(_starts(field, direction), may_be_flat=curvature > _FLAT)


def _starts(field: Field, direction: np.ndarray) -> Iterator[Start]:
    for angle, second_order in _DESCENTS:
        orbitals, occupations = _turned(field, direction, angle)
        occupied = Orbitals(*(orbitals[s][:, occupations[s] > 0] for s in range(2)))
        yield Start(fields.density_matrix(occupied), orbitals, occupations, second_order)


def _davidson(apply: Callable[[np.ndarray], np.ndarray], diagonal: np.ndarray, size: int) -> tuple[float, np.ndarray]:
    """Lowest eigenpair of a symmetric operator, as far as its sign needs."""
    lowest = np.argsort(diagonal[:size])[:3]
    basis = np.zeros((0, len(diagonal)))
    images = np.zeros((0, len(diagonal)))
    # Starts: the smallest gaps, in phase and out of phase between the spins, since symmetry breaks out of phase.
    starts = []
    for place in lowest:
        for sign in (-1.0, 1.0):
            vector = np.zeros(len(diagonal))
            vector[place] = 1.0
            if size + place < len(diagonal):
                vector[size + place] = sign
            starts.append(vector)
    if size < len(diagonal):
        single = np.zeros(len(diagonal))
        single[size + np.argmin(diagonal[size:])] = 1.0
        starts.append(single)
    queue = starts
    value, vector = np.inf, diagonal
    while len(basis) < _VECTORS:
        for new in queue:
            new = new - basis.T @ (basis @ new)
            new = new - basis.T @ (basis @ new)
            norm = np.linalg.norm(new)
            if norm < 1e-6:
                continue
            basis = np.vstack([basis, new / norm])
            images = np.vstack([images, apply(new / norm)])
        values, vectors = np.linalg.eigh(basis @ images.T)
        value, vector = float(values[0]), vectors[:, 0] @ basis
        residual = vectors[:, 0] @ images - value * vector
        error = np.linalg.norm(residual)
        if error < 1e-4 or (error < 0.2 * abs(value) and error < 0.02):
            break
        shifted = diagonal - value
        shifted[np.abs(shifted) < 0.1] = 0.1
        queue = [-residual / shifted]
        if len(basis) >= len(diagonal):
            break
    return value, vector


def _fitted_response(
    problem: kohn_sham.Problem, occupied: list[np.ndarray], half: list[np.ndarray], changes: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Coulomb and exchange potentials, (2, n_ao, n_ao), of first-order changes of the occupied orbitals."""
    charges = sum(2 * np.einsum("pio,io->p", half[s], changes[s]) for s in range(2))
    coulomb = np.tensordot(charges, problem.fitted, axes=1)
    result = np.stack([coulomb, coulomb])
    if problem.exchange_fraction:
        for s in range(2):
            moved = problem.fitted @ changes[s]
            cross = kohn_sham.contract(moved, half[s])
            result[s] -= problem.exchange_fraction * (cross + cross.T)
    return result


def _turned(field: Field, direction: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """All orbitals, (2, n_ao, n_mo), occupied first, turned along a direction of `lowest_curvature`; and occupations.

    The largest single rotation is by `angle` radians.
    """
    orbitals, _, occupations = _both_spins(field)
    made, filled, start = [], np.zeros((2, orbitals.shape[2])), 0
    for s in range(2):
        occupied, virtual = orbitals[s][:, occupations[s] > 0], orbitals[s][:, occupations[s] == 0]
        number, count = occupied.shape[1], occupied.shape[1] * virtual.shape[1]
        part = direction[start : start + count].reshape(virtual.shape[1], number)
        start += count
        generator = np.zeros((orbitals.shape[2],) * 2)
        generator[number:, :number] = angle * part / np.abs(direction).max()
        generator -= generator.T
        made.append(np.hstack([occupied, virtual]) @ scipy.linalg.expm(generator))
        filled[s, :number] = 1.0
    return np.stack(made), filled


def _both_spins(field: Field) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orbitals (2, n_ao, n_mo), energies and occupations (2, n_mo) of a field, those of a restricted one twice."""
    coefficients, energies, occupations = (np.asarray(x) for x in (field.mo_coeff, field.mo_energy, field.mo_occ))
    if occupations.ndim == 2:
        return coefficients, energies, occupations
    return np.stack([coefficients] * 2), np.stack([energies] * 2), np.stack([occupations / 2] * 2)
