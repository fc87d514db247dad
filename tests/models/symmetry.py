"""Checks that a function respects the symmetries of space; each must reject the broken controls in test_symmetry.py."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import spherical_harmonics

TOLERANCE = 1e-9
"""On numbers of order one in float64: thousands of rounding errors of 1e-16, and far below any real violation."""


def random_orthogonal(seed: int) -> list[np.ndarray]:
    """A random rotation, and the same followed by inversion."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    rotation = q * np.linalg.det(q)
    return [rotation, -rotation]


def assert_invariant(
    energy_and_forces: Callable[[jax.Array], tuple[jax.Array, jax.Array]], positions: jax.Array, seed: int = 0
) -> None:
    """The energy ignores rotation, inversion and translation; the forces rotate along.

    Args:
        energy_and_forces: function of positions, (n, 3) to an energy or energies and (n, 3).
        positions: where to check, shape (n, 3).
        seed: of the transformations.
    """
    energy, forces = energy_and_forces(positions)
    assert jnp.abs(forces).max() > 1e-4, "zero forces: this check would see nothing"
    shift = np.random.default_rng(seed + 1).normal(size=(1, 3))
    for matrix in random_orthogonal(seed):
        new_energy, new_forces = energy_and_forces(positions @ matrix.T + shift)
        np.testing.assert_allclose(new_energy, energy, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(new_forces, forces @ matrix.T, rtol=0, atol=TOLERANCE)


def representation(matrix: np.ndarray, l_max: int) -> np.ndarray:
    """D by which (l_max + 1)^2 natural-parity components turn with space: Y(matrix v) = D Y(v), from samples of v."""
    vectors = np.random.default_rng(0).normal(size=(64, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    before = np.asarray(spherical_harmonics.spherical_harmonics(jnp.asarray(vectors), l_max))
    after = np.asarray(spherical_harmonics.spherical_harmonics(jnp.asarray(vectors @ matrix.T), l_max))
    solution, *_ = np.linalg.lstsq(before, after, rcond=None)
    return solution.T


def assert_equivariant(
    layer: Callable[[jax.Array, jax.Array], jax.Array],
    features: jax.Array,
    vectors: jax.Array,
    l_in: int,
    l_out: int,
    seed: int = 0,
) -> None:
    """Turning space and input features turns the output features.

    Args:
        layer: (features, vectors) to features; (n, (l_in + 1)^2, C) and (m, 3) to (n', (l_out + 1)^2, C').
        features: shape (n, (l_in + 1)^2, C).
        vectors: edge vectors, shape (m, 3).
        l_in: highest degree that enters.
        l_out: highest degree that leaves.
        seed: of the transformations.
    """
    layer = jax.jit(layer)
    expected = layer(features, vectors)
    size = [float(jnp.abs(expected[:, part]).max()) for part in spherical_harmonics.slices(l_out)]
    assert min(size) > 1e-4, "a degree is zero: this check would see nothing"
    for matrix in random_orthogonal(seed):
        turned = layer(jnp.einsum("ij,njc->nic", representation(matrix, l_in), features), vectors @ matrix.T)
        wanted = jnp.einsum("ij,njc->nic", representation(matrix, l_out), expected)
        np.testing.assert_allclose(turned, wanted, rtol=0, atol=TOLERANCE * max(1.0, max(size)))
