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
two_models = pytest.mark.parametrize("name", ["nequip-l1", "schnet"])
CLUSTERS = [model_cases.cluster(0, 4), model_cases.cluster(1, 3)]
SIZE = (9, 24, 3)
"""Room for both clusters and padding: graphs of one size share a compilation."""


@functools.cache
def _model(name, **changes):
    settings = model_cases.make_settings(**model_cases.ARCHITECTURES[name], **changes)
    model = potential.make_potential(settings)
    params = model_cases.random_params(model)
    return model._replace(energy_and_forces=jax.jit(model.energy_and_forces)), params


@all_models
def test_energy_and_forces_follow_rotation_inversion_and_translation(name):
    model, params = _model(name)
    graph = model_cases.make_graph(CLUSTERS, size=SIZE)
    symmetry.assert_invariant(lambda r: model.energy_and_forces(params, graph._replace(positions=r)), graph.positions)


@all_models
def test_forces_are_minus_central_differences(name):
    model, params = _model(name)
    graph = model_cases.make_graph(CLUSTERS, size=SIZE)
    _, forces = model.energy_and_forces(params, graph)
    step = 1e-4

    def total(displacement):
        return model.energy_and_forces(params, graph._replace(positions=graph.positions + displacement))[0].sum()

    directions = step * np.eye(forces.size).reshape(-1, *forces.shape)
    numerical = [-(total(direction) - total(-direction)) / (2 * step) for direction in directions]
    # The next term of the difference is step^2 / 6 times a third derivative of order ten to a hundred.
    np.testing.assert_allclose(forces.ravel(), numerical, rtol=0, atol=1e-6)
    assert np.abs(forces).max() > 1e-2


@two_models
def test_order_of_atoms_and_edges_does_not_matter(name):
    model, params = _model(name)
    numbers, positions = CLUSTERS[0]
    order = np.array([2, 0, 3, 1])
    energy, forces = model.energy_and_forces(params, model_cases.make_graph(CLUSTERS, size=SIZE))
    permuted = [([numbers[i] for i in order], positions[order]), CLUSTERS[1]]
    graph = model_cases.make_graph(permuted, size=SIZE)
    # Receivers stay sorted; the senders of one receiver are reversed.
    reversed_senders = np.lexsort((-np.arange(SIZE[1]), graph.receivers))
    assert np.any(reversed_senders != np.arange(SIZE[1]))
    graph = graph._replace(
        **{field: getattr(graph, field)[reversed_senders] for field in ("senders", "receivers", "edge_mask")}
    )
    new_energy, new_forces = model.energy_and_forces(params, graph)
    np.testing.assert_allclose(new_energy, energy, rtol=1e-12)
    np.testing.assert_allclose(new_forces[:4], forces[order], atol=1e-12)


@two_models
def test_padding_changes_nothing_and_a_batch_equals_its_members(name):
    model, params = _model(name)
    energy, forces = model.energy_and_forces(params, model_cases.make_graph(CLUSTERS, size=SIZE))
    # The first without any padding, the second with more of it.
    singles = [
        model.energy_and_forces(params, graph)
        for graph in (model_cases.make_graph(CLUSTERS[:1]), model_cases.make_graph(CLUSTERS[1:], size=SIZE))
    ]
    np.testing.assert_allclose(energy[:2], np.concatenate([e[:1] for e, _ in singles]), rtol=1e-12)
    np.testing.assert_allclose(forces[:7], np.concatenate([singles[0][1], singles[1][1][:3]]), atol=1e-12)
    np.testing.assert_array_equal(energy[2:], 0.0)
    np.testing.assert_array_equal(forces[7:], 0.0)


