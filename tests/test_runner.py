"""From settings to report: a run is complete, resumes, repeats itself, and refuses what cannot be."""

import csv
import json
import re

import numpy as np
import pytest

import h2scale
from h2scale import config as config_lib
from h2scale import data, runner
from h2scale.data import partition, splits, storage
from h2scale.errors import InputError
from h2scale.runtime import tables
from h2scale.stages import scaling


def tiny(**settings):
    """Four replicas of one program: two rungs, two seeds."""
    config = config_lib.default()
    config.experiment, config.size = "tiny", "smoke"
    config.grid.update({"num_features": (2,), "num_train": (8,), "rungs": ("equilibrium", "stretched")})
    config.model.update({"num_layers": 1, "num_radial": 4, "cutoff": 4.0})
    config.train.update({"steps": 20, "steps_per_call": 5, "structures_per_batch": 4})
    config.eval.every = 10
    config.data.max_held_out = 40
    config.checkpoint.every = 10
    config.report.num_bootstrap = 100
    config.devices.compile_cache = False
    for key, value in settings.items():
        section, name = key.split("__")
        config[section][name] = value
    return config_lib.resolve(config)


@pytest.fixture
def without_report(monkeypatch):
    """Leaves out fits and figures, which take longer than the training of these tiny studies."""
    monkeypatch.setattr(scaling, "_report", lambda path, num_bootstrap: path / "report.html")


class Stop(BaseException):
    """Stands for a kill: nothing below the test catches it."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "workdir"
    snapshots = []
    runner.run(tiny(), str(folder), watch=snapshots.append)
    return folder, snapshots


def rows_without_times(path):
    with path.open() as file:
        return [{name: text for name, text in row.items() if name != "train_seconds"} for row in csv.DictReader(file)]


def test_run_leaves_every_file_of_the_design(finished):
    folder, _ = finished
    tables_written = ("replicas.csv", "errors.csv", "curves.csv", "history.csv")
    for name in ("config.json", "environment.json", "fits.json", *tables_written):
        assert (folder / name).stat().st_size > 0
    assert "</html>" in (folder / "report.html").read_text()
    assert list((folder / "figures").glob("*.png"))
    assert list((folder / "figures").glob("*.svg"))
    with (folder / "replicas.csv").open() as file:
        assert tuple(next(csv.reader(file))) == tables.REPLICA_COLUMNS
    with (folder / "curves.csv").open() as file:
        assert tuple(next(csv.reader(file))) == tables.CURVE_COLUMNS
    with (folder / "errors.csv").open() as file:
        assert tuple(next(csv.reader(file))) == tables.ERROR_COLUMNS


def test_widths_that_share_a_program_give_the_study_of_widths_that_do_not(tmp_path, without_report):
    """The same replicas in the same order, each as large as it is, and the same numbers but for rounding."""
    tables_of = {}
    for spread in (1.0, 2.0):
        folder = tmp_path / str(spread)
        config = tiny(grid__num_features=(2, 4), grid__width_spread=spread, grid__rungs=("equilibrium",))
        runner.run(config, str(folder))
        assert len(list((folder / "checkpoints").iterdir())) == (2 if spread == 1 else 1)
        tables_of[spread] = [tables.read_table(folder / name) for name in ("replicas.csv", "curves.csv")]
    (apart, apart_curves), (shared, shared_curves) = tables_of[1.0], tables_of[2.0]
    for name in ("replica_id", "num_features", "num_params", "num_train", "seed", "train_flops"):
        np.testing.assert_array_equal(shared[name], apart[name], err_msg=name)
    for name in ("test_energy_mae_ev_per_atom", "test_force_mae_ev_per_angstrom", "h2_mae_ev"):
        np.testing.assert_allclose(shared[name], apart[name], rtol=1e-4, err_msg=name)
    np.testing.assert_array_equal(shared_curves["replica_id"], apart_curves["replica_id"])
    np.testing.assert_allclose(shared_curves["energy_ev"], apart_curves["energy_ev"], atol=1e-3)


def test_tables_agree_with_each_other(finished):
    folder, snapshots = finished
    replicas, curves = tables.read_table(folder / "replicas.csv"), tables.read_table(folder / "curves.csv")
    history = tables.read_table(folder / "history.csv")
    assert len(replicas["replica_id"]) == 4
    assert replicas["finite"].all()
    assert set(replicas["protons_status"]) == {"not conditioned"}
    assert np.isnan(replicas["protons_mae_ev"]).all()
    assert set(curves["system"]) == {"h2"}
    for name, expected in zip(replicas["replica_id"], replicas["h2_mae_ev"], strict=True):
        curve = tables.select(curves, curves["replica_id"] == name)
        assert len(curve["distance_angstrom"]) == 128
        np.testing.assert_allclose(np.abs(curve["energy_ev"] - curve["exact_ev"]).mean(), expected, rtol=1e-12)
        assert (history["step"][history["replica_id"] == name] == [10, 20]).all()
    assert set(replicas["kept_step"].tolist()) <= {10, 20}
    assert [snapshot.observation.step for snapshot in snapshots] == [10, 20]


def test_loaded_replica_gives_the_energies_of_the_table(finished):
    folder, _ = finished
    curves = tables.read_table(folder / "curves.csv")
    name = "nequip-f2-stretched-n8-lr0.02-s1"
    replica = h2scale.load_replica(folder, name)
    table = tables.read_table(folder / "replicas.csv")
    assert replica.num_params == table["num_params"][table["replica_id"] == name][0]
    curve = tables.select(curves, curves["replica_id"] == name)
    for distance, energy in list(zip(curve["distance_angstrom"], curve["energy_ev"], strict=True))[::25]:
        positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]])
        assert abs(replica.energy([1, 1], positions) - energy) < 1e-10
        assert replica.forces([1, 1], positions).shape == (2, 3)


@pytest.fixture(scope="module")
def by_hand(finished):
    """Test structures of the division by itself, with errors of one loaded replica's energies and forces."""
    name = "nequip-f2-equilibrium-n8-lr0.02-s1"
    replica = h2scale.load_replica(finished[0], name)
    dataset = data.load_dataset("pbe0_def2svp")
    divided = partition.divide(dataset, splits.SplitSettings(max_held_out=40))
    found = []
    for side in ("test", "unseen"):
        for index in divided.held_out("equilibrium", side).tolist():
            structure = dataset[index]
            error = replica.energy(structure.atomic_numbers, structure.positions) - structure.energy
            forces = replica.forces(structure.atomic_numbers, structure.positions) - structure.forces
            found.append((side, structure, abs(error), np.abs(forces).mean()))
    return name, found


