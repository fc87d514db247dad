"""Exponents of the ladder's errors in data and parameters, by the same fit and rules as the scaling study's."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from h2scale.remedies.tables import MemberRow
from h2scale.scaling import trend

METRICS = ("test_kcal", "broken_kcal")
_SMALLEST_KCAL = 1e-9


class ExponentRow(NamedTuple):
    """Exponent of one rung's error in one variable; without numbers where `reason` says why."""

    rung: str
    metric: str  # one of `METRICS`
    variable: str  # num_params or num_train
    exponent: float
    low: float  # interval of 97.5 %: those of both variables hold together in 95 %
    high: float
    low_90: float
    high_90: float
    direction: str  # falls, rises, flat, does not fall or unresolved, by the rules of `scaling.trend`
    resolved: float  # smallest size that this grid tells from 0 in 80 % of repetitions
    cells: int
    points: int
    reason: str


def exponent_rows(name: str, members: Sequence[MemberRow]) -> Iterator[ExponentRow]:
    """Yield a rung's exponents over all its cells and seeds; a constant has no width and no part in it."""
    members = [row for row in members if row.width]
    num_params, num_train, seed = (
        np.array([getattr(row, name) for row in members]) for name in ("num_params", "num_train", "seed")
    )
    for metric in METRICS:
        error = np.array([getattr(row, metric) for row in members], float)
        found = trend.fit_trend(num_params, num_train, seed, np.log(np.maximum(error, _SMALLEST_KCAL)))
        for variable, one in zip(("num_params", "num_train"), found.exponents, strict=True):
            yield ExponentRow(
                name,
                metric,
                variable,
                one.estimate,
                one.low,
                one.high,
                one.low_90,
                one.high_90,
                one.direction,
                one.resolved,
                found.num_cells,
                found.num_points,
                one.reason,
            )