@two_models
def test_force_training_has_finite_gradients_with_padding_and_isolated_atoms(name):
    model, params = _model(name, prior="coulomb", conditioning="charge_spin")
    graph = model_cases.make_graph([CLUSTERS[1], ([8], np.zeros((1, 3)))], size=SIZE, charge=[1.0, 0.0])

    def loss(params):
        energy, forces = model.energy_and_forces(params, graph)
        return jnp.sum(energy**2) + jnp.sum(forces**2)

    gradients = jax.tree.leaves(jax.jit(jax.grad(loss))(params))
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in gradients)
    assert max(float(jnp.abs(leaf).max()) for leaf in gradients) > 1e-3


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "free"])
@two_models
def test_separated_systems_add(name, exact):
    model, params = _model(name, isolated_atom_exact=exact)
    (numbers, positions), (others, other_positions) = CLUSTERS
    together = (numbers + others, np.concatenate([positions, other_positions + 50.0]))
    energy, _ = model.energy_and_forces(params, model_cases.make_graph([together], size=SIZE))
    apart, _ = model.energy_and_forces(params, model_cases.make_graph(CLUSTERS, size=SIZE))
    np.testing.assert_allclose(energy[0], apart.sum(), rtol=1e-12)


@pytest.mark.parametrize("prior", ["none", "coulomb"], ids=["embedding", "bare term"])
@two_models
def test_identical_neutral_closed_shells_add_where_the_charge_is_embedded(name, prior):
    """And charged ones do not, since every atom is told the charge of the whole."""
    model, params = _model(name, conditioning="charge_spin", prior=prior, isolated_atom_exact=False)
    numbers, positions = CLUSTERS[0]
    together = (numbers + numbers, np.concatenate([positions, np.add(positions, 50.0)]))

    def excess(charge):
        whole = model_cases.make_graph([together], size=SIZE, charge=[2 * charge], spin_multiplicity=[1.0])
        part = model_cases.make_graph([CLUSTERS[0]], size=SIZE, charge=[charge], spin_multiplicity=[1.0])
        energies = [model.energy_and_forces(params, graph)[0][0] for graph in (whole, part)]
        return abs(float(energies[0] - 2 * energies[1]))

    assert excess(0.0) < 1e-9
    assert excess(1.0) > 1e-4


@two_models
def test_energy_and_force_end_continuously_at_the_cutoff(name):
    model, params = _model(name)

    def at(distance):
        pair = ([1, 8], [[0, 0, 0], [0, 0, distance]])
        energy, forces = model.energy_and_forces(params, model_cases.make_graph([pair], size=SIZE, cutoff=10.0))
        return float(energy[0]), float(jnp.abs(forces).max())

    cutoff, small = 3.0, 1e-4
    middle_energy, middle_force = at(0.5 * cutoff)
    assert abs(middle_energy) > 1e-3
    assert middle_force > 1e-3
    inside_energy, inside_force = at(cutoff - small)
    # The cosine envelope vanishes with the square of the distance to the cutoff, the polynomial with its cube.
    assert abs(inside_energy) < 1e-6
    assert inside_force < 1e-2
    assert at(cutoff - small / 10)[1] < 0.11 * inside_force
    assert at(cutoff + small) == (0.0, 0.0)


def _stretched_h2():
    h2 = ([1, 1], [[0, 0, 0], [0, 0, 3.01]])
    return model_cases.make_graph([h2, h2], size=SIZE, charge=[0.0, 2.0], spin_multiplicity=[3.0, 1.0])


@all_models
def test_h2_beyond_the_cutoff_is_exactly_zero(name):
    model, params = _model(name)
    for values in model.energy_and_forces(params, _stretched_h2()):
        np.testing.assert_array_equal(values, 0.0)


@two_models
def test_h2_beyond_the_cutoff_is_exactly_zero_whatever_its_charge_and_spin(name):
    model, params = _model(name, prior="zbl", conditioning="charge_spin")
    for values in model.energy_and_forces(params, _stretched_h2()):
        np.testing.assert_array_equal(values, 0.0)


