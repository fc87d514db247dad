"""Errors along the curves that judge, by curve and by region: the one place that tells them; eV in, kcal/mol out."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.judge.curves import REFERENCE, Row
from h2scale.judge.systems import REGIONS, SYSTEMS

WHOLE, BROKEN = "whole", "broken"
PARTS = MappingProxyType({WHOLE: REGIONS, BROKEN: ("middle", "tail"), **{region: (region,) for region in REGIONS}})
"""What errors are told of, as regions: the whole curve, the broken bond beyond the well, each region."""
KCAL = 1 / units.KCAL_PER_MOL_EV


class RegionError(NamedTuple):
    """Errors on a curve or a region of it, each a mean over members."""

    region: str  # one of `PARTS`
    points: int  # at which every member has an energy
    missing: int  # points that are not counted in the errors
    mean_kcal_per_mol: float  # of absolute errors; NaN without points
    largest_kcal_per_mol: float  # absolute
    non_parallelity_kcal_per_mol: float  # largest minus smallest signed error


class Overall(NamedTuple):
    """Errors of one member over several curves, kcal/mol; NaN where there is none."""

    mean_kcal: float  # mean of the curves' mean absolute errors
    broken_kcal: float  # the same beyond the well
    largest_kcal: float  # of all points


class Error(NamedTuple):
    """Errors of a method on a curve or a region of it."""

    system: str
    method: str
    basis: str
    region: str
    points: int
    missing: int
    mean_kcal_per_mol: float
    largest_kcal_per_mol: float
    non_parallelity_kcal_per_mol: float


def by_region(errors_ev: np.ndarray, regions: Sequence[str]) -> Iterator[RegionError]:
    """Yield the errors on every one of `PARTS`.

    Args:
        errors_ev: signed, (n_members, n_points); NaN where there is no energy.
        regions: (n_points,), one of `REGIONS` each.
    """
    difference = np.asarray(errors_ev, float) * KCAL
    where = np.array(regions, str)
    for part, held in PARTS.items():
        inside = np.isin(where, held)
        known = inside & np.isfinite(difference).all(axis=0)
        numbers = (np.nan,) * 3
        if known.any():
            own = difference[:, known]
            numbers = (
                float(np.abs(own).mean()),
                float(np.abs(own).max(axis=1).mean()),
                float(np.ptp(own, axis=1).mean()),
            )
        yield RegionError(part, int(known.sum()), int(inside.sum() - known.sum()), *numbers)


def overall(errors_ev: Mapping[str, np.ndarray], regions: Mapping[str, Sequence[str]]) -> Overall:
    """Errors of one member over curves.

    Args:
        errors_ev: signed, by system, (n_points,) each; curves without a number are left out.
        regions: by system, (n_points,) each.
    """
    means: list[float] = []
    broken: list[float] = []
    largest = float("nan")
    for system, error in errors_ev.items():
        absolute = np.abs(error) * KCAL
        known = np.isfinite(absolute)
        beyond = known & np.isin(np.array(regions[system], str), PARTS[BROKEN])
        if known.any():
            means.append(float(absolute[known].mean()))
            largest = float(np.fmax(largest, absolute[known].max()))
        if beyond.any():
            broken.append(absolute[beyond].mean())
    mean, beyond_mean = (sum(own) / len(own) if own else float("nan") for own in (means, broken))
    return Overall(mean, beyond_mean, largest)


def errors(rows: Sequence[Row]) -> list[Error]:
    """Errors against the reference, of every method in the reference's basis, of every one of `PARTS`.

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
        where = SYSTEMS[system].region(np.array([row.distance_angstrom for row in own]))
        made += [Error(system, method, bases[system], *error) for error in by_region(difference[None], where.tolist())]
    return made
