"""Repacking: only replicas that still have steps to take stay on the devices.

The whole population has one place for each replica, from the first step to the last; a pack has a lane for each
replica that goes on. Each shard has a power of two of lanes, so that a population is recompiled a few times at most.
Which replicas are beside it changes no replica's numbers.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from h2scale.training import step


class Pack(NamedTuple):
    """Replicas side by side on the devices, and where the others were left."""

    state: step.ReplicaState  # (lanes, ...)
    inputs: step.ReplicaInputs  # (lanes, ...); lanes that only fill up are not active
    places: np.ndarray  # (real lanes,), int, place of each lane's replica in the whole population
    left: step.ReplicaState | None  # (population, ...), host; None while every replica is on the devices


def whole(state: step.ReplicaState, inputs: step.ReplicaInputs) -> Pack:
    """Every replica in the lane of its own place."""
    return Pack(state, inputs, np.arange(len(inputs.seed)), None)


def repack(pack: Pack, num_shards: int) -> Pack:
    """The replicas that have steps to take, in fewer lanes if a power of two allows it; else the pack as it is.

    Args:
        pack: the replicas on the devices.
        num_shards: parts that the population axis is split into.
    """
    lanes = np.flatnonzero(to_host(step.unfinished(pack.state, pack.inputs)))
    per_shard = -(-len(lanes) // num_shards)
    size = num_shards << (per_shard - 1).bit_length()
    if not len(lanes) or size >= len(pack.inputs.seed):
        return pack
    sharding = pack.inputs.seed.sharding
    filled = np.concatenate([lanes, np.full(size - len(lanes), lanes[-1])])

    def choose(leaf: jax.Array) -> jax.Array:
        return jax.device_put(to_host(leaf)[filled], sharding)

    inputs = jax.tree.map(choose, pack.inputs)
    return Pack(
        state=jax.tree.map(choose, pack.state),
        inputs=inputs._replace(active=jax.device_put(np.arange(size) < len(lanes), sharding)),
        places=pack.places[lanes],
        left=_merged(pack),
    )


def unpack(pack: Pack) -> step.ReplicaState:
    """The state of the whole population, on the devices."""
    if pack.left is None:
        return pack.state
    return jax.device_put(_merged(pack), pack.inputs.seed.sharding)


def place(pack: Pack, values: Any, into: Any) -> Any:
    """Host arrays of the whole population with the lanes' values put in; both trees lead with their axis."""

    def put(lanes: jax.Array, known: np.ndarray) -> np.ndarray:
        known = np.array(known)
        known[pack.places] = to_host(lanes)[: len(pack.places)]
        return known

    return jax.tree.map(put, values, into)


def to_host(leaf: jax.Array) -> np.ndarray:
    """The whole array, also where other processes hold parts of it."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return multihost_utils.process_allgather(leaf, tiled=True)
    return np.asarray(leaf)


def _merged(pack: Pack) -> step.ReplicaState:
    if pack.left is None:
        return jax.tree.map(to_host, pack.state)
    return place(pack, pack.state, pack.left)
