"""What a check found: a number with its limit and a status, or the reason why there is no number."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from h2scale.exam import models

PASS, FAIL, MEASURED, NOT_CONDITIONED = "pass", "fail", "measured", "not conditioned"
STATUSES = (FAIL, models.ERROR, models.NOT_RUN, NOT_CONDITIONED, models.REFUSED, MEASURED, PASS)
"""Worst first; `measured` has no limit, and has a number if the curve has one."""
INCOMPLETE = (models.ERROR, models.NOT_RUN)
"""A model that refuses has answered; one that crashed, hung or gave NaN has not."""

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
    """Energies at distances, for the page; arrays of one length, NaN where there is none."""

    section: str
    system: str
    note: str  # what the zero of energy is
    distances: np.ndarray  # angstrom
    energies: np.ndarray  # eV
    references: dict[str, np.ndarray]  # label to eV


class Part(NamedTuple):
    """What one section of the exam gives."""

    findings: list[Finding]
    curves: list[Curve]


def measure(
    place: tuple[str, str],
    check: str,
    unit: str,
    answers: Sequence[models.Answer],
    compute: Callable[[], float],
    *,
    limit: Limit | None = None,
    reference: float | None = None,
    forces: bool = False,
    reason: str = "",
) -> Finding:
    """The finding of a check that needs `answers`; `compute` runs only if all of them are there.

    Args:
        place: section and system.
        check: what is measured.
        unit: of the value.
        answers: those the number depends on.
        compute: gives the number; NaN or ValueError means that the curve has no such number, which fails a limit.
        limit: smallest and largest value that pass; None measures without a verdict.
        reference: the number to compare with.
        forces: whether the forces are needed too.
        reason: a remark that goes with the number.
    """
    missing = _missing(answers, forces)
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
    """A finding that says why there is no number."""
    return Finding(*place, check, None, unit, reference, None, None, status, reason)


def around(reference: float, tolerance: float) -> Limit:
    """The limit of a value that may differ from the reference by the tolerance."""
    return reference - tolerance, reference + tolerance


def energies(answers: Sequence[models.Answer]) -> np.ndarray:
    """Energies in eV, shape (n,), NaN where there is none."""
    return np.array([answer.energy for answer in answers])


def bond_forces(answers: Sequence[models.Answer]) -> np.ndarray:
    """Force that pushes two atoms of a dimer apart, eV/angstrom, shape (n,), NaN where there is none."""
    return np.array(
        [np.nan if answer.forces is None else (answer.forces[1, 2] - answer.forces[0, 2]) / 2 for answer in answers]
    )


def around_minimum(answers: Sequence[models.Answer]) -> tuple[slice, str]:
    """The unbroken run of answers that holds the lowest energy, and a remark on those that are missing.

    Constants of a bond do not depend on a refusal far from it. All answers, so that the reason shows, if none has an
    energy or one is an error.
    """
    found = np.isfinite(energies(answers))
    if found.all() or not found.any() or any(answer.status in INCOMPLETE for answer in answers):
        return slice(0, len(answers)), ""
    lowest = int(np.nanargmin(energies(answers)))
    gaps = np.flatnonzero(~found)
    start = max(gaps[gaps < lowest], default=-1) + 1
    stop = min(gaps[gaps > lowest], default=len(answers))
    return slice(int(start), int(stop)), f"{len(gaps)} of {len(answers)} distances were not answered"


def to_json(record: Finding | Curve) -> dict[str, Any]:
    """JSON values; NaN becomes null."""
    return {key: _plain(value) for key, value in record._asdict().items()}


def _missing(answers: Sequence[models.Answer], forces: bool) -> tuple[str, str] | None:
    """The worst status and a sentence, or None if nothing is missing."""
    lost = [answer for answer in answers if answer.status != models.OK]
    if lost:
        status = next(s for s in (models.NOT_RUN, models.ERROR, models.REFUSED) if any(a.status == s for a in lost))
        first = next(answer for answer in lost if answer.status == status)
        count = f"{len(lost)} of {len(answers)} structures: " if len(answers) > 1 else ""
        return status, count + first.reason
    mute = [answer for answer in answers if forces and answer.forces is None]
    return (models.REFUSED, mute[0].reason) if mute else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return [None if not np.isfinite(entry) else round(float(entry), 6) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
