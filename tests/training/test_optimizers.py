"""The schedule rises, falls and ends; weight decay and averaging do what their formulas say."""

import jax.numpy as jnp
import numpy as np

from h2scale.training import optimizers

SETTINGS = optimizers.OptimizerSettings(
    steps=100, warmup_fraction=0.1, weight_decay=0.5, gradient_clip=1.0, ema_decay=0.99
)


def test_schedule_warms_up_linearly_and_ends_at_zero():
    rates = np.array([optimizers.schedule(SETTINGS, jnp.asarray(step)) for step in range(101)])
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10, rtol=1e-6)
    assert (np.diff(rates[10:]) <= 0).all()
    np.testing.assert_allclose(rates[55], 0.5, atol=1e-6)
    assert rates[100] < 1e-12


def test_update_descends_and_decays():
    params = {"w": jnp.array([2.0, -4.0])}
    moved = optimizers.apply_update(params, {"w": jnp.array([1.0, 0.0])}, jnp.asarray(0.1), SETTINGS.weight_decay)
    np.testing.assert_allclose(moved["w"], [2.0 - 0.1 * (1.0 + 0.5 * 2.0), -4.0 + 0.1 * 0.5 * 4.0])


def test_average_starts_fast_and_reaches_its_decay():
    averaged = optimizers.average({"w": jnp.zeros(1)}, {"w": jnp.ones(1)}, jnp.asarray(0), 0.99)
    np.testing.assert_allclose(averaged["w"], 0.9)
    averaged = optimizers.average({"w": jnp.zeros(1)}, {"w": jnp.ones(1)}, jnp.asarray(10**6), 0.99)
    np.testing.assert_allclose(averaged["w"], 0.01, rtol=1e-6)


def test_no_decay_means_no_average():
    params = {"w": jnp.ones(1)}
    assert optimizers.average({"w": jnp.zeros(1)}, params, jnp.asarray(3), 0.0) is params
