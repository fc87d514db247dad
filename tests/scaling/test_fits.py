"""fits.json follows from replicas.csv alone: every arm, rung and metric, with numbers or with a reason."""

import json

import numpy as np
import pytest

from h2scale.runtime import tables
from h2scale.scaling import fits, laws

LAW = np.array([0.01, 0.5, 0.6, 0.35, 0.45])


def write_replicas(
    folder, *, num_sizes=4, rungs=("equilibrium", "stretched"), models=("nequip",), diverged=0, **changes
):
    generator = np.random.default_rng(0)
    rows = []
    for model in models:
        for rung in rungs:
            for num_params in (2e3, 8e3, 3e4, 1e5)[:num_sizes]:
                for num_train in (30, 60, 120, 240)[:num_sizes]:
                    for seed in (0, 1):
                        error = float(laws.evaluate("sum", LAW, [num_params], [num_train])[0])
                        noise = np.exp(generator.normal(0, 0.05, 3))
                        metrics = {name: 2.0 * noise[2] for name in fits.METRICS}
                        metrics["test_energy_mae_ev_per_atom"] = error * noise[0]
                        metrics["test_force_mae_ev_per_angstrom"] = 5 * error * noise[1]
                        metrics["protons_mae_ev"] = None
                        finite = len(rows) >= diverged
                        row = dict.fromkeys(tables.REPLICA_COLUMNS) | {
                            "replica_id": f"{model}-{rung}-{num_params}-{num_train}-{seed}",
                            "model": model,
                            "arm": model,
                            "l_max": 1,
                            "num_features": num_params,
                            "cutoff_angstrom": 5.0,
                            "teacher": "pbe0/def2-svp",
                            "rung": rung,
                            "num_params": num_params,
                            "num_train": num_train,
                            "seed": seed,
                            "finite": finite,
                            "protons_status": "not conditioned",
                        }
                        rows.append(row | (metrics if finite else {}) | changes)
    tables.append_rows(folder / "replicas.csv", tables.REPLICA_COLUMNS, rows)


def fitted(folder):
    fits.write_fits(folder, num_bootstrap=100)
    return json.loads((folder / "fits.json").read_text())


def test_a_falling_metric_and_a_flat_one_are_told_apart(tmp_path):
    write_replicas(tmp_path)
    records = {(record["rung"], record["metric"]): record for record in fitted(tmp_path)["fits"]}
    falling = records["equilibrium", "test_energy_mae_ev_per_atom"]
    flat = records["equilibrium", "h2_mae_ev"]
    assert falling["slopes"]["num_train"]["direction"] == "falls"
    assert falling["joint"]["beta"]["low"] > 0.2
    assert falling["num_points"] == 32
    for name in ("num_params", "num_train"):
        assert flat["slopes"][name]["low"] < 0 < flat["slopes"][name]["high"]
        assert abs(flat["slopes"][name]["estimate"]) < 0.05


def test_every_arm_rung_and_metric_has_its_record(tmp_path):
    write_replicas(tmp_path, models=("nequip", "schnet"))
    study = fitted(tmp_path)
    keys = [(record["arm"], record["rung"], record["metric"]) for record in study["fits"]]
    assert len(keys) == len(set(keys)) == 2 * 2 * (len(fits.METRICS) - 1)  # these models have no proton curve
    assert len(study["rank_correlations"]) == 2 * 2 * sum(name.startswith("h2_") for name in fits.METRICS)


def test_bands_lie_on_the_joint_law_within_the_data(tmp_path):
    write_replicas(tmp_path, rungs=("thermal",))
    record = fitted(tmp_path)["fits"][0]
    band = record["bands"]["num_params"]
    assert (band["x"][0], band["x"][-1], band["fixed"]) == (pytest.approx(2e3), pytest.approx(1e5), 240)
    law = [record["joint"][name]["estimate"] for name in ("E", "A", "B", "alpha", "beta")]
    np.testing.assert_allclose(
        band["fit"], laws.evaluate("sum", np.array(law), np.array(band["x"]), np.full(24, 240.0)), rtol=1e-4
    )
    assert np.all(np.array(band["low"]) <= np.array(band["high"]))


def test_diverged_replicas_are_counted(tmp_path):
    write_replicas(tmp_path, rungs=("thermal",), diverged=3)
    record = fitted(tmp_path)["fits"][0]
    assert (record["num_points"], record["num_excluded"]) == (29, 3)


