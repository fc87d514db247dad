"""Parts of the variance of a metric over a study: rung, model size, training set, seed, and what is left.

The logarithm of the metric is a mean plus random effects of rung, of size, of training set, of the cell of all three,
of the seed, and of seed and rung together, plus noise. For each factor the variance of the effects of the levels that
the study has is computed in draws from the fitted model, so that noise does not count as an effect. Only training sets
that every rung has are compared, since otherwise rung and training set are confounded.

Reference:
    Gelman, Ann. Statist. 33, 1 (2005), for variances over the levels at hand.
"""

import math
from typing import NamedTuple

import numpy as np

from h2scale.scaling import decisions, mixed_model

NUM_DRAWS = 2000
FACTORS = ("rung", "num_params", "num_train", "cell", "seed", "seed and rung")
_PRIOR_SCALE = 1.0


class Part(NamedTuple):
    """A number with its 95 % interval."""

    estimate: float
    low: float
    high: float


class Decomposition(NamedTuple):
    """Variances of the logarithm of a metric; NaN where `reason` says why."""

    parts: dict[str, Part]  # by factor and `noise`: variance over the levels at hand
    difference: Part  # rung minus size and training set together
    total: float  # variance over the rows
    num_points: int
    num_seeds: int
    shared_num_train: tuple[float, ...]
    reason: str


def decompose(
    rung: np.ndarray,
    num_params: np.ndarray,
    num_train: np.ndarray,
    seed: np.ndarray,
    log_metric: np.ndarray,
    *,
    num_samples: int = 1024,
    num_draws: int = NUM_DRAWS,
) -> Decomposition:
    """Decompose the variance of one metric.

    Args:
        rung: (n,) text.
        num_params: (n,).
        num_train: (n,).
        seed: (n,).
        log_metric: (n,); rows that are not finite are left out.
        num_samples: variance ratios to average over.
        num_draws: draws behind estimates and intervals.
    """
    shared = _shared_values(rung, num_train)
    keep = np.isfinite(log_metric) & np.isin(num_train, shared)
    columns = [column[keep] for column in (rung, num_params, num_train, seed)]
    values = np.asarray(log_metric, dtype=float)[keep]
    reason = _too_few(columns, shared)
    if reason:
        return _without_numbers(len(values), len(np.unique(columns[3])), shared, reason)
    labels = [np.unique(column, return_inverse=True)[1].ravel() for column in columns]
    cell = _combined(labels[0], labels[1], labels[2])
    factors = [*labels[:3], cell, labels[3], _combined(labels[0], labels[3])]
    draws, noise = _draw_effects(factors, values, num_samples, num_draws)
    variances = [_over_levels(effects, factor) for effects, factor in zip(draws, factors, strict=True)]
    parts = {name: _part(variance) for name, variance in zip(FACTORS, variances, strict=True)}
    parts["noise"] = _part(noise)
    difference = _part(variances[0] - variances[1] - variances[2])
    counts = (len(values), len(np.unique(columns[3])))
    return Decomposition(parts, difference, float(np.var(values)), *counts, tuple(map(float, shared)), "")


def bias_matters_more(decomposition: Decomposition) -> decisions.Decision:
    """Decide whether the rung explains more than size and training set together.

    Confirmed if the 95 % interval of the difference of variances lies above 0, refuted if it lies below.
    """
    if decomposition.num_points == 0:
        return decisions.Decision(decisions.NOT_TESTED, decomposition.reason)
    if decomposition.reason:
        return decisions.Decision(decisions.INCONCLUSIVE, decomposition.reason)
    if decomposition.difference.low > 0:
        return decisions.Decision(decisions.CONFIRMED, "the rung explains more than size and data together")
    if decomposition.difference.high < 0:
        return decisions.Decision(decisions.REFUTED, "size and data together explain more than the rung")
    return decisions.Decision(decisions.INCONCLUSIVE, "the interval of the difference includes 0")


def seeds_needed(decomposition: Decomposition) -> int:
    """Seeds with which the interval of the difference would exclude 0, if it is as large as found.

    The interval is taken to shrink with the square root of the number of seeds.
    """
    difference = decomposition.difference
    half_width = (
        difference.high - difference.estimate if difference.estimate < 0 else difference.estimate - difference.low
    )
    return math.ceil(decomposition.num_seeds * max(1.0, half_width / max(abs(difference.estimate), 1e-9)) ** 2)


def _shared_values(rung: np.ndarray, num_train: np.ndarray) -> np.ndarray:
    """Training-set sizes that every rung has, increasing."""
    by_rung = [set(num_train[rung == one]) for one in np.unique(rung)]
    return np.array(sorted(set.intersection(*by_rung))) if by_rung else np.empty(0)


def _too_few(columns: list[np.ndarray], shared: np.ndarray) -> str:
    if len(columns[0]) == 0:
        return "no replica has this number at a training set that all rungs share"
    for column, name, least in zip(
        columns, ("rungs", "model sizes", "training-set sizes that all rungs share", "seeds"), (2, 2, 2, 3), strict=True
    ):
        found = len(np.unique(column))
        if found < least:
            return f"{found} {name}; a decomposition needs at least {least}"
    return ""


def _combined(*labels: np.ndarray) -> np.ndarray:
    return np.unique(np.stack(labels), axis=1, return_inverse=True)[1].ravel()


def _draw_effects(
    factors: list[np.ndarray], values: np.ndarray, num_samples: int, num_draws: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Draws of the effects of every level of every factor, (n_draws, n_levels) each, and of the noise variance."""
    generator = np.random.default_rng(0)
    values = values - values.mean()
    components = [mixed_model.Component(name, factor) for name, factor in zip(FACTORS, factors, strict=True)]
    design = np.ones((len(values), 1))
    regressors, owner = mixed_model.effects(components, len(values))
    whole = np.concatenate([design, regressors], axis=1)
    nothing = np.zeros((0, whole.shape[1]))
    fit = mixed_model.fit(design, components, values, nothing, num_samples=num_samples, prior_scale=_PRIOR_SCALE)
    counts = generator.multinomial(num_draws, fit.weights[0])
    drawn, noise = [], []
    for sample in np.flatnonzero(counts):
        covariance = mixed_model.solve(whole, owner, fit.ratios[sample : sample + 1])[0][0]
        center = covariance @ (whole.T @ values)
        number = counts[sample]
        variance = fit.freedom * fit.noise_variance[0, sample] / generator.chisquare(fit.freedom, number)
        factor = np.linalg.cholesky(0.5 * (covariance + covariance.T))
        normal = generator.normal(size=(number, len(center)))
        drawn.append(center + np.sqrt(variance)[:, None] * (normal @ factor.T))
        noise.append(variance)
    effects = np.concatenate(drawn)[:, 1:]
    return [effects[:, owner == index] for index in range(len(factors))], np.concatenate(noise)


def _over_levels(effects: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Variance over the rows of the effects in every draw, (n_draws,)."""
    share = np.bincount(factor) / len(factor)
    mean = effects @ share
    return ((effects - mean[:, None]) ** 2) @ share


def _part(draws: np.ndarray) -> Part:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Part(float(np.median(draws)), float(low), float(high))


def _without_numbers(num_points: int, num_seeds: int, shared: np.ndarray, reason: str) -> Decomposition:
    nothing = Part(np.nan, np.nan, np.nan)
    parts = dict.fromkeys((*FACTORS, "noise"), nothing)
    return Decomposition(parts, nothing, np.nan, num_points, num_seeds, tuple(map(float, shared)), reason)
