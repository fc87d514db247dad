"""Scaling laws with intervals: the fall of a loss with the number of parameters N and of training structures D.

The method follows what was learnt from refitting the Chinchilla law: Huber loss of log residuals, coefficients solved
for on a grid of exponents before all parameters are refined together (variable projection, Open Athena,
arXiv:2603.22339), intervals from a bootstrap that resamples whole groups (Besiroglu et al., arXiv:2404.10102).
"""

from typing import NamedTuple

import numpy as np

from h2scale.scaling import estimation, laws

_VANISHED = 1e-3  # a term below this share of the loss at every point is not there
_BLOCK = 500  # resamples fitted at once: their arrays stay in a core's cache
_REFIT_ITERATIONS = 15
_NAMES = ("E", "A", "B", "alpha", "beta")


class Interval(NamedTuple):
    """An estimate and its 95 % interval; NaN where there is none."""

    estimate: float
    low: float
    high: float


class ParametricFit(NamedTuple):
    """A fitted law; `reason` says why numbers are NaN and is empty otherwise.

    A term that vanishes from the loss has coefficient 0 and exponent 0: the loss does not fall with its variable.
    """

    E: Interval  # loss that neither parameters nor data remove
    A: Interval
    B: Interval
    alpha: Interval  # exponent of N
    beta: Interval  # exponent of D
    form: str
    num_points: int  # points used
    num_excluded: int  # points with a loss that is not finite and positive
    reason: str
    samples: np.ndarray  # (n_kept, 5), E A B alpha beta of each bootstrap resample


def fit_parametric(
    num_params: np.ndarray,
    num_data: np.ndarray,
    loss: np.ndarray,
    *,
    form: str = "sum",
    num_bootstrap: int = 4000,
    groups: np.ndarray | None = None,
    seed: int = 0,
    huber_delta: float = 1e-3,
) -> ParametricFit:
    """Fit a law of `laws.LAWS` to losses in N and D, with 95 % bootstrap intervals.

    Args:
        num_params: (n,), N, positive.
        num_data: (n,), D, positive.
        loss: (n,), any unit; rows that are not finite and positive are left out and counted.
        form: name of the law.
        num_bootstrap: resamples; 0 gives estimates without intervals.
        groups: (n,), labels of what is resampled together, such as the (N, D) cell of several seeds; each point is
            its own group if None.
        seed: of the resampling.
        huber_delta: width of the quadratic part of the loss of log residuals.

    Returns:
        The fit; all NaN with a reason if the points cannot identify the law.

    Raises:
        ValueError: shapes differ, N or D is not positive, or the form is unknown.
    """
    law = laws.get(form)
    num_params, num_data, loss = (np.asarray(values, dtype=float) for values in (num_params, num_data, loss))
    _check(num_params, num_data, loss, groups)
    valid = np.isfinite(loss) & (loss > 0)
    regressors = np.log(np.stack([num_params, num_data]))[:, valid]
    labels = np.arange(len(loss))[valid] if groups is None else np.asarray(groups)[valid]
    reason = _too_few(law, regressors)
    if reason:
        return _without_numbers(form, int(valid.sum()), int((~valid).sum()), reason)
    center = regressors.mean(axis=1, keepdims=True)
    cells, cell_of_point = np.unique(regressors, axis=1, return_inverse=True)
    membership = np.eye(cells.shape[1])[cell_of_point.ravel()]
    problem = estimation.Problem(np.array(law.exponents), cells - center, membership, huber_delta)
    log_loss = np.log(loss[valid])
    best, grid = _fit_point(problem, log_loss)
    estimate = _named(law, problem, best[None], center[:, 0])[0]
    weights = _resample(labels, regressors, law, num_bootstrap, np.random.default_rng(seed))
    reason = "" if num_bootstrap == 0 else _too_few_resamples(len(weights), num_bootstrap)
    if len(weights) == 0 or reason:
        intervals, samples = [Interval(value, np.nan, np.nan) for value in estimate], np.empty((0, 5))
    else:
        refitted = _refit(problem, log_loss, weights, np.concatenate([best[None], grid]))
        samples = _named(law, problem, refitted, center[:, 0])
        low, high = np.percentile(samples, [2.5, 97.5], axis=0)
        intervals = [Interval(*map(float, ends)) for ends in zip(estimate, low, high, strict=True)]
    return _assemble(intervals, form, int(valid.sum()), int((~valid).sum()), reason, samples)


