"""Training steps over several batches that several devices share, for models too large for one device.

The batches of a step are consecutive pieces of the replica's stream, so that a step does not depend on the number of
devices but for the order of the sums.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

DATA_AXIS = "data"
"""The mesh axis over which the batches of a step are split."""


class Split(NamedTuple):
    """Number of batches in a step, and of devices that share them."""

    batches: int  # whose mean gradient a step follows
    devices: int  # along DATA_AXIS; divides the batches


WHOLE = Split(batches=1, devices=1)


def split_of(batches: int, mesh: jax.sharding.Mesh) -> Split:
    """Return how the devices of a mesh share steps of so many batches."""
    return Split(batches, mesh.shape[DATA_AXIS])


def owners(num_batches: int, split: Split) -> np.ndarray:
    """Device, of those that share a step, that computes each of the coming batches, shape (num_batches,)."""
    return np.arange(num_batches) % split.batches // (split.batches // split.devices)


def mean_over_batches(
    loss_and_gradient: Callable[[Any], tuple[jax.Array, Any]],
    next_batch: Callable[[jax.Array], tuple[jax.Array, Any]],
    cursor: jax.Array,
    split: Split,
) -> tuple[jax.Array, tuple[jax.Array, Any]]:
    """Return the cursor after a step's batches, and the mean of their losses and gradients.

    Args:
        loss_and_gradient: of one batch.
        next_batch: (cursor) -> (cursor after it, batch); cheap, because every device lays out all batches of the step.
        cursor: where the first batch begins.
        split: static. With several devices this must run inside a `shard_map` over DATA_AXIS.
    """
    if split == WHOLE:
        cursor, batch = next_batch(cursor)
        return cursor, loss_and_gradient(batch)
    cursor, batches = jax.lax.scan(lambda at, _: next_batch(at), cursor, None, length=split.batches)
    own = split.batches // split.devices
    first = own * jax.lax.axis_index(DATA_AXIS) if split.devices > 1 else 0
    batches = jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, first, own), batches)

    def add(total: Any, batch: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, loss_and_gradient(batch)), None

    shapes = jax.eval_shape(loss_and_gradient, jax.tree.map(lambda leaf: leaf[0], batches))
    zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    total, _ = jax.lax.scan(add, zero, batches)
    mean = jax.tree.map(lambda leaf: leaf / own, total)
    return cursor, jax.lax.pmean(mean, DATA_AXIS) if split.devices > 1 else mean
