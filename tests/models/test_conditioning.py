"""Charge and spin reach the energy, linearly in the embedding, and leave neutral singlets and isolated atoms alone."""

import functools

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest

from h2scale.models import conditioning, potential

ARCHITECTURES = pytest.mark.parametrize("name", ["nequip-l0", "schnet"])
MOLECULE = ([1, 8, 1], [[0.9, 0, 0], [0, 0, 0], [0, 0.9, 0.2]])


@functools.cache
def _model(name, conditioning="charge_spin"):
    settings = model_cases.make_settings(**model_cases.ARCHITECTURES[name], conditioning=conditioning)
    model = potential.make_potential(settings)
    return model._replace(energy=jax.jit(model.energy)), model_cases.random_params(model)


def _graph(charges, multiplicities):
    """Four copies of one molecule; charges and multiplicities beyond those given are neutral singlets."""
    charges, multiplicities = charges + [0.0] * (4 - len(charges)), multiplicities + [1.0] * (4 - len(multiplicities))
    return model_cases.make_graph([MOLECULE] * 4, charge=charges, spin_multiplicity=multiplicities)


@ARCHITECTURES
def test_charge_and_spin_change_the_energy_of_their_own_structure_only(name):
    model, params = _model(name)
    energies = model.energy(params, _graph([0.0, 1.0], [1.0, 1.0, 3.0]))
    np.testing.assert_allclose(energies[3], energies[0], rtol=1e-13)
    assert abs(energies[1] - energies[0]) > 1e-4
    assert abs(energies[2] - energies[0]) > 1e-4


@ARCHITECTURES
def test_a_neutral_singlet_is_embedded_as_without_conditioning(name):
    model, params = _model(name)
    plain, _ = _model(name, conditioning="none")
    unconditioned = {**params, "embedding": {"species_table": params["embedding"]["species_table"]}}
    graph = _graph([], [])
    np.testing.assert_allclose(model.energy(params, graph), plain.energy(unconditioned, graph), rtol=1e-13)


@ARCHITECTURES
def test_before_training_charge_has_no_effect(name):
    model, _ = _model(name)
    embedding = model.init(jax.random.key(0))["embedding"]
    assert np.abs(embedding["species_table"]).max() > 0.1
    for table in ("charge_table", "spin_table"):
        np.testing.assert_array_equal(embedding[table], 0.0)


def test_embedding_is_linear_in_charge_and_in_unpaired_electrons():
    module = conditioning.AtomicEmbedding(model_cases.make_settings(conditioning="charge_spin"))
    graph = _graph([0.0, 1.0, 2.0, 7.0], [1.0, 2.0, 3.0, 8.0])
    params = model_cases.randomised(jax.eval_shape(module.init, jax.random.key(0), graph))
    embedding = module.apply(params, graph).reshape(4, 3, -1)
    step = embedding[1] - embedding[0]
    assert jnp.abs(step).max() > 1e-2
    np.testing.assert_allclose(embedding[2] - embedding[0], 2 * step, atol=1e-12)
    np.testing.assert_allclose(embedding[3] - embedding[0], 7 * step, atol=1e-12)


@pytest.mark.parametrize("charge", [0.0, 1.0])
@ARCHITECTURES
def test_an_isolated_ion_has_zero_energy_when_atoms_are_exact(name, charge):
    model, params = _model(name)
    graph = model_cases.make_graph([([1], [[0, 0, 0]])], charge=[charge], spin_multiplicity=[2.0 - charge])
    np.testing.assert_array_equal(model.energy(params, graph), 0.0)
