"""Closed-form harmonics against e3nn-jax and against their definition."""

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import spherical_harmonics

VECTORS = np.random.default_rng(0).normal(size=(20, 3))
DIRECTIONS = jnp.asarray(VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True))


def test_harmonics_follow_the_convention_of_e3nn():
    reference = e3nn.spherical_harmonics(
        "0e + 1o + 2e + 3o", e3nn.IrrepsArray("1o", DIRECTIONS), normalize=False, normalization="component"
    )
    np.testing.assert_allclose(spherical_harmonics.spherical_harmonics(DIRECTIONS, 3), reference.array, atol=1e-13)


def test_squares_of_a_degree_sum_to_its_dimension():
    values = spherical_harmonics.spherical_harmonics(DIRECTIONS, 3)
    for degree, part in enumerate(spherical_harmonics.slices(3)):
        np.testing.assert_allclose(jnp.sum(values[:, part] ** 2, axis=1), 2 * degree + 1, rtol=1e-13)


def test_zero_vector_has_finite_values_and_gradients():
    jacobian = jax.jacobian(lambda v: spherical_harmonics.spherical_harmonics(v, 3))(jnp.zeros((1, 3)))
    np.testing.assert_array_equal(spherical_harmonics.spherical_harmonics(jnp.zeros((1, 3)), 3)[0, 1:], 0.0)
    assert jnp.all(jnp.isfinite(jacobian))


def test_dtype_follows_the_directions():
    assert spherical_harmonics.spherical_harmonics(DIRECTIONS.astype(jnp.float32), 3).dtype == jnp.float32
