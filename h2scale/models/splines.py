"""A function of the distance, known at a few points, as a cubic spline on all edges.

A radial network is one curve per weight, and a batch asks for it at thousands of distances, with first and second
derivatives: evaluated edge by edge it is most of the cost of a small model. Here the network runs on a few dozen
points, and edges pay for one matrix product. The spline is twice continuously differentiable, so energies and
forces stay smooth, and follows the network to fourth order in the spacing.
"""

import jax
import jax.numpy as jnp
import numpy as np

POINTS_PER_WAVE = 16
"""Spline intervals per shortest wavelength of the basis, which resolves it to about 1e-4."""


def num_intervals(num_radial: int) -> int:
    """Intervals from 0 to the cutoff that resolve a Bessel basis whose last function makes num_radial half waves."""
    return num_radial * POINTS_PER_WAVE // 2


def points(cutoff: float, num_intervals: int) -> np.ndarray:
    """Distances at which a function must be known to be splined on [0, cutoff]: shape (num_intervals + 6,), angstrom.

    Evenly spaced and half a spacing off the origin, two and a half spacings beyond either end; negative ones are
    for functions that are even in the distance.
    """
    return (np.arange(num_intervals + 6) - 2.5) * cutoff / num_intervals


def coefficients(values: jax.Array) -> jax.Array:
    """Cubic B-spline coefficients of a function from its values at `points`, of fourth order in the spacing.

    Args:
        values: shape (num_intervals + 6, n).

    Returns:
        Shape (num_intervals + 4, n).
    """
    return (8 * values[1:-1] - values[:-2] - values[2:]) / 6


def basis(lengths: jax.Array, cutoff: float, num_intervals: int) -> jax.Array:
    """Cubic B-splines that go with `coefficients`: twice continuously differentiable, four of them non-zero.

    Args:
        lengths: shape (n_edge,), angstrom, from 0 to the cutoff.

    Returns:
        Shape (n_edge, num_intervals + 4).
    """
    centers = jnp.asarray(np.arange(num_intervals + 4) - 1.5, lengths.dtype)
    distance = jnp.abs((lengths * (num_intervals / cutoff))[:, None] - centers[None, :])
    near, far = jnp.maximum(1 - distance, 0.0), jnp.maximum(2 - distance, 0.0)
    return far * far * far / 6 - near * near * near * (2 / 3)
