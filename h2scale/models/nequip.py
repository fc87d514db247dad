"""NequIP-style equivariant message passing with equal multiplicity for every degree and natural parity."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from h2scale.models import (
    clebsch_gordan,
    conditioning,
    convolution,
    families,
    radial,
    radial_spline,
    spherical_harmonics,
)
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
        """Dimensionless energy of each atom, (n_node,), from edge vectors in angstrom, (n_edge, 3).

        With electrostatics, energy and electronegativity, (n_node, 2).
        """
        settings = self.settings
        lengths = radial.masked_lengths(edge_vectors, graph.edge_mask, settings.cutoff)
        harmonics = spherical_harmonics.spherical_harmonics(edge_vectors / lengths[:, None], settings.l_max)
        intervals = radial_spline.INTERVALS_PER_BESSEL * settings.num_radial
        points = jnp.asarray(radial_spline.points(settings.cutoff, intervals), lengths.dtype)
        basis = radial.bessel_basis(points, settings.cutoff, settings.num_radial)
        spline = radial_spline.basis(lengths, settings.cutoff, intervals, settings.envelope_power)
        features = [conditioning.AtomicEmbedding(settings, name="embedding")(graph)[:, None, :]]
        for layer in range(settings.num_layers):
            last = layer == settings.num_layers - 1
            features = InteractionLayer(
                settings,
                l_out=0 if last else settings.l_max,
                self_connection=layer > 0 or not settings.isolated_atom_exact,
                name=f"layer_{layer}",
            )(features, harmonics, basis, spline, graph)
        shape = (settings.num_features, 1)
        readout = self.param("readout", _unit_normal, shape, jnp.float32)
        energies = features[0][:, 0, :] @ readout[:, 0] / settings.num_features**0.5
        if settings.electrostatics == "none":
            return energies
        other = self.param("electronegativity_readout", _unit_normal, shape, jnp.float32)
        return jnp.stack([energies, features[0][:, 0, :] @ other[:, 0] / settings.num_features**0.5], axis=1)


class InteractionLayer(nn.Module):
    """One message passing: linear, convolution, linear, per-species self-connection, gate.

    Features are one array per degree, (n_node, 2l+1, C); l_max in is read off them, l_max out is `l_out`.
    """

    settings: settings_lib.ModelSettings
    l_out: int
    self_connection: bool

    @nn.compact
    def __call__(
        self, features: list[jax.Array], harmonics: jax.Array, basis: jax.Array, spline: jax.Array, graph: Graph
    ) -> list[jax.Array]:
        """New features of each atom, from its own and its neighbours' features along the edges."""
        settings = self.settings
        channels = settings.num_features
        l_in = len(features) - 1
        num_paths = [len(clebsch_gordan.paths(l_in, settings.l_max, degree)) for degree in range(self.l_out + 1)]
        widths = [channels * (1 + self.l_out)] + [channels] * self.l_out
        weights = RadialNetwork(settings.radial_hidden, num_paths, channels, name="radial")(basis, spline)
        mixed = PathLinear([channels] * (l_in + 1), name="linear_up")([[part] for part in features])
        received = convolution.convolve(mixed, harmonics, weights, graph.senders, graph.receivers, settings.convolution)
        outputs = PathLinear(widths, name="linear_down")(received)
        outputs = [output / settings.avg_num_neighbors**0.5 for output in outputs]
        if self.self_connection:
            own = SpeciesLinear(len(settings.species), widths[: l_in + 1], name="self_connection")(
                features, graph.species
            )
            outputs = [output + own[degree] if degree < len(own) else output for degree, output in enumerate(outputs)]
        return gate(outputs)


class RadialNetwork(nn.Module):
    """Perceptron without biases from the radial basis to one weight per path and channel, splined onto the edges."""

    hidden: tuple[int, ...]
    num_paths: list[int]
    channels: int

    @nn.compact
    def __call__(self, basis: jax.Array, spline: jax.Array) -> list[list[jax.Array]]:
        """Weights of shape (n_edge, C) for each output degree and path; 0 where the spline's envelope is 0.

        Args:
            basis: Bessel functions at the spline's points, shape (n_point, num_radial).
            spline: B-splines times envelope at the edges, shape (n_edge, n_point - 2).
        """
        values = basis
        for index, width in enumerate(self.hidden):
            weight = self.param(f"hidden_{index}", _unit_normal, (values.shape[-1], width), jnp.float32)
            values = SILU_GAIN * nn.silu(values @ (weight / values.shape[-1] ** 0.5))
        values = radial_spline.coefficients(values) / values.shape[-1] ** 0.5
        outputs = []
        for degree, count in enumerate(self.num_paths):
            shape = (count, values.shape[-1], self.channels)
            weight = self.param(f"degree_{degree}", _unit_normal, shape, jnp.float32)
            outputs.append([spline @ (values @ weight[path]) for path in range(count)])
        return outputs


class PathLinear(nn.Module):
    """One matrix for each path of each degree; components of a degree share it, which keeps the map equivariant."""

    widths: list[int]

    @nn.compact
    def __call__(self, rows: list[list[jax.Array]]) -> list[jax.Array]:
        """Per degree, arrays (n_node, 2l+1, C) of its paths become one, (n_node, 2l+1, width)."""
        outputs = []
        for degree, (parts, width) in enumerate(zip(rows, self.widths, strict=True)):
            shape = (len(parts), parts[0].shape[-1], width)
            weight = self.param(f"degree_{degree}", _unit_normal, shape, jnp.float32) / (shape[0] * shape[1]) ** 0.5
            outputs.append(sum(part @ weight[path] for path, part in enumerate(parts)))
        return outputs


class SpeciesLinear(nn.Module):
    """One matrix for each species and degree."""

    num_species: int
    widths: list[int]

    @nn.compact
    def __call__(self, features: list[jax.Array], species: jax.Array) -> list[jax.Array]:
        """Per degree, (n_node, 2l+1, C) becomes (n_node, 2l+1, width), for as many degrees as have a width."""
        outputs = []
        for degree, (part, width) in enumerate(zip(features, self.widths, strict=False)):
            fan_in = part.shape[-1]
            weight = self.param(f"degree_{degree}", _unit_normal, (self.num_species, fan_in, width), jnp.float32)
            chosen = [(species == index).astype(part.dtype)[:, None, None] for index in range(self.num_species)]
            # One product over (species, channel) pairs, all but one species zero, beats a gather of matrices.
            masked = jnp.concatenate([part * one for one in chosen], axis=-1)
            outputs.append(masked @ (weight.reshape(-1, width) / fan_in**0.5))
        return outputs


def gate(rows: list[jax.Array]) -> list[jax.Array]:
    """Scalars pass through silu; every higher degree is multiplied by the sigmoid of its own scalars.

    Args:
        rows: per degree (n_node, 2l+1, width); degree 0 holds C scalars and then C gates for each higher degree.

    Returns:
        Per degree (n_node, 2l+1, C).
    """
    scalars, *gates = jnp.split(rows[0], len(rows), axis=-1)
    gated = [row * (SIGMOID_GAIN * nn.sigmoid(one)) for row, one in zip(rows[1:], gates, strict=True)]
    return [SILU_GAIN * nn.silu(scalars), *gated]


FAMILY = families.Family(
    NequIP, equivariant=True, divides_by_fan_in=True, predicts_electronegativity=True, follows_name_rule=True
)
