"""Cubic splines of radial functions: exact for cubics, fourth order otherwise, smooth to the second derivative."""

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import radial, splines

CUTOFF = 5.0
LENGTHS = jnp.linspace(0.0, CUTOFF, 501)


def _splined(function, intervals, lengths=LENGTHS):
    values = function(jnp.asarray(splines.points(CUTOFF, intervals)))
    return splines.basis(lengths, CUTOFF, intervals) @ splines.coefficients(values)


def test_cubic_polynomials_are_reproduced():
    def cubic(r):
        return jnp.stack([jnp.ones_like(r), r - 2, r**2 - r, r**3 - 4 * r], axis=1)

    np.testing.assert_allclose(_splined(cubic, 7), cubic(LENGTHS), atol=1e-12)


def test_error_falls_with_the_fourth_power_of_the_spacing():
    def waves(r):
        return jnp.stack([jnp.cos(2 * r), jnp.sin(r) ** 2], axis=1)

    errors = [float(jnp.abs(_splined(waves, n) - waves(LENGTHS)).max()) for n in (20, 40)]
    assert 13 < errors[0] / errors[1] < 19


def test_bessel_basis_is_resolved_to_a_thousandth():
    def basis(r):
        return radial.bessel_basis(r, CUTOFF, 8)

    lengths = LENGTHS[1:]
    error = jnp.abs(_splined(basis, splines.num_intervals(8), lengths) - basis(lengths)).max()
    assert error < 1e-3 * jnp.abs(basis(lengths)).max()


def test_splines_sum_to_one_and_join_with_two_derivatives():
    intervals = 6
    np.testing.assert_allclose(jnp.sum(splines.basis(LENGTHS, CUTOFF, intervals), axis=1), 1.0, atol=1e-13)

    def curve(r):
        return splines.basis(r[None], CUTOFF, intervals)[0]

    knot = jnp.asarray(2.5 * CUTOFF / intervals)
    for derivative in (curve, jax.jacfwd(curve), jax.jacfwd(jax.jacfwd(curve))):
        np.testing.assert_allclose(derivative(knot - 1e-9), derivative(knot + 1e-9), atol=1e-7)
