"""A replica is loaded as the model it is, whatever it shared its program with."""

import jax
import numpy as np
import population_case as case_lib

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
