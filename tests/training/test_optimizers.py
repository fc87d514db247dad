"""The schedule rises, falls and ends; weight decay and averaging do what their formulas say."""

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.training import optimizers

SETTINGS = optimizers.OptimizerSettings(warmup_fraction=0.1, gradient_clip=1.0, ema_decay=0.99)


def schedule(steps):
    return jax.vmap(optimizers.schedule, (None, 0, None))(SETTINGS, jnp.arange(steps + 1), jnp.asarray(steps))


def test_schedule_warms_up_linearly_and_ends_at_zero():
    rates = schedule(100)
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10, rtol=1e-6)
    assert (np.diff(rates[10:]) <= 0).all()
    np.testing.assert_allclose(rates[55], 0.5, atol=1e-6)
    assert rates[100] < 1e-12


def test_each_length_has_a_schedule_of_its_own():
    short, long = schedule(50), schedule(200)
    # The same curve, read at four times the steps: at the end of the warm-up, halfway down and at the end.
    for fraction in (0.1, 0.55, 1.0):
        np.testing.assert_allclose(short[round(50 * fraction)], long[round(200 * fraction)], atol=2e-2)
    assert short[50] < 1e-12 < long[50]


def test_update_descends_and_decays():
    params = {"w": jnp.array([2.0, -4.0])}
    moved = optimizers.apply_update(params, {"w": jnp.array([1.0, 0.0])}, jnp.asarray(0.1), jnp.asarray(0.5))
    np.testing.assert_allclose(moved["w"], [2.0 - 0.1 * (1.0 + 0.5 * 2.0), -4.0 + 0.1 * 0.5 * 4.0])


def test_average_starts_fast_and_reaches_its_decay():
    averaged = optimizers.average({"w": jnp.zeros(1)}, {"w": jnp.ones(1)}, jnp.asarray(0), 0.99)
    np.testing.assert_allclose(averaged["w"], 0.9)
    averaged = optimizers.average({"w": jnp.zeros(1)}, {"w": jnp.ones(1)}, jnp.asarray(10**6), 0.99)
    np.testing.assert_allclose(averaged["w"], 0.01, rtol=1e-6)


def test_no_decay_means_no_average():
    params = {"w": jnp.ones(1)}
    assert optimizers.average({"w": jnp.zeros(1)}, params, jnp.asarray(3), 0.0) is params
