"""A replica predicts in batches exactly what it predicts alone."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.evaluation import replica as replica_lib
from h2scale.exam import conditioning_checks, models
from h2scale.exam.calculators import replica_model
from h2scale.models import widths
from h2scale.models.settings import ModelSettings

H2, ATOM, APART = models.dimer(1, 1, 0.74, 0, 1), models.atom(1, 0, 1), models.dimer(1, 1, 7.0, 0, 1)
QUERIES = [
    H2,
    ATOM,
    models.dimer(6, 1, 1.1, 0, 2),
    APART,
    models.Query((1, 6, 1), ((0.0, 0.0, -1.1), (0.0, 0.1, 0.0), (0.0, 0.0, 1.1)), 0, 1),
    H2._replace(charge=2),
]


@functools.cache
def make(conditioning, electrostatics="none"):
    settings = ModelSettings(
        name="schnet",  # compiles fastest; the graph under test is every model's
        num_features=4,
        num_layers=1,
        l_max=0,
        cutoff=5.0,
        num_radial=4,
        radial_hidden=(4,),
        species=(1, 6),
        avg_num_neighbors=2.0,
        energy_scale=1.0,
        isolated_atom_exact=False,
        envelope_power=6,
        prior="none",
        conditioning=conditioning,
        convolution="fast",
        electrostatics=electrostatics,
    )
    params = 0.5 * np.random.default_rng(1).normal(size=widths.num_params(settings))
    return replica_lib.Replica(settings, jnp.asarray(params))


TOLD = pytest.mark.parametrize("told", [("charge_spin",), ("spin", "equilibrated")], ids=["embedding", "charges"])


@TOLD
def test_batch_of_unlike_structures_equals_its_members(told):
    replica = make(*told)
    predictions = dict(zip(QUERIES, replica_model.ReplicaModel(replica).predict(QUERIES), strict=True))
    atom = predictions.pop(ATOM)  # alone it would have a program of its own
    assert predictions[APART].energy == pytest.approx(2 * atom.energy, abs=1e-12)
    np.testing.assert_array_equal(atom.forces, 0)
    for query, prediction in predictions.items():
        energy, forces = replica.energy_and_forces(query.numbers, np.array(query.positions), query.charge, query.spin)
        assert prediction.energy == pytest.approx(energy, abs=1e-11)
        np.testing.assert_allclose(prediction.forces, forces, atol=1e-11)


def test_element_and_charge_it_does_not_know_are_refused():
    predictions = replica_model.ReplicaModel(make("none")).predict(
        [models.dimer(1, 1, 0.74, 1, 2), models.dimer(1, 3, 1.6, 0, 1), H2]
    )
    assert [prediction.status for prediction in predictions] == ["refused", "refused", "ok"]
    assert predictions[1].reason == "atomic number 3 is not among the replica's [1, 6]"


def test_replica_without_conditioning_is_declared_so():
    replica = make("none")
    entry = replica_model.entry("/somewhere/runs/x", "r0", replica, "pbe0/def2-svp")
    assert entry.entry == "x#r0"  # results name no folder of the machine
    conditioning, _ = conditioning_checks.examine(replica_model.ReplicaModel(replica), entry)
    assert conditioning == ("the model takes no charge", "the model takes no spin")


@TOLD
def test_charge_and_spin_reach_a_conditioned_replica(told):
    replica = make(*told)
    entry = replica_model.entry("runs/x", "r0", replica, "pbe0/def2-svp")
    assert conditioning_checks.examine(replica_model.ReplicaModel(replica), entry)[0] == ("", "")


def test_a_replica_told_the_spin_alone_is_declared_so():
    entry = replica_model.entry("runs/x", "r0", make("spin"), "pbe0/def2-svp")
    assert (entry.charge, entry.spin) == ("none", "info:spin")
