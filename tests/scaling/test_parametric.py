"""A fit recovers the law that made the data, its intervals cover as claimed, and it knows when to be silent."""

import numpy as np
import pytest

from h2scale.scaling import estimation, laws, parametric

CHINCHILLA = np.array([1.69, 406.4, 410.7, 0.34, 0.28])  # E, A, B, alpha, beta; Hoffmann et al., arXiv:2203.15556
LAW = np.array([0.03, 0.94, 0.8, 0.4, 0.5])


def grid(sizes=(2e3, 8e3, 3e4, 1e5), data=(64, 256, 1024, 4096), num_seeds=2):
    num_params, num_data, _ = (axis.ravel() for axis in np.meshgrid(sizes, data, np.arange(num_seeds), indexing="ij"))
    cells = np.unique(np.stack([num_params, num_data]), axis=1, return_inverse=True)[1].ravel()
    return num_params, num_data, cells


def estimates(fit):
    return np.array([getattr(fit, name).estimate for name in ("E", "A", "B", "alpha", "beta")])


def test_published_chinchilla_law_is_recovered_from_its_own_losses():
    num_params, num_data, _ = grid(np.geomspace(7e7, 1.6e10, 7), np.geomspace(5e9, 5e11, 7), 1)
    loss = laws.evaluate("sum", CHINCHILLA, num_params, num_data)
    fit = parametric.fit_parametric(num_params, num_data, loss, num_bootstrap=0)
    # the loss is exact to 1e-6 in its logarithm; A and B are exponentially sensitive to their exponents
    np.testing.assert_allclose(estimates(fit)[[0, 3, 4]], CHINCHILLA[[0, 3, 4]], rtol=2e-3)
    np.testing.assert_allclose(estimates(fit)[[1, 2]], CHINCHILLA[[1, 2]], rtol=2e-2)
    center, low, _ = parametric.predict(fit, num_params, num_data)
    np.testing.assert_allclose(center, loss, rtol=2e-5)
    assert np.isnan(low).all()


@pytest.mark.parametrize("form", ["sum_without_offset", "product", "params", "data", "constant"])
def test_every_form_is_recovered_from_its_own_losses(form):
    num_params, num_data, _ = grid()
    fit = parametric.fit_parametric(
        num_params, num_data, laws.evaluate(form, LAW, num_params, num_data), form=form, num_bootstrap=0
    )
    has = ~np.isnan(estimates(fit))
    assert has.sum() == laws.get(form).num_free
    np.testing.assert_allclose(estimates(fit)[has], LAW[has], rtol=5e-2)
    np.testing.assert_allclose(
        parametric.predict(fit, num_params, num_data)[0], laws.evaluate(form, LAW, num_params, num_data), rtol=5e-4
    )


def test_one_outlier_does_not_move_the_exponents():
    num_params, num_data, _ = grid()
    loss = laws.evaluate("sum", LAW, num_params, num_data)
    loss[5] *= 20
    fit = parametric.fit_parametric(num_params, num_data, loss, num_bootstrap=0)
    np.testing.assert_allclose(estimates(fit)[[3, 4]], LAW[[3, 4]], atol=0.02)


def test_intervals_cover_the_truth_about_as_often_as_claimed():
    num_params, num_data, cells = grid()
    generator = np.random.default_rng(1)
    truth = laws.evaluate("sum", LAW, num_params, num_data)
    trials, covered = 80, np.zeros(2)
    for _ in range(trials):
        loss = truth * np.exp(generator.normal(0, 0.08, len(truth)))
        fit = parametric.fit_parametric(num_params, num_data, loss, groups=cells, num_bootstrap=200)
        covered += [fit.alpha.low <= LAW[3] <= fit.alpha.high, fit.beta.low <= LAW[4] <= fit.beta.high]
    # 95 % of 80 is 76 with a standard deviation of 2; sixteen cells cost a percentile bootstrap a few percent
    assert (covered >= 0.86 * trials).all(), covered


def test_intervals_shrink_with_more_cells():
    def width(num_values):
        num_params, num_data, cells = grid(np.geomspace(2e3, 1e5, num_values), np.geomspace(64, 4096, num_values))
        noise = np.random.default_rng(0).normal(0, 0.08, len(num_params))
        loss = laws.evaluate("sum", LAW, num_params, num_data) * np.exp(noise)
        fit = parametric.fit_parametric(num_params, num_data, loss, groups=cells, num_bootstrap=200)
        return fit.beta.high - fit.beta.low

    assert width(10) < 0.7 * width(4)


def test_a_loss_that_ignores_size_has_exponent_zero_or_an_interval_that_says_nothing_falls():
    num_params, num_data, cells = grid()
    generator = np.random.default_rng(3)
    loss = laws.evaluate("data", LAW, num_params, num_data) * np.exp(generator.normal(0, 0.05, len(num_params)))
    fit = parametric.fit_parametric(num_params, num_data, loss, groups=cells, num_bootstrap=300)
    assert fit.A.low == 0
    assert fit.alpha.low == 0
    assert fit.beta.low > 0.2


def test_the_band_holds_the_curve_and_widens_away_from_the_data():
    num_params, num_data, cells = grid()
    noise = np.random.default_rng(0).normal(0, 0.08, len(num_params))
    fit = parametric.fit_parametric(
        num_params, num_data, laws.evaluate("sum", LAW, num_params, num_data) * np.exp(noise), groups=cells,
        num_bootstrap=300,
    )  # fmt: skip
    x = np.array([1e4, 1e8])
    center, low, high = parametric.predict(fit, x, np.full(2, 4096.0))
    assert (low <= center).all()
    assert (center <= high).all()
    assert high[1] / low[1] > 1.5 * high[0] / low[0]