@pytest.mark.parametrize("change", [{"num_sizes": 1}, {"num_sizes": 2}, {"diverged": 99}])
def test_a_small_or_dead_run_has_reasons_instead_of_numbers(tmp_path, change):
    write_replicas(tmp_path, rungs=("thermal",), **change)
    for record in fitted(tmp_path)["fits"]:
        assert "distinct values" in record["joint"]["reason"] or "points for" in record["joint"]["reason"]
        assert record["joint"]["alpha"] == {"estimate": None, "low": None, "high": None}
        assert record["slopes"]["reason"]
        assert record["slopes"]["num_params"]["estimate"] is None
        assert record["bands"] is None
        assert record["best_form"] is None


def test_an_empty_table_gives_an_empty_study(tmp_path):
    tables.append_rows(tmp_path / "replicas.csv", tables.REPLICA_COLUMNS, [])
    study = fitted(tmp_path)
    assert study["fits"] == study["rank_correlations"] == []


def labelled(folder, **columns):
    """Arm labels of a table of as many replicas as the columns have values, alike but for these."""
    number = len(next(iter(columns.values())))
    write_replicas(folder, num_sizes=1, rungs=("thermal",))
    one = tables.select(tables.read_table(folder / "replicas.csv"), np.array([0]))
    replicas = {name: np.repeat(values, number) for name, values in one.items()}
    return fits.arm_labels(replicas | {name: np.array(values) for name, values in columns.items()}).tolist()


def test_settings_in_which_an_arm_differs_from_the_first_of_its_model_name_it(tmp_path):
    assert labelled(tmp_path, seed=[0, 1]) == ["nequip", "nequip"]
    assert labelled(
        tmp_path, cutoff_angstrom=[5.0, 4.0, 5.0], protons_status=["not conditioned", "scored", "not conditioned"]
    ) == ["nequip", "nequip, cutoff 4 Å, protons scored", "nequip"]


def test_switches_of_data_and_training_name_an_arm(tmp_path):
    assert labelled(
        tmp_path,
        include_isolated_atoms=[0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        include_hydrogen_pairs=[0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        pinned_share=[0.02, 0.02, 0.02, 0.1, 0.02, 0.02],
        energy_weight=[10.0, 10.0, 10.0, 10.0, 3.0, 10.0],
        prior=["none", "none", "none", "none", "none", "zbl"],
    ) == [
        "nequip",
        "nequip, isolated atoms trained on: 1",
        "nequip, hydrogen pairs: 1",
        "nequip, pinned share 0.1",
        "nequip, energy weight 3",
        "nequip, prior zbl",
    ]


def test_models_are_told_apart_by_their_name_alone(tmp_path):
    assert labelled(tmp_path, model=["nequip", "schnet"], l_max=[1.0, 0.0], cutoff_angstrom=[5.0, 6.0]) == [
        "nequip",
        "schnet",
    ]


def test_rates_and_lengths_name_an_arm_only_where_nothing_else_differs(tmp_path):
    """Tuned ones go with size and rung: naming them would make an arm of every size."""
    tuned = {"num_features": [8.0, 16.0], "learning_rate": [0.01, 0.02], "steps": [4000.0, 2000.0]}
    assert labelled(tmp_path, **tuned) == ["nequip", "nequip"]
    assert labelled(tmp_path, **(tuned | {"num_features": [8.0, 8.0], "steps": [4000.0, 4000.0]})) == [
        "nequip",
        "nequip, rate 0.02",
    ]
    assert labelled(tmp_path, steps=[4000.0, 2000.0]) == ["nequip", "nequip, 2000 steps"]


def test_arms_that_no_column_tells_apart_have_their_own_names(tmp_path):
    assert labelled(tmp_path, arm=["first", "second"]) == ["nequip", "nequip, second"]


def test_arms_that_differ_in_many_settings_go_by_their_names(tmp_path):
    columns = {"arm": ["a", "b", "b", "c"], "prior": ["none", "zbl", "zbl", "none"], "l_max": [1.0, 2.0, 2.0, 1.0]}
    assert labelled(tmp_path, **columns, seed=[0, 0, 1, 0]) == ["nequip, a", "nequip, b", "nequip, b", "nequip, c"]
    two_in_one = columns | {"arm": ["a", "b", "b", "b"]}
    assert labelled(tmp_path, **two_in_one, seed=[0, 0, 1, 1])[1] == "nequip, prior zbl, l_max 2"


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"replicas\.csv: no such table"):
        fits.write_fits(tmp_path)
