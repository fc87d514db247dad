"""A decomposition finds what was put in, counts noise as noise, and decides by its interval."""

import numpy as np
import pytest

from h2scale.scaling import decisions, variance

SIZES, DATA = np.geomspace(1e3, 3e4, 3), np.geomspace(30, 480, 4)
QUICK = {"num_samples": 128, "num_draws": 400}


def table(rung, exponents, *, noise=0.5, seeds=3, seed=0):
    """Rows of three rungs whose logarithms differ by `rung`, with a quarter of the variance shared by a seed."""
    generator = np.random.default_rng(seed)
    which, size, data, seeds_of = (
        axis.ravel() for axis in np.meshgrid(np.arange(3), SIZES, DATA, np.arange(seeds), indexing="ij")
    )
    which, seeds_of = which.astype(int), seeds_of.astype(int)
    values = rung * (1.0 - which) + np.array(exponents) @ np.log([size, data])
    values += noise * np.sqrt(0.75) * generator.normal(size=len(which))
    values += noise * np.sqrt(0.25) * generator.normal(size=seeds)[seeds_of]
    return np.array(["equilibrium", "thermal", "stretched"])[which], size, data, seeds_of, values


def true_parts(rung, exponents):
    return rung**2 * 2 / 3, exponents[0] ** 2 * np.log(SIZES).var(), exponents[1] ** 2 * np.log(DATA).var()


@pytest.mark.parametrize(
    ("rung", "exponents", "verdict"),
    [
        (1.0, (0.0, -0.1), decisions.CONFIRMED),
        (0.1, (-0.3, -0.5), decisions.REFUTED),
        (0.5, (0.0, -0.4), decisions.INCONCLUSIVE),
        (0.0, (0.0, 0.0), decisions.INCONCLUSIVE),
    ],
    ids=["bias", "scale", "even", "nothing"],
)
def test_the_larger_part_decides(rung, exponents, verdict):
    found = [variance.decompose(*table(rung, exponents, seed=seed), **QUICK) for seed in range(4)]
    assert [variance.bias_matters_more(one).verdict for one in found].count(verdict) >= 3


def test_parts_are_those_that_were_put_in():
    rung, exponents = 0.8, (-0.2, -0.3)
    truth = true_parts(rung, exponents)
    found = [variance.decompose(*table(rung, exponents, seed=seed), **QUICK) for seed in range(6)]
    for name, true in zip(("rung", "num_params", "num_train"), truth, strict=True):
        parts = [one.parts[name] for one in found]
        assert np.mean([part.estimate for part in parts]) == pytest.approx(true, rel=0.35)
        assert sum(part.low <= true <= part.high for part in parts) >= 5
    difference = truth[0] - truth[1] - truth[2]
    assert sum(one.difference.low <= difference <= one.difference.high for one in found) >= 5


def test_noise_is_not_an_effect():
    found = variance.decompose(*table(0.0, (0.0, 0.0), noise=0.9), **QUICK)
    assert found.parts["noise"].estimate == pytest.approx(0.75 * 0.81, rel=0.3)
    assert found.parts["rung"].estimate < 0.05
    assert found.parts["num_train"].estimate < 0.05


def test_only_training_sets_that_all_rungs_share_are_compared():
    rung, size, data, seed, values = table(1.0, (0.0, -0.1))
    keep = (rung != "stretched") | (data < 400)
    found = variance.decompose(rung[keep], size[keep], data[keep], seed[keep], values[keep], **QUICK)
    assert found.shared_num_train == tuple(DATA[:3])
    assert found.num_points == 3 * 3 * 3 * 3


def test_fewer_than_three_seeds_are_inconclusive():
    found = variance.decompose(*table(1.0, (0.0, 0.0), seeds=2), **QUICK)
    assert variance.bias_matters_more(found) == (
        decisions.INCONCLUSIVE,
        "2 seeds; a decomposition needs at least 3",
    )


def test_no_numbers_are_not_tested():
    rung, size, data, seed, values = table(1.0, (0.0, 0.0))
    found = variance.decompose(rung, size, data, seed, np.full_like(values, np.nan), **QUICK)
    assert variance.bias_matters_more(found).verdict == decisions.NOT_TESTED
