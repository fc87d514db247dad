"""Cubic splines of radial functions: exact for cubics, fourth order otherwise, smooth to the second derivative."""

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import radial, radial_spline

CUTOFF, POWER = 5.0, 6
LENGTHS = jnp.linspace(0.0, CUTOFF, 501)


def _splined(function, intervals, lengths=LENGTHS):
    values = function(jnp.asarray(radial_spline.points(CUTOFF, intervals)))
    return radial_spline.basis(lengths, CUTOFF, intervals, POWER) @ radial_spline.coefficients(values)


def _enveloped(values, lengths=LENGTHS):
    return values * radial.polynomial_envelope(lengths, CUTOFF, POWER)[:, None]


def test_cubic_polynomials_are_reproduced():
    def cubic(r):
        return jnp.stack([jnp.ones_like(r), r - 2, r**2 - r, r**3 - 4 * r], axis=1)

    np.testing.assert_allclose(_splined(cubic, 7), _enveloped(cubic(LENGTHS)), atol=1e-12)


def test_error_falls_with_the_fourth_power_of_the_spacing():
    def waves(r):
        return jnp.stack([jnp.cos(2 * r), jnp.sin(r) ** 2], axis=1)

    errors = [float(jnp.abs(_splined(waves, n) - _enveloped(waves(LENGTHS))).max()) for n in (20, 40)]
    assert 13 < errors[0] / errors[1] < 19


def test_bessel_basis_is_resolved_to_a_few_thousandths():
    def basis(r):
        return radial.bessel_basis(r, CUTOFF, 8)

    lengths = LENGTHS[1:]
    exact = _enveloped(basis(lengths), lengths)
    error = jnp.abs(_splined(basis, 8 * radial_spline.INTERVALS_PER_BESSEL, lengths) - exact).max()
    assert error < 3e-3 * jnp.abs(exact).max()


def test_splines_join_with_two_derivatives_inside_and_at_the_cutoff():
    intervals = 6

    def curve(r):
        return radial_spline.basis(r[None], CUTOFF, intervals, POWER)[0]

    derivatives = [jax.jit(f) for f in (curve, jax.jacrev(curve), jax.jacrev(jax.jacrev(curve)))]
    for place in (2.5 * CUTOFF / intervals, CUTOFF):
        for derivative in derivatives:
            left, right = derivative(jnp.asarray(place - 1e-9)), derivative(jnp.asarray(place + 1e-9))
            np.testing.assert_allclose(left, right, atol=1e-6)


def test_slope_is_the_derivative_of_the_values():
    lengths, step = jnp.asarray([0.37, 2.0, 4.9]), 1e-5
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(3, 10)))

    def total(r):
        return jnp.sum(weights * radial_spline.basis(r, CUTOFF, 6, POWER))

    for function in (total, lambda r: jnp.sum(jax.grad(total)(r) ** 2)):
        value_and_grad = jax.jit(jax.value_and_grad(function))
        ahead, behind = ([value_and_grad(lengths + sign * s)[0] for s in step * np.eye(3)] for sign in (1, -1))
        numerical = (np.array(ahead) - np.array(behind)) / (2 * step)
        np.testing.assert_allclose(value_and_grad(lengths)[1], numerical, rtol=1e-6, atol=1e-8)
