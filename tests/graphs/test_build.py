"""Single structures and diatomic curves as graphs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.graphs import build

WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])


def pair_energies(graph):
    """Half the inverse edge lengths, summed by graph: a stand-in for a model."""
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    lengths = jnp.linalg.norm(jnp.where(graph.edge_mask[:, None], vectors, 1.0), axis=-1)
    terms = jnp.where(graph.edge_mask, 0.5 / lengths, 0.0)
    return jnp.zeros(len(graph.charge), terms.dtype).at[graph.node_graph[graph.receivers]].add(terms)


energies_of_pairs = jax.jit(pair_energies)
dimer_graphs = jax.jit(build.dimer_graphs, static_argnums=(1, 4))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_structure_becomes_one_graph_without_padding_nodes(dtype):
    graph = build.graph_from_structure([8, 1, 1], WATER, -1, 2, 1.2, (1, 8), dtype)
    np.testing.assert_array_equal(graph.species, [1, 0, 0])
    np.testing.assert_array_equal(graph.senders, [1, 2, 0, 0])
    np.testing.assert_array_equal(graph.receivers, [0, 0, 1, 2])
    assert graph.node_mask.all()
    assert graph.edge_mask.all()
    assert graph.positions.dtype == graph.charge.dtype == graph.spin_multiplicity.dtype == dtype
    assert (graph.charge[0], graph.spin_multiplicity[0]) == (-1, 2)


def test_a_structure_without_edges_has_one_masked_edge():
    graph = build.graph_from_structure([1, 1], [[0, 0, 0], [0, 0, 9.0]], 0, 1, 4.0, (1,))
    assert graph.edge_mask.tolist() == [False]
    assert graph.node_mask.tolist() == [True, True]
    assert energies_of_pairs(graph).tolist() == [0.0]


def test_an_element_outside_the_table_is_refused():
    with pytest.raises(ValueError, match=r"model\.species \(1, 6\) lacks atomic numbers \[8\]"):
        build.graph_from_structure([8, 1, 1], WATER, 0, 1, 4.0, (1, 6))


def test_shapes_that_disagree_are_refused():
    with pytest.raises(ValueError, match=r"positions must have shape \(2, 3\)"):
        build.graph_from_structure([1, 1], WATER, 0, 1, 4.0, (1,))


def test_dimers_equal_structures_built_one_by_one():
    distances = jnp.array([0.7, 3.9, 1.5])
    dimers = dimer_graphs(distances, (1, 0), 1.0, 2.0, 4.0)
    energies = energies_of_pairs(dimers)
    for i, distance in enumerate(distances):
        one = build.graph_from_structure([9, 1], [[0, 0, 0], [0, 0, float(distance)]], 1, 2, 4.0, (1, 9))
        np.testing.assert_array_equal(one.species, dimers.species[2 * i : 2 * i + 2])
        np.testing.assert_array_equal(one.senders + 2 * i, dimers.senders[2 * i : 2 * i + 2])
        np.testing.assert_array_equal(one.receivers + 2 * i, dimers.receivers[2 * i : 2 * i + 2])
        np.testing.assert_allclose(energies[i], energies_of_pairs(one)[0], rtol=1e-14)
        assert (one.charge[0], one.spin_multiplicity[0]) == (dimers.charge[i], dimers.spin_multiplicity[i])


def test_dimer_distances_are_exact_and_edges_end_at_the_cutoff():
    distances = jnp.array([0.2, 3.999, 4.0, 20.0])
    graph = dimer_graphs(distances, (0, 0), 0.0, 1.0, 4.0)
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    np.testing.assert_array_equal(jnp.abs(vectors[:, 2]), jnp.repeat(distances, 2))
    np.testing.assert_array_equal(graph.edge_mask, [True] * 4 + [False] * 4)
    assert (jnp.diff(graph.receivers) >= 0).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dimer_energies_differentiate_in_the_distance_and_keep_its_dtype(dtype):
    def total(distances):
        return pair_energies(build.dimer_graphs(distances, (0, 0), 0.0, 1.0, 4.0)).sum()

    distances = jnp.array([0.5, 2.0, 5.0], dtype)
    slope = jax.jit(jax.grad(total))(distances)
    assert slope.dtype == dtype
    np.testing.assert_allclose(slope, [-4.0, -0.25, 0.0], rtol=1e-6)


def test_dimers_can_be_mapped_over_charges():
    charges = jnp.array([0.0, 1.0, 2.0])
    mapped = jax.vmap(lambda q: dimer_graphs(jnp.array([1.0, 2.0]), (0, 0), q, 1.0, 4.0).charge)(charges)
    np.testing.assert_array_equal(mapped, jnp.repeat(charges, 2).reshape(3, 2))
