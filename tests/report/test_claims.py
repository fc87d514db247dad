"""Each claim's verdict follows from the tables by its stated rule; what a table does not hold is not judged."""

import json
from pathlib import Path

import numpy as np
import pytest
import synthetic

from h2scale.errors import InputError
from h2scale.report import summary
from h2scale.report.claims import bias, equilibrium, foundation, in_distribution, protons, regions, stretched, table
from h2scale.runtime import tables
from h2scale.scaling import decisions, fits

EXAMS = Path(__file__).parents[2] / "experiments" / "results" / "exam"
BEYOND, WHOLE = regions.REGIONS[0], regions.REGIONS[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = synthetic.write_workdir(
        tmp_path_factory.mktemp("claims"), num_sizes=3, num_data=3, num_seeds=3, num_diverged=0
    )
    replicas = tables.read_table(folder / "replicas.csv")
    curves = tables.read_table(folder / "curves.csv")
    return summary.Run(replicas, fits.arm_labels(replicas), curves, {}, {}, {}, {}, [], {})


def changed(run, rung, **columns):
    """The run with other values in some columns of the nequip replicas of one rung; new columns are added."""
    rows = (run.arms == "nequip") & (run.replicas["rung"] == rung)
    replicas = {name: np.array(values) for name, values in run.replicas.items()}
    for name, values in columns.items():
        replicas.setdefault(name, np.full(len(rows), np.nan))[rows] = values
    return run._replace(replicas=replicas)


def with_h2_errors(run, rung, values):
    """The run with H2 curves of the nequip replicas of one rung that are off by these errors at every distance."""
    rows = summary.rows_of(run, "nequip", rung)
    curves = {name: np.array(column) for name, column in run.curves.items()}
    for name, value in zip(rows["replica_id"], np.broadcast_to(values, len(rows["seed"])), strict=True):
        own = (curves["replica_id"] == name) & (curves["system"] == "h2")
        curves["energy_ev"][own] = curves["exact_ev"][own] + value
    return run._replace(curves=curves)


def errors(run, rung, level, exponents=(0.0, 0.0), noise=0.05):
    """Errors of the nequip replicas of a rung that follow a power law through `level`."""
    rows = summary.rows_of(run, "nequip", rung)
    log_x = np.log([rows["num_params"], rows["num_train"]])
    log_x -= log_x.mean(axis=1, keepdims=True)
    return level * np.exp(np.array(exponents) @ log_x + np.random.default_rng(0).normal(0, noise, log_x.shape[1]))


def test_every_claim_is_judged_for_every_arm_and_region(run):
    judged = table.judge(run, foundation.read_exams(EXAMS))
    assert sorted({one.number for one in judged}) == [0, 1, 2, 3, 4, 5]
    assert [one.scope for one in judged if (one.number, one.arm) == (1, "nequip")] == [r.title for r in regions.REGIONS]
    allowed = {decisions.CONFIRMED, decisions.REFUTED, decisions.INCONCLUSIVE, decisions.NOT_TESTED}
    for one in judged:
        assert one.verdict in allowed
        assert one.finding.endswith(".")
        assert one.rule


def test_what_zero_scores_is_the_mean_of_the_reference(run):
    points = tables.select(run.curves, run.curves["system"] == "h2")
    exact = points["exact_ev"][points["replica_id"] == points["replica_id"][0]]
    scores = regions.scores(run.curves, WHOLE)
    assert scores.zero == pytest.approx(np.abs(exact).mean())
    assert scores.failure == pytest.approx(regions.FAILURE_SHARE * scores.zero)
    parts = [regions.scores(run.curves, region).zero for region in regions.REGIONS[4:]]
    assert parts[0] > scores.zero > parts[3]
    assert regions.scores(run.curves, regions.REGIONS[3]).teacher == 0.0


@pytest.mark.parametrize(
    ("level", "exponents", "verdict"),
    [
        (3.0, (0.0, 0.0), decisions.CONFIRMED),
        (3.0, (0.3, 0.0), decisions.CONFIRMED),
        (3.0, (-0.3, 0.0), decisions.REFUTED),
        (0.1, (0.0, 0.0), decisions.REFUTED),
    ],
    ids=["flat", "rising", "falling", "small"],
)
def test_failure_at_any_scale_needs_large_errors_that_do_not_fall(run, level, exponents, verdict):
    other = with_h2_errors(run, "equilibrium", errors(run, "equilibrium", level, exponents))
    one = equilibrium.judge(other, "nequip", BEYOND)
    assert one.verdict == verdict
    assert any("of the zero model's" in line for line in one.numbers)
    assert any("in 80 % of repetitions" in line for line in one.numbers)


def test_noise_makes_it_inconclusive_and_says_what_would_decide(run):
    noisy = errors(run, "equilibrium", 3.0, (-0.1, -0.1), noise=0.9)
    one = equilibrium.judge(with_h2_errors(run, "equilibrium", noisy), "nequip", BEYOND)
    assert one.verdict == decisions.INCONCLUSIVE
    assert any(line.startswith("to call a flat exponent") for line in one.numbers)


def test_errors_of_a_region_are_those_of_the_tables(run):
    for region, column in (
        (WHOLE, "h2_mae_ev"),
        (regions.REGIONS[4], "h2_wall_mae_ev"),
        (regions.REGIONS[7], "h2_tail_mae_ev"),
    ):
        found = regions.errors(run.curves, run.replicas["replica_id"], region)
        np.testing.assert_allclose(found, run.replicas[column], rtol=1e-9)


def test_a_missing_rung_or_number_is_not_tested_with_the_reason(run):
    without = run._replace(
        replicas=tables.select(run.replicas, run.replicas["rung"] == "thermal"),
        arms=run.arms[run.replicas["rung"] == "thermal"],
    )
    assert "trained on rung equilibrium" in equilibrium.judge(without, "nequip", WHOLE).finding
    assert "trained on rung stretched" in stretched.judge(without, "nequip", "exact").finding
    diverged = with_h2_errors(run, "equilibrium", np.nan)
    assert "every replica diverged" in equilibrium.judge(diverged, "nequip", WHOLE).finding
    assert bias.judge(without, "nequip", BEYOND).verdict != decisions.CONFIRMED
    for verdict in (equilibrium.judge(diverged, "nequip", WHOLE), stretched.judge(without, "nequip", "exact")):
        assert verdict.verdict == decisions.NOT_TESTED


@pytest.mark.parametrize(
    ("exponents", "verdict"),
    [((-0.3, -0.3), decisions.CONFIRMED), ((0.0, -0.4), decisions.CONFIRMED), ((0.0, 0.0), decisions.REFUTED)],
    ids=["both", "data alone", "flat"],
)
def test_the_control_needs_one_exponent_that_falls(run, exponents, verdict):
    found = errors(run, "thermal", 0.05, exponents)
    other = changed(run, "thermal", test_energy_mae_ev_per_atom=found, ridge_test_energy_mae_ev=0.29)
    one = in_distribution.judge(other, "nequip", "thermal")
    assert one.verdict == verdict
    assert "ridge regression 0.29 eV" in one.numbers[1]


@pytest.mark.parametrize(
    ("columns", "reference", "verdict"),
    [
        ({}, "exact", decisions.CONFIRMED),
        ({"h2_num_minima": 2}, "exact", decisions.REFUTED),
        ({"h2_wall_is_repulsive": 0}, "exact", decisions.REFUTED),
        ({"h2_well_depth_ev": 4.15}, "exact", decisions.REFUTED),
        ({"h2_well_depth_ev": np.nan, "h2_num_minima": np.nan}, "exact", decisions.REFUTED),
    ],
    ids=["right", "two minima", "soft wall", "shallow", "diverged"],
)
def test_the_shape_needs_one_minimum_a_wall_and_the_depth(run, columns, reference, verdict):
    right = {"h2_num_minima": 1, "h2_wall_is_repulsive": 1, "h2_well_depth_ev": 4.75}
    assert stretched.judge(changed(run, "stretched", **(right | columns)), "nequip", reference).verdict == verdict


def test_small_models_do_not_decide_the_shape(run):
    sizes = summary.rows_of(run, "nequip", "stretched")["num_params"]
    minima = np.where(sizes >= np.unique(sizes)[1], 1, 3)
    right = {"h2_num_minima": minima, "h2_wall_is_repulsive": 1, "h2_well_depth_ev": 4.75}
    one = stretched.judge(changed(run, "stretched", **right), "nequip", "exact")
    assert one.verdict == decisions.CONFIRMED
    assert "0 of 3" in one.numbers[0]


def test_half_of_the_curves_right_is_inconclusive(run):
    half = np.where(summary.rows_of(run, "nequip", "stretched")["seed"] % 2 == 0, 1, 3)
    right = {"h2_num_minima": half, "h2_wall_is_repulsive": 1, "h2_well_depth_ev": 4.75}
    one = stretched.judge(changed(run, "stretched", **right), "nequip", "exact")
    assert one.verdict == decisions.INCONCLUSIVE
    assert "curves decide" in one.finding


def exam(name, passes, *, weights="to be downloaded", package="fairchem-core"):
    """An exam of four diatomics, `passes` of them right, and of two protons."""
    findings = [
        {"section": "diatomics", "system": f"X{i}", "check": check, "reference": 1.0, "status": "pass"}
        for i in range(4)
        for check in ("r_e", "D_e")
    ]
    for finding in findings[2 * passes :: 2]:
        finding["status"] = "fail"
    findings.append({"section": "diatomics", "system": "CF", "check": "r_e", "reference": None, "status": "measured"})
    protons_check = {"section": "bare nuclei", "system": "H+ H+", "check": "R E / (Z Z 14.4 eV Å), beyond 6 Å"}
    findings.append(protons_check | {"status": "fail", "reference": 1.0})
    return {"name": name, "facts": {"package": package, "version": "1", "weights": weights}, "findings": findings}


@pytest.mark.parametrize(
    ("exams", "verdict"),
    [
        ([], decisions.NOT_TESTED),
        ([exam("chgnet", 0, weights="in the package", package="chgnet")], decisions.NOT_TESTED),
        ([exam("uma-s-1p1", 1)], decisions.CONFIRMED),
        ([exam("uma-s-1p1", 1), exam("mace-omol", 3)], decisions.REFUTED),
        ([exam("pbe0", 0, package="pyscf")], decisions.NOT_TESTED),
    ],
    ids=["none", "small", "wrong", "one right", "no network"],
)
def test_only_large_foundation_models_decide_the_third_claim(exams, verdict):
    assert foundation.judge(exams).verdict == verdict


def test_molecules_without_a_measured_constant_are_not_counted():
    assert foundation.card(exam("uma-s-1p1", 1))[3:] == (3, 4)


def test_the_shipped_exams_say_what_was_examined_and_what_needs_weights():
    one = foundation.judge(foundation.read_exams(EXAMS))
    assert any(line.startswith("chgnet") and "fails on" in line for line in one.numbers)
    assert any(line.startswith("not examined") and "uma-s-1p1" in line for line in one.numbers)


def test_an_unreadable_exam_is_named(tmp_path):
    (tmp_path / "exam.json").write_text(json.dumps([]))
    with pytest.raises(InputError, match=r"exam\.json is not the result of an exam"):
        foundation.read_exams(tmp_path)


def test_two_protons_are_judged_only_where_they_were_asked(run):
    assert "no charge input" in protons.judge(run, "nequip").finding
    assert protons.judge(run, "schnet").verdict == decisions.CONFIRMED
    place = np.flatnonzero((run.arms == "schnet") & run.replicas["finite"])[0]
    near = {}
    for window in ("far", "near", "middle"):  # right in one window, in two, in all three
        near[f"protons_{window}_mae_ev"] = np.array(run.replicas[f"protons_{window}_mae_ev"])
        near[f"protons_{window}_mae_ev"][place] = 0.3
        one = protons.judge(run._replace(replicas=run.replicas | near), "schnet")
        assert one.verdict == (decisions.REFUTED if len(near) == 3 else decisions.CONFIRMED)
    assert one.finding.startswith("1 of 81 replicas")
    assert "put in" not in one.finding
    by_hand = {"prior": np.where(run.arms == "schnet", "coulomb", run.replicas["prior"])}
    assert (
        "put in and not learned"
        in protons.judge(run._replace(replicas=run.replicas | near | by_hand), "schnet").finding
    )
    old = {name: values for name, values in run.replicas.items() if name not in near}
    assert "no column protons_near_mae_ev" in protons.judge(run._replace(replicas=old), "schnet").finding
    assert protons.judge_exams(foundation.read_exams(EXAMS)).verdict == decisions.NOT_TESTED
    assert protons.judge_exams([exam("uma-s-1p1", 1)]).verdict == decisions.CONFIRMED


@pytest.mark.parametrize(
    ("levels", "exponents", "verdict"),
    [((4.0, 2.0, 0.4), (0.0, 0.0), decisions.CONFIRMED), ((1.0, 1.0, 1.0), (-0.4, -0.4), decisions.REFUTED)],
    ids=["rung", "scale"],
)
def test_the_fifth_claim_compares_rung_with_both_sizes(run, levels, exponents, verdict):
    other = run
    for rung, level in zip(synthetic.RUNGS, levels, strict=True):
        other = with_h2_errors(other, rung, errors(run, rung, level, exponents, noise=0.3))
    one = bias.judge(other, "nequip", BEYOND)
    assert one.verdict == verdict
    assert one.numbers[0].startswith("variance of ln(error) by rung")
