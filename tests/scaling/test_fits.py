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
                            "l_max": 1,
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


def test_settings_that_differ_within_a_model_name_its_arms(tmp_path):
    write_replicas(tmp_path, num_sizes=1, rungs=("thermal",))
    replicas = tables.read_table(tmp_path / "replicas.csv")
    assert fits.arm_labels(replicas).tolist() == ["nequip", "nequip"]
    replicas["cutoff_angstrom"] = np.array([4.0, 5.0])
    replicas["protons_status"] = np.array(["scored", "not conditioned"])
    assert fits.arm_labels(replicas).tolist() == [
        "nequip, cutoff 4 Å, protons scored",
        "nequip, cutoff 5 Å, protons not conditioned",
    ]


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"replicas\.csv: no such table"):
        fits.write_fits(tmp_path)
