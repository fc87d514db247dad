"""Verdicts on claims about scale, from trends; each rule is stated here and fixed before a study is run.

`confirmed` and `refuted` are each wrong in at most 5 % of studies, whatever the truth outside the zone of indifference,
which is an exponent between -bound and 0: a fall so slow that it counts as flat. Everything else is `inconclusive`.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from h2scale.scaling import trend as trend_lib

CONFIRMED, REFUTED, INCONCLUSIVE, NOT_TESTED = "confirmed", "refuted", "inconclusive", "not tested"
_LEVEL = 0.05


class Decision(NamedTuple):
    """A verdict, and the parts of the rule that led to it."""

    verdict: str
    reason: str


def fails_at_any_scale(trend: trend_lib.Trend, smallest_failure: float) -> Decision:
    """Decide whether an error is large and stays so whatever N and D.

    Confirmed if in both N and D the exponent is flat, rises or does not fall, and the typical error of every cell is
    above `smallest_failure` by a one-sided test at 5 %. Refuted if an exponent falls, or the typical error of some cell
    is below `smallest_failure` by a one-sided test at 5 % divided by the number of cells.

    Args:
        trend: of the logarithm of the error.
        smallest_failure: error above which a model fails, in the unit of the metric.
    """
    blocked = _blocked(trend)
    if blocked is not None:
        return blocked
    falling = _names(trend, trend_lib.FALLS)
    if falling:
        return Decision(REFUTED, f"the error falls with {falling}")
    margin = (trend.levels.mean - math.log(smallest_failure)) / trend.levels.spread
    freedom = max(trend.num_points - trend.num_cells, 1)
    if np.any(margin < stats.t.ppf(_LEVEL / len(margin), freedom)):
        return Decision(REFUTED, "the error of a cell is below the level of failure")
    undecided = _undecided(trend)
    if undecided is not None:
        return undecided
    if np.any(margin <= stats.t.ppf(1 - _LEVEL, freedom)):
        return Decision(INCONCLUSIVE, "not every cell is above the level of failure beyond its noise")
    return Decision(CONFIRMED, "the error is large in every cell and falls with neither N nor D")


def falls_with_scale(trend: trend_lib.Trend) -> Decision:
    """Decide whether an error falls with N or with D.

    Confirmed if an exponent falls, refuted if both are flat, rise or do not fall.
    """
    blocked = _blocked(trend)
    if blocked is not None:
        return blocked
    falling = _names(trend, trend_lib.FALLS)
    if falling:
        return Decision(CONFIRMED, f"the error falls with {falling}")
    return _undecided(trend) or Decision(REFUTED, "the error falls with neither N nor D")


def _blocked(trend: trend_lib.Trend) -> Decision | None:
    """Return the decision of a grid that decides nothing whatever its numbers, or None."""
    if trend.num_points == 0:
        return Decision(NOT_TESTED, "no replica has this number")
    if trend.reason:
        return Decision(INCONCLUSIVE, trend.reason)
    if trend.num_seeds < trend_lib.MIN_SEEDS:
        count = f"{trend.num_seeds} seed{'s' if trend.num_seeds > 1 else ''}"
        return Decision(INCONCLUSIVE, f"{count} a cell; a verdict needs at least {trend_lib.MIN_SEEDS}")
    return None


def _undecided(trend: trend_lib.Trend) -> Decision | None:
    """Return the decision where the exponents do not show that the error does not fall, or None if they do."""
    reasons = [one.reason for one in trend.exponents if one.reason]
    if reasons:
        return Decision(INCONCLUSIVE, "; ".join(reasons))
    names = _names(trend, trend_lib.UNRESOLVED)
    return Decision(INCONCLUSIVE, f"the exponent in {names} is not resolved") if names else None


def _names(trend: trend_lib.Trend, direction: str) -> str:
    """Variables whose exponent has a direction: `N`, `D`, `N and D`, or an empty string."""
    return " and ".join(name for name, one in zip("ND", trend.exponents, strict=True) if one.direction == direction)
