"""Metadata of checkpoints come back as they were, of earlier versions too, or are refused in one line."""

import json

import population_case as case_lib
import pytest

from h2scale.errors import InputError
from h2scale.models import sizes
from h2scale.study import replicas
from h2scale.training.metadata import PopulationMetadata


def stored(widths):
    models = [sizes.with_features(case_lib.SETTINGS, width) for width in widths]
    return replicas.metadata(case_lib.make_population(models, num_train=(5,), seeds=(0,)))


def test_metadata_survive_json():
    metadata = stored((2, 3))._replace(train_seconds=1.5)
    found = PopulationMetadata.from_json(json.loads(json.dumps(metadata.to_json())))
    assert found == metadata
    assert {found.model(name).num_features for name in found.replica_ids} == {2, 3}


def test_metadata_of_before_widths_shared_a_program_are_of_one_model():
    metadata = stored((2,))
    values = metadata.to_json()
    del values["models"], values["replica_models"]
    assert PopulationMetadata.from_json(values) == metadata


@pytest.mark.parametrize("change", [{"cutoff": None}, {"telepathy": True}], ids=["less", "more"])
def test_model_of_another_version_is_refused_with_what_to_do(change):
    values = stored((2,)).to_json()
    (name,) = change
    settings = values["settings"]
    values["settings"] = settings | change if name not in settings else {k: v for k, v in settings.items() if k != name}
    with pytest.raises(InputError, match=f"of another version of h2scale .*{name}.*environment.json, or train anew"):
        PopulationMetadata.from_json(values)
