"""Coupling of two degrees to a third that rotates like them: paths and coefficients, natural parity only."""

import functools

import numpy as np

from h2scale.models import spherical_harmonics


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


def paths(l_in: int, l_edge: int, l_out: int) -> tuple[tuple[int, int], ...]:
    """Pairs (l1, l2) of feature and harmonic degrees that make an output of degree `l_out`, in natural parity."""
    return tuple(
        (l1, l2)
        for l1 in range(l_in + 1)
        for l2 in range(l_edge + 1)
        if abs(l1 - l2) <= l_out <= l1 + l2 and (l1 + l2 + l_out) % 2 == 0
    )


def component_normalised(l1: int, l2: int, l3: int) -> np.ndarray:
    """Return the coefficients times sqrt(2*l3+1): as in e3nn, inputs of unit variance give outputs of unit variance."""
    return np.sqrt(2 * l3 + 1) * clebsch_gordan(l1, l2, l3)
