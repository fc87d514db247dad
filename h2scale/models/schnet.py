"""SchNet: continuous-filter convolutions on scalars, the model of the scaling study that this project re-examines."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from h2scale.models import conditioning, families, radial
from h2scale.models import settings as settings_lib
from h2scale.types import Graph

_dense_init = nn.initializers.xavier_uniform()


def shifted_softplus(values: jax.Array) -> jax.Array:
    """Softplus minus ln 2: smooth everywhere and 0 at 0."""
    return nn.softplus(values) - math.log(2)


class SchNet(nn.Module):
    """Raw atomic energies of a graph: embedding, residual interactions, two-layer readout.

    With `isolated_atom_exact` the same network without messages is subtracted from each atom, so that an atom
    without neighbours gets exactly 0 whatever its biases have learned; without edges that pass costs little.

    Reference:
        Schuett et al., J. Chem. Phys. 148, 241722 (2018). Initial weights are Glorot uniform, biases 0.
    """

    settings: settings_lib.ModelSettings

    @nn.compact
    def __call__(self, edge_vectors: jax.Array, graph: Graph) -> jax.Array:
        """Dimensionless energy of each atom, (n_node,), from edge vectors in angstrom, (n_edge, 3).

        With electrostatics, energy and electronegativity, (n_node, 2).
        """
        settings = self.settings
        lengths = radial.masked_lengths(edge_vectors, graph.edge_mask, settings.cutoff)
        basis = radial.gaussian_basis(lengths, settings.cutoff, settings.num_radial)
        envelope = radial.cosine_envelope(lengths, settings.cutoff)
        interactions = [
            Interaction(settings.num_features, settings.radial_hidden, name=f"layer_{layer}")
            for layer in range(settings.num_layers)
        ]
        outputs = ["readout"] if settings.electrostatics == "none" else ["readout", "electronegativity_readout"]
        readouts = [Readout(settings.num_features, name=name) for name in outputs]
        embedding = conditioning.AtomicEmbedding(settings, name="embedding")(graph)
        features = embedding
        for interaction in interactions:
            features = features + interaction(features, basis, envelope, graph)
        values = [readout(features) for readout in readouts]
        if settings.isolated_atom_exact:
            alone = embedding
            for interaction in interactions:
                alone = alone + interaction.update(jnp.zeros_like(alone))
            values = [value - readout(alone) for value, readout in zip(values, readouts, strict=True)]
        return values[0] if len(values) == 1 else jnp.stack(values, axis=1)


class Interaction(nn.Module):
    """Neighbours' features times a learned filter of the distance, summed, then two atom-wise layers."""

    num_features: int
    filter_hidden: tuple[int, ...]

    def setup(self) -> None:
        self.project = nn.Dense(self.num_features, use_bias=False, kernel_init=_dense_init)
        self.filters = [nn.Dense(width, kernel_init=_dense_init) for width in (*self.filter_hidden, self.num_features)]
        self.hidden = nn.Dense(self.num_features, kernel_init=_dense_init)
        self.output = nn.Dense(self.num_features, kernel_init=_dense_init)

    def __call__(self, features: jax.Array, basis: jax.Array, envelope: jax.Array, graph: Graph) -> jax.Array:
        """Residual update of shape (n_node, C)."""
        filters = basis
        for index, layer in enumerate(self.filters):
            filters = layer(filters if index == 0 else shifted_softplus(filters))
        messages = self.project(features)[graph.senders] * filters * envelope[:, None]
        return self.update(jax.ops.segment_sum(messages, graph.receivers, features.shape[0], indices_are_sorted=True))

    def update(self, received: jax.Array) -> jax.Array:
        """Atom-wise part, from summed messages of shape (n_node, C)."""
        return self.output(shifted_softplus(self.hidden(received)))


class Readout(nn.Module):
    """Scalars of an atom to its raw energy: (n_node, C) to (n_node,)."""

    num_features: int

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        hidden = nn.Dense(max(1, self.num_features // 2), kernel_init=_dense_init, name="hidden")(features)
        return nn.Dense(1, kernel_init=_dense_init, name="energy")(shifted_softplus(hidden))[:, 0]


# The Gaussians are one spacing wide, and a spacing takes two.
FAMILY = families.Family(SchNet, min_num_radial=2, predicts_electronegativity=True, follows_name_rule=True)
