"""The check measures what it says: known pair potentials get the scores that follow from them by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale import units
from h2scale.evaluation import physics_checks
from h2scale.models.potential import Potential
from h2scale.physics import charged_systems, curves, exact

SPECIES = (1, 6)


def pair_potential(pair_energy):
    """A potential whose energy is `pair_energy(distance, charge, params)` per bond and `params["atom"]` per atom."""

    def energy(params, graph):
        vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
        lengths = jnp.where(graph.edge_mask, jnp.sqrt(jnp.sum(vectors**2, axis=1) + ~graph.edge_mask), 1.0)
        owner = graph.node_graph[graph.receivers]
        bonds = jnp.where(graph.edge_mask, 0.5 * pair_energy(lengths, graph.charge[owner], params), 0.0)
        total = jax.ops.segment_sum(bonds, owner, len(graph.charge))
        atoms = jax.ops.segment_sum(jnp.ones(len(graph.species)), graph.node_graph, len(graph.charge))
        return total + atoms * params["atom"]

    return Potential(init=None, atomic_energies=None, energy=energy, energy_and_forces=None)


@functools.cache
def compiled(pair_energy, conditioned, cutoff):
    """The check of a potential: one program for all parameters."""
    settings = physics_checks.DimerSettings(SPECIES, cutoff, conditioned)
    return jax.jit(physics_checks.make_physics_check(pair_potential(pair_energy), settings))


def run(pair_energy, *, conditioned=False, cutoff=25.0, **params):
    params = {name: jnp.asarray(params.get(name, 0.0), jnp.float32) for name in ("atom", "sees_charge")}
    references = curves.load_h2_references()
    return *compiled(pair_energy, conditioned, cutoff)(params, references), references


def exact_pair(distance, charge, params):
    """Exact H2 and, where `params["sees_charge"]`, two bare protons above two isolated ones at 0; eV."""
    h2 = (exact.h2_ground_state(distance / units.BOHR_ANGSTROM) + 1.0) * units.HARTREE_EV
    return jnp.where((charge == 2) & (params["sees_charge"] > 0), units.COULOMB_EV_ANGSTROM / distance, h2)


def test_exact_potential_has_no_error():
    metrics, energies, references = run(exact_pair, conditioned=True, sees_charge=1.0)
    assert energies["h2"].dtype == jnp.float64
    np.testing.assert_allclose(energies["h2"], references.exact_ev, atol=1e-9)
    np.testing.assert_allclose(energies["protons"], charged_systems.exact_ev("protons"), rtol=1e-12)
    assert metrics["h2_mae_ev"] < 1e-9
    assert metrics["protons_mae_ev"] < 1e-9
    assert metrics["h2_num_minima"] == 1
    assert metrics["h2_wall_is_repulsive"]


def test_charge_that_is_ignored_is_seen():
    metrics, _, _ = run(exact_pair, conditioned=True, sees_charge=0.0)
    assert metrics["protons_mae_ev"] > 10


@pytest.mark.parametrize("atom_energy", [0.0, 0.7])
def test_size_consistency_is_against_the_models_own_atom(atom_energy):
    metrics, _, _ = run(exact_pair, conditioned=True, atom=atom_energy)
    assert abs(metrics["h2_size_consistency_error_ev"]) < 1e-6
    np.testing.assert_allclose(metrics["h2_asymptote_error_ev"], 2 * atom_energy, atol=1e-6)


def test_interaction_that_never_ends_is_a_size_consistency_error_and_without_a_charge_input_there_are_no_protons():
    def forever(distance, charge, params):
        del charge, params
        return jnp.full_like(distance, 0.25)

    metrics, energies, _ = run(forever, cutoff=30.0)
    np.testing.assert_allclose(metrics["h2_size_consistency_error_ev"], 0.25, atol=1e-12)
    assert energies.keys() == {"h2"}
    assert np.isnan(metrics["protons_mae_ev"])
