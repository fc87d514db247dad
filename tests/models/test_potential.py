"""Laws that every potential obeys, NequIP of each degree and SchNet alike, for random parameters in float64."""

import functools

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest
import symmetry

from h2scale.models import potential

all_models = pytest.mark.parametrize("name", model_cases.ARCHITECTURES)
two_models = pytest.mark.parametrize("name", ["nequip-l2", "schnet"])
CLUSTERS = [model_cases.cluster(0, 4), model_cases.cluster(1, 3)]


@functools.cache
def _model(name, **changes):
    settings = model_cases.make_settings(**model_cases.ARCHITECTURES[name], **changes)
    model = potential.make_potential(settings)
    params = model_cases.randomised(model.init(jax.random.key(0)))
    return model._replace(energy=jax.jit(model.energy), energy_and_forces=jax.jit(model.energy_and_forces)), params


@all_models
def test_energy_and_forces_follow_rotation_inversion_and_translation(name):
    model, params = _model(name)
    graph = model_cases.make_graph(CLUSTERS[:1])
    symmetry.assert_invariant(lambda r: model.energy(params, graph._replace(positions=r))[0], graph.positions)


@all_models
def test_forces_are_minus_central_differences(name):
    model, params = _model(name)
    graph = model_cases.make_graph(CLUSTERS[:1])
    _, forces = model.energy_and_forces(params, graph)
    step, eye = 1e-4, np.eye(forces.size).reshape(-1, *forces.shape)

    def displaced(sign):
        return np.array(
            [model.energy(params, graph._replace(positions=graph.positions + sign * step * e)) for e in eye]
        )

    numerical = -(displaced(+1) - displaced(-1))[:, 0] / (2 * step)
    # The next term of the difference is step^2 / 6 times a third derivative of order ten.
    np.testing.assert_allclose(forces.ravel(), numerical, rtol=0, atol=3e-7)
    assert np.abs(forces).max() > 1e-2


@two_models
def test_order_of_atoms_and_edges_does_not_matter(name):
    model, params = _model(name)
    numbers, positions = CLUSTERS[0]
    order = np.array([2, 0, 3, 1])
    energy, forces = model.energy_and_forces(params, model_cases.make_graph([(numbers, positions)]))
    graph = model_cases.make_graph([([numbers[i] for i in order], positions[order])])
    # Receivers stay sorted; senders of one receiver are reversed.
    shuffled = np.lexsort((-np.arange(len(graph.senders)), graph.receivers))
    graph = graph._replace(senders=graph.senders[shuffled], receivers=graph.receivers[shuffled])
    new_energy, new_forces = model.energy_and_forces(params, graph)
    np.testing.assert_allclose(new_energy, energy, rtol=1e-12)
    np.testing.assert_allclose(new_forces, forces[order], atol=1e-12)


@pytest.mark.parametrize("prior", ["none", "zbl", "coulomb"])
@two_models
def test_padding_changes_nothing_and_leaves_gradients_finite(name, prior):
    model, params = _model(name, prior=prior)
    plain = model_cases.make_graph(CLUSTERS)
    padded = model_cases.make_graph(CLUSTERS, pad_nodes=3, pad_edges=4)
    energy, forces = model.energy_and_forces(params, plain)
    padded_energy, padded_forces = model.energy_and_forces(params, padded)
    np.testing.assert_allclose(padded_energy[:2], energy, rtol=1e-12)
    np.testing.assert_allclose(padded_forces[:7], forces, atol=1e-12)
    np.testing.assert_array_equal(padded_energy[2:], 0.0)
    np.testing.assert_array_equal(padded_forces[7:], 0.0)

    def loss(params):
        energy, forces = model.energy_and_forces(params, padded)
        return jnp.sum(energy**2) + jnp.sum(forces**2)

    gradients = jax.jit(jax.grad(loss))(params)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(gradients))


@two_models
def test_a_batch_equals_its_members(name):
    model, params = _model(name)
    energy, forces = model.energy_and_forces(params, model_cases.make_graph(CLUSTERS))
    singles = [model.energy_and_forces(params, model_cases.make_graph([member])) for member in CLUSTERS]
    np.testing.assert_allclose(energy, np.concatenate([e for e, _ in singles]), rtol=1e-12)
    np.testing.assert_allclose(forces, np.concatenate([f for _, f in singles]), atol=1e-12)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "free"])
@two_models
def test_separated_systems_add(name, exact):
    model, params = _model(name, isolated_atom_exact=exact)
    (numbers, positions), (others, other_positions) = CLUSTERS
    together = (numbers + others, np.concatenate([positions, other_positions + 50.0]))
    energy, _ = model.energy_and_forces(params, model_cases.make_graph([together]))
    apart, _ = model.energy_and_forces(params, model_cases.make_graph(CLUSTERS))
    np.testing.assert_allclose(energy[0], apart.sum(), rtol=1e-12)


