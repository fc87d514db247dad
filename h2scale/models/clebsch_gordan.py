"""Which products of two degrees are rotated like a third, and with what coefficients (natural parity only)."""

import functools
from typing import NamedTuple

import numpy as np

from h2scale.models import spherical_harmonics


class Term(NamedTuple):
    """One non-zero coefficient of the sum out[k] += coefficient * x[i] * y[j] * w[path]."""

    feature: int  # i, on the feature axis of (l_in + 1)^2
    harmonic: int  # j, on the harmonic axis of (l_edge + 1)^2
    path: int  # which radial weight
    output: int  # k, on the output axis
    coefficient: float


class Coupling(NamedTuple):
    """All paths (l1, l2, l3) from features to outputs; hashable and static."""

    l_in: int
    l_edge: int
    l_out: int
    paths: tuple[tuple[int, int, int], ...]  # sorted by l3, so that equal output degrees lie together
    terms: tuple[Term, ...]

    @property
    def num_outputs(self) -> int:
        """Length of the output axis: for each l3, the 2*l3+1 components, each holding that degree's paths."""
        return sum(2 * l3 + 1 for _, _, l3 in self.paths)

    def paths_to(self, l3: int) -> int:
        """How many paths end in degree l3."""
        return sum(path[2] == l3 for path in self.paths)


@functools.cache
def clebsch_gordan(l1: int, l2: int, l3: int) -> np.ndarray:
    """Coupling coefficients of real harmonics, unit Frobenius norm, shape (2*l1+1, 2*l2+1, 2*l3+1), float64.

    For natural parity (even l1 + l2 + l3) they are the integrals of three harmonics over the sphere, up to
    normalisation. The quadrature (Gauss-Legendre along y, even spacing around it) is exact for these polynomials.
    """
    if (l1 + l2 + l3) % 2:
        raise ValueError(f"only natural parity is covered: l1 + l2 + l3 must be even, got {(l1, l2, l3)}.")
    order = l1 + l2 + l3
    heights, height_weights = np.polynomial.legendre.leggauss(order // 2 + 1)
    angles = 2 * np.pi * np.arange(order + 1) / (order + 1)
    height, angle = (grid.ravel() for grid in np.meshgrid(heights, angles, indexing="ij"))
    ring = np.sqrt(1 - height**2)
    values = spherical_harmonics.components(ring * np.sin(angle), height, ring * np.cos(angle), max(l1, l2, l3), np)
    first, second, third = (np.stack(values[degree**2 : (degree + 1) ** 2]) for degree in (l1, l2, l3))
    weights = np.repeat(height_weights, order + 1)
    table = np.einsum("q,iq,jq,kq->ijk", weights, first, second, third)
    return table / np.linalg.norm(table)


@functools.cache
def coupling(l_in: int, l_edge: int, l_out: int) -> Coupling:
    """Every natural-parity path from features up to l_in and harmonics up to l_edge to outputs up to l_out.

    Coefficients carry sqrt(2*l3+1), the "component" normalisation of e3nn: unit-variance inputs give unit-variance
    outputs. The output axis is ordered by (l3, component, path), which makes the paths of one degree and their
    channels one contiguous row for the linear layer that follows.
    """
    paths = tuple(
        (l1, l2, l3)
        for l3 in range(l_out + 1)
        for l1 in range(l_in + 1)
        for l2 in range(l_edge + 1)
        if abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
    )
    counts = [sum(path[2] == degree for path in paths) for degree in range(l_out + 1)]
    terms = []
    for index, (l1, l2, l3) in enumerate(paths):
        start = sum((2 * degree + 1) * counts[degree] for degree in range(l3))
        rank = index - sum(counts[:l3])
        table = np.sqrt(2 * l3 + 1) * clebsch_gordan(l1, l2, l3)
        for i, j, k in np.argwhere(np.abs(table) > 1e-10).tolist():
            output = start + k * counts[l3] + rank
            terms.append(Term(l1**2 + i, l2**2 + j, index, output, float(table[i, j, k])))
    return Coupling(l_in, l_edge, l_out, paths, tuple(terms))
