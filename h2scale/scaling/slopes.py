"""Log-log slopes of a metric against scale, with intervals that hold for few, correlated replicas.

Least squares on logarithms with the bias-reduced cluster-robust variance CR2 and Satterthwaite degrees of freedom,
which hold their level with a handful of clusters where the usual sandwich does not.

Reference:
    Bell and McCaffrey, Survey Methodology 28, 169 (2002); Imbens and Kolesar, Rev. Econ. Stat. 98, 701 (2016).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

_MIN_DEGREES_OF_FREEDOM = 1.0
_MIN_GROUPS = 3
_SINGULAR = 1e-9  # eigenvalues of I - H below this belong to directions that the cluster alone determines


class Slope(NamedTuple):
    """Exponent of a metric in one variable, with 95 % interval and the test of 'the exponent is 0'."""

    estimate: float
    low: float
    high: float
    p_value: float  # two-sided
    direction: str  # falls, rises, no trend, or unknown where there is no interval


class SlopeFit(NamedTuple):
    """Slopes for all regressors at once; `reason` says why numbers are NaN and is empty otherwise."""

    slopes: tuple[Slope, ...]
    num_points: int
    num_excluded: int
    reason: str


def fit_slope(
    log_x: np.ndarray,
    log_metric: np.ndarray,
    groups: np.ndarray | Sequence[np.ndarray] | None = None,
    *,
    names: Sequence[str] = ("N", "D"),
) -> SlopeFit:
    """Fit slopes of log(metric) against one or several log(x) together.

    Args:
        log_x: (n,) or (n_regressors, n).
        log_metric: (n,); rows that are not finite are left out and counted.
        groups: (n,) labels of rows whose errors may be correlated; or several such labellings, shape
            (n_groupings, n), of which the widest interval is reported for each slope; each row by itself if None.
        names: of the regressors, for the reason.

    Returns:
        One slope for each regressor; NaN with a reason where fewer than 3 distinct values, or too few groups, make an
        interval impossible.

    Raises:
        ValueError: shapes do not fit.
    """
    log_x, log_metric = np.atleast_2d(np.asarray(log_x, dtype=float)), np.asarray(log_metric, dtype=float)
    labels = np.arange(log_metric.size)[None] if groups is None else np.atleast_2d(np.asarray(groups))
    if log_metric.ndim != 1 or log_x.shape[1] != log_metric.size or labels.shape[1] != log_metric.size:
        raise ValueError(
            f"log_x, log_metric and groups must agree in their last axis; "
            f"got {log_x.shape}, {log_metric.shape} and {labels.shape}."
        )
    valid = np.isfinite(log_metric)
    counts = (int(valid.sum()), int((~valid).sum()))
    log_x, labels, log_metric = log_x[:, valid], labels[:, valid], log_metric[valid]
    reason = _too_few(log_x, names)
    if reason:
        return SlopeFit((_unknown(np.nan),) * len(log_x), *counts, reason)
    design = np.concatenate([np.ones((1, log_metric.size)), log_x]).T  # (n, 1 + n_regressors)
    inverse = np.linalg.inv(design.T @ design)
    estimates = inverse @ design.T @ log_metric
    residuals = log_metric - design @ estimates
    spreads = [_spread(design, inverse, residuals, grouping) for grouping in labels]
    slopes = tuple(
        _widest(estimates[index], [(errors[index], freedom[index]) for errors, freedom in spreads])
        for index in range(1, design.shape[1])
    )
    missing = any(slope.direction == "unknown" for slope in slopes)
    return SlopeFit(slopes, *counts, "no interval: too few independent groups" if missing else "")


def rank_correlation(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, *, num_bootstrap: int = 1000, seed: int = 0
) -> tuple[float, float, float, int]:
    """Compute the Spearman correlation of two metrics with a 95 % interval from resampling groups; ranks are kept.

    Args:
        x: (n,).
        y: (n,); rows where either is not finite are left out.
        groups: (n,), what is resampled together.
        num_bootstrap: resamples.
        seed: of the resampling.

    Returns:
        Estimate, low, high and the number of points; NaN below 5 groups or where a metric does not vary.
    """
    valid = np.isfinite(x) & np.isfinite(y)
    ranks = np.stack([stats.rankdata(x[valid]), stats.rankdata(y[valid])])
    labels, membership = np.unique(np.asarray(groups)[valid], return_inverse=True)
    if len(labels) < 5 or np.any(np.ptp(ranks, axis=1) == 0):
        return np.nan, np.nan, np.nan, int(valid.sum())
    draws = np.random.default_rng(seed).multinomial(
        len(labels), np.full(len(labels), 1 / len(labels)), size=num_bootstrap
    )
    weights = np.concatenate([np.ones((1, valid.sum())), draws[:, membership]])
    weights = weights / weights.sum(axis=1, keepdims=True)
    deviations = ranks[:, None, :] - (ranks @ weights.T)[:, :, None]  # (2, 1 + num_bootstrap, n)
    covariance = np.einsum("ibn,jbn,bn->ijb", deviations, deviations, weights)
    scale = np.sqrt(covariance[0, 0] * covariance[1, 1])
    correlations = np.divide(covariance[0, 1], scale, out=np.zeros_like(scale), where=scale > 0)
    low, high = np.percentile(correlations[1:], [2.5, 97.5])
    return float(correlations[0]), float(low), float(high), int(valid.sum())


def _too_few(log_x: np.ndarray, names: Sequence[str]) -> str:
    for name, row in zip(names[: len(log_x)], log_x, strict=True):
        distinct = len(np.unique(row))
        if distinct < 3:
            return f"{distinct} distinct values of {name}; a slope with an interval needs at least 3"
    centred = log_x - log_x.mean(axis=1, keepdims=True)
    if np.linalg.matrix_rank(centred) < len(log_x):
        return "the regressors vary together and cannot be told apart"
    if log_x.shape[1] < len(log_x) + 2:
        return f"{log_x.shape[1]} points for {len(log_x) + 1} parameters"
    return ""


def _spread(
    design: np.ndarray, inverse: np.ndarray, residuals: np.ndarray, grouping: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """CR2 standard error and degrees of freedom of every coefficient; the latter 0 with too few groups."""
    annihilator = np.eye(len(design)) - design @ inverse @ design.T
    members = [np.flatnonzero(grouping == label) for label in np.unique(grouping)]
    variance = np.zeros_like(inverse)
    per_group = []  # (n, n_coefficients) each: the group's score as a function of independent errors
    for rows in members:
        adjust = _inverse_root(annihilator[np.ix_(rows, rows)])
        score = inverse @ design[rows].T @ adjust  # (n_coefficients, n_rows)
        variance += np.outer(score @ residuals[rows], score @ residuals[rows])
        per_group.append(annihilator[:, rows] @ score.T)
    loads = np.array(per_group)  # (n_groups, n, n_coefficients)
    products = np.einsum("gnc,hnc->cgh", loads, loads)
    trace = np.einsum("cgg->c", products)
    freedom = trace**2 / np.sum(products**2, axis=(1, 2))
    return np.sqrt(np.diag(variance)), freedom if len(members) >= _MIN_GROUPS else np.zeros_like(freedom)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    roots = np.where(values > _SINGULAR, np.maximum(values, _SINGULAR) ** -0.5, 0.0)
    return (vectors * roots) @ vectors.T


def _widest(estimate: float, spreads: list[tuple[float, float]]) -> Slope:
    if any(freedom < _MIN_DEGREES_OF_FREEDOM for _, freedom in spreads):
        return _unknown(float(estimate))
    error, freedom = max(spreads, key=lambda spread: spread[0] * stats.t.ppf(0.975, spread[1]))
    half = error * stats.t.ppf(0.975, freedom)
    p_value = 2 * stats.t.sf(abs(estimate) / error, freedom) if error > 0 else float(estimate == 0)
    low, high = float(estimate - half), float(estimate + half)
    direction = "falls" if high < 0 else "rises" if low > 0 else "no trend"
    return Slope(float(estimate), low, high, float(p_value), direction)


def _unknown(estimate: float) -> Slope:
    return Slope(estimate, np.nan, np.nan, np.nan, "unknown")
