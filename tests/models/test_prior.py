"""Priors against closed forms: two protons repel by 1/R at any distance, ZBL screens, electrons are left alone."""

import functools

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest

from h2scale import units
from h2scale.models import potential, prior

ARCHITECTURES = pytest.mark.parametrize("name", ["nequip-l0", "schnet"])
SIZE = (5, 4, 2)


@functools.cache
def _model(name, **changes):
    settings = model_cases.make_settings(**model_cases.ARCHITECTURES[name], **changes)
    model = potential.make_potential(settings)
    params = model_cases.random_params(model)
    return model._replace(energy=jax.jit(model.energy), energy_and_forces=jax.jit(model.energy_and_forces)), params


def _pair(numbers, distance, charge=0.0):
    return model_cases.make_graph([(numbers, [[0, 0, 0], [0, 0, distance]])], size=SIZE, charge=[charge])


@pytest.mark.parametrize("distance", [0.3, 2.0, 8.0])
@ARCHITECTURES
def test_two_protons_repel_by_one_over_r(name, distance):
    model, params = _model(name, prior="coulomb", conditioning="charge_spin")
    energy, forces = model.energy_and_forces(params, _pair([1, 1], distance, charge=2.0))
    np.testing.assert_allclose(energy[0], units.COULOMB_EV_ANGSTROM / distance + 27.2, rtol=1e-14)
    np.testing.assert_allclose(forces[1], [0, 0, units.COULOMB_EV_ANGSTROM / distance**2], rtol=1e-13)
    np.testing.assert_array_equal(forces[2:], 0.0)


def test_a_lone_nucleus_stands_where_taking_all_electrons_puts_it():
    model, params = _model("nequip-l0", prior="coulomb")
    graph = model_cases.make_graph([([1], np.zeros((1, 3))), ([6], np.zeros((1, 3)))], charge=[1.0, 6.0])
    np.testing.assert_allclose(model.energy(params, graph), [13.6, 1027.5], rtol=1e-14)


def test_bare_nuclei_without_the_atoms_energies_are_refused():
    with pytest.raises(ValueError, match=r"model.atomic_energies_ev must hold 3 energies"):
        model_cases.make_settings(prior="coulomb", atomic_energies_ev=())


def test_bare_nuclei_sum_over_all_pairs_of_their_own_structure():
    numbers, positions = [1, 6, 8], np.array([[0.0, 0, 0], [0, 0, 2.0], [0, 6.0, 0]])
    graph = model_cases.make_graph([(numbers, positions), ([1, 1], [[0, 0, 0], [1, 0, 0]])], charge=[15.0, 2.0])
    model, params = _model("nequip-l0", prior="coulomb")
    expected = units.COULOMB_EV_ANGSTROM * (6 / 2 + 8 / 6 + 48 / np.sqrt(40))
    energies = model.energy(params, graph)
    parts = -np.array([sum(model_cases.ATOMS_EV), 2 * model_cases.ATOMS_EV[0]])
    np.testing.assert_allclose(energies, [expected + parts[0], units.COULOMB_EV_ANGSTROM + parts[1]], rtol=1e-14)


@ARCHITECTURES
def test_coulomb_prior_leaves_structures_with_electrons_to_the_network(name):
    bare, params = _model(name, prior="coulomb")
    plain, _ = _model(name)
    for charge in (-1.0, 0.0, 1.0):
        graph = _pair([1, 1], 0.8, charge)
        np.testing.assert_allclose(bare.energy(params, graph), plain.energy(params, graph), rtol=1e-13)


def test_bare_fraction_counts_electrons():
    graph = model_cases.make_graph([([1, 1], np.eye(2, 3))] * 4, charge=[2.0, 1.5, 1.0, 0.0], size=(10, 8, 5))
    numbers = jnp.asarray(model_cases.SPECIES, jnp.float64)[graph.species]
    np.testing.assert_allclose(prior.bare_fraction(numbers, graph)[:4], [1.0, 0.5, 0.0, 0.0], atol=1e-15)


def test_zbl_is_the_published_function_inside_the_cutoff_and_zero_beyond():
    plain, params = _model("nequip-l0")
    model, _ = _model("nequip-l0", prior="zbl")
    distance, cutoff = 0.4, 3.0
    x = distance * (1 + 8**0.23) / (0.88534 * units.BOHR_ANGSTROM)
    screening = (
        0.18175 * np.exp(-3.1998 * x)
        + 0.50986 * np.exp(-0.94229 * x)
        + 0.28022 * np.exp(-0.4029 * x)
        + 0.02817 * np.exp(-0.20162 * x)
    )
    t = distance / cutoff
    envelope = 1 - 28 * t**6 + 48 * t**7 - 21 * t**8
    expected = units.COULOMB_EV_ANGSTROM * 8 / distance * screening * envelope
    graph = _pair([1, 8], distance)
    added = model.energy(params, graph)[0] - plain.energy(params, graph)[0]
    np.testing.assert_allclose(added, expected, rtol=1e-12)
    np.testing.assert_array_equal(model.energy(params, _pair([1, 8], 3.01)), 0.0)


def test_zbl_is_not_coulomb_for_bare_protons():
    model, params = _model("nequip-l0", prior="zbl", energy_scale=1e-12)
    energy = model.energy(params, _pair([1, 1], 1.0, charge=2.0))[0]
    assert energy < 0.2 * units.COULOMB_EV_ANGSTROM
