"""Linear mixed models of small tables, with the variances of the random effects averaged over instead of estimated.

The response is a linear function of fixed regressors plus independent normal effects that share their size within a
component (all cells, all seeds, ...) plus independent noise. With three to five seeds the size of an effect is poorly
known, and an interval that takes its best estimate for the truth is too short. Therefore every quantity is averaged
over a fixed, quasi-random set of variance ratios, weighted by prior and restricted likelihood. For given ratios the
residual variance and the fixed effects are integrated in closed form and what remains is a t distribution.

Reference:
    Henderson, Biometrics 31, 423 (1975), for the equations that give fixed and random effects together;
    Gelman, Bayesian Analysis 1, 515 (2006), for the half-Cauchy prior; Box and Tiao, Bayesian Inference in Statistical
    Analysis, chapter 2, for the integrals.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.stats import qmc

NUM_SAMPLES = 512
PRIOR_SCALE = 0.3
"""Median of the standard deviation of an effect in units of the noise, before the data are seen."""
_LARGEST_RATIO = 30.0
_BLOCK_ENTRIES = 4_000_000  # of the matrices of the mixed-model equations held at once
_SMALLEST_RATIO = 1e-4
_NEGLIGIBLE = 1e-4  # weight, relative to the largest, below which a sample is left out of quantiles
_NUM_NODES = 61


class Component(NamedTuple):
    """A random effect: one independent normal number for each label, times `scale` in each row."""

    name: str
    labels: np.ndarray  # (n,)
    scale: np.ndarray | None = None  # (n,); ones if None


class MixedFit(NamedTuple):
    """Distribution of every target for every response: a mixture of t distributions over the variance ratios."""

    weights: np.ndarray  # (n_responses, n_samples), adding up to 1
    centers: np.ndarray  # (n_responses, n_targets, n_samples)
    scales: np.ndarray  # (n_responses, n_targets, n_samples)
    freedom: int  # degrees of freedom of each t distribution
    ratios: np.ndarray  # (n_samples, n_components), standard deviation of an effect over that of the noise
    noise_variance: np.ndarray  # (n_responses, n_samples), its estimate under each sample


def fit(
    design: np.ndarray,
    components: Sequence[Component],
    response: np.ndarray,
    targets: np.ndarray,
    *,
    num_samples: int = NUM_SAMPLES,
    prior_scale: float = PRIOR_SCALE,
) -> MixedFit:
    """Fit one model to several responses on the same rows.

    Args:
        design: fixed regressors, (n, p), of full rank.
        components: random effects beside the noise.
        response: (n_responses, n) or (n,).
        targets: what is asked, (n_targets, p + n_effects): coefficients of the fixed effects and of the random ones in
            the order of `effects`.
        num_samples: variance ratios to average over.
        prior_scale: median of each ratio before the data are seen.

    Raises:
        ValueError: shapes disagree, or there are not more rows than regressors.
    """
    response = np.atleast_2d(np.asarray(response, dtype=float))
    n, p = design.shape
    if response.shape[1] != n or any(len(component.labels) != n for component in components):
        raise ValueError(f"design, components and response must have as many rows; got {n} and {response.shape[1]}.")
    if n <= p:
        raise ValueError(f"a mixed model needs more rows than regressors; got {n} rows and {p} regressors.")
    ratios = sample_ratios(len(components), num_samples, prior_scale)
    regressors, owner = effects(components, n)
    whole = np.concatenate([design, regressors], axis=1)
    size = max(1, _BLOCK_ENTRIES // whole.shape[1] ** 2)
    blocks = [
        _integrate(whole, owner, response, targets, ratios[start : start + size])
        for start in range(0, num_samples, size)
    ]
    log_likelihood, squares, centers, spreads = (np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True))
    variance = squares / (n - p)
    scales = np.sqrt(variance[:, None, :] * spreads)
    return MixedFit(special.softmax(log_likelihood, axis=1), centers, scales, n - p, ratios, variance)


def effects(components: Sequence[Component], num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Regressor of every random effect, (n, n_effects), and the number of its component, (n_effects,).

    The effects of a component stand together, in the order of its sorted labels.
    """
    columns, owner = [np.zeros((num_rows, 0))], [np.zeros(0, dtype=int)]
    for index, component in enumerate(components):
        labels, place = np.unique(component.labels, return_inverse=True)
        indicator = np.eye(len(labels))[place.ravel()]
        columns.append(indicator if component.scale is None else indicator * component.scale[:, None])
        owner.append(np.full(len(labels), index))
    return np.concatenate(columns, axis=1), np.concatenate(owner)


