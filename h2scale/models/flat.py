"""A potential whose parameters are one vector.

An optimiser's update touches every parameter array in a dozen small operations. For models of a few thousand parameters
in some twenty arrays, those cost as much to compile and to run as the physics; on one vector they are a dozen in all.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import potential as potential_lib
from h2scale.types import Graph


def flat_potential(potential: potential_lib.Potential) -> potential_lib.Potential:
    """Return the same potential with parameters of shape (num_params,): the leaves of its tree, one after another."""
    shapes, structure = jax.tree.flatten(jax.eval_shape(potential.init, jax.random.key(0)))
    ends = np.cumsum([math.prod(leaf.shape) for leaf in shapes])

    def tree(vector: jax.Array) -> dict:
        parts = jnp.split(vector, ends[:-1])
        leaves = [part.reshape(leaf.shape) for part, leaf in zip(parts, shapes, strict=True)]
        return jax.tree.unflatten(structure, leaves)

    def init(key: jax.Array) -> jax.Array:
        return jnp.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(potential.init(key))])

    def atomic_energies(vector: jax.Array, graph: Graph) -> jax.Array:
        return potential.atomic_energies(tree(vector), graph)

    def energy(vector: jax.Array, graph: Graph) -> jax.Array:
        return potential.energy(tree(vector), graph)

    def energy_and_forces(vector: jax.Array, graph: Graph) -> tuple[jax.Array, jax.Array]:
        return potential.energy_and_forces(tree(vector), graph)

    return potential_lib.Potential(init, atomic_energies, energy, energy_and_forces)
