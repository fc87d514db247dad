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
    Region("from 0.6 Å on", _WALL, np.inf, "exact"),
    Region("from 0.6 Å on, against the teacher", _WALL, np.inf, "teacher"),
    Region("whole curve", 0.0, np.inf, "exact"),
    Region("whole curve, against the teacher", 0.0, np.inf, "teacher"),
    Region("wall, below 0.6 Å", 0.0, _WALL, "exact"),
    Region("well, 0.6 to 1.2 Å", _WALL, _WELL, "exact"),
    Region("middle, 1.2 to 3 Å", _WELL, np.nextafter(_TAIL, np.inf), "exact"),
    Region("tail, beyond 3 Å", np.nextafter(_TAIL, np.inf), np.inf, "exact"),
)
"""The first is the headline."""
WHOLE = REGIONS[2]


def errors(curve_table: tables.Table, replica_ids: np.ndarray, region: Region) -> np.ndarray:
    """Return the mean absolute error of each replica in a region, from its H2 curve in curves.csv.

    Args:
        curve_table: curves.csv.
        replica_ids: shape (n,).
        region: part of the curve, and the reference.

    Returns:
        Shape (n,), eV; NaN for a replica without a curve.
    """
    distance = curve_table["distance_angstrom"]
    inside = (curve_table["system"] == "h2") & (distance >= region.low) & (distance < region.high)
    rows = tables.select(curve_table, inside)
    names, owner = np.unique(rows["replica_id"], return_inverse=True)
    error = np.abs(rows["energy_ev"] - rows[f"{region.against}_ev"])
    mean = np.bincount(owner, error, len(names)) / np.bincount(owner, minlength=len(names))
    known = dict(zip(names.tolist(), mean.tolist(), strict=True))
    return np.array([known.get(name, np.nan) for name in replica_ids.tolist()])


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
