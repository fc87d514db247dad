"""Functions of the distance alone: bases that feed the radial networks and envelopes that end them at the cutoff."""

import jax
import jax.numpy as jnp
import numpy as np


def masked_lengths(edge_vectors: jax.Array, edge_mask: jax.Array, cutoff: float) -> jax.Array:
    """Edge lengths in angstrom, with the cutoff itself in place of padding and of zero vectors.

    Every function of the distance that ends at the cutoff is then 0 on such edges, with finite derivatives of
    all orders, and no division by a length needs a mask of its own.

    Args:
        edge_vectors: shape (n_edge, 3), angstrom.
        edge_mask: shape (n_edge,), True for real edges.
        cutoff: angstrom.
    """
    squared = jnp.sum(edge_vectors * edge_vectors, axis=-1)
    real = edge_mask & (squared > 0)
    return jnp.where(real, jnp.sqrt(jnp.where(real, squared, 1.0)), cutoff)


def polynomial_envelope(lengths: jax.Array, cutoff: float, power: int) -> jax.Array:
    """Smooth step from 1 at distance 0 to 0 at the cutoff, where its first and second derivatives vanish too.

    Reference:
        Gasteiger, Gross, Guennemann, Directional message passing for molecular graphs (2020), eq. 8.
    """
    x = lengths / cutoff
    p = power
    inside = 1 - x**p * ((p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x * x)
    return jnp.where(x < 1, inside, 0.0)


def cosine_envelope(lengths: jax.Array, cutoff: float) -> jax.Array:
    """Half a cosine from 1 at distance 0 to 0 at the cutoff, where its first derivative vanishes too.

    Reference:
        Behler, J. Chem. Phys. 134, 074106 (2011), eq. 5.
    """
    x = lengths / cutoff
    return jnp.where(x < 1, 0.5 * (1 + jnp.cos(jnp.pi * x)), 0.0)


def bessel_basis(lengths: jax.Array, cutoff: float, num_radial: int) -> jax.Array:
    """Spherical Bessel functions of order 0 that vanish at the cutoff, sqrt(2/c) sin(n pi r/c) / r.

    Args:
        lengths: shape (n_edge,), angstrom, positive.
        cutoff: c, angstrom.
        num_radial: n runs from 1 to this number.

    Returns:
        Shape (n_edge, num_radial).

    Reference:
        Gasteiger, Gross, Guennemann, Directional message passing for molecular graphs (2020), eq. 7.
    """
    frequencies = jnp.asarray(np.arange(1, num_radial + 1) * np.pi / cutoff, lengths.dtype)
    scaled = (2 / cutoff) ** 0.5 / lengths
    return scaled[:, None] * jnp.sin(lengths[:, None] * frequencies[None, :])


def gaussian_basis(lengths: jax.Array, cutoff: float, num_radial: int) -> jax.Array:
    """Gaussians centred evenly from 0 to the cutoff, one spacing wide, as in SchNet.

    Args:
        lengths: shape (n_edge,), angstrom.
        cutoff: angstrom.
        num_radial: how many, at least 2.

    Returns:
        Shape (n_edge, num_radial).

    Reference:
        Schuett et al., SchNet, J. Chem. Phys. 148, 241722 (2018), section II.
    """
    centers = jnp.asarray(np.linspace(0.0, cutoff, num_radial), lengths.dtype)
    spacing = cutoff / (num_radial - 1)
    scaled = (lengths[:, None] - centers[None, :]) / spacing
    return jnp.exp(-0.5 * scaled * scaled)