@two_models
def test_graph_with_no_edge_slots_at_all_is_safe(name):
    model, params = _model(name, isolated_atom_exact=False)
    graph = model_cases.make_graph([([1], [[0, 0, 0]]), ([8], [[0, 0, 0]])])
    assert graph.senders.shape == (0,)
    energy, forces = model.energy_and_forces(params, graph)
    assert np.all(np.isfinite(energy))
    np.testing.assert_array_equal(forces, 0.0)


@two_models
def test_mapping_over_parameters_equals_a_loop(name):
    model, params = _model(name)
    graph = model_cases.make_graph(CLUSTERS, size=SIZE)
    several = [params, model_cases.randomised(params, seed=1)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    vmapped, mapped = jax.jit(
        lambda p: (
            jax.vmap(model.energy_and_forces, (0, None))(p, graph),
            jax.lax.map(lambda one: model.energy_and_forces(one, graph), p),
        )
    )(stacked)
    for index, one in enumerate(several):
        expected = model.energy_and_forces(one, graph)
        for energies, forces in (vmapped, mapped):
            np.testing.assert_allclose(energies[index], expected[0], rtol=1e-11, atol=1e-11)
            np.testing.assert_allclose(forces[index], expected[1], atol=1e-11)


@pytest.mark.parametrize(
    ("conditioning", "prior"), [("none", "none"), ("charge_spin", "zbl"), ("charge_spin", "coulomb")]
)
@two_models
def test_float32_stays_float32(name, conditioning, prior):
    settings = model_cases.make_settings(**model_cases.ARCHITECTURES[name], prior=prior, conditioning=conditioning)
    model = potential.make_potential(settings)
    params = jax.eval_shape(model.init, jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.float32)}
    graph = model_cases.make_graph(CLUSTERS, dtype=np.float32)
    energy, forces = jax.eval_shape(model.energy_and_forces, params, graph)
    assert energy.dtype == forces.dtype == jnp.float32


@two_models
def test_float32_agrees_with_float64(name):
    model, params = _model(name)
    energy, forces = model.energy_and_forces(params, model_cases.make_graph(CLUSTERS, size=SIZE))
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    graph = model_cases.make_graph(CLUSTERS, size=SIZE, dtype=np.float32)
    single_energy, single_forces = model.energy_and_forces(single, graph)
    # A few hundred rounding errors of 6e-8 on energies and forces of order one to ten.
    np.testing.assert_allclose(single_energy, energy, rtol=0, atol=1e-4)
    np.testing.assert_allclose(single_forces, forces, rtol=0, atol=1e-4)


def test_energy_scale_multiplies_the_learned_energy():
    model, params = _model("nequip-l0")
    scaled, _ = _model("nequip-l0", energy_scale=5.0)
    graph = model_cases.make_graph(CLUSTERS, size=SIZE)
    energy, forces = model.energy_and_forces(params, graph)
    scaled_energy, scaled_forces = scaled.energy_and_forces(params, graph)
    np.testing.assert_allclose(scaled_energy, 2.5 * energy, rtol=1e-12)
    np.testing.assert_allclose(scaled_forces, 2.5 * forces, rtol=1e-10)


def test_same_key_gives_the_same_parameters_and_another_key_others():
    model, _ = _model("nequip-l1")
    first, second, other = (jax.tree.leaves(model.init(jax.random.key(seed))) for seed in (0, 0, 1))
    assert all(bool(jnp.all(a == b)) for a, b in zip(first, second, strict=True))
    assert any(bool(jnp.any(a != b)) for a, b in zip(first, other, strict=True))


def test_both_convolutions_give_one_potential():
    fast, params = _model("nequip-l2")
    reference, _ = _model("nequip-l2", convolution="e3nn")
    graph = model_cases.make_graph(CLUSTERS, size=SIZE)
    results = zip(fast.energy_and_forces(params, graph), reference.energy_and_forces(params, graph), strict=True)
    for left, right in results:
        np.testing.assert_allclose(left, right, atol=1e-11)
