"""A potential with its parameters in one vector is the same potential."""

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest

from h2scale.models import flat, potential


@pytest.mark.parametrize("name", ["nequip-l1", "schnet"])
def test_vector_and_tree_give_the_same_numbers(name):
    settings = model_cases.make_settings(**model_cases.ARCHITECTURES[name])
    tree = potential.make_potential(settings)
    vector = flat.flat_potential(tree)
    key = jax.random.key(3)
    params, flat_params = jax.jit(lambda key: (tree.init(key), vector.init(key)))(key)
    assert flat_params.shape == (sum(leaf.size for leaf in jax.tree.leaves(params)),)
    np.testing.assert_array_equal(
        flat_params, np.concatenate([np.asarray(leaf).reshape(-1) for leaf in jax.tree.leaves(params)])
    )
    graph = model_cases.make_graph([([1, 6, 8], np.array([[0.0, 0, 0], [0, 0, 1.1], [0.9, 0.2, 0.3]]))])
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
    expected, forces = jax.jit(tree.energy_and_forces)(wide, graph)
    (found, found_forces), energy, atoms = jax.jit(
        lambda v: (vector.energy_and_forces(v, graph), vector.energy(v, graph), vector.atomic_energies(v, graph))
    )(flat_params.astype(jnp.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(found_forces, forces, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(energy, found, rtol=1e-13)
    np.testing.assert_allclose(atoms.sum(), found.sum())
