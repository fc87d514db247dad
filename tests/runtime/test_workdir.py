"""A workdir belongs to one run: same settings continue it, others are refused and change nothing."""

import json
import os

import pytest

from h2scale.errors import InputError
from h2scale.runtime import workdir

SETTINGS = {"model.cutoff": 5.0, "grid.seeds": [0, 1], "devices.cpu_devices": 0}


def test_new_workdir_starts_with_config_and_environment(tmp_path):
    path = workdir.open_workdir(str(tmp_path / "run"), SETTINGS)
    assert json.loads((path / "config.json").read_text()) == SETTINGS
    environment = json.loads((path / "environment.json").read_text())
    assert environment["packages"]["jax"]
    assert environment["devices"]
    assert workdir.finished_replicas(path) == set()


def test_same_settings_continue_and_speed_settings_may_change(tmp_path):
    workdir.open_workdir(str(tmp_path), SETTINGS)
    workdir.open_workdir(str(tmp_path), SETTINGS | {"devices.cpu_devices": 4})
    assert json.loads((tmp_path / "config.json").read_text()) == SETTINGS


def test_other_settings_are_refused_by_name_and_nothing_changes(tmp_path):
    workdir.open_workdir(str(tmp_path), SETTINGS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"config\.model\.cutoff=5\.0, this one has 7\.0"):
        workdir.open_workdir(str(tmp_path), SETTINGS | {"model.cutoff": 7.0})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"is not empty and holds no config\.json"):
        workdir.open_workdir(str(tmp_path), SETTINGS)


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    target = tmp_path / "run"
    target.write_text("a file")
    with pytest.raises(InputError, match="cannot be used"):
        workdir.open_workdir(str(target), SETTINGS)


def test_damaged_config_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="is not readable as JSON"):
        workdir.open_workdir(str(tmp_path), SETTINGS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be"):
        workdir.open_workdir(str(tmp_path), SETTINGS)


def test_unwritable_folder_is_refused_even_for_root():
    with pytest.raises(InputError, match="--workdir=/proc/h2scale cannot be used"):
        workdir.open_workdir("/proc/h2scale", SETTINGS)


def test_a_setting_that_this_version_lacks_is_refused_with_what_to_do(tmp_path):
    workdir.open_workdir(str(tmp_path), SETTINGS | {"model.aether": 1.0})
    with pytest.raises(InputError, match=r"config\.model\.aether, .* with the version in its environment\.json"):
        workdir.open_workdir(str(tmp_path), SETTINGS)


def test_other_data_under_the_same_name_are_refused_and_nothing_changes(tmp_path):
    facts = {"nequip": {"level": "pbe0/def2-svp", "num_structures": 13532, "checksum_sha256": "ab"}}
    workdir.open_workdir(str(tmp_path), SETTINGS, facts)
    workdir.open_workdir(str(tmp_path), SETTINGS, facts)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = {"nequip": {**facts["nequip"], "num_structures": 15508, "checksum_sha256": "cd"}}
    with pytest.raises(InputError, match="other data: arm nequip had num_structures=13532, this one has 15508"):
        workdir.open_workdir(str(tmp_path), SETTINGS, other)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_setting_newer_than_the_run_counts_as_its_default(tmp_path):
    workdir.open_workdir(str(tmp_path), SETTINGS)
    workdir.open_workdir(str(tmp_path), SETTINGS | {"train.ema_decay": 0.99})
    with pytest.raises(InputError, match=r"config\.train\.ema_decay=0\.99, this one has 0\.9;"):
        workdir.open_workdir(str(tmp_path), SETTINGS | {"train.ema_decay": 0.9})