def mean_over_molecules(found, value):
    """Mean over molecules of the mean over structures, in plain Python."""
    of_molecule = {}
    for _, structure, *errors in found:
        of_molecule.setdefault(str(structure.molecule), []).append(value(structure, *errors))
    return np.mean([np.mean(own) for own in of_molecule.values()])


def assert_errors_of_the_table(row, found):
    """A row of errors.csv against errors of the same structures."""
    assert (row["num_structures"], row["num_molecules"]) == (
        len(found),
        len({str(one.molecule) for _, one, *_ in found}),
    )
    expected = {
        "energy_mae_ev": lambda structure, energy, force: energy,
        "energy_mae_ev_per_atom": lambda structure, energy, force: energy / len(structure.atomic_numbers),
        "force_mae_ev_per_angstrom": lambda structure, energy, force: force,
        "zero_energy_mae_ev": lambda structure, energy, force: abs(structure.energy),
        "zero_force_mae_ev_per_angstrom": lambda structure, energy, force: np.abs(structure.forces).mean(),
    }
    for column, value in expected.items():
        # Float32 on the device, float64 here.
        np.testing.assert_allclose(row[column], mean_over_molecules(found, value), rtol=2e-4, err_msg=column)


def rows_of(table, **values):
    chosen = np.logical_and.reduce([table[name] == value for name, value in values.items()])
    return [{name: column[place] for name, column in table.items()} for place in np.flatnonzero(chosen)]


def test_errors_of_a_replica_are_those_of_its_energies_and_forces(finished, by_hand):
    name, found = by_hand
    errors, replicas = (tables.read_table(finished[0] / file) for file in ("errors.csv", "replicas.csv"))
    for side in ("test", "unseen"):
        own = [one for one in found if one[0] == side]
        (row,) = rows_of(errors, replica_id=name, side=side, regime="all")
        assert_errors_of_the_table(row, own)
    (row,) = rows_of(errors, replica_id=name, side="test", regime="equilibrium")
    assert_errors_of_the_table(row, [one for one in found if one[0] == "test" and one[1].regime == "equilibrium"])
    (replica,), (test,), (unseen,) = (
        rows_of(replicas, replica_id=name),
        rows_of(errors, replica_id=name, side="test", regime="all"),
        rows_of(errors, replica_id=name, side="unseen", regime="all"),
    )
    for column in ("energy_mae_ev", "energy_mae_ev_per_atom", "force_mae_ev_per_angstrom", "energy_median_ae_ev"):
        assert replica[f"test_{column}"] == test[column]
    for column in ("zero_energy_mae_ev", "ridge_energy_mae_ev"):
        assert replica[column.replace("energy", "test_energy")] == test[column]
    assert replica["unseen_energy_mae_ev"] == unseen["energy_mae_ev"]
    assert test["ridge_energy_mae_ev"] < test["zero_energy_mae_ev"]


def test_errors_of_another_replica_or_with_the_unseen_are_caught(finished, by_hand):
    """The control: the comparison tells replicas and sides apart."""
    name, found = by_hand
    errors = tables.read_table(finished[0] / "errors.csv")
    own = [one for one in found if one[0] == "test"]
    (other,) = rows_of(errors, replica_id=name.replace("s1", "s0"), side="test", regime="all")
    with pytest.raises(AssertionError, match="energy_mae_ev"):
        assert_errors_of_the_table(other, own)
    (row,) = rows_of(errors, replica_id=name, side="test", regime="all")
    with pytest.raises(AssertionError):
        assert_errors_of_the_table(row, found)


