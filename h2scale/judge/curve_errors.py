"""Errors of methods and models along the curves that judge, by curve and by region; kcal/mol."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.judge.curves import REFERENCE, Row
from h2scale.judge.systems import REGIONS, SYSTEMS


class Error(NamedTuple):
    """Error of a method on a curve or a region of it."""

    system: str
    method: str
    basis: str
    region: str  # wall, well, middle, tail, or whole
    points: int
    missing: int  # points without an energy of the method, which are not counted in the errors
    mean_kcal_per_mol: float  # of absolute errors; NaN without points
    largest_kcal_per_mol: float  # absolute
    non_parallelity_kcal_per_mol: float  # largest minus smallest signed error


def errors(rows: Sequence[Row]) -> list[Error]:
    """Errors against the reference, of every method in the reference's basis; the whole curve first, then its regions.

    Args:
        rows: of any methods, the reference among them; energies relative to separated atoms.
    """
    references = {(row.system, row.distance_angstrom): row for row in rows if row.method == REFERENCE}
    bases = {row.system: row.basis for row in references.values()}
    methods = dict.fromkeys(
        (row.system, row.method) for row in rows if row.method != REFERENCE and row.basis == bases.get(row.system)
    )
    made = []
    for system, method in methods:
        own = [
            row
            for row in rows
            if (row.system, row.method, row.basis) == (system, method, bases[system])
            and np.isfinite(references[system, row.distance_angstrom].energy_ev)
        ]
        difference = np.array([row.energy_ev - references[system, row.distance_angstrom].energy_ev for row in own])
        difference = difference / units.KCAL_PER_MOL_EV
        where = SYSTEMS[system].region(np.array([row.distance_angstrom for row in own]))
        for region in ("whole", *REGIONS):
            chosen = np.ones(len(own), bool) if region == "whole" else where == region
            made.append(_error(system, method, bases[system], region, difference[chosen]))
    return made


def _error(system: str, method: str, basis: str, region: str, difference: np.ndarray) -> Error:
    known = difference[np.isfinite(difference)]
    missing = len(difference) - len(known)
    if not known.size:
        return Error(system, method, basis, region, 0, missing, np.nan, np.nan, np.nan)
    absolute = np.abs(known)
    return Error(
        system, method, basis, region, len(known), missing, float(absolute.mean()), float(absolute.max()),
        float(np.ptp(known)),
    )  # fmt: skip
