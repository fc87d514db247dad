"""Campaigns and datasets of an earlier version are read under their present names."""

import numpy as np
import pytest

from h2scale.data import dataset as dataset_lib
from h2scale.data import storage
from h2scale.errors import InputError
from h2scale.labels import store
from h2scale.runtime import migration
from h2scale.types import Structure

KEY = "ab" + "0" * 62


def earlier(folder):
    """A campaign's folder as an earlier version wrote it, with one finished task."""
    store.save(folder, KEY, store.Result((), [store.Failure("no geometry", "C1CC1", "none")]))
    with store.lock(folder, KEY):
        pass
    for old, new in migration.LABEL_FOLDERS.items():
        (folder / new).rename(folder / old)


def test_finished_tasks_of_an_earlier_version_are_kept(tmp_path):
    earlier(tmp_path)
    assert not store.is_finished(tmp_path, KEY)
    migration.rename_label_folders(tmp_path)
    assert store.load(tmp_path, KEY).failures[0].molecule == "C1CC1"
    assert sorted(path.name for path in tmp_path.iterdir()) == [store.LOCKS, store.TASKS]
    migration.rename_label_folders(tmp_path)  # nothing is left to rename


def test_results_under_both_names_are_refused_with_what_to_do(tmp_path):
    earlier(tmp_path)
    store.save(tmp_path, KEY, store.Result())
    with pytest.raises(InputError, match=r"holds \w+/ of an earlier version beside tasks/; end its workers, then move"):
        migration.rename_label_folders(tmp_path)


def test_a_dataset_of_an_earlier_version_has_a_manifest_of_present_names(tmp_path):
    hydrogen = Structure(
        np.array([1], np.int32), np.zeros((1, 3)), 0.0, np.zeros((1, 3)), 0, 2, "atom", "atom", "[H]", "pbe0", 0.75, ""
    )
    present = {"units": {"energy": "eV"}, "tasks_finished": 2, "tasks_planned": 3, "limits": "few"}
    earlier_names = {new: old for old, new in migration.MANIFEST_KEYS.items()}
    manifest = {earlier_names.get(key, key): value for key, value in present.items()}
    assert manifest != present
    storage.save_dataset(tmp_path / "set.h5", dataset_lib.from_structures([hydrogen], manifest))
    found = storage.load_dataset(tmp_path / "set.h5").manifest
    assert {key: found[key] for key in present} == present
    assert not found.keys() & migration.MANIFEST_KEYS.keys()