def test_diverged_rows_are_left_out_and_counted():
    num_params, num_data, cells = grid()
    loss = laws.evaluate("sum", LAW, num_params, num_data)
    broken = loss.copy()
    broken[[0, 7, 9]] = [np.nan, np.inf, 0.0]
    keep = np.isfinite(broken) & (broken > 0)
    fit = parametric.fit_parametric(num_params, num_data, broken, groups=cells, num_bootstrap=50)
    same = parametric.fit_parametric(num_params[keep], num_data[keep], loss[keep], groups=cells[keep], num_bootstrap=50)
    assert (fit.num_points, fit.num_excluded) == (29, 3)
    assert fit.alpha == same.alpha
    assert fit.beta == same.beta


def test_the_same_seed_gives_the_same_interval():
    num_params, num_data, cells = grid()
    noise = np.random.default_rng(0).normal(0, 0.1, len(num_params))
    loss = laws.evaluate("sum", LAW, num_params, num_data) * np.exp(noise)
    first, again, other = (
        parametric.fit_parametric(num_params, num_data, loss, groups=cells, num_bootstrap=60, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first.alpha == again.alpha
    assert first.alpha != other.alpha


@pytest.mark.parametrize(
    ("sizes", "data", "num_seeds", "reason"),
    [
        ((1e3, 1e4), (64, 256, 1024), 3, "2 distinct values of N; a power law with offset needs at least 3"),
        ((1e3, 1e4, 1e5), (64,), 3, "1 distinct values of D; a power law with offset needs at least 3"),
    ],
)
def test_too_few_points_give_a_reason_and_no_number(sizes, data, num_seeds, reason):
    num_params, num_data, _ = grid(sizes, data, num_seeds)
    fit = parametric.fit_parametric(num_params, num_data, np.ones_like(num_params))
    assert fit.reason == reason
    assert np.isnan(estimates(fit)).all()
    assert len(fit.samples) == 0


def test_points_on_a_line_of_cells_are_too_few_for_five_parameters():
    fit = parametric.fit_parametric(np.array([1.0, 2, 3]), np.array([4.0, 5, 6]), np.ones(3))
    assert fit.reason == "3 points for 5 parameters; at least 6 are needed"


def test_no_interval_is_made_up_when_resamples_cannot_identify_the_law():
    sizes = np.array([1e3, 1e4, 1e5])
    fit = parametric.fit_power_law(np.repeat(sizes, 2), np.repeat(1 + sizes**-0.3, 2), groups=np.repeat(sizes, 2))
    assert fit.reason.startswith("no interval")
    assert np.isfinite(fit.alpha.estimate)
    assert np.isnan(fit.alpha.low)


def test_a_power_law_in_one_variable_is_the_law_at_fixed_other():
    x = np.repeat(np.geomspace(1e3, 1e5, 5), 3)
    loss = (0.1 + 3 * x**-0.5) * np.exp(np.random.default_rng(0).normal(0, 0.02, len(x)))
    fit = parametric.fit_power_law(x, loss, num_bootstrap=300)
    assert fit.alpha.low < 0.5 < fit.alpha.high
    assert fit.E.low < 0.1 < fit.E.high
    assert np.isnan(fit.B.estimate)


def test_the_true_form_foretells_the_largest_cells_best():
    num_params, num_data, _ = grid(np.geomspace(1e3, 1e6, 6), np.geomspace(30, 1e4, 6))
    noise = np.random.default_rng(0).normal(0, 0.01, len(num_params))
    scores = parametric.compare_forms(
        num_params, num_data, laws.evaluate("sum", LAW, num_params, num_data) * np.exp(noise)
    )
    assert scores.keys() == laws.LAWS.keys()
    assert min(scores, key=scores.get) == "sum"
    assert scores["constant"] > 0.3


def test_wrong_input_is_refused_by_name():
    with pytest.raises(ValueError, match=r"must have one shape \(n,\); got \[\(2,\), \(3,\), \(2,\)\]"):
        parametric.fit_parametric(np.ones(2), np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=r"num_data must be positive; got .*0"):
        parametric.fit_parametric(np.ones(2), np.array([1.0, 0.0]), np.ones(2))


def test_jacobian_of_the_solver_is_the_derivative_of_its_prediction():
    """One tiny undamped step on quadratic loss must remove a tiny residual: wrong derivatives would not."""
    num_params, num_data, _ = grid(num_seeds=1)
    regressors = np.log(np.stack([num_params, num_data]))
    regressors -= regressors.mean(axis=1, keepdims=True)
    problem = estimation.Problem(np.array(laws.get("sum").exponents), regressors, np.eye(16), 1.0)
    truth = np.array([[-3.0, -2.5, -2.0, 0.4, 0.5]])
    target, _ = estimation.log_prediction(problem, truth)
    start = truth + 1e-4 * np.array([[1, -1, 1, 1, -1]])
    fitted, value = estimation.minimise(problem, target, np.ones((1, 16)), start, num_iterations=2)
    before = estimation.objective(target - estimation.log_prediction(problem, start)[0], np.ones((1, 16)), 1.0)
    assert value[0] < 1e-4 * before[0]
    np.testing.assert_allclose(fitted, truth, atol=1e-5)
