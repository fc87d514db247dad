"""A family of models as small as one can be: each atom's energy is a learned sum over its neighbours."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from h2scale.models import families, radial
from h2scale.models import settings as settings_lib
from h2scale.types import Graph


class Toy(nn.Module):
    """A two-layer network of the distance, summed over neighbours, with a factor for each species."""

    settings: settings_lib.ModelSettings

    @nn.compact
    def __call__(self, edge_vectors: jax.Array, graph: Graph) -> jax.Array:
        """Dimensionless energy of each atom, shape (n_node,), from edge vectors in angstrom, shape (n_edge, 3)."""
        settings = self.settings
        lengths = radial.masked_lengths(edge_vectors, graph.edge_mask, settings.cutoff)
        basis = radial.gaussian_basis(lengths, settings.cutoff, settings.num_radial)
        envelope = radial.cosine_envelope(lengths, settings.cutoff)
        hidden = nn.silu(nn.Dense(settings.num_features)(basis))
        pair = nn.Dense(1)(hidden)[:, 0] * envelope
        factor = self.param("factor", nn.initializers.ones, (len(settings.species),), jnp.float32)
        sent = pair * factor[graph.species[graph.senders]]
        received = jax.ops.segment_sum(sent, graph.receivers, graph.species.shape[0], indices_are_sorted=True)
        return received * factor[graph.species]


FAMILY = families.Family(Toy, min_num_radial=2)
