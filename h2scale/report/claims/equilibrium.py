"""Claim 1: models of equilibrium structures fail on H2 at any scale."""

import numpy as np

from h2scale.report import summary, words
from h2scale.report.claims import record, regions
from h2scale.scaling import decisions, trend

NUMBER = 1
CLAIM = "Trained on equilibrium structures only, models fail on H₂ whatever their size and data"
RUNG = "equilibrium"
_DIRECTION = {
    trend.FLAT: "is flat in",
    trend.FALLS: "falls with",
    trend.RISES: "rises with",
    trend.DOES_NOT_FALL: "does not fall with",
    trend.UNRESOLVED: "has no resolved exponent in",
}


def rule() -> str:
    """The rule, with the bounds that it uses."""
    return (
        f"A model fails in a region of the curve if its error is above {regions.FAILURE_SHARE:.0%} of what predicting "
        "zero scores there, and above 0.043 eV. Confirmed if the typical error of every cell of size and data is above "
        "that level (one-sided tests at 5 %) and the error falls with neither size nor data: each exponent is flat "
        f"(two one-sided tests at 5 % put it within ±{trend.EXPONENT_BOUND:g}), rises, or is above "
        f"−{trend.EXPONENT_BOUND:g} at 5 %. Refuted if an exponent falls (not flat, and its interval lies below 0; "
        "intervals hold for both exponents at once in 95 %) or the typical error of a cell is below that level, at 5 % "
        f"over all cells. Otherwise inconclusive, as with fewer than {trend.MIN_SEEDS} seeds."
    )


def judge(run: summary.Run, arm: str, region: regions.Region) -> record.Verdict:
    """Judge the claim for one arm in one region."""
    rows = summary.rows_of(run, arm, RUNG)
    reason = "" if len(rows["seed"]) else f"no replica was trained on rung {RUNG}"
    scores = regions.scores(run.curves, region)
    if not reason and not np.isfinite(scores.failure):
        reason = f"curves.csv holds no {'H₂ curve' if region.against == 'exact' else 'curve of the teacher'}"
    errors = regions.errors(run.curves, rows["replica_id"], region)
    if not reason and not np.any(np.isfinite(errors)):
        reason = "every replica diverged"
    if reason:
        return record.not_tested(NUMBER, CLAIM, arm, region.title, reason, rule())
    found = trend.fit_trend(rows["num_params"], rows["num_train"], rows["seed"], record.log_of(errors))
    decision = decisions.fails_at_any_scale(found, scores.failure)
    numbers = (*_levels(found, errors, scores), *trend_numbers(found))
    finding = record.sentence(f"{decision.reason}; the error {direction_words(found)}")
    return record.Verdict(NUMBER, CLAIM, arm, region.title, finding, numbers, decision.verdict, rule())


def direction_words(found: trend.Trend) -> str:
    """Write the directions of the error in parameters and in data."""
    parameters, data = (_DIRECTION[one.direction] for one in found.exponents)
    return f"{parameters} parameters and data" if parameters == data else f"{parameters} parameters and {data} data"


def trend_numbers(found: trend.Trend) -> tuple[str, ...]:
    """Exponents with intervals, what the grid resolves and the seeds that would decide."""
    lines = []
    for name, one, needed in zip("ND", found.exponents, found.seeds_needed, strict=True):
        if one.reason:
            lines.append(f"exponent in {name}: {one.reason}")
            continue
        lines.append(
            f"exponent in {name}: {record.with_interval(one.estimate, one.low, one.high)}, {one.direction}; this grid "
            f"tells {words.number(one.resolved)} from 0 in 80 % of repetitions"
        )
        if one.direction == trend.UNRESOLVED:
            lines.append(
                f"to call a flat exponent in {name} flat: "
                + (f"about {needed} seeds a cell" if needed else "more cells, no number of seeds suffices")
            )
    return tuple(lines)


def _levels(found: trend.Trend, errors: np.ndarray, scores: regions.Scores) -> tuple[str, ...]:
    size = f"{words.plural(found.num_cells, 'cell')}, {words.plural(found.num_points, 'replica')}"
    if len(found.levels.mean):
        low, high = np.exp(found.levels.mean.min()), np.exp(found.levels.mean.max())
        what = "typical error, lowest to highest cell"
    else:
        known = errors[np.isfinite(errors)]
        low, high, what = known.min(), known.max(), "error, lowest to highest replica"
    return (
        f"{what}: {words.number(low)} to {words.number(high)} eV, {low / scores.zero:.0%} to {high / scores.zero:.0%} "
        f"of the zero model's ({size})",
        f"zero model {words.number(scores.zero)} eV; failure above {words.number(scores.failure)} eV; teacher "
        f"{words.number(scores.teacher)} eV",
    )
