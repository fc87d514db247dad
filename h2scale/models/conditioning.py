"""Embedding of an atom from its species and, on request, the total charge and spin of its structure."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from h2scale.models import settings as settings_lib
from h2scale.types import Graph


class AtomicEmbedding(nn.Module):
    """Initial scalars of each atom, shape (n_node, C).

    With conditioning "charge_spin" the embedding is

        species_table[s] + q * charge_table[s] + (M - 1) * spin_table[s]

    for total charge q and spin multiplicity M = 2S + 1 (M - 1 counts unpaired electrons). It is linear so that it
    means something for charges that training never saw, where a lookup table would not, and a neutral singlet
    gets exactly its unconditioned embedding. With "spin" there is no charge table: the charge is told otherwise, as
    partial charges, or not at all. The two tables start at zero: a charge has no effect until data
    teach one. An atom's embedding depends on the whole structure's charge, so separated systems add only if all
    of them are neutral singlets.
    """

    settings: settings_lib.ModelSettings

    @nn.compact
    def __call__(self, graph: Graph) -> jax.Array:
        shape = (len(self.settings.species), self.settings.num_features)
        table = self.param("species_table", nn.initializers.normal(1.0), shape, jnp.float32)
        embedding = table[graph.species]
        if self.settings.conditioning == "none":
            return embedding
        if self.settings.conditioning == "charge_spin":
            charge_table = self.param("charge_table", nn.initializers.zeros, shape, jnp.float32)
            charge = graph.charge.astype(table.dtype)[graph.node_graph]
            embedding = embedding + charge[:, None] * charge_table[graph.species]
        spin_table = self.param("spin_table", nn.initializers.zeros, shape, jnp.float32)
        unpaired = (graph.spin_multiplicity.astype(table.dtype) - 1)[graph.node_graph]
        return embedding + unpaired[:, None] * spin_table[graph.species]