@two_models
def test_energy_and_force_end_continuously_at_the_cutoff(name):
    model, params = _model(name)

    def at(distance):
        graph = model_cases.make_graph([([1, 8], [[0, 0, 0], [0, 0, distance]])], cutoff=10.0)
        energy, forces = model.energy_and_forces(params, graph)
        return float(energy[0]), float(jnp.abs(forces).max())

    cutoff, small = 3.0, 1e-4
    middle_energy, middle_force = at(0.5 * cutoff)
    assert abs(middle_energy) > 1e-3
    assert middle_force > 1e-3
    inside_energy, inside_force = at(cutoff - small)
    # The cosine cutoff vanishes with the square of the distance to the cutoff, the polynomial with its cube.
    assert abs(inside_energy) < 1e-6
    assert inside_force < 1e-2
    assert at(cutoff - small / 10)[1] < 0.11 * inside_force
    assert at(cutoff + small) == (0.0, 0.0)


@pytest.mark.parametrize("conditioning", ["none", "charge_spin"])
@all_models
def test_h2_beyond_the_cutoff_is_exactly_zero(name, conditioning):
    model, params = _model(name, conditioning=conditioning)
    h2 = ([1, 1], [[0, 0, 0], [0, 0, 3.01]])
    stretched = model_cases.make_graph([h2, h2], charge=[0.0, 2.0], spin_multiplicity=[3.0, 1.0], pad_edges=1)
    energy, forces = model.energy_and_forces(params, stretched._replace(edge_mask=jnp.zeros(1, bool)))
    np.testing.assert_array_equal(energy, 0.0)
    np.testing.assert_array_equal(forces, 0.0)


@two_models
def test_graph_without_any_edge_is_safe(name):
    model, params = _model(name, isolated_atom_exact=False)
    graph = model_cases.make_graph([([1], [[0, 0, 0]]), ([8], [[0, 0, 0]])])
    energy, forces = model.energy_and_forces(params, graph)
    assert np.all(np.isfinite(energy))
    np.testing.assert_array_equal(forces, 0.0)


@two_models
def test_mapping_over_parameters_equals_a_loop(name):
    model, params = _model(name)
    graph = model_cases.make_graph(CLUSTERS, pad_nodes=1, pad_edges=2)
    several = [params, model_cases.randomised(params, seed=1)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    energy, forces = jax.jit(jax.vmap(model.energy_and_forces, (0, None)))(stacked, graph)
    mapped = jax.jit(lambda p: jax.lax.map(lambda one: model.energy_and_forces(one, graph), p))(stacked)
    for index, one in enumerate(several):
        expected_energy, expected_forces = model.energy_and_forces(one, graph)
        np.testing.assert_allclose(energy[index], expected_energy, rtol=1e-11)
        np.testing.assert_allclose(forces[index], expected_forces, atol=1e-11)
        np.testing.assert_allclose(mapped[0][index], expected_energy, rtol=1e-11)
        np.testing.assert_allclose(mapped[1][index], expected_forces, atol=1e-11)


@pytest.mark.parametrize("prior", ["none", "zbl", "coulomb"])
@pytest.mark.parametrize("conditioning", ["none", "charge_spin"])
@two_models
def test_float32_stays_float32(name, conditioning, prior):
    settings = model_cases.make_settings(**model_cases.ARCHITECTURES[name], prior=prior, conditioning=conditioning)
    model = potential.make_potential(settings)
    params = model.init(jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.float32)}
    graph = model_cases.make_graph(CLUSTERS, dtype=np.float32)
    energy, forces = jax.eval_shape(model.energy_and_forces, params, graph)
    assert energy.dtype == forces.dtype == jnp.float32


@two_models
def test_float32_agrees_with_float64(name):
    model, params = _model(name)
    energy, forces = model.energy_and_forces(params, model_cases.make_graph(CLUSTERS))
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    single_energy, single_forces = model.energy_and_forces(single, model_cases.make_graph(CLUSTERS, dtype=np.float32))
    np.testing.assert_allclose(single_energy, energy, rtol=0, atol=3e-5)
    np.testing.assert_allclose(single_forces, forces, rtol=0, atol=3e-5 * float(jnp.abs(forces).max()) + 1e-5)


def test_energy_scale_multiplies_the_learned_energy():
    model, params = _model("nequip-l1")
    scaled, _ = _model("nequip-l1", energy_scale=5.0)
    graph = model_cases.make_graph(CLUSTERS)
    np.testing.assert_allclose(scaled.energy(params, graph), 2.5 * model.energy(params, graph), rtol=1e-12)


def test_same_key_gives_the_same_parameters_and_another_key_others():
    model, _ = _model("nequip-l1")
    first, second, other = (jax.tree.leaves(model.init(jax.random.key(seed))) for seed in (0, 0, 1))
    assert all(bool(jnp.all(a == b)) for a, b in zip(first, second, strict=True))
    assert any(bool(jnp.any(a != b)) for a, b in zip(first, other, strict=True))


def test_both_convolutions_give_one_potential():
    fast, params = _model("nequip-l2")
    reference, _ = _model("nequip-l2", convolution="e3nn")
    graph = model_cases.make_graph(CLUSTERS)
    for left, right in zip(
        fast.energy_and_forces(params, graph), reference.energy_and_forces(params, graph), strict=True
    ):
        np.testing.assert_allclose(left, right, atol=1e-12)
