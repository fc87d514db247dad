"""Exponents of a metric in model size and data from a grid with seeds, and what they allow to be said.

The logarithm of the metric is a plane in log N and log D plus random effects: of the cell (what a plane does not
describe), of the seed, and of the seed on each exponent. Seeds are crossed with cells, since one seed draws nested
training sets for all of them. `mixed_model` averages over the sizes of these effects.

A direction is stated by rules that are fixed beforehand:

    flat           the 90 % interval of the exponent lies inside (-bound, bound): two one-sided tests at 5 %
    falls, rises   not flat, and the interval lies on one side of 0; intervals hold both exponents at once in 95 %
    does not fall  none of these, and the exponent is above -bound by a one-sided test at 5 %
    unresolved     none of these

Reference:
    Schuirmann, J. Pharmacokinet. Biopharm. 15, 657 (1987), for the two one-sided tests.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from h2scale.scaling import mixed_model

EXPONENT_BOUND = 0.1
"""Largest size of an exponent that counts as flat; stated before any study is run."""
POWER = 0.8
MIN_SEEDS = 3
MOST_SEEDS = 1000
FLAT, FALLS, RISES, DOES_NOT_FALL, UNRESOLVED = "flat", "falls", "rises", "does not fall", "unresolved"
_MIN_VALUES = 3
_MAX_POWER_SAMPLES = 64
_PROBABILITIES = (0.0125, 0.05, 0.95, 0.9875)
"""Of the interval of one of two exponents, and of the two one-sided tests."""


class Exponent(NamedTuple):
    """Exponent of a metric in one variable; NaN and `unresolved` where `reason` says why."""

    estimate: float
    low: float  # interval of 97.5 %, so that those of both exponents hold together in 95 %
    high: float
    low_90: float
    high_90: float
    direction: str
    resolved: float  # smallest size that this grid tells from 0 in 80 % of repetitions
    reason: str = ""


class Levels(NamedTuple):
    """Expected logarithm of the metric of a typical seed in each cell, from the fitted model; arrays (n_cells,)."""

    num_params: np.ndarray
    num_train: np.ndarray
    mean: np.ndarray
    spread: np.ndarray  # standard deviation of what is known of the mean


class Trend(NamedTuple):
    """Exponents and levels of one metric on a grid."""

    exponents: tuple[Exponent, Exponent]  # in N, in D
    levels: Levels
    num_points: int
    num_excluded: int  # rows without a finite logarithm
    num_cells: int
    num_seeds: int
    seeds_needed: tuple[int | None, int | None]  # a cell, to call an exponent of 0 flat in 80 % of repetitions
    reason: str  # why there are no numbers at all; empty otherwise


def fit_trend(
    num_params: np.ndarray,
    num_train: np.ndarray,
    seed: np.ndarray,
    log_metric: np.ndarray,
    *,
    bound: float = EXPONENT_BOUND,
    num_samples: int = mixed_model.NUM_SAMPLES,
) -> Trend:
    """Fit the trend of one metric.

    Args:
        num_params: (n,), N of each replica.
        num_train: (n,), D.
        seed: (n,).
        log_metric: (n,); rows that are not finite are left out and counted.
        bound: largest size of an exponent that counts as flat.
        num_samples: variance ratios to average over.
    """
    usable = np.isfinite(log_metric)
    (trend,) = fit_trends(
        np.asarray(num_params, dtype=float)[usable],
        np.asarray(num_train, dtype=float)[usable],
        np.asarray(seed)[usable],
        np.asarray(log_metric, dtype=float)[None, usable],
        bound=bound,
        num_samples=num_samples,
        plan_seeds=True,
    )
    return trend._replace(num_excluded=int(np.sum(~usable)))


def fit_trends(
    num_params: np.ndarray,
    num_train: np.ndarray,
    seed: np.ndarray,
    log_metrics: np.ndarray,
    *,
    bound: float = EXPONENT_BOUND,
    num_samples: int = mixed_model.NUM_SAMPLES,
    plan_seeds: bool = False,
) -> list[Trend]:
    """Fit several metrics of the same replicas at once, as `fit_trend`.

    Args:
        log_metrics: (n_metrics, n), all finite.
        plan_seeds: whether `seeds_needed` is computed.
    """
    log_metrics = np.atleast_2d(log_metrics)
    log_x = np.log([num_params, num_train])
    cells, cell = np.unique(np.stack([num_params, num_train]), axis=1, return_inverse=True)
    cell = cell.ravel()
    counts = (log_metrics.shape[1], 0, cells.shape[1], len(np.unique(seed)))
    reasons = [_too_few(row, name) for row, name in zip(log_x, ("N", "D"), strict=True)]
    varied = [index for index in range(2) if not reasons[index]]
    reason = _no_fit(log_x, varied, reasons)
    if reason:
        return [_without_numbers(counts, reason)] * len(log_metrics)
    standard = _standardised(log_x)
    design = np.concatenate([np.ones((1, counts[0])), standard[varied]]).T
    components = (
        mixed_model.Component("cell", cell),
        mixed_model.Component("seed", seed),
        *(mixed_model.Component(f"seed on exponent {index}", seed, standard[index]) for index in varied),
    )
    targets = _targets(design, cell, len(mixed_model.effects(components, counts[0])[1]))
    fit = mixed_model.fit(design, components, log_metrics, targets, num_samples=num_samples)
    widths = log_x.std(axis=1)
    num_slopes = len(varied)
    means, spreads = mixed_model.moments(fit)
    slopes = fit._replace(centers=fit.centers[:, :num_slopes], scales=fit.scales[:, :num_slopes])
    quantiles = mixed_model.quantiles(slopes, _PROBABILITIES)
    trends = []
    for metric in range(len(log_metrics)):
        exponents = [_unresolved(reason) for reason in reasons]
        needed: list[int | None] = [None, None]
        for place, index in enumerate(varied):
            width = widths[index]
            ends = quantiles[:, metric, place] / width
            exponents[index] = describe(means[metric, place] / width, ends, spreads[metric, place] / width, bound)
            if plan_seeds:
                needed[index] = _seeds_needed(fit, metric, cells, varied, place, bound * width)
        levels = Levels(cells[0], cells[1], means[metric, num_slopes:], spreads[metric, num_slopes:])
        trends.append(Trend((exponents[0], exponents[1]), levels, *counts, (needed[0], needed[1]), ""))
    return trends


def describe(mean: float, quantiles: Sequence[float], spread: float, bound: float = EXPONENT_BOUND) -> Exponent:
    """Exponent with its direction.

    Args:
        mean: the estimate.
        quantiles: at 1.25, 5, 95 and 98.75 %.
        spread: standard deviation.
        bound: largest size that counts as flat.
    """
    low, low_90, high_90, high = (float(value) for value in quantiles)
    if -bound < low_90 and high_90 < bound:
        direction = FLAT
    elif high < 0 or low > 0:
        direction = FALLS if high < 0 else RISES
    else:
        direction = DOES_NOT_FALL if low_90 > -bound else UNRESOLVED
    resolved = 0.5 * (high - low) + float(stats.norm.ppf(POWER)) * float(spread)
    return Exponent(float(mean), low, high, low_90, high_90, direction, resolved)


def _standardised(log_x: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and standard deviation 1, so that one prior fits effects on either exponent."""
    centred = log_x - log_x.mean(axis=1, keepdims=True)
    width = log_x.std(axis=1, keepdims=True)
    return centred / np.where(width > 0, width, 1.0)


