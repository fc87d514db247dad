"""Numerically safe building blocks: the input is made safe before a singular operation, then the output is masked."""

import jax
import jax.numpy as jnp


def safe_norm(vectors: jax.Array) -> jax.Array:
    """Euclidean length over the last axis; exactly 0, with gradient 0, for a zero vector.

    Args:
        vectors: shape (..., 3), any unit.

    Returns:
        Shape (...), same unit.
    """
    squared = jnp.sum(vectors * vectors, axis=-1)
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean of `values` where `mask` is True, over all axes; 0 where nothing is selected."""
    count = jnp.sum(mask)
    total = jnp.sum(jnp.where(mask, values, 0.0))
    return jnp.where(count > 0, total / jnp.maximum(count, 1), 0.0)