def fit_power_law(
    x: np.ndarray,
    loss: np.ndarray,
    *,
    num_bootstrap: int = 4000,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> ParametricFit:
    """Fit E + A x^-alpha in one variable: error against N at fixed D, or against D at fixed N.

    Args, behaviour and errors are those of `fit_parametric`; B and beta are NaN.
    """
    x = np.asarray(x, dtype=float)
    return fit_parametric(
        x, np.ones_like(x), loss, form="params", num_bootstrap=num_bootstrap, groups=groups, seed=seed
    )


def predict(
    fit: ParametricFit, num_params: np.ndarray, num_data: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the loss under the fitted law and its 95 % band, each (n,); NaN without numbers or an interval."""
    parameters = np.array([getattr(fit, name).estimate for name in _NAMES])
    center = laws.evaluate(fit.form, parameters, num_params, num_data)
    if len(fit.samples) == 0:
        return center, np.full_like(center, np.nan), np.full_like(center, np.nan)
    low, high = np.percentile(laws.evaluate(fit.form, fit.samples, num_params, num_data), [2.5, 97.5], axis=0)
    return center, low, high


def compare_forms(num_params: np.ndarray, num_data: np.ndarray, loss: np.ndarray) -> dict[str, float]:
    """Compute the error of each law on cells it was not fitted to: the quarter of (N, D) cells with the largest N D.

    Args:
        num_params: (n,), N.
        num_data: (n,), D.
        loss: (n,); rows that are not finite and positive are left out.

    Returns:
        Root mean square of log(loss / prediction) on the held-out cells for every form; NaN where the smaller cells
        cannot identify it.
    """
    num_params, num_data, loss = (np.asarray(values, dtype=float) for values in (num_params, num_data, loss))
    valid = np.isfinite(loss) & (loss > 0)
    num_params, num_data, loss = num_params[valid], num_data[valid], loss[valid]
    sizes = np.unique(num_params * num_data)
    held_out = num_params * num_data >= sizes[-max(1, len(sizes) // 4)] if len(sizes) else np.zeros(0, bool)
    scores = {}
    for form in laws.LAWS:
        fit = fit_parametric(num_params[~held_out], num_data[~held_out], loss[~held_out], form=form, num_bootstrap=0)
        prediction, _, _ = predict(fit, num_params[held_out], num_data[held_out])
        scores[form] = float(np.sqrt(np.mean(np.log(loss[held_out] / prediction) ** 2))) if len(sizes) else np.nan
    return scores


def _check(num_params: np.ndarray, num_data: np.ndarray, loss: np.ndarray, groups: np.ndarray | None) -> None:
    shapes = [num_params.shape, num_data.shape, loss.shape] + ([] if groups is None else [np.shape(groups)])
    if num_params.ndim != 1 or len(set(shapes)) != 1:
        raise ValueError(f"num_params, num_data, loss and groups must have one shape (n,); got {shapes}.")
    for name, values in (("num_params", num_params), ("num_data", num_data)):
        wrong = values[~(values > 0)]
        if len(wrong):
            raise ValueError(f"{name} must be positive; got {wrong[0]!r}.")


def _too_few(law: laws.Law, regressors: np.ndarray) -> str:
    """Return the reason why the points cannot identify the law, or an empty string."""
    for row, name, used in zip(regressors, ("N", "D"), zip(*law.exponents, strict=True), strict=True):
        distinct = len(np.unique(row))
        if any(used) and distinct < 3:
            return f"{distinct} distinct values of {name}; a power law with offset needs at least 3"
    if regressors.shape[1] <= law.num_free:
        return f"{regressors.shape[1]} points for {law.num_free} parameters; at least {law.num_free + 1} are needed"
    return ""


def _too_few_resamples(num_kept: int, num_bootstrap: int) -> str:
    if num_kept >= num_bootstrap / 2:
        return ""
    return "no interval: most bootstrap resamples hold too few distinct values to identify the law"


def _without_numbers(form: str, num_points: int, num_excluded: int, reason: str) -> ParametricFit:
    nothing = Interval(np.nan, np.nan, np.nan)
    return _assemble([nothing] * 5, form, num_points, num_excluded, reason, np.empty((0, 5)))


def _assemble(
    intervals: list[Interval], form: str, num_points: int, num_excluded: int, reason: str, samples: np.ndarray
) -> ParametricFit:
    constant, params, data, alpha, beta = intervals
    return ParametricFit(constant, params, data, alpha, beta, form, num_points, num_excluded, reason, samples)


def _fit_point(problem: estimation.Problem, log_loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best parameters, and the projected grid from which they were refined."""
    weights = np.ones_like(log_loss)
    grid, values = estimation.project_grid(problem, log_loss, weights)
    starts = grid[np.argsort(values)[:6]]
    polished, values = estimation.minimise(problem, log_loss[None], weights[None], starts, num_iterations=60)
    return polished[np.argmin(values)], grid


def _resample(
    labels: np.ndarray, regressors: np.ndarray, law: laws.Law, num_bootstrap: int, generator: np.random.Generator
) -> np.ndarray:
    """Number of draws of each point, (n_kept, n_points); resamples that cannot identify the law are dropped."""
    _, membership = np.unique(labels, return_inverse=True)
    num_groups = membership.max() + 1
    counts = generator.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=num_bootstrap)
    weights = counts[:, membership].astype(float)
    keep = np.ones(len(weights), dtype=bool)
    for row, used in zip(regressors, zip(*law.exponents, strict=True), strict=True):
        if any(used):
            drawn = weights @ (row[:, None] == np.unique(row))  # (num_bootstrap, n_distinct)
            keep &= np.sum(drawn > 0, axis=1) >= 3
    return weights[keep]


def _refit(
    problem: estimation.Problem, log_loss: np.ndarray, weights: np.ndarray, candidates: np.ndarray
) -> np.ndarray:
    """Parameters of every resample, each started from the candidate that suits it best."""
    prediction, _ = estimation.log_prediction(problem, candidates)
    residuals = np.abs(log_loss - prediction @ problem.membership.T)  # (n_candidates, n_points)
    starts = candidates[np.argmin(weights @ residuals.T, axis=1)]
    refitted = [
        estimation.minimise(problem, log_loss[None], weights[block], starts[block], num_iterations=_REFIT_ITERATIONS)[0]
        for block in np.array_split(np.arange(len(weights)), max(1, len(weights) // _BLOCK))
    ]
    return np.concatenate(refitted)


def _named(law: laws.Law, problem: estimation.Problem, theta: np.ndarray, center: np.ndarray) -> np.ndarray:
    """E, A, B, alpha, beta in uncentred variables, (batch, 5); NaN where the law has no such parameter."""
    _, shares = estimation.log_prediction(problem, theta)
    exponents = theta[:, problem.num_terms :]
    present = shares.max(axis=2) > _VANISHED  # (batch, n_terms)
    named = np.full((len(theta), 5), np.nan)
    for index, name in enumerate(law.coefficients):
        shift = (exponents * problem.mask[index]) @ center
        named[:, _NAMES.index(name)] = np.where(present[:, index], np.exp(theta[:, index] + shift), 0.0)
    for index in range(2):
        acts_on = problem.mask[:, index]
        if acts_on.any():
            named[:, 3 + index] = np.where(present[:, acts_on].any(axis=1), exponents[:, index], 0.0)
    return named
