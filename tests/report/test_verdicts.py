"""A verdict follows from the tables by its stated rule, and what was not measured is not judged."""

import numpy as np
import pytest
import synthetic

from h2scale.report import summary, verdicts
from h2scale.scaling import fits


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = synthetic.write_workdir(tmp_path_factory.mktemp("verdicts"), num_diverged=2)
    fits.write_fits(folder, num_bootstrap=0)
    return summary.load_run(folder)


def changed(run, arm, rung, **columns):
    """The run with other values in some columns of one arm and rung, and its slopes made known."""
    rows = (run.arms == arm) & (run.replicas["rung"] == rung)
    replicas = {name: np.array(values) for name, values in run.replicas.items()}
    for name, values in columns.items():
        replicas[name][rows] = values
    return run._replace(replicas=replicas)


def with_slopes(run, arm, rung, metric, direction, reason="", with_data="no trend"):
    records = [dict(record) for record in run.fits["fits"]]
    for record in records:
        if (record["arm"], record["rung"], record["metric"]) == (arm, rung, metric):
            slope = {"estimate": 0.0, "low": -1.0, "high": 1.0, "p_value": 1.0, "direction": direction}
            record["slopes"] = {"reason": reason, "num_params": slope, "num_train": slope | {"direction": with_data}}
    return run._replace(fits=run.fits | {"fits": records})


def test_every_claim_is_judged_for_every_arm(run):
    judged = verdicts.judge(run)
    assert [one.arm for one in judged] == ["nequip", "schnet"] * 3
    for one in judged:
        assert one.verdict in (verdicts.CONFIRMED, verdicts.REFUTED, verdicts.NOT_TESTED)
        assert one.finding.endswith(".")
        assert one.rule


@pytest.mark.parametrize(
    ("level", "direction", "verdict"),
    [
        (3.0, "no trend", verdicts.CONFIRMED),
        (3.0, "rises", verdicts.CONFIRMED),
        (3.0, "falls", verdicts.REFUTED),
        (0.9, "no trend", verdicts.REFUTED),
        (0.9, "unknown", verdicts.REFUTED),
        (3.0, "unknown", verdicts.NOT_TESTED),
    ],
)
def test_equilibrium_failure_needs_a_high_level_and_no_fall(run, level, direction, verdict):
    other = changed(run, "nequip", "equilibrium", h2_mae_ev=level)
    other = with_slopes(other, "nequip", "equilibrium", "h2_mae_ev", direction)
    assert verdicts.equilibrium_fails(other, "nequip").verdict == verdict


def test_one_good_cell_refutes_that_every_cell_fails(run):
    rows = (run.arms == "nequip") & (run.replicas["rung"] == "equilibrium")
    levels = np.where(run.replicas["num_train"][rows] == 240, 0.4, 3.0)
    other = with_slopes(
        changed(run, "nequip", "equilibrium", h2_mae_ev=levels), "nequip", "equilibrium", "h2_mae_ev", "no trend"
    )
    one = verdicts.equilibrium_fails(other, "nequip")
    assert one.verdict == verdicts.REFUTED
    assert "reaches 0.40 eV" in one.finding


@pytest.mark.parametrize(
    ("columns", "verdict"),
    [
        ({}, verdicts.CONFIRMED),
        ({"h2_num_minima": 2}, verdicts.REFUTED),
        ({"h2_wall_is_repulsive": 0}, verdicts.REFUTED),
        ({"h2_well_depth_ev": 4.1}, verdicts.REFUTED),
        ({"h2_well_depth_ev": np.nan, "h2_num_minima": np.nan, "h2_wall_is_repulsive": np.nan}, verdicts.REFUTED),
    ],
    ids=["right", "two minima", "soft wall", "shallow", "diverged"],
)
def test_the_shape_needs_one_minimum_a_wall_and_the_depth(run, columns, verdict):
    right = {"h2_num_minima": 1, "h2_wall_is_repulsive": 1, "h2_well_depth_ev": 4.6}
    one = verdicts.stretched_shape(changed(run, "nequip", "stretched", **(right | columns)), "nequip")
    assert one.verdict == verdict