def test_unknown_replica_is_refused_with_a_list(finished):
    with pytest.raises(ValueError, match=r"has no checkpoint of the replica 'nobody'; replicas there: nequip-f2-"):
        h2scale.load_replica(finished[0], "nobody")


def test_charge_for_a_replica_without_charge_is_refused(finished):
    replica = h2scale.load_replica(finished[0], "nequip-f2-stretched-n8-lr0.02-s1")
    with pytest.raises(ValueError, match="takes no charge"):
        replica.energy([1, 1], np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), charge=2)


def test_finished_run_trains_nothing_again(finished, capsys, without_report):
    folder, _ = finished
    before = (folder / "replicas.csv").read_bytes(), (folder / "curves.csv").read_bytes()
    runner.run(tiny(), str(folder))
    assert ((folder / "replicas.csv").read_bytes(), (folder / "curves.csv").read_bytes()) == before
    assert "Nothing was left to train" in capsys.readouterr().out


def test_interrupted_run_continues_to_the_same_tables(finished, tmp_path, without_report):
    folder, _ = finished

    def stop_after_first_checkpoint(snapshot):
        if snapshot.observation.step == 10:
            raise Stop

    with pytest.raises(Stop):
        runner.run(tiny(), str(tmp_path / "run"), watch=stop_after_first_checkpoint)
    assert not (tmp_path / "run" / "replicas.csv").exists()
    continued = []
    runner.run(tiny(), str(tmp_path / "run"), watch=continued.append)
    assert [snapshot.observation.step for snapshot in continued] == [20]
    for name in ("replicas.csv", "errors.csv", "curves.csv", "history.csv"):
        assert rows_without_times(tmp_path / "run" / name) == rows_without_times(folder / name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model__cutoff": -1.0}, "model.cutoff must be positive, in angstrom; got -1.0."),
        ({"model__l_max": 7}, "model.l_max must be an integer from 0 to 3; got 7."),
        ({"grid__rungs": ("equilibrum",)}, "must be one of equilibrium, thermal, stretched, h2; got 'equilibrum'."),
        ({"grid__num_train": (10**6,)}, "got 1000000."),
        ({"data__dataset": "nothing"}, "nothing"),
    ],
)
def test_impossible_input_is_refused_in_one_line_and_writes_nothing(settings, message, tmp_path):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        runner.run(tiny(**settings), str(tmp_path / "run"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_truncated_dataset_is_refused_by_name(tmp_path):
    shipped = storage.dataset_path("pbe0_def2svp")
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(shipped.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"damaged\.h5"):
        runner.run(tiny(data__dataset=str(damaged)), str(tmp_path / "run"))


def test_workdir_of_another_config_is_refused_by_key(finished):
    with pytest.raises(InputError, match=r"config\.model\.cutoff=4\.0, this one has 4\.5"):
        runner.run(tiny(model__cutoff=4.5), str(finished[0]))


def test_config_json_is_the_resolved_config(finished):
    assert json.loads((finished[0] / "config.json").read_text())["grid.num_train"] == [8]


@pytest.fixture
def hydrogen(finished):
    ase = pytest.importorskip("ase")
    from h2scale.evaluation.calculator import H2ScaleCalculator

    atoms = ase.Atoms("H2", positions=[[0.0, 0.0, 0.0], [0.0, 0.0, 0.8]])
    atoms.calc = H2ScaleCalculator(finished[0], "nequip-f2-stretched-n8-lr0.02-s1")
    return atoms


def test_calculator_gives_the_replicas_energy_and_its_gradient(hydrogen):
    energy, forces = hydrogen.get_potential_energy(), hydrogen.get_forces()
    assert energy == hydrogen.calc.replica.energy(hydrogen.numbers, hydrogen.positions)
    step_angstrom = 1e-5
    values = []
    for shift in (step_angstrom, -step_angstrom):
        moved = hydrogen.copy()
        moved.positions[1, 2] += shift
        moved.calc = hydrogen.calc
        values.append(moved.get_potential_energy())
    # Central differences in float64: truncation of order step^2.
    np.testing.assert_allclose(forces[1, 2], -(values[0] - values[1]) / (2 * step_angstrom), rtol=1e-6, atol=1e-8)


def test_calculator_does_not_answer_a_changed_charge_from_its_cache(hydrogen):
    hydrogen.get_potential_energy()
    hydrogen.info["charge"] = 2
    with pytest.raises(ValueError, match="takes no charge"):
        hydrogen.get_potential_energy()


def test_calculator_refuses_periodic_structures(hydrogen):
    hydrogen.set_cell([5, 5, 5])
    hydrogen.pbc = True
    with pytest.raises(NotImplementedError, match="molecules only"):
        hydrogen.get_potential_energy()
