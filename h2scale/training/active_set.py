"""Active set: the replicas of a population that still have steps to take and stay on the devices.

The whole population has one place for each replica, from the first step to the last; the active set has a slot for each
replica that goes on. Each shard has a power of two of slots, so that a population is recompiled a few times at most.
The other replicas of the set change no replica's numbers.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from h2scale.training import step


class ActiveSet(NamedTuple):
    """Replicas on the devices, and the states at which the others left them."""

    state: step.ReplicaState  # (slots, ...)
    inputs: step.ReplicaInputs  # (slots, ...); slots that only fill up are not active
    places: np.ndarray  # (replicas on the devices,), int, place of each slot's replica in the whole population
    left: step.ReplicaState | None  # (population, ...), host; None while every replica is on the devices


def whole(state: step.ReplicaState, inputs: step.ReplicaInputs) -> ActiveSet:
    """Return all replicas, each in the slot of its own place."""
    return ActiveSet(state, inputs, np.arange(len(inputs.seed)), None)


def narrow(active: ActiveSet, num_shards: int) -> ActiveSet:
    """Return the replicas that have steps to take, in fewer slots; the same set where the slots stay as many.

    Args:
        active: the replicas on the devices.
        num_shards: parts that the population axis is split into.
    """
    slots = np.flatnonzero(to_host(step.unfinished(active.state, active.inputs)))
    per_shard = -(-len(slots) // num_shards)
    size = num_shards << (per_shard - 1).bit_length()
    if not len(slots) or size >= len(active.inputs.seed):
        return active
    sharding = active.inputs.seed.sharding
    filled = np.concatenate([slots, np.full(size - len(slots), slots[-1])])

    def choose(leaf: jax.Array) -> jax.Array:
        return jax.device_put(to_host(leaf)[filled], sharding)

    inputs = jax.tree.map(choose, active.inputs)
    return ActiveSet(
        state=jax.tree.map(choose, active.state),
        inputs=inputs._replace(active=jax.device_put(np.arange(size) < len(slots), sharding)),
        places=active.places[slots],
        left=_merged(active),
    )


def restore(active: ActiveSet) -> step.ReplicaState:
    """Return the state of the whole population, on the devices."""
    if active.left is None:
        return active.state
    return jax.device_put(_merged(active), active.inputs.seed.sharding)


def put_back(active: ActiveSet, values: Any, into: Any) -> Any:
    """Return host arrays of the whole population with the slots' values put in; both trees lead with their axis."""

    def put(slots: jax.Array, known: np.ndarray) -> np.ndarray:
        known = np.array(known)
        known[active.places] = to_host(slots)[: len(active.places)]
        return known

    return jax.tree.map(put, values, into)


def to_host(leaf: jax.Array) -> np.ndarray:
    """Return the whole array, also where other processes hold parts of it."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return multihost_utils.process_allgather(leaf, tiled=True)
    return np.asarray(leaf)


def _merged(active: ActiveSet) -> step.ReplicaState:
    if active.left is None:
        return jax.tree.map(to_host, active.state)
    return put_back(active, active.state, active.left)
