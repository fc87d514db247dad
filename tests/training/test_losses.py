"""The loss weighs, masks and sums as it says."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.graphs import batching
from h2scale.models.potential import Potential
from h2scale.training import losses
from h2scale.types import Graph

SETTINGS = losses.LossSettings(
    energy_weight=2.0, force_weight=3.0, energy_huber_ev_per_atom=0.5, force_huber_ev_per_angstrom=1.0
)


def case(force_error=0.0, energy_error=0.0):
    """Two atoms and one atom, with a padding graph and a padding node whose values are wild."""
    graph = Graph(
        positions=jnp.zeros((4, 3)),
        species=jnp.zeros(4, jnp.int32),
        node_graph=jnp.array([0, 0, 1, 2]),
        senders=jnp.array([3]),
        receivers=jnp.array([3]),
        charge=jnp.zeros(3),
        spin_multiplicity=jnp.ones(3),
        node_mask=jnp.array([True, True, True, False]),
        edge_mask=jnp.array([False]),
        graph_mask=jnp.array([True, True, False]),
    )
    targets = batching.Targets(
        energy=jnp.array([1.0, 2.0, 1e6]), forces=jnp.zeros((4, 3)).at[3].set(1e6), n_atoms=jnp.array([2.0, 1.0, 1.0])
    )
    energy = targets.energy + jnp.array([energy_error, 0.0, 77.0])
    forces = jnp.zeros((4, 3)).at[0, 1].set(force_error)
    potential = Potential(
        init=None,
        atomic_energies=None,
        energy=lambda params, graph: energy,
        energy_and_forces=lambda params, graph: (energy, forces),
    )
    return potential, graph, targets


@pytest.mark.parametrize(
    ("energy_error", "force_error", "expected"),
    [
        (0.0, 0.0, 0.0),
        # quadratic: half the square of 0.4 eV / 2 atoms, averaged over two structures
        (0.4, 0.0, 2.0 * 0.5 * 0.2**2 / 2),
        # linear beyond 0.5 eV per atom: 0.5 * (2 - 0.25)
        (4.0, 0.0, 2.0 * 0.5 * (2.0 - 0.25) / 2),
        # one component of nine, linear beyond 1 eV/angstrom
        (0.0, 5.0, 3.0 * (5.0 - 0.5) / 9),
    ],
)
def test_loss_is_the_weighted_huber_loss_of_real_entries(energy_error, force_error, expected):
    potential, graph, targets = case(force_error, energy_error)
    np.testing.assert_allclose(losses.batch_loss(potential, {}, graph, targets, SETTINGS), expected, rtol=1e-12)


def test_zero_force_weight_asks_for_no_forces():
    potential, graph, targets = case(energy_error=0.4)
    blind = potential._replace(energy_and_forces=None)
    loss = losses.batch_loss(blind, {}, graph, targets, dataclasses.replace(SETTINGS, force_weight=0.0))
    np.testing.assert_allclose(loss, 2.0 * 0.5 * 0.2**2 / 2, rtol=1e-12)


def errors_of_case(weights, **wrong):
    potential, graph, targets = case(**wrong)
    errors = losses.structure_errors(potential, {}, graph, targets, SETTINGS)
    return errors, losses.set_errors(errors, targets.n_atoms, jnp.array(weights))


def test_errors_of_single_structures_are_those_of_their_own_atoms():
    errors, _ = errors_of_case((0.5, 0.5, 0.0), force_error=-4.5, energy_error=0.4)
    np.testing.assert_allclose(errors.energy, [0.4, 0.0, 0.0], atol=1e-12)
    # One wrong component of six; the padding, which is far off, counts for nothing.
    np.testing.assert_allclose(errors.force, [4.5 / 6, 0.0, 0.0], rtol=1e-12)
    loss = 2.0 * 0.5 * 0.2**2 + 3.0 * (4.5 - 0.5) / 6
    np.testing.assert_allclose(errors.loss, [loss, 0.0, 0.0], rtol=1e-12)


def test_loss_of_a_structure_is_that_of_a_batch_with_nothing_else():
    potential, graph, targets = case(force_error=2.5, energy_error=0.4)
    alone = graph._replace(graph_mask=jnp.array([True, False, False]), node_mask=jnp.array([True, True, False, False]))
    errors = losses.structure_errors(potential, {}, graph, targets, SETTINGS)
    expected = losses.batch_loss(potential, {}, alone, targets, SETTINGS)
    np.testing.assert_allclose(errors.loss[0], expected, rtol=1e-12)


@pytest.mark.parametrize("weights", [(0.5, 0.5, 0.0), (0.9, 0.1, 0.0), (0.0, 1.0, 0.0)])
def test_errors_of_a_set_are_weighted_means(weights):
    errors, found = errors_of_case(weights, force_error=-4.5, energy_error=0.4)
    np.testing.assert_allclose(found.energy_mae_ev, weights[0] * 0.4)
    np.testing.assert_allclose(found.energy_mae_ev_per_atom, weights[0] * 0.2)
    np.testing.assert_allclose(found.force_mae_ev_per_angstrom, weights[0] * 4.5 / 6)
    np.testing.assert_allclose(found.loss, weights[0] * errors.loss[0])


def test_signs_of_energy_errors_do_not_cancel():
    errors, found = errors_of_case((0.5, 0.5, 0.0), energy_error=-0.4)
    np.testing.assert_allclose(errors.energy[0], -0.4)
    np.testing.assert_allclose(found.energy_mae_ev, 0.2)


def test_empty_set_has_no_errors():
    _, found = errors_of_case((0.0, 0.0, 0.0), energy_error=0.4)
    assert np.isnan(found).all()
