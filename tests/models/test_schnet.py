"""SchNet's own parts: its activation, and the subtraction that makes isolated atoms exact without changing forces."""

import jax
import jax.numpy as jnp
import model_cases
import numpy as np

from h2scale.models import potential, schnet

GRAPH = model_cases.make_graph([model_cases.cluster(0, 4), ([6], np.zeros((1, 3)))])


def test_shifted_softplus_passes_through_zero_smoothly():
    np.testing.assert_allclose(schnet.shifted_softplus(jnp.asarray(0.0)), 0.0, atol=1e-16)
    np.testing.assert_allclose(jax.grad(schnet.shifted_softplus)(0.0), 0.5)
    np.testing.assert_allclose(jax.grad(jax.grad(schnet.shifted_softplus))(0.0), 0.25)


def test_exact_atoms_differ_from_free_ones_by_a_constant_per_species():
    exact, free = (
        potential.make_potential(model_cases.make_settings(name="schnet", l_max=0, isolated_atom_exact=flag))
        for flag in (True, False)
    )
    params = model_cases.random_params(exact)
    (exact_atoms, exact_forces), (free_atoms, free_forces) = (
        jax.jit(lambda p, m=model: (m.atomic_energies(p, GRAPH), m.energy_and_forces(p, GRAPH)[1]))(params)
        for model in (exact, free)
    )
    difference = free_atoms - exact_atoms
    for species in np.unique(GRAPH.species):
        values = difference[GRAPH.species == species]
        np.testing.assert_allclose(values, values[0], rtol=1e-12)
    assert np.abs(difference).max() > 1e-2
    np.testing.assert_allclose(exact_forces, free_forces, atol=1e-13)
