"""Verdicts on synthetic truths are seldom wrong, and too small a study is inconclusive."""

import numpy as np
import pytest

from h2scale.scaling import decisions, synthetic, trend

FAILURE = 0.38  # eV
LEVEL = np.log(1.2)  # of the error in eV
TRIALS = 100


def judged(truth, noise, shares, *, seeds=3, level=LEVEL, failure=FAILURE, trials=TRIALS, grid=None):
    table = grid or synthetic.make_grid(4, 5, seeds)
    values = synthetic.draw(
        table, truth, noise, synthetic.SHARES[shares], trials, np.random.default_rng(0), level=level
    )
    found = trend.fit_trends(*table, values, num_samples=128)
    fails = [decisions.fails_at_any_scale(one, failure).verdict for one in found]
    falls = [decisions.falls_with_scale(one).verdict for one in found]
    return fails, falls


@pytest.mark.parametrize("shares", ["independent", "shared"])
@pytest.mark.parametrize("noise", [0.5, 0.9])
@pytest.mark.parametrize("name", synthetic.TRUTHS)
def test_wrong_verdicts_are_rare(name, noise, shares):
    """At most 5 %; `benchmarks/verdict_trials.py` does the same with 500 tables of each kind."""
    truth = synthetic.TRUTHS[name]
    failure = FAILURE if name == "flat" else FAILURE / 100  # elsewhere the level cannot decide
    fails, falls = judged(truth.exponents, noise, shares, failure=failure)
    for verdicts, holds in ((fails, truth.fails), (falls, truth.falls)):
        wrong = decisions.REFUTED if holds else decisions.CONFIRMED
        assert verdicts.count(wrong) <= 0.05 * TRIALS


def test_a_large_grid_decides():
    grid = synthetic.make_grid(5, 6, 5, data=(30.0, 7500.0))
    fails, falls = judged((0.0, 0.0), 0.3, "independent", grid=grid, trials=30)
    assert fails.count(decisions.CONFIRMED) >= 27
    assert falls.count(decisions.REFUTED) >= 27
    fails, falls = judged((0.0, -0.3), 0.3, "independent", grid=grid, trials=30)
    assert fails.count(decisions.REFUTED) >= 29
    assert falls.count(decisions.CONFIRMED) >= 29


def test_a_cell_below_the_level_of_failure_refutes():
    fails, falls = judged((0.0, 0.0), 0.3, "independent", level=np.log(FAILURE / 4), trials=20)
    assert set(fails) == {decisions.REFUTED}
    assert decisions.CONFIRMED not in falls


def test_errors_at_the_level_of_failure_are_inconclusive():
    grid = synthetic.make_grid(5, 6, 5, data=(30.0, 7500.0))
    fails, _ = judged((0.0, 0.0), 0.3, "independent", level=np.log(FAILURE), grid=grid, trials=20)
    assert fails.count(decisions.INCONCLUSIVE) >= 19


@pytest.mark.parametrize(("seeds", "reason"), [(1, "1 seed a cell"), (2, "2 seeds a cell")])
def test_fewer_than_three_seeds_are_inconclusive(seeds, reason):
    table = synthetic.make_grid(4, 5, seeds)
    found = trend.fit_trend(*table, np.log(table.num_train) + np.random.default_rng(0).normal(0, 0.1, len(table.seed)))
    decision = decisions.fails_at_any_scale(found, FAILURE)
    assert decision == (decisions.INCONCLUSIVE, f"{reason}; a verdict needs at least 3")


def test_no_numbers_are_not_tested():
    table = synthetic.make_grid(4, 5, 3)
    found = trend.fit_trend(*table, np.full(len(table.seed), np.nan))
    assert decisions.falls_with_scale(found).verdict == decisions.NOT_TESTED