def test_the_shape_is_judged_at_the_largest_training_set_only(run):
    rows = (run.arms == "nequip") & (run.replicas["rung"] == "stretched")
    minima = np.where(run.replicas["num_train"][rows] == 240, 1, 3)
    other = changed(run, "nequip", "stretched", h2_num_minima=minima, h2_wall_is_repulsive=1, h2_well_depth_ev=4.7)
    assert verdicts.stretched_shape(other, "nequip").numbers[0].startswith("share roughly right: 8 of 8")


def test_two_protons_are_judged_only_where_they_were_scored(run):
    assert verdicts.two_protons(run, "nequip").verdict == verdicts.NOT_TESTED
    assert "no charge input" in verdicts.two_protons(run, "nequip").finding
    assert verdicts.two_protons(run, "schnet").verdict == verdicts.CONFIRMED
    errors = np.full(32, 5.0)
    errors[3] = 0.3
    one = verdicts.two_protons(changed(run, "schnet", "thermal", protons_mae_ev=errors), "schnet")
    assert one.verdict == verdicts.REFUTED
    assert one.finding.startswith("1 of 96 replicas")


def test_a_missing_rung_is_not_tested_with_the_reason(tmp_path):
    folder = synthetic.write_workdir(tmp_path, models=("nequip",), rungs=("thermal",), num_seeds=1, num_diverged=0)
    fits.write_fits(folder, num_bootstrap=50)
    small = summary.load_run(folder)
    assert "no replica was trained on rung equilibrium" in verdicts.equilibrium_fails(small, "nequip").finding
    assert "no replica was trained on rung stretched" in verdicts.stretched_shape(small, "nequip").finding


def test_too_few_sizes_are_not_tested_with_the_reason(tmp_path):
    folder = synthetic.write_workdir(tmp_path, models=("nequip",), num_sizes=2, num_data=2, num_seeds=1, num_diverged=0)
    fits.write_fits(folder, num_bootstrap=50)
    small = summary.load_run(folder)
    one = verdicts.equilibrium_fails(small, "nequip")
    assert one.verdict == verdicts.NOT_TESTED
    assert "2 distinct values of N" in one.finding
    assert verdicts.stretched_shape(small, "nequip").verdict == verdicts.NOT_TESTED
    assert "too small to tell a trend" in verdicts.headline(small, "nequip")


@pytest.mark.parametrize(
    ("inside", "outside", "words"),
    [
        ("falls", "no trend", "a larger model lowers the in-distribution error but not the H₂ error"),
        ("falls", "falls", "scale lowers both the in-distribution error and the H₂ error"),
        ("falls", "rises", "scale lowers the in-distribution error and raises the H₂ error"),
        ("no trend", "no trend", "scale lowers neither the in-distribution error nor the H₂ error"),
    ],
)
def test_the_headline_says_what_the_slopes_say(run, inside, outside, words):
    other = with_slopes(run, "nequip", "equilibrium", "test_energy_mae_ev_per_atom", inside)
    other = with_slopes(other, "nequip", "equilibrium", "h2_mae_ev", outside)
    assert words in verdicts.headline(other, "nequip")


@pytest.mark.parametrize(
    ("with_parameters", "with_data", "words"),
    [("no trend", "falls", "more data"), ("falls", "no trend", "a larger model"), ("falls", "falls", "scale")],
)
def test_the_headline_names_what_the_error_falls_with(run, with_parameters, with_data, words):
    other = with_slopes(run, "nequip", "equilibrium", "h2_mae_ev", "no trend")
    metric = "test_energy_mae_ev_per_atom"
    other = with_slopes(other, "nequip", "equilibrium", metric, with_parameters, with_data=with_data)
    assert f", {words} lowers the in-distribution error but not the H₂ error" in verdicts.headline(other, "nequip")
