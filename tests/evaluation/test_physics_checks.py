"""The check asks what it says: known pair potentials get the scores that follow from them by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale import units
from h2scale.evaluation import physics_checks
from h2scale.models.potential import Potential
from h2scale.physics import curves, exact

SPECIES = (1, 6)


def pair_potential(pair_energy, atom_energy=0.0):
    """A potential whose energy is `pair_energy(distance, charge)` per bond and `atom_energy` per atom, in eV."""

    def energy(params, graph):
        vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
        lengths = jnp.where(graph.edge_mask, jnp.sqrt(jnp.sum(vectors**2, axis=1) + ~graph.edge_mask), 1.0)
        owner = graph.node_graph[graph.receivers]
        bonds = jnp.where(graph.edge_mask, 0.5 * pair_energy(lengths, graph.charge[owner]), 0.0)
        total = jax.ops.segment_sum(bonds, owner, len(graph.charge))
        atoms = jax.ops.segment_sum(jnp.ones(len(graph.species)), graph.node_graph, len(graph.charge))
        return total + atom_energy * atoms * params["scale"]

    return Potential(init=None, atomic_energies=None, energy=energy, energy_and_forces=None)


def run(potential, *, conditioned=False, cutoff=10.0):
    check = physics_checks.make_physics_check(potential, physics_checks.DimerSettings(SPECIES, cutoff, conditioned))
    references = curves.load_h2_references()
    return jax.jit(check)({"scale": jnp.ones((), jnp.float32)}, references), references


def exact_pair(distance, charge):
    del charge
    return (exact.h2_ground_state(distance / units.BOHR_ANGSTROM) + 1.0) * units.HARTREE_EV


def test_exact_potential_has_no_error():
    (metrics, energies), references = run(pair_potential(exact_pair))
    assert energies.keys() == {"h2"}
    assert energies["h2"].dtype == jnp.float64
    np.testing.assert_allclose(energies["h2"], references.exact_ev, atol=1e-9)
    assert metrics["h2_mae_ev"] < 1e-9
    assert metrics["h2_num_minima"] == 1
    assert metrics["h2_wall_is_repulsive"]


def test_neutral_potential_is_not_asked_about_the_protons():
    (metrics, energies), _ = run(pair_potential(exact_pair))
    assert np.isnan(metrics["protons_mae_ev"])
    assert "protons" not in energies


def test_conditioned_potential_is_asked_with_charge_two():
    def by_charge(distance, charge):
        return jnp.where(charge == 2, units.COULOMB_EV_ANGSTROM / distance, exact_pair(distance, charge))

    (metrics, energies), references = run(pair_potential(by_charge), conditioned=True)
    np.testing.assert_allclose(energies["protons"], references.protons_ev, rtol=1e-12)
    assert metrics["protons_mae_ev"] < 1e-9
    assert metrics["h2_mae_ev"] < 1e-9


def test_charge_that_is_ignored_is_seen():
    (metrics, _), _ = run(pair_potential(exact_pair), conditioned=True)
    assert metrics["protons_mae_ev"] > 10


@pytest.mark.parametrize("atom_energy", [0.0, 0.7])
def test_size_consistency_is_against_the_models_own_atom(atom_energy):
    (metrics, _), _ = run(pair_potential(exact_pair, atom_energy))
    assert abs(metrics["h2_size_consistency_error_ev"]) < 1e-6
    np.testing.assert_allclose(metrics["h2_asymptote_error_ev"], 2 * atom_energy, atol=1e-6)


def test_interaction_that_never_ends_is_a_size_consistency_error():
    def forever(distance, charge):
        del charge
        return jnp.full_like(distance, 0.25)

    (metrics, _), _ = run(pair_potential(forever), cutoff=30.0)
    np.testing.assert_allclose(metrics["h2_size_consistency_error_ev"], 0.25, atol=1e-12)
