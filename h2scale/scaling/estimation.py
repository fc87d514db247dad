"""Least absolute deviations in log loss for many data sets at once: the solver behind every law fit.

A law is a sum of terms exp(c_k - sum_m mask[k, m] s_m x_m) of centred regressors x, so its coefficients stay positive
and the loss is always defined. The objective is the Huber loss of log residuals; it is minimised by damped
Gauss-Newton steps on iteratively reweighted squares, in plain NumPy over a batch axis that holds starts or bootstrap
resamples.
"""

import itertools
from typing import NamedTuple

import numpy as np

EXPONENT_RANGE = (0.0, 3.0)
_GRID = (0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.2)
_LOG_RANGE = (-14.0, 12.0)  # of a coefficient over the median loss: wide enough for a term to vanish


class Problem(NamedTuple):
    """Parts of a fit that stay fixed while data are resampled; points with the same regressors share a cell."""

    mask: np.ndarray  # (n_terms, n_regressors), True where an exponent acts on a term
    regressors: np.ndarray  # (n_regressors, n_cells), centred logarithms
    membership: np.ndarray  # (n_points, n_cells), 1 where a point lies in a cell
    huber_delta: float

    @property
    def num_terms(self) -> int:
        """Number of coefficients; the exponents follow them in a parameter vector."""
        return len(self.mask)


def log_terms(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """Logarithm of every term, shape (batch, n_terms, n_cells), for parameters (batch, n_terms + n_regressors)."""
    coefficients, exponents = theta[:, : problem.num_terms], theta[:, problem.num_terms :]
    slopes = exponents[:, None, :] * problem.mask  # (batch, n_terms, n_regressors)
    return coefficients[:, :, None] - slopes @ problem.regressors


def log_prediction(problem: Problem, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the law, (batch, n_cells), and the share of each term in it, (batch, n_terms, n_cells)."""
    terms = log_terms(problem, theta)
    largest = terms.max(axis=1, keepdims=True)
    exponentials = np.exp(terms - largest)
    total = exponentials.sum(axis=1, keepdims=True)
    return (largest + np.log(total))[:, 0], exponentials / total


def objective(residuals: np.ndarray, weights: np.ndarray, delta: float) -> np.ndarray:
    """Weighted sum of the Huber loss over the last axis."""
    size = np.abs(residuals)
    inner = np.minimum(size, delta)
    return np.sum(weights * inner * (size - 0.5 * inner), axis=-1)


def minimise(
    problem: Problem,
    log_loss: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray,
    *,
    num_iterations: int,
    free_exponents: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit every member of a batch from its own start.

    Args:
        problem: the law on its points.
        log_loss: (batch or 1, n_points).
        weights: (batch or 1, n_points); 0 leaves a point out.
        start: (batch, n_terms + n_regressors).
        num_iterations: steps to try; one that does not improve is refused and damped.
        free_exponents: if False, only the coefficients move.

    Returns:
        Parameters, same shape as `start`, and the objective, (batch,).
    """
    theta = np.array(start)
    log_scale = np.median(log_loss)
    lower, upper = _bounds(problem, log_scale)
    num_free = theta.shape[1] if free_exponents else problem.num_terms
    damping = np.full(len(theta), 1e-3)
    value, normal, gradient = _linearise(problem, theta, log_loss, weights, num_free)
    for _ in range(num_iterations):
        step = _solve(normal, gradient, damping)
        trial = theta.copy()
        trial[:, :num_free] += np.clip(step, -2.0, 2.0)
        trial = np.clip(trial, lower, upper)
        trial_value, trial_normal, trial_gradient = _linearise(problem, trial, log_loss, weights, num_free)
        better = trial_value < value
        theta = np.where(better[:, None], trial, theta)
        value = np.where(better, trial_value, value)
        normal = np.where(better[:, None, None], trial_normal, normal)
        gradient = np.where(better[:, None], trial_gradient, gradient)
        damping = np.clip(np.where(better, damping * 0.3, damping * 8.0), 1e-9, 1e9)
    return theta, value


def project_grid(
    problem: Problem, log_loss: np.ndarray, weights: np.ndarray, *, num_iterations: int = 15
) -> tuple[np.ndarray, np.ndarray]:
    """Find the best coefficients on a grid of exponents (variable projection).

    Args:
        problem: the law on its points.
        log_loss: (n_points,).
        weights: (n_points,).
        num_iterations: of the inner fit.

    Returns:
        Parameters (n_grid, n_terms + n_regressors) and objective (n_grid,).
    """
    used = np.any(problem.mask, axis=0).tolist()
    axes = [_GRID if on else (0.0,) for on in used]
    exponents = np.array(list(itertools.product(*axes)))
    level = np.median(log_loss[weights > 0]) - np.log(problem.num_terms)
    coefficients = np.full((len(exponents), problem.num_terms), level)
    start = np.concatenate([coefficients, exponents], axis=1)
    return minimise(problem, log_loss[None], weights[None], start, num_iterations=num_iterations, free_exponents=False)


def _bounds(problem: Problem, log_scale: float) -> tuple[np.ndarray, np.ndarray]:
    num_exponents = problem.mask.shape[1]
    low, high = ([log_scale + edge] * problem.num_terms for edge in _LOG_RANGE)
    return (
        np.array(low + [EXPONENT_RANGE[0]] * num_exponents),
        np.array(high + [EXPONENT_RANGE[1]] * num_exponents),
    )


def _linearise(
    problem: Problem, theta: np.ndarray, log_loss: np.ndarray, weights: np.ndarray, num_free: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objective, normal matrix and gradient of the reweighted squares at `theta`."""
    prediction, shares = log_prediction(problem, theta)
    residuals = log_loss - prediction @ problem.membership.T  # (batch, n_points)
    by_exponent = -(problem.mask.T.astype(float) @ shares) * problem.regressors
    jacobian = np.concatenate([shares, by_exponent], axis=1)[:, :num_free]  # (batch, n_free, n_cells)
    clipped = np.maximum(np.abs(residuals), problem.huber_delta)
    reweighted = weights * (problem.huber_delta / clipped)
    curvature = (reweighted @ problem.membership)[:, None, :]  # (batch, 1, n_cells)
    pull = ((reweighted * residuals) @ problem.membership)[:, :, None]
    return (
        objective(residuals, weights, problem.huber_delta),
        (jacobian * curvature) @ np.swapaxes(jacobian, 1, 2),
        (jacobian @ pull)[:, :, 0],
    )


def _solve(normal: np.ndarray, gradient: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """Damped normal equations; the small ridge keeps an unused parameter from making them singular."""
    diagonal = np.einsum("bii->bi", normal)
    ridge = diagonal * damping[:, None] + 1e-10 * diagonal.max(axis=1, keepdims=True) + 1e-300
    damped = normal + ridge[:, :, None] * np.eye(normal.shape[1])
    return np.linalg.solve(damped, gradient[:, :, None])[:, :, 0]