def solve(whole: np.ndarray, owner: np.ndarray, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse and log determinant of Henderson's mixed-model equations, for each sample of variance ratios.

    Args:
        whole: regressors of the fixed effects, then of the random ones, (n, p + n_effects).
        owner: component of each random effect, (n_effects,).
        ratios: (n_samples, n_components).

    Returns:
        Covariance of all effects in units of the noise variance, (n_samples, p + n_effects, p + n_effects), and the
        logarithm of |V| |X' V^-1 X|, (n_samples,), where V is the covariance of the response.
    """
    num_fixed = whole.shape[1] - len(owner)
    variances = np.maximum(ratios, _SMALLEST_RATIO)[:, owner] ** 2  # (n_samples, n_effects)
    equations = np.repeat((whole.T @ whole)[None], len(ratios), axis=0)
    random = np.arange(num_fixed, whole.shape[1])
    equations[:, random, random] += 1 / variances
    logdet = np.linalg.slogdet(equations)[1] + np.log(variances).sum(axis=1)
    return np.linalg.inv(equations), logdet


def sample_ratios(num_components: int, num_samples: int, prior_scale: float = PRIOR_SCALE) -> np.ndarray:
    """Quasi-random standard deviations of effects over that of the noise, (n_samples, n_components), half Cauchy."""
    if num_components == 0:
        return np.zeros((num_samples, 0))
    uniform = qmc.Sobol(num_components, scramble=True, rng=np.random.default_rng(0)).random(num_samples)
    return np.minimum(prior_scale * np.tan(0.5 * np.pi * uniform), _LARGEST_RATIO)


def quantiles(fit: MixedFit, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles of every target, (n_probabilities, n_responses, n_targets)."""
    wanted = special.ndtri(np.asarray(probabilities, dtype=float))
    result = np.empty((len(wanted), *fit.centers.shape[:2]))
    for index, weights in enumerate(fit.weights):
        keep = weights > _NEGLIGIBLE * weights.max()
        weight = weights[keep] / weights[keep].sum()
        for target, (center, scale) in enumerate(zip(fit.centers[index], fit.scales[index], strict=True)):
            result[:, index, target] = _mixture_quantiles(weight, center[keep], scale[keep], fit.freedom, wanted)
    return result


def moments(fit: MixedFit) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every target, each (n_responses, n_targets)."""
    weights = fit.weights[:, None, :]
    mean = np.sum(weights * fit.centers, axis=2)
    inflation = fit.freedom / (fit.freedom - 2) if fit.freedom > 2 else np.nan
    within = inflation * fit.scales**2
    return mean, np.sqrt(np.sum(weights * (within + (fit.centers - mean[:, :, None]) ** 2), axis=2))


def _integrate(
    whole: np.ndarray, owner: np.ndarray, response: np.ndarray, targets: np.ndarray, ratios: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log of the restricted likelihood, sum of squares, centre and squared spread of the targets, samples last."""
    degrees = len(whole) - (whole.shape[1] - len(owner))
    covariance, logdet = solve(whole, owner, ratios)
    projected = response @ whole  # (responses, effects)
    estimates = projected @ covariance  # (samples, responses, effects)
    explained = np.einsum("re,sre->rs", projected, estimates)
    squares = np.maximum(np.sum(response**2, axis=1)[:, None] - explained, 1e-300)
    log_likelihood = -0.5 * logdet - 0.5 * degrees * np.log(squares)
    centers = np.moveaxis(estimates @ targets.T, 0, -1)  # (responses, targets, samples)
    spreads = np.einsum("ste,te->ts", targets @ covariance, targets)
    return log_likelihood, squares, centers, np.broadcast_to(spreads, centers.shape)


def _mixture_quantiles(
    weights: np.ndarray, centers: np.ndarray, scales: np.ndarray, freedom: int, wanted: np.ndarray
) -> np.ndarray:
    """Quantiles at normal scores `wanted`, by interpolating the normal score of the mixture's distribution function."""
    middle = weights @ centers
    width = np.sqrt(weights @ (scales**2 + (centers - middle) ** 2))
    if width == 0:
        return np.full(wanted.shape, middle)
    nodes = middle + width * np.sinh(np.linspace(-4.0, 4.0, _NUM_NODES)) / 2.5
    below = weights @ special.stdtr(freedom, (nodes[None] - centers[:, None]) / scales[:, None])
    scores = special.ndtri(np.clip(below, 1e-15, 1 - 1e-15))
    increasing = np.concatenate([[True], np.diff(scores) > 1e-12])
    return np.interp(wanted, scores[increasing], nodes[increasing])
