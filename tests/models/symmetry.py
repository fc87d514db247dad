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


def assert_invariant(energy: Callable[[jax.Array], jax.Array], positions: jax.Array, seed: int = 0) -> None:
    """The energy ignores rotation, inversion and translation; the gradient rotates along.

    Args:
        energy: differentiable function of positions, (n, 3) to a scalar.
        positions: where to check, shape (n, 3).
        seed: of the transformations.
    """
    value_and_gradient = jax.jit(jax.value_and_grad(energy))
    value, gradient = value_and_gradient(positions)
    assert jnp.abs(gradient).max() > 1e-4, "zero gradient: this check would see nothing"
    shift = np.random.default_rng(seed + 1).normal(size=(1, 3))
    for matrix in random_orthogonal(seed):
        new_value, new_gradient = value_and_gradient(positions @ matrix.T + shift)
        np.testing.assert_allclose(new_value, value, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(new_gradient, gradient @ matrix.T, rtol=0, atol=TOLERANCE)


def representation(matrix: np.ndarray, l_max: int) -> np.ndarray:
    """How (l_max + 1)^2 natural-parity components turn with space: Y(matrix v) = D Y(v), solved from samples of v."""
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
