"""A replica is loaded as the model it is, whatever it shared its program with."""

import dataclasses

import jax
import numpy as np
import population_case as case_lib
import pytest
from ase import Atoms

from h2scale.evaluation import calculator
from h2scale.evaluation import replica as replica_lib
from h2scale.models import flat, sizes
from h2scale.models import potential as potential_lib
from h2scale.study import replicas
from h2scale.training import checkpoints


def test_narrow_replica_is_loaded_without_its_padding(tmp_path):
    models = [sizes.with_features(case_lib.SETTINGS, width) for width in (2, 3)]
    population = case_lib.make_population(models, num_train=(20,), rungs=("stretched",), seeds=(0,))
    case = case_lib.assemble(population)
    folder = tmp_path / replica_lib.CHECKPOINTS_FOLDER / population.name
    with checkpoints.PopulationCheckpoints(str(folder), keep=1) as store:
        store.save(10, case.programs.init(case.inputs), replicas.metadata(population).to_json())
    key = jax.random.fold_in(jax.random.key(0), 0)
    for spec in population.replicas:
        loaded = replica_lib.load_replica(tmp_path, spec.replica_id)
        alone = flat.flat_potential(potential_lib.make_potential(spec.settings)).init(key)
        assert loaded.settings == spec.settings
        assert loaded.num_params == len(alone)
        np.testing.assert_array_equal(loaded.params, alone)


TOLD = {
    "embedding": {"conditioning": "charge_spin"},
    "charges": {"conditioning": "spin", "electrostatics": "equilibrated"},
}


def save(folder, settings):
    """A checkpoint of one replica with random parameters, and its id."""
    population = case_lib.make_population([settings], num_train=(20,), rungs=("stretched",), seeds=(0,))
    case = case_lib.assemble(population)
    state = case.programs.init(case.inputs)
    noise = 0.3 * jax.random.normal(jax.random.key(1), state.best_params.shape)
    with checkpoints.PopulationCheckpoints(str(folder / "checkpoints" / population.name), keep=1) as store:
        metadata = replicas.metadata(population).to_json()
        store.save(10, state.replace(best_params=state.best_params + noise), metadata)
    return population.replicas[0].replica_id


@pytest.mark.parametrize("told", TOLD)
def test_a_loaded_replica_and_its_calculator_are_told_charge_and_spin(tmp_path, told):
    settings = dataclasses.replace(case_lib.SETTINGS, **TOLD[told])
    name = save(tmp_path, settings)
    replica = replica_lib.load_replica(tmp_path, name)
    assert replica.settings == settings
    numbers, positions = np.array([1, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.9]])
    asked = {(0, 1): 0.0, (1, 2): 0.0, (2, 1): 0.0, (0, 3): 0.0}
    found = {one: replica.energy(numbers, positions, charge=one[0], spin_multiplicity=one[1]) for one in asked}
    assert np.min(np.diff(np.sort(list(found.values())))) > 1e-4
    atoms = Atoms("H2", positions)
    atoms.calc = calculator.H2ScaleCalculator(tmp_path, name)
    for charge, spin in asked:  # the same atoms, their charge changed in place
        atoms.info |= {"charge": charge, "spin": spin}
        assert atoms.get_potential_energy() == pytest.approx(found[charge, spin], abs=1e-9)
        forces = replica.forces(numbers, positions, charge=charge, spin_multiplicity=spin)
        np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-9)


def test_a_replica_that_is_told_the_spin_alone_refuses_a_charge(tmp_path):
    settings = dataclasses.replace(case_lib.SETTINGS, conditioning="spin")
    replica = replica_lib.load_replica(tmp_path, save(tmp_path, settings))
    with pytest.raises(ValueError, match="takes no charge"):
        replica.energy(np.array([1, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.9]]), charge=2)
