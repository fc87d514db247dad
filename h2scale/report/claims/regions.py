"""Regions of the H2 curve: the columns that measure them, and what zero and the teacher score there."""

from typing import NamedTuple

import numpy as np

from h2scale.physics import curves
from h2scale.runtime import tables

FAILURE_SHARE = 0.25
"""Error above which a model fails, as a share of what predicting zero everywhere scores; stated beforehand."""
SMALLEST_FAILURE_EV = 0.0434
"""One kcal/mol: no error below it is a failure, which matters where zero is nearly right."""


class Region(NamedTuple):
    """A part of the H2 curve against one reference."""

    title: str
    column: str  # of replicas.csv
    low: float  # angstrom, included
    high: float  # angstrom
    against: str  # exact or teacher


class Scores(NamedTuple):
    """Mean absolute errors in a region, eV; NaN where curves.csv does not tell."""

    zero: float  # of predicting zero everywhere
    teacher: float  # of the teacher
    failure: float  # smallest error that is a failure


_WALL, _WELL, _TAIL = curves.WALL_BELOW_ANGSTROM, curves.WELL_BELOW_ANGSTROM, curves.TAIL_BEYOND_ANGSTROM
REGIONS = (
    Region("from 0.6 Å on", "h2_beyond_wall_mae_ev", _WALL, np.inf, "exact"),
    Region("from 0.6 Å on, against the teacher", "h2_beyond_wall_teacher_mae_ev", _WALL, np.inf, "teacher"),
    Region("whole curve", "h2_mae_ev", 0.0, np.inf, "exact"),
    Region("whole curve, against the teacher", "h2_teacher_mae_ev", 0.0, np.inf, "teacher"),
    Region("wall, below 0.6 Å", "h2_wall_mae_ev", 0.0, _WALL, "exact"),
    Region("well, 0.6 to 1.2 Å", "h2_well_mae_ev", _WALL, _WELL, "exact"),
    Region("middle, 1.2 to 3 Å", "h2_middle_mae_ev", _WELL, np.nextafter(_TAIL, np.inf), "exact"),
    Region("tail, beyond 3 Å", "h2_tail_mae_ev", np.nextafter(_TAIL, np.inf), np.inf, "exact"),
)
"""The first is the headline."""


def scores(curve_table: tables.Table, region: Region) -> Scores:
    """Compute what zero and the teacher score in a region, from the reference columns of curves.csv."""
    rows = tables.select(curve_table, curve_table["system"] == "h2")
    distances, first = np.unique(rows["distance_angstrom"], return_index=True)
    inside = first[(distances >= region.low) & (distances < region.high)]
    if len(inside) == 0:
        return Scores(np.nan, np.nan, np.nan)
    exact, teacher = rows["exact_ev"][inside], rows["teacher_ev"][inside]
    reference = exact if region.against == "exact" else teacher
    zero = float(np.mean(np.abs(reference)))
    return Scores(zero, float(np.mean(np.abs(teacher - reference))), max(FAILURE_SHARE * zero, SMALLEST_FAILURE_EV))
