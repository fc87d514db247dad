"""A mixed model gives textbook numbers where there are some, and intervals that cover with three seeds."""

import numpy as np
import pytest
from scipy import stats

from h2scale.scaling import mixed_model


def test_without_random_effects_it_is_least_squares():
    generator = np.random.default_rng(0)
    x = np.linspace(-1, 1, 12)
    y = 0.4 * x + generator.normal(0, 0.3, 12)
    design = np.stack([np.ones(12), x]).T
    fit = mixed_model.fit(design, (), y, np.eye(2)[1:], num_samples=4)
    low, middle, high = mixed_model.quantiles(fit, (0.025, 0.5, 0.975))[:, 0, 0]
    known = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 10) * known.stderr
    np.testing.assert_allclose([low, middle, high], known.slope + np.array([-half, 0, half]), atol=2e-3)


def test_a_shared_effect_widens_what_it_touches_and_nothing_else():
    """Rows of one label move together: the mean of all rows is less certain, a difference within labels is not."""
    generator = np.random.default_rng(0)
    label, within = np.repeat(np.arange(6), 8), np.tile([-1.0, 1.0], 24)
    y = generator.normal(0, 1.0, 6)[label] + generator.normal(0, 0.2, 48)
    design = np.stack([np.ones(48), within]).T
    component = (mixed_model.Component("label", label),)
    targets = np.eye(2, 2 + 6)
    _, spread = mixed_model.moments(mixed_model.fit(design, component, y, targets))
    assert spread[0, 0] == pytest.approx(1.0 / np.sqrt(6), rel=0.6)
    assert spread[0, 1] == pytest.approx(0.2 / np.sqrt(48), rel=0.2)


def test_the_level_of_a_label_is_drawn_towards_the_others():
    label = np.repeat(np.arange(5), 4)
    y = np.where(label == 0, 1.0, 0.0) + np.random.default_rng(0).normal(0, 0.7, 20)
    target = np.array([[1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])  # the mean and the effect of the first label
    component = (mixed_model.Component("label", label),)
    mean, _ = mixed_model.moments(mixed_model.fit(np.ones((20, 1)), component, y, target))
    assert y.mean() < mean[0, 0] < y[label == 0].mean()


def test_many_responses_are_fitted_as_each_alone():
    generator = np.random.default_rng(0)
    label, design = np.repeat(np.arange(4), 5), np.ones((20, 1))
    y = generator.normal(size=(3, 20))
    arguments = (design, (mixed_model.Component("label", label),))
    target = np.eye(1, 1 + 4)
    together = mixed_model.quantiles(mixed_model.fit(*arguments, y, target, num_samples=64), (0.1, 0.9))
    alone = [mixed_model.quantiles(mixed_model.fit(*arguments, one, target, num_samples=64), (0.1, 0.9)) for one in y]
    np.testing.assert_allclose(together, np.concatenate(alone, axis=1), atol=1e-12)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [(3, 5, "as many rows; got 5 and 3"), (2, 2, "more rows than regressors; got 2 rows and 2 regressors")],
)
def test_shapes_that_cannot_be_are_refused(rows, columns, message):
    design = np.ones((columns, 2))
    with pytest.raises(ValueError, match=message):
        mixed_model.fit(design, (), np.ones(rows), np.eye(1, 2))
