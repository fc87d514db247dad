"""Cubic splines that carry a function of the distance from a few points to all edges.

A radial network is one curve per weight, needed at thousands of distances in a batch, with first and second
derivatives: evaluated edge by edge it is most of the cost of a small model. Here the network is evaluated at a few
dozen points, and each edge costs one matrix product. The spline is twice continuously differentiable, so energies and
forces stay smooth, and follows the network to fourth order in the spacing.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import radial

INTERVALS_PER_BESSEL = 4
"""Eight intervals for each wavelength of the fastest Bessel function, which is then followed to about 2e-3."""


def points(cutoff: float, num_intervals: int) -> np.ndarray:
    """Distances at which a function is evaluated to spline it on [0, cutoff]: shape (num_intervals + 6,), angstrom.

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


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def basis(lengths: jax.Array, cutoff: float, num_intervals: int, envelope_power: int) -> jax.Array:
    """Cubic B-splines that go with `coefficients`, times the polynomial envelope.

    Twice continuously differentiable, also at the cutoff for an envelope power of 2 or more; four of them are non-zero.

    Args:
        lengths: shape (n_edge,), angstrom, from 0 to the cutoff.
        cutoff: angstrom.
        num_intervals: between 0 and the cutoff.
        envelope_power: of `radial.polynomial_envelope`.

    Returns:
        Shape (n_edge, num_intervals + 4).
    """
    return _basis(lengths, cutoff, num_intervals, envelope_power)


def _basis(lengths: jax.Array, cutoff: float, num_intervals: int, envelope_power: int) -> jax.Array:
    centers = jnp.asarray(np.arange(num_intervals + 4) - 1.5, lengths.dtype)
    distance = jnp.abs((lengths * (num_intervals / cutoff))[:, None] - centers[None, :])
    near, far = jnp.where(distance < 1, 1 - distance, 0.0), jnp.where(distance < 2, 2 - distance, 0.0)
    envelope = radial.polynomial_envelope(lengths, cutoff, envelope_power)
    return (far * far * far / 6 - near * near * near * (2 / 3)) * envelope[:, None]


@basis.defjvp
def _basis_jvp(
    cutoff: float,
    num_intervals: int,
    envelope_power: int,
    primals: tuple[jax.Array],
    tangents: tuple[jax.Array],
) -> tuple[jax.Array, jax.Array]:
    # Each row depends on one length alone, so its slope is one array; reverse mode through the factors above would
    # pass over arrays of this shape half a dozen times.
    (lengths,), (tangent,) = primals, tangents
    values, slopes = jax.jvp(
        lambda r: _basis(r, cutoff, num_intervals, envelope_power), (lengths,), (jnp.ones_like(lengths),)
    )
    return values, slopes * tangent[:, None]
