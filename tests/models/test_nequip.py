"""NequIP's layers turn with space one by one, and its options at dissociation do what they say."""

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest
import symmetry

from h2scale.models import nequip, potential, radial, spherical_harmonics, splines

CHANNELS = 3


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
def test_interaction_layer_is_equivariant(l_max):
    settings = model_cases.make_settings(l_max=l_max, num_features=CHANNELS)
    graph = model_cases.make_graph([model_cases.cluster(0, 4)])
    layer = nequip.InteractionLayer(settings, l_in=l_max, l_out=l_max, self_connection=True)
    intervals = splines.num_intervals(settings.num_radial)
    basis = radial.bessel_basis(jnp.asarray(splines.points(settings.cutoff, intervals)), settings.cutoff, 4)

    def arguments(features, vectors):
        lengths = radial.masked_lengths(vectors, graph.edge_mask, settings.cutoff)
        harmonics = spherical_harmonics.spherical_harmonics(vectors / lengths[:, None], l_max)
        envelope = radial.polynomial_envelope(lengths, settings.cutoff, 6)
        return features, harmonics, basis, splines.basis(lengths, settings.cutoff, intervals) * envelope[:, None], graph

    features = jnp.asarray(np.random.default_rng(1).normal(size=(4, (l_max + 1) ** 2, CHANNELS)))
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    params = model_cases.randomised(layer.init(jax.random.key(0), *arguments(features, vectors)))
    symmetry.assert_equivariant(lambda x, v: layer.apply(params, *arguments(x, v)), features, vectors, l_max, l_max)


def test_gate_leaves_zero_features_at_zero():
    rows = [jnp.zeros((2, 1, 6)), jnp.zeros((2, 3, 3))]
    np.testing.assert_array_equal(nequip.gate(rows, 3), jnp.zeros((2, 4, 3)))


def test_activation_gains_give_unit_second_moment():
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    for gain, activation in [(nequip.SILU_GAIN, jax.nn.silu), (nequip.SIGMOID_GAIN, jax.nn.sigmoid)]:
        np.testing.assert_allclose(gain**2 * np.sum(weights * activation(nodes) ** 2), 1.0, rtol=1e-6)


def test_self_connection_in_the_first_layer_frees_the_isolated_atom():
    graph = model_cases.make_graph([([1], np.zeros((1, 3))), ([8], np.zeros((1, 3)))])
    for exact in (True, False):
        model = potential.make_potential(model_cases.make_settings(isolated_atom_exact=exact))
        energies = model.energy(model_cases.randomised(model.init(jax.random.key(0))), graph)
        if exact:
            np.testing.assert_array_equal(energies, 0.0)
        else:
            assert np.all(np.abs(energies) > 1e-3)
            assert energies[0] != energies[1]


def test_self_connection_depends_on_species():
    layer = nequip.SpeciesLinear(2, [3])
    row = jnp.ones((2, 1, 3))
    params = layer.init(jax.random.key(0), [row], jnp.asarray([0, 1]))
    (mixed,) = layer.apply(params, [row], jnp.asarray([0, 1]))
    (swapped,) = layer.apply(params, [row], jnp.asarray([1, 0]))
    np.testing.assert_allclose(mixed, swapped[::-1], rtol=1e-6)
    assert jnp.abs(mixed[0] - mixed[1]).max() > 0.1
