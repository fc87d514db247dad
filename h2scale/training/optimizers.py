"""Adam whose learning rate, weight decay and length are data, so that replicas of one program may differ in them."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from h2scale.errors import require

Params = Any  # a pytree


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """Settings of the optimiser, of section `train`; static."""

    warmup_fraction: float  # of the steps, linear from zero; a cosine to zero follows
    gradient_clip: float  # global norm
    ema_decay: float  # of the averaged parameters; 0 keeps no average

    def __post_init__(self) -> None:
        for name in ("warmup_fraction", "ema_decay"):
            require(0 <= getattr(self, name) < 1, f"train.{name}", getattr(self, name), "from 0 up to 1")
        require(self.gradient_clip > 0, "train.gradient_clip", self.gradient_clip, "positive")


def make_transform(settings: OptimizerSettings) -> optax.GradientTransformation:
    """Return gradient clipping and Adam's scaling; `apply_update` applies the learning rate."""
    return optax.chain(optax.clip_by_global_norm(settings.gradient_clip), optax.scale_by_adam())


def schedule(settings: OptimizerSettings, step: jax.Array, steps: jax.Array) -> jax.Array:
    """Learning rate at `step` of `steps` as a fraction of its peak, float32: linear warm-up, then a cosine to zero."""
    warmup = jnp.maximum(1, jnp.round(settings.warmup_fraction * steps)).astype(jnp.float32)
    # XLA turns divisions by constants into products with reciprocals; with them numbers equal those of fixed lengths.
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
