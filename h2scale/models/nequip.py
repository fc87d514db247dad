"""NequIP-style equivariant message passing with equal multiplicity for every degree and natural parity."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from h2scale.models import clebsch_gordan, conditioning, convolution, radial, spherical_harmonics, splines
from h2scale.models import settings as settings_lib
from h2scale.types import Graph

SILU_GAIN = 1.6765324703310907
SIGMOID_GAIN = 1.8462286100850093
"""1 / sqrt(E[f(z)^2]) for standard normal z: activations keep unit variance, as in e3nn."""

_unit_normal = nn.initializers.normal(1.0)


class NequIP(nn.Module):
    """Raw atomic energies of a graph; weights are unit normal and divided by sqrt(fan-in) where they act.

    Reference:
        Batzner et al., Nature Communications 13, 2453 (2022).
    """

    settings: settings_lib.ModelSettings

    @nn.compact
    def __call__(self, edge_vectors: jax.Array, graph: Graph) -> jax.Array:
        """Dimensionless energy of each atom, shape (n_node,), from edge vectors in angstrom, shape (n_edge, 3)."""
        settings = self.settings
        lengths = radial.masked_lengths(edge_vectors, graph.edge_mask, settings.cutoff)
        harmonics = spherical_harmonics.spherical_harmonics(edge_vectors / lengths[:, None], settings.l_max)
        intervals = splines.num_intervals(settings.num_radial)
        points = jnp.asarray(splines.points(settings.cutoff, intervals), lengths.dtype)
        basis = radial.bessel_basis(points, settings.cutoff, settings.num_radial)
        envelope = radial.polynomial_envelope(lengths, settings.cutoff, settings.envelope_power)
        spline = splines.basis(lengths, settings.cutoff, intervals) * envelope[:, None]
        features = conditioning.AtomicEmbedding(settings, name="embedding")(graph)[:, None, :]
        for layer in range(settings.num_layers):
            last = layer == settings.num_layers - 1
            features = InteractionLayer(
                settings,
                l_in=0 if layer == 0 else settings.l_max,
                l_out=0 if last else settings.l_max,
                self_connection=layer > 0 or not settings.isolated_atom_exact,
                name=f"layer_{layer}",
            )(features, harmonics, basis, spline, graph)
        readout = self.param("readout", _unit_normal, (settings.num_features,), jnp.float32)
        return features[:, 0, :] @ readout / settings.num_features**0.5


class InteractionLayer(nn.Module):
    """One message passing: linear, convolution, linear, per-species self-connection, gate."""

    settings: settings_lib.ModelSettings
    l_in: int
    l_out: int
    self_connection: bool

    @nn.compact
    def __call__(
        self, features: jax.Array, harmonics: jax.Array, basis: jax.Array, spline: jax.Array, graph: Graph
    ) -> jax.Array:
        """Features of shape (n_node, (l_in + 1)^2, C) become (n_node, (l_out + 1)^2, C)."""
        settings = self.settings
        channels = settings.num_features
        widths = [channels * (1 + self.l_out)] + [channels] * self.l_out
        num_paths = [len(clebsch_gordan.paths(self.l_in, settings.l_max, degree)) for degree in range(self.l_out + 1)]
        weights = RadialNetwork(settings.radial_hidden, num_paths, channels, name="radial")(basis, spline)
        mixed = DegreeLinear([channels] * (self.l_in + 1), name="linear_up")(_split(features, self.l_in))
        received = convolution.convolve(
            jnp.concatenate(mixed, axis=1), harmonics, weights, graph.senders, graph.receivers, settings.convolution
        )
        rows = [messages.reshape(*messages.shape[:2], -1) for messages in received]
        outputs = DegreeLinear(widths, name="linear_down")(rows)
        outputs = [output / settings.avg_num_neighbors**0.5 for output in outputs]
        if self.self_connection:
            skip = SpeciesLinear(len(settings.species), widths, name="self_connection")(
                _split(features, self.l_in), graph.species
            )
            outputs = [output + extra for output, extra in zip(outputs, skip, strict=False)] + outputs[len(skip) :]
        return gate(outputs, channels)


class RadialNetwork(nn.Module):
    """Perceptron without biases from the radial basis to one weight per path and channel, splined onto the edges."""

    hidden: tuple[int, ...]
    num_paths: list[int]
    channels: int

    @nn.compact
    def __call__(self, basis: jax.Array, spline: jax.Array) -> list[jax.Array]:
        """Weights of shape (n_edge, n_path, C) for each output degree; 0 where the spline's envelope is 0.

        Args:
            basis: Bessel functions at the spline's points, shape (n_point, num_radial).
            spline: B-splines times envelope at the edges, shape (n_edge, n_point - 2).
        """
        values = basis
        for index, width in enumerate(self.hidden):
            weight = self.param(f"hidden_{index}", _unit_normal, (values.shape[-1], width), jnp.float32)
            values = SILU_GAIN * nn.silu(values @ (weight / values.shape[-1] ** 0.5))
        values = splines.coefficients(values)
        outputs = []
        for degree, paths in enumerate(self.num_paths):
            shape = (values.shape[-1], paths * self.channels)
            weight = self.param(f"degree_{degree}", _unit_normal, shape, jnp.float32)
            output = spline @ (values @ (weight / values.shape[-1] ** 0.5))
            outputs.append(output.reshape(-1, paths, self.channels))
        return outputs


class DegreeLinear(nn.Module):
    """One matrix per degree; components of a degree share it, which keeps the map equivariant."""

    widths: list[int]

    @nn.compact
    def __call__(self, rows: list[jax.Array]) -> list[jax.Array]:
        """Each (n_node, 2l+1, fan_in) becomes (n_node, 2l+1, width)."""
        outputs = []
        for degree, (row, width) in enumerate(zip(rows, self.widths, strict=True)):
            weight = self.param(f"degree_{degree}", _unit_normal, (row.shape[-1], width), jnp.float32)
            outputs.append(row @ (weight / row.shape[-1] ** 0.5))
        return outputs


class SpeciesLinear(nn.Module):
    """A DegreeLinear whose matrices depend on the atom's species."""

    num_species: int
    widths: list[int]

    @nn.compact
    def __call__(self, rows: list[jax.Array], species: jax.Array) -> list[jax.Array]:
        """Each (n_node, 2l+1, fan_in) becomes (n_node, 2l+1, width); degrees beyond the widths are dropped."""
        chosen = jax.nn.one_hot(species, self.num_species, dtype=rows[0].dtype)[:, None, :, None]
        outputs = []
        for degree, (row, width) in enumerate(zip(rows, self.widths, strict=False)):
            fan_in = row.shape[-1]
            weight = self.param(f"degree_{degree}", _unit_normal, (fan_in, self.num_species, width), jnp.float32)
            every = row @ (weight.reshape(fan_in, -1) / fan_in**0.5)
            every = every.reshape(*row.shape[:2], self.num_species, width)
            outputs.append(jnp.sum(every * chosen, axis=2))
        return outputs


def gate(rows: list[jax.Array], channels: int) -> jax.Array:
    """Scalars pass through silu; every higher degree is multiplied by the sigmoid of its own scalars.

    Args:
        rows: per degree (n_node, 2l+1, width); degree 0 holds C scalars and then C gates for each higher degree.
        channels: C.

    Returns:
        Shape (n_node, (l_max + 1)^2, C).
    """
    scalars, gates = rows[0][..., :channels], SIGMOID_GAIN * nn.sigmoid(rows[0][..., channels:])
    gated = [row * gates[..., index * channels : (index + 1) * channels] for index, row in enumerate(rows[1:])]
    return jnp.concatenate([SILU_GAIN * nn.silu(scalars), *gated], axis=1)


def _split(features: jax.Array, l_max: int) -> list[jax.Array]:
    return [features[:, part] for part in spherical_harmonics.slices(l_max)]