def _too_few(log_x: np.ndarray, name: str) -> str:
    distinct = len(np.unique(log_x))
    return "" if distinct >= _MIN_VALUES else f"{distinct} distinct values of {name}; an exponent needs {_MIN_VALUES}"


def _no_fit(log_x: np.ndarray, varied: Sequence[int], reasons: Sequence[str]) -> str:
    """Return the reason why no exponent can be fitted, or an empty string."""
    if not varied:
        return "; ".join(reasons)
    num_points = log_x.shape[1]
    if num_points < len(varied) + 3:
        return f"{num_points} points for {len(varied) + 1} parameters"
    if np.linalg.matrix_rank(_standardised(log_x)[varied], tol=1e-6) < len(varied):
        return "N and D vary together and cannot be told apart"
    return ""


def _targets(design: np.ndarray, cell: np.ndarray, num_effects: int) -> np.ndarray:
    """Slopes, then the plane plus its own effect at every cell; effects of cells are the first random ones."""
    num_fixed, num_cells = design.shape[1], cell.max() + 1
    _, first = np.unique(cell, return_index=True)
    slopes = np.eye(num_fixed, num_fixed + num_effects)[1:]
    levels = np.concatenate([design[first], np.eye(num_cells, num_effects)], axis=1)
    return np.concatenate([slopes, levels])


def _seeds_needed(
    fit: mixed_model.MixedFit, metric: int, cells: np.ndarray, varied: Sequence[int], place: int, bound: float
) -> int | None:
    """Fewest seeds in each cell with which an exponent of 0 is called flat in 80 % of repetitions; None if none do.

    The effects are taken as large as they were found. With so many seeds the estimates are normal, and both one-sided
    tests pass when the error is below bound / (z_0.95 + z_0.90).
    """
    standard = _standardised(np.log(cells))[varied]
    design = np.concatenate([np.ones((1, cells.shape[1])), standard]).T
    weights = fit.weights[metric]
    chosen = np.argsort(weights)[-_MAX_POWER_SAMPLES:]
    ratios, weight = fit.ratios[chosen] ** 2, weights[chosen] * fit.noise_variance[metric, chosen]
    by_seed = np.stack([np.ones((len(design),) * 2), *(np.outer(row, row) for row in standard)])
    identity = np.eye(len(design))
    largest_variance = (bound / (stats.norm.ppf(0.95) + stats.norm.ppf(1 - (1 - POWER) / 2))) ** 2

    def decides(num_seeds: int) -> bool:
        per_seed = identity + np.einsum("sc,cij->sij", ratios[:, 1:], by_seed)
        covariance = ratios[:, :1, None] * identity + per_seed / num_seeds
        information = design.T @ np.linalg.solve(covariance, np.broadcast_to(design, (len(ratios), *design.shape)))
        variance = np.linalg.inv(information)[:, 1 + place, 1 + place]
        return float(weight @ variance) / float(weights[chosen].sum()) <= largest_variance

    if not decides(MOST_SEEDS):
        return None
    low, high = 0, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def _unresolved(reason: str) -> Exponent:
    return Exponent(np.nan, np.nan, np.nan, np.nan, np.nan, UNRESOLVED, np.nan, reason)


def _without_numbers(counts: tuple[int, int, int, int], reason: str) -> Trend:
    nothing = np.empty(0)
    unresolved = _unresolved(reason)
    return Trend((unresolved, unresolved), Levels(nothing, nothing, nothing, nothing), *counts, (None, None), reason)
