"""Findings of the exam: a number with its limits and a status, or the reason why there is no number."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from h2scale.exam import models

PASS, FAIL, MEASURED, NOT_CONDITIONED = "pass", "fail", "measured", "not conditioned"
STATUSES = (FAIL, models.ERROR, models.NOT_RUN, NOT_CONDITIONED, models.REFUSED, MEASURED, PASS)
"""Worst first; `measured` has no limit, and has a number if the curve has one."""
INCOMPLETE = (models.ERROR, models.NOT_RUN)
"""Statuses of a check that has to be repeated: a refusal is a result; a crash, a hang or NaN is not."""

WITHOUT_LIMITS = ("shape", "teacher split")
"""Beginnings of the sections that measure and have no limits."""

CHEMICAL_ACCURACY_EV = 0.0434
"""One kcal/mol."""

Limit = tuple[float, float]


class Finding(NamedTuple):
    """One row of exam.csv."""

    section: str
    system: str
    check: str
    value: float | None
    unit: str
    reference: float | None  # the exact or measured number, where there is one
    low: float | None  # smallest value that passes
    high: float | None  # largest value that passes
    status: str
    reason: str


class Curve(NamedTuple):
    """Energies at distances, for the page; arrays of one length, NaN where there is no energy."""

    section: str
    system: str
    note: str  # what the zero of energy is
    distances: np.ndarray  # angstrom
    energies: np.ndarray  # eV
    references: dict[str, np.ndarray]  # label to eV


class Part(NamedTuple):
    """Result of one section of the exam."""

    findings: list[Finding]
    curves: list[Curve]


def measure(
    place: tuple[str, str],
    check: str,
    unit: str,
    predictions: Sequence[models.Prediction],
    compute: Callable[[], float],
    *,
    limit: Limit | None = None,
    reference: float | None = None,
    forces: bool = False,
    reason: str = "",
) -> Finding:
    """Return the finding of a check that needs `predictions`; `compute` runs only if none of them is missing.

    Args:
        place: section and system.
        check: what is measured.
        unit: of the value.
        predictions: those the number depends on.
        compute: returns the number; NaN or ValueError means that the curve has no such number, which fails a limit.
        limit: smallest and largest value that pass; None measures without a verdict.
        reference: the number to compare with.
        forces: whether the forces are needed too.
        reason: a remark that goes with the number.
    """
    missing = _missing(predictions, forces)
    if missing is not None:
        return without_number(place, check, unit, *missing, reference=reference)
    try:
        value = float(compute())
    except ValueError as error:
        value, reason = np.nan, str(error)
    if not np.isfinite(value):
        status = MEASURED if limit is None else FAIL
        return without_number(place, check, unit, status, reason or "the curve has no such number", reference=reference)
    if limit is None:
        return Finding(*place, check, value, unit, reference, None, None, MEASURED, reason)
    low, high = (float(bound) for bound in limit)
    return Finding(*place, check, value, unit, reference, low, high, PASS if low <= value <= high else FAIL, reason)


def without_number(
    place: tuple[str, str], check: str, unit: str, status: str, reason: str, *, reference: float | None = None
) -> Finding:
    """Return a finding that says why there is no number."""
    return Finding(*place, check, None, unit, reference, None, None, status, reason)


def around(reference: float, tolerance: float) -> Limit:
    """Limits of a value that may differ from the reference by the tolerance."""
    return reference - tolerance, reference + tolerance


def energies(predictions: Sequence[models.Prediction]) -> np.ndarray:
    """Energies in eV, shape (n,), NaN where there is none."""
    return np.array([prediction.energy for prediction in predictions])


def bond_forces(predictions: Sequence[models.Prediction]) -> np.ndarray:
    """Force that pushes two atoms of a dimer apart, eV/angstrom, shape (n,), NaN where there is none."""
    return np.array(
        [
            np.nan if prediction.forces is None else (prediction.forces[1, 2] - prediction.forces[0, 2]) / 2
            for prediction in predictions
        ]
    )


def chosen(predictions: Sequence[models.Prediction], mask: np.ndarray) -> list[models.Prediction]:
    """Return the predictions where the mask is true."""
    return [prediction for prediction, wanted in zip(predictions, mask, strict=True) if wanted]


def mean_size(errors: np.ndarray) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(errors)))


def around_minimum(predictions: Sequence[models.Prediction]) -> tuple[slice, str]:
    """Return the unbroken run of predictions that holds the lowest energy, and a remark on those that are missing.

    Constants of a bond do not depend on a refusal far from it. If none has an energy or one is an error, the run is
    that of all predictions, so that the reason shows.
    """
    found = np.isfinite(energies(predictions))
    if found.all() or not found.any() or any(one.status in INCOMPLETE for one in predictions):
        return slice(0, len(predictions)), ""
    lowest = int(np.nanargmin(energies(predictions)))
    gaps = np.flatnonzero(~found)
    start = max(gaps[gaps < lowest], default=-1) + 1
    stop = min(gaps[gaps > lowest], default=len(predictions))
    return slice(int(start), int(stop)), f"{len(gaps)} of {len(predictions)} distances have no energy"


def is_scored(section: str, status: str) -> bool:
    """Return True if a finding counts among the checks that a model can pass."""
    return status != MEASURED and status in STATUSES and not section.startswith(WITHOUT_LIMITS)


def to_json(record: Finding | Curve) -> dict[str, Any]:
    """Return a record as JSON values; NaN becomes null."""
    return {key: _plain(value) for key, value in record._asdict().items()}


def _missing(predictions: Sequence[models.Prediction], forces: bool) -> tuple[str, str] | None:
    """Return the worst status and a sentence, or None if nothing is missing."""
    lost = [one for one in predictions if one.status != models.OK]
    if lost:
        status = next(s for s in (models.NOT_RUN, models.ERROR, models.REFUSED) if any(a.status == s for a in lost))
        first = next(one for one in lost if one.status == status)
        count = f"{len(lost)} of {len(predictions)} structures: " if len(predictions) > 1 else ""
        return status, count + first.reason
    without_forces = [one for one in predictions if forces and one.forces is None]
    if not without_forces:
        return None
    wrong = [one for one in without_forces if one.reason.startswith(models.BAD_FORCES)]
    return (models.ERROR, wrong[0].reason) if wrong else (models.REFUSED, without_forces[0].reason)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return [None if not np.isfinite(entry) else round(float(entry), 6) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
