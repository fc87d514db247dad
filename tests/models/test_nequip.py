"""NequIP's layers turn with space one by one, and its options at dissociation do what they say."""

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest
import symmetry

from h2scale.models import nequip, potential, radial, radial_spline, spherical_harmonics

CHANNELS = 2


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
def test_interaction_layer_is_equivariant(l_max):
    settings = model_cases.make_settings(l_max=l_max, num_features=CHANNELS)
    graph = model_cases.make_graph([model_cases.cluster(0, 3)])
    layer = nequip.InteractionLayer(settings, l_out=l_max, self_connection=True)
    intervals = radial_spline.INTERVALS_PER_BESSEL * settings.num_radial
    points = jnp.asarray(radial_spline.points(settings.cutoff, intervals))
    basis = radial.bessel_basis(points, settings.cutoff, settings.num_radial)
    degrees = spherical_harmonics.slices(l_max)

    def arguments(features, vectors):
        lengths = radial.masked_lengths(vectors, graph.edge_mask, settings.cutoff)
        harmonics = spherical_harmonics.spherical_harmonics(vectors / lengths[:, None], l_max)
        spline = radial_spline.basis(lengths, settings.cutoff, intervals, settings.envelope_power)
        return [features[:, part] for part in degrees], harmonics, basis, spline, graph

    features = jnp.asarray(np.random.default_rng(1).normal(size=(3, (l_max + 1) ** 2, CHANNELS)))
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    shapes = jax.eval_shape(layer.init, jax.random.key(0), *arguments(features, vectors))
    params = model_cases.randomised(shapes)
    symmetry.assert_equivariant(
        lambda x, v: jnp.concatenate(layer.apply(params, *arguments(x, v)), axis=1), features, vectors, l_max, l_max
    )


def test_gate_leaves_zero_features_at_zero():
    for part in nequip.gate([jnp.zeros((2, 1, 6)), jnp.zeros((2, 3, 3))]):
        np.testing.assert_array_equal(part, 0.0)


def test_activation_gains_give_unit_second_moment():
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    for gain, activation in [(nequip.SILU_GAIN, jax.nn.silu), (nequip.SIGMOID_GAIN, jax.nn.sigmoid)]:
        np.testing.assert_allclose(gain**2 * np.sum(weights * activation(nodes) ** 2), 1.0, rtol=1e-6)


def test_self_connection_in_the_first_layer_frees_the_isolated_atom():
    graph = model_cases.make_graph([([1], np.zeros((1, 3))), ([8], np.zeros((1, 3)))])
    for exact in (True, False):
        model = potential.make_potential(model_cases.make_settings(l_max=0, isolated_atom_exact=exact))
        energies = jax.jit(model.energy)(model_cases.random_params(model), graph)
        if exact:
            np.testing.assert_array_equal(energies, 0.0)
        else:
            assert np.all(np.abs(energies) > 1e-3)
            assert energies[0] != energies[1]


def test_self_connection_uses_the_matrix_of_each_species():
    generator = np.random.default_rng(0)
    row, species = jnp.asarray(generator.normal(size=(3, 5, 2))), jnp.asarray([1, 0, 1])
    weight = jnp.asarray(generator.normal(size=(2, 2, 4)))
    (output,) = nequip.SpeciesLinear(2, [4]).apply({"params": {"degree_0": weight}}, [row], species)
    np.testing.assert_allclose(output, jnp.einsum("nmc,ncw->nmw", row, weight[species]) / 2**0.5, rtol=1e-12)
