"""Adam whose learning rate, weight decay and length are data, so that replicas of one program may differ in them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Params = Any  # a pytree


class OptimizerSettings(NamedTuple):
    """Static settings of the optimiser."""

    warmup_fraction: float  # of the steps, linear from zero; a cosine to zero follows
    gradient_clip: float  # global norm
    ema_decay: float  # of the averaged parameters; 0 keeps no average


def make_transform(settings: OptimizerSettings) -> optax.GradientTransformation:
    """Gradient clipping and Adam's scaling; the learning rate is applied by `apply_update`."""
    return optax.chain(optax.clip_by_global_norm(settings.gradient_clip), optax.scale_by_adam())


def schedule(settings: OptimizerSettings, step: jax.Array, steps: jax.Array) -> jax.Array:
    """Learning rate at `step` of `steps` as a fraction of its peak, float32: linear warm-up, then a cosine to zero."""
    warmup = jnp.maximum(1, jnp.round(settings.warmup_fraction * steps)).astype(jnp.float32)
    # Products with reciprocals are what XLA makes of divisions by constants: numbers are those of fixed lengths.
    progress = jnp.clip((step - warmup) * (1 / jnp.maximum(1, steps - warmup)), 0.0, 1.0)
    rising = (step + 1) * (1 / warmup)
    return jnp.where(step < warmup, rising, 0.5 * (1 + jnp.cos(jnp.pi * progress)))


def apply_update(params: Params, direction: Params, rate: jax.Array, weight_decay: jax.Array) -> Params:
    """Parameters after one step of size `rate` against `direction`, with decoupled weight decay."""

    def move(param: jax.Array, along: jax.Array) -> jax.Array:
        return param - rate.astype(param.dtype) * (along + weight_decay.astype(param.dtype) * param)

    return jax.tree.map(move, params, direction)


def average(averaged: Params, params: Params, step: jax.Array, decay: float) -> Params:
    """Exponential moving average whose decay rises from 1/10 to `decay`, so that early steps are forgotten."""
    if decay == 0:
        return params
    now = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda old, new: old + (1 - now).astype(old.dtype) * (new - old), averaged, params)
