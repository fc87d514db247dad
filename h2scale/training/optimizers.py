"""Adam with a learning rate that is data, so that replicas of one program may differ in it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Params = Any  # a pytree


class OptimizerSettings(NamedTuple):
    """Static settings of the optimiser."""

    steps: int  # length of the schedule
    warmup_fraction: float  # of the steps, linear from zero; a cosine to zero follows
    weight_decay: float  # decoupled, per unit of learning rate
    gradient_clip: float  # global norm
    ema_decay: float  # of the averaged parameters; 0 keeps no average


def make_transform(settings: OptimizerSettings) -> optax.GradientTransformation:
    """Gradient clipping and Adam's scaling; the learning rate is applied by `apply_update`."""
    return optax.chain(optax.clip_by_global_norm(settings.gradient_clip), optax.scale_by_adam())


def schedule(settings: OptimizerSettings, step: jax.Array) -> jax.Array:
    """Learning rate at `step` as a fraction of its peak: linear warm-up, then a cosine to zero."""
    warmup = max(1, round(settings.warmup_fraction * settings.steps))
    progress = jnp.clip((step - warmup) / max(1, settings.steps - warmup), 0.0, 1.0)
    rising = (step + 1) / warmup
    return jnp.where(step < warmup, rising, 0.5 * (1 + jnp.cos(jnp.pi * progress)))


def apply_update(params: Params, direction: Params, rate: jax.Array, weight_decay: float) -> Params:
    """Parameters after one step of size `rate` against `direction`, with decoupled weight decay."""

    def move(param: jax.Array, along: jax.Array) -> jax.Array:
        return param - rate.astype(param.dtype) * (along + weight_decay * param)

    return jax.tree.map(move, params, direction)


def average(averaged: Params, params: Params, step: jax.Array, decay: float) -> Params:
    """Exponential moving average whose decay rises from 1/10 to `decay`, so that early steps are forgotten."""
    if decay == 0:
        return params
    now = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda old, new: old + (1 - now).astype(old.dtype) * (new - old), averaged, params)
