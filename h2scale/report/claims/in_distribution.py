"""Control beside the claims: does the error on held-out molecules of the training distribution fall with scale."""

import numpy as np

from h2scale.report import summary, words
from h2scale.report.claims import equilibrium, record
from h2scale.scaling import decisions, trend

NUMBER = 0
CLAIM = "In distribution, the error falls with scale"
COLUMN = "test_energy_mae_ev_per_atom"
_BASELINES = (("zero model", "zero_test_energy_mae_ev"), ("ridge regression", "ridge_test_energy_mae_ev"))
_PER_MOLECULE = "test_energy_mae_ev"


def rule() -> str:
    """The rule, with the bounds that it uses."""
    return (
        "Confirmed if an exponent falls: it is not flat and its interval lies below 0; intervals hold for both "
        "exponents at once in 95 %. Refuted if each is flat (two one-sided tests at 5 % put it within "
        f"±{trend.EXPONENT_BOUND:g}), rises, or is above −{trend.EXPONENT_BOUND:g} at 5 %. Otherwise inconclusive, as "
        f"with fewer than {trend.MIN_SEEDS} seeds."
    )


def judge(run: summary.Run, arm: str, rung: str) -> record.Verdict:
    """Judge the control for one arm and rung."""
    reason = record.missing_columns(run.replicas, (COLUMN,))
    rows = summary.rows_of(run, arm, rung)
    if not reason and not np.any(np.isfinite(record.log_of(rows[COLUMN]))):
        reason = "every replica diverged"
    if reason:
        return record.not_tested(NUMBER, CLAIM, arm, rung, reason, rule())
    found = trend.fit_trend(rows["num_params"], rows["num_train"], rows["seed"], record.log_of(rows[COLUMN]))
    decision = decisions.falls_with_scale(found)
    finding = record.sentence(f"{decision.reason}; the error {equilibrium.direction_words(found)}")
    numbers = (*_levels(rows), *equilibrium.trend_numbers(found))
    return record.Verdict(NUMBER, CLAIM, arm, rung, finding, numbers, decision.verdict, rule())


def _levels(rows: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Errors at the largest training set beside those of models without a network, where the table has them."""
    largest = summary.at_largest(rows, "num_train")
    best = np.nanmin(rows[COLUMN]) * 1e3
    lines = [f"lowest error: {words.number(best)} meV an atom"]
    if _PER_MOLECULE in largest:
        parts = [f"{words.number(float(np.nanmedian(largest[_PER_MOLECULE])))} eV a molecule"]
        parts += [
            f"{title} {words.number(float(np.nanmedian(largest[column])))} eV"
            for title, column in _BASELINES
            if column in largest
        ]
        lines.append(f"at {words.count(largest['num_train'][0])} structures, median: {', '.join(parts)}")
    return tuple(lines)
