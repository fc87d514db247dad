"""A slope is found with the right uncertainty, and 'no trend' is said as often as it should be."""

import numpy as np
import pytest

from h2scale.scaling import slopes


def design(num_sizes=4, num_data=4, num_seeds=2):
    sizes, data = np.geomspace(2e3, 1e5, num_sizes), np.geomspace(64, 4096, num_data)
    num_params, num_train, seed = (
        axis.ravel() for axis in np.meshgrid(sizes, data, np.arange(num_seeds), indexing="ij")
    )
    log_x = np.log([num_params, num_train])
    groupings = np.array(
        [
            np.unique(np.stack(pair), axis=1, return_inverse=True)[1].ravel()
            for pair in ((num_params, num_train), (num_params, seed), (num_train, seed))
        ]
    )
    return log_x, groupings


def test_slopes_of_exact_data_are_exact():
    log_x, groupings = design()
    fit = slopes.fit_slope(log_x, 2 - 0.3 * log_x[0] + 0.1 * log_x[1], groupings)
    np.testing.assert_allclose([slope.estimate for slope in fit.slopes], [-0.3, 0.1], atol=1e-12)
    assert [slope.direction for slope in fit.slopes] == ["falls", "rises"]
    assert fit.reason == ""


def test_independent_rows_give_the_textbook_interval():
    """With every row its own group, equal leverage and much data, CR2 is the ordinary standard error."""
    generator = np.random.default_rng(0)
    x = np.tile([-1.0, 0.0, 1.0], 100)
    y = generator.normal(0, 0.5, len(x))
    fit = slopes.fit_slope(x, y)
    textbook = 1.96 * np.std(y) / np.sqrt(np.sum(x**2))
    assert (fit.slopes[0].high - fit.slopes[0].low) / 2 == pytest.approx(
        textbook, rel=0.15
    )  # a variance from 300 errors


@pytest.mark.parametrize("shared", [None, 1, 2], ids=["independent", "per size and seed", "per data set and seed"])
def test_no_trend_is_called_a_trend_at_most_as_often_as_claimed(shared):
    log_x, groupings = design()
    generator = np.random.default_rng(4)
    covered = np.zeros(2)
    trials = 150
    for _ in range(trials):
        errors = generator.normal(0, 0.2, log_x.shape[1])
        if shared is not None:
            errors += generator.normal(0, 0.3, groupings[shared].max() + 1)[groupings[shared]]
        fit = slopes.fit_slope(log_x, errors, groupings)
        covered += [slope.low <= 0 <= slope.high for slope in fit.slopes]
        assert [slope.p_value >= 0.05 for slope in fit.slopes] == [slope.low <= 0 <= slope.high for slope in fit.slopes]
    assert (covered >= 0.90 * trials).all(), covered  # 95 % is 142 of 150, standard deviation 2.7


def test_ignoring_groups_would_be_overconfident():
    """The control of the test above: rows treated as independent miss the truth far too often."""
    log_x, groupings = design()
    generator = np.random.default_rng(4)
    covered, trials = 0, 150
    for _ in range(trials):
        errors = generator.normal(0, 0.05, log_x.shape[1])
        errors += generator.normal(0, 0.3, groupings[1].max() + 1)[groupings[1]]
        slope = slopes.fit_slope(log_x, errors).slopes[0]
        covered += slope.low <= 0 <= slope.high
    assert covered < 0.85 * trials


def test_a_real_trend_is_found():
    log_x, groupings = design()
    noise = np.random.default_rng(0).normal(0, 0.1, log_x.shape[1])
    fit = slopes.fit_slope(log_x, -0.25 * log_x[0] + noise, groupings)
    assert [slope.direction for slope in fit.slopes] == ["falls", "no trend"]
    assert fit.slopes[0].low < -0.25 < fit.slopes[0].high
    assert fit.slopes[0].p_value < 0.01


def test_diverged_rows_are_left_out_and_counted():
    log_x, groupings = design()
    metric = -0.25 * log_x[0] + np.random.default_rng(0).normal(0, 0.1, log_x.shape[1])
    keep = np.arange(len(metric)) > 2
    holed = np.where(keep, metric, np.nan)
    fit = slopes.fit_slope(log_x, holed, groupings)
    assert (fit.num_points, fit.num_excluded) == (29, 3)
    assert fit.slopes == slopes.fit_slope(log_x[:, keep], metric[keep], groupings[:, keep]).slopes


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((2, 4, 2), "2 distinct values of N; a slope with an interval needs at least 3"),
        ((4, 1, 2), "1 distinct values of D; a slope with an interval needs at least 3"),
    ],
)
def test_too_few_values_give_a_reason_and_no_number(shape, reason):
    log_x, groupings = design(*shape)
    fit = slopes.fit_slope(log_x, log_x[0] * 0.1, groupings)
    assert fit.reason == reason
    assert np.isnan(fit.slopes[0].estimate)
    assert fit.slopes[0].direction == "unknown"


def test_regressors_that_vary_together_are_refused():
    x = np.log([1.0, 2.0, 4.0, 8.0, 16.0])
    fit = slopes.fit_slope(np.stack([x, 2 * x]), x)
    assert fit.reason == "the regressors vary together and cannot be told apart"


def test_one_group_gives_an_estimate_without_interval():
    log_x, _ = design()
    noise = np.random.default_rng(0).normal(0, 0.1, log_x.shape[1])
    fit = slopes.fit_slope(log_x, noise, np.zeros(log_x.shape[1]))
    assert fit.reason == "no interval: too few independent groups"
    assert np.isfinite(fit.slopes[0].estimate)
    assert np.isnan(fit.slopes[0].low)


def test_shapes_that_disagree_are_refused():
    with pytest.raises(ValueError, match=r"agree in their last axis; got \(2, 3\), \(4,\) and \(1, 4\)"):
        slopes.fit_slope(np.ones((2, 3)), np.ones(4))


def test_rank_correlation_sees_monotone_relations_and_nothing_else():
    x = np.arange(1.0, 33)
    groups = np.arange(32) // 2
    assert slopes.rank_correlation(x, np.exp(x / 3), groups)[0] == pytest.approx(1)
    assert slopes.rank_correlation(x, -x, groups)[0] == pytest.approx(-1)
    estimate, low, high, count = slopes.rank_correlation(x, np.random.default_rng(0).normal(size=32), groups)
    assert low < estimate < high
    assert low < 0 < high
    assert count == 32


def test_rank_correlation_is_silent_without_variation_or_groups():
    x = np.arange(8.0)
    assert np.isnan(slopes.rank_correlation(x, np.ones(8), np.arange(8))[0])
    assert np.isnan(slopes.rank_correlation(x, x, np.arange(8) // 4)[0])
    assert slopes.rank_correlation(x, np.where(x > 5, np.nan, x), np.arange(8))[3] == 6
