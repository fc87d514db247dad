"""Bases and envelopes: their definitions, and finite derivatives at padding and at the cutoff."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.models import radial

CUTOFF = 4.0


def _derivatives(function, length, order):
    values = []
    for _ in range(order + 1):
        values.append(float(function(length)))
        function = jax.grad(function)
    return values


@pytest.mark.parametrize("power", [2, 5, 6])
def test_polynomial_envelope_ends_with_two_vanishing_derivatives(power):
    def envelope(r):
        return radial.polynomial_envelope(r, CUTOFF, power)

    just_inside = _derivatives(envelope, CUTOFF * (1 - 1e-7), 2)
    # Next derivative times the distance to the cutoff bounds what may remain.
    np.testing.assert_allclose(just_inside, 0.0, atol=1e-4)
    np.testing.assert_array_equal(_derivatives(envelope, CUTOFF * (1 + 1e-9), 2), 0.0)
    np.testing.assert_allclose(envelope(jnp.asarray(0.0)), 1.0, atol=1e-15)
    lengths = jnp.linspace(0.0, CUTOFF, 101)
    assert np.all(np.diff(envelope(lengths)) <= 1e-12), "the envelope must fall monotonically"


def test_cosine_envelope_ends_with_a_vanishing_derivative():
    def envelope(r):
        return radial.cosine_envelope(r, CUTOFF)

    np.testing.assert_allclose(_derivatives(envelope, CUTOFF * (1 - 1e-7), 1), 0.0, atol=1e-6)
    np.testing.assert_array_equal(_derivatives(envelope, CUTOFF, 1), 0.0)
    np.testing.assert_allclose(envelope(jnp.asarray(CUTOFF / 2)), 0.5, atol=1e-15)


def test_bessel_functions_are_orthonormal_in_the_ball():
    nodes, weights = np.polynomial.legendre.leggauss(60)
    lengths, weights = jnp.asarray(CUTOFF * (nodes + 1) / 2), weights * CUTOFF / 2
    values = radial.bessel_basis(lengths, CUTOFF, 6)
    overlap = np.einsum("q,qn,qm->nm", weights * lengths**2, values, values)
    np.testing.assert_allclose(overlap, np.eye(6), atol=1e-12)


def test_gaussians_peak_at_even_centres_one_spacing_wide():
    spacing = CUTOFF / 4
    values = radial.gaussian_basis(jnp.asarray([0.0, spacing, CUTOFF]), CUTOFF, 5)
    np.testing.assert_allclose(values[1], np.exp(-0.5 * (np.arange(5) - 1.0) ** 2), rtol=1e-14)
    np.testing.assert_allclose([values[0, 0], values[2, 4]], 1.0)


def test_masked_lengths_are_exact_for_real_edges_and_the_cutoff_elsewhere():
    vectors = jnp.asarray([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    mask = jnp.asarray([True, True, False])
    np.testing.assert_array_equal(radial.masked_lengths(vectors, mask, CUTOFF), [5.0, CUTOFF, CUTOFF])
    gradient = jax.grad(lambda v: jnp.sum(radial.masked_lengths(v, mask, CUTOFF) ** 2))(vectors)
    np.testing.assert_allclose(gradient, [[6.0, 8.0, 0.0], [0.0] * 3, [0.0] * 3], atol=1e-14)
