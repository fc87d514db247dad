"""Held-out molecules of the charged study are asked every charge that is labelled, and trained on no other."""

import collections
import runpy
from pathlib import Path

import numpy as np
import pytest

from h2scale import config as config_lib
from h2scale.stages import scaling
from h2scale.study import sources

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "charged.py"


@pytest.fixture(scope="module")
def loaded():
    config = runpy.run_path(str(EXPERIMENT))["get_config"]("default")
    for name in list(config.arms):
        if name not in ("embedding_nuclei", "embedding_anions"):
            del config.arms[name]
    config.report.reference_arm = ""
    return sources.load(scaling.study_settings(config_lib.resolve(config)).arms)


def test_held_out_molecules_are_asked_one_electron_more_and_one_and_two_less(loaded):
    """And every charge at the geometry of its neutral molecule, of the same level."""
    changes = loaded["embedding_nuclei"].changes()
    counts = collections.Counter(change.charged.charge for change in changes)
    assert min(counts[charge] for charge in (1, -1, 2)) >= 5
    assert all(change.charged.teacher == change.neutral.teacher for change in changes)
    dearer = {charge: [one.energy_ev for one in changes if one.charged.charge == charge] for charge in counts}
    assert min(dearer[2]) > max(5.0, min(dearer[1]))


def test_charge_two_is_in_no_training_set_and_minus_one_where_an_arm_says_so(loaded):
    for name, charges in (("embedding_nuclei", {0, 1}), ("embedding_anions", {-1, 0, 1})):
        found = loaded[name]
        dataset, order = found.divided.dataset, found.orders["stretched", 0].indices
        molecular = order[dataset.n_atoms[order] > 1]
        assert set(np.unique(dataset.charge[molecular]).tolist()) == charges


def test_what_is_asked_is_of_the_test_side_alone(loaded):
    found = loaded["embedding_anions"]
    names = found.divided.dataset.molecules.values[found.divided.dataset.molecules.codes]
    trained = set(names[found.orders["stretched", 0].indices].tolist())
    assert not trained & {change.neutral.molecule for change in found.changes()}
