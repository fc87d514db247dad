"""Training of this project's model and its peers on one split: what is exported, read back and written.

The peers themselves are not installed here; an interpreter that answers in their place stands for them.
"""

import argparse
import csv
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from h2scale.runtime import tables

ROOT = Path(__file__).parent.parent
SHIFT_EV = 0.25
MACE_LOG = """\
2026-11-28 22:01:02.500 INFO: Started training, reporting errors on validation set
2026-11-28 22:01:03.000 INFO: Initial: head: Default, loss=  5.1
2026-11-28 22:01:09.000 INFO: Epoch 0: head: Default, loss=  2.2
2026-11-28 22:01:13.000 INFO: Epoch 1: head: Default, loss=  1.7
2026-11-28 22:01:17.250 INFO: Epoch 2: head: Default, loss=  1.3
2026-11-28 22:01:17.300 INFO: Training complete
"""


@pytest.fixture(autouse=True)
def scripts_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks" / "peers")


@pytest.fixture
def arguments(tmp_path):
    return argparse.Namespace(
        folder=tmp_path,
        rung="stretched",
        num_train=20,
        size="smoke",
        steps=0,
        times="1",
        seconds=30.0,
        num_validation=5,
    )


@pytest.fixture
def config(arguments, monkeypatch):
    """Settings of the comparison, on the tests' few labels."""
    import compare

    from h2scale import config as config_lib

    made = compare.our_config
    few = {"data": {"dataset": str(ROOT / "tests" / "population_set.h5"), "max_held_out": 12}}

    def on_few_labels(arguments):
        config = config_lib.ConfigDict(made(arguments).to_dict())
        config.update(few)
        return config_lib.resolve(config)

    monkeypatch.setattr(compare, "our_config", on_few_labels)
    return on_few_labels(arguments)


@pytest.fixture
def split(config):
    import split as split_lib

    from h2scale.stages import scaling

    return split_lib.of_study(scaling.study_settings(config), num_validation=5)


def stand_in(path, body):
    """An interpreter that runs `body` on SPLIT and PREDICTIONS whatever script it is given."""
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT / 'benchmarks' / 'peers')!r})\n"
        "import numpy as np\nimport structures\n"
        "test = structures.read(f'{sys.argv[2]}/test.extxyz')\n"
        "energies = np.array([one.info[structures.ENERGY] for one in test])\n"
        "forces = np.concatenate([one.arrays[structures.FORCES] for one in test])\n" + textwrap.dedent(body)
    )
    path.chmod(0o755)
    return path


def test_exported_split_is_the_studys(split, tmp_path):
    import split as split_lib
    import structures

    split_lib.write(split, tmp_path)
    dataset, molecule = split.divided.dataset, split.divided.molecule
    for side, count in (("train", 20), ("validation", 5), ("test", 12)):
        read, indices = structures.read(tmp_path / f"{side}.extxyz"), getattr(split, side)
        assert len(read) == len(indices) == count
        energies = np.array([one.info[structures.ENERGY] for one in read])
        np.testing.assert_allclose(energies, dataset.energy[indices], atol=1e-7)
        for one, index in zip(read, indices, strict=True):
            np.testing.assert_array_equal(one.numbers, dataset[index].atomic_numbers)
            np.testing.assert_allclose(one.positions, dataset[index].positions, atol=1e-7)
            np.testing.assert_allclose(one.arrays[structures.FORCES], dataset[index].forces, atol=1e-7)
    held_out = np.concatenate([split.validation, split.test])
    assert not set(molecule[split.train]) & set(molecule[held_out])
    assert not set(molecule[split.validation]) & set(molecule[split.test])


def test_structures_to_be_predicted_carry_no_label(split, tmp_path):
    import split as split_lib
    import structures

    split_lib.write(split, tmp_path)
    for one in structures.unlabelled(structures.read(tmp_path / "test.extxyz")):
        assert not one.info
        assert set(one.arrays) == {"numbers", "positions"}
        assert one.calc is None


def test_table_has_a_row_a_model_with_its_errors_or_the_reason(arguments, config, tmp_path, monkeypatch):
    import compare

    def trained(config, folder):
        Path(folder).mkdir()
        row = dict.fromkeys(tables.REPLICA_COLUMNS, 0.5) | {"replica_id": "one", "steps": 100, "num_params": 7}
        tables.append_rows(Path(folder) / "replicas.csv", tables.REPLICA_COLUMNS, [row])

    monkeypatch.setattr(compare.runner, "run", trained)
    save = "structures.save(sys.argv[3], structures.Predictions({energies}, forces, 9, 11, float(sys.argv[4])))\n"
    pythons = {
        "nequip": stand_in(tmp_path / "shifted", save.format(energies=f"energies + {SHIFT_EV}")),
        "mlip": stand_in(tmp_path / "short", save.format(energies="energies[1:]")),
        "mace": stand_in(tmp_path / "failing", "raise MemoryError('there is no room')\n"),
    }
    compare.compare(arguments, pythons)
    with (tmp_path / "peers.csv").open() as file:
        ours, nequip, mlip, mace = csv.DictReader(file)
    assert (ours["model"], ours["seconds"], float(ours["test_energy_mae_mev_per_atom"])) == ("h2scale", "0.5", 500.0)
    assert float(nequip["test_energy_mae_ev"]) == pytest.approx(SHIFT_EV, abs=1e-6)
    assert float(nequip["test_force_mae_ev_per_angstrom"]) < 1e-6
    assert (nequip["seconds"], nequip["steps"], nequip["num_params"], nequip["reason"]) == ("30", "11", "9", "")
    assert "must hold energies and forces of shapes" in mlip["reason"]
    assert mace["reason"] == "MemoryError: there is no room"
    assert mlip["test_energy_mae_ev"] == mace["test_energy_mae_ev"] == ""


def test_predictions_that_are_there_are_not_made_again(arguments, split, tmp_path):
    import compare
    import split as split_lib

    split_lib.write(split, tmp_path / "split")
    save = "structures.save(sys.argv[3], structures.Predictions(energies, forces, 9, 11, 30.0))\n"
    first = compare.peer_row("mace", stand_in(tmp_path / "once", save), split, tmp_path, 30.0)
    again = compare.peer_row("mace", tmp_path / "no interpreter", split, tmp_path, 30.0)
    assert first["steps"] == again["steps"] == 11
    with pytest.raises(FileNotFoundError):
        compare.peer_row("mace", tmp_path / "no interpreter", split, tmp_path, 60.0)


def test_length_of_maces_training_is_read_off_its_log():
    import mace_peer

    assert mace_peer.training_seconds(MACE_LOG) == pytest.approx(14.8)
    assert mace_peer.num_epochs(MACE_LOG, 425.0) == 100
    assert mace_peer.num_epochs(MACE_LOG, 1.0) == 4


@pytest.mark.parametrize(("seconds", "told"), [(47.6, "'00:00:00:48'"), (93_784.0, "'01:02:03:04'")])
def test_nequip_is_told_its_time_in_days_hours_minutes_and_seconds(seconds, told):
    import nequip_peer

    assert f"max_time={told}" in nequip_peer.training_command(Path("split"), 32, seconds)
