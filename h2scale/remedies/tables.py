"""Tables of the ladder: one row a trained member, one row for each rung, curve and region, and exponents by rung."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.judge import curve_errors, curve_shapes
from h2scale.judge.curve_errors import KCAL
from h2scale.remedies import ladder, library
from h2scale.remedies.library import Curve, Library

WORSE_KCAL = 0.05
"""A rung is worse than its base from this much more of mean error on."""


class MemberRow(NamedTuple):
    """One trained member of a rung."""

    rung: str
    member: str
    width: int
    num_params: int
    num_train: int
    seed: int
    learning_rate: float
    weight_decay: float
    validation_kcal: float  # mean absolute error on the molecules that chose rate, decay and kept parameters
    test_kcal: float  # mean absolute error on held-out molecules
    test_largest_kcal: float
    curves_kcal: float  # mean over the curves of each one's mean absolute error
    broken_kcal: float  # the same beyond the well
    curves_largest_kcal: float


class RegionRow(NamedTuple):
    """One rung or method on one region of one curve; the rung's members at the most data and widest, by seeds."""

    rung: str
    system: str
    region: str  # one of `curve_errors.PARTS`
    reference: str
    points: int
    mean_kcal: float  # mean over seeds of the mean absolute error
    largest_kcal: float  # mean over seeds of the largest absolute error
    base: str  # empty for methods without learning
    base_mean_kcal: float
    worse_than_base: bool


class ShapeRow(NamedTuple):
    """One rung or method on one curve: shares of its members at the most data that are right in shape."""

    rung: str
    system: str
    members: int
    as_many_minima: float  # as the reference
    wall_repels: float
    right: float  # both


class Judged(NamedTuple):
    """Signed errors of one rung, or one method, on every curve."""

    rung: str
    base: str
    errors_ev: dict[str, np.ndarray]  # by system, (n_members, n_points)


def region_rows(judged: Judged, curves: Sequence[Curve]) -> Iterator[RegionRow]:
    """Yield the rows of one rung: every curve, whole and by region; those without a number are left out."""
    for curve in curves:
        error = judged.errors_ev[curve.system]
        base = ladder.base_errors_ev(judged.base, curve)[None] if judged.base else np.zeros_like(error)
        error = np.where(np.isfinite(base).all(axis=0), error, np.nan)  # both at the same points
        base = np.where(np.isfinite(error).all(axis=0), base, np.nan)
        regions = (curve_errors.by_region(one, curve.regions) for one in (error, base))
        for own, beside in zip(*regions, strict=True):
            if own.points:
                base_mean = beside.mean_kcal_per_mol if judged.base else float("nan")
                yield RegionRow(
                    judged.rung,
                    curve.system,
                    own.region,
                    curve.reference,
                    own.points,
                    own.mean_kcal_per_mol,
                    own.largest_kcal_per_mol,
                    judged.base,
                    base_mean,
                    bool(own.mean_kcal_per_mol > base_mean + WORSE_KCAL),
                )


def shape_rows(judged: Judged, curves: Sequence[Curve]) -> Iterator[ShapeRow]:
    """Yield the shapes of one rung's curves; those without a number are left out."""
    for curve in curves:
        error = judged.errors_ev[curve.system]
        if np.isfinite(error).all():
            shapes = [curve_shapes.shape(one + curve.reference_ev, curve.reference_ev, curve.regions) for one in error]
            shares = (float(np.mean([getattr(one, name) for one in shapes])) for name in ShapeRow._fields[3:])
            yield ShapeRow(judged.rung, curve.system, len(error), *shares)


def member_row(member: ladder.Member, data: Library) -> tuple[MemberRow, dict[str, np.ndarray]]:
    """Row of a correction, and its signed errors on every curve, eV."""
    error = np.abs(ladder.molecule_errors_ev(member, data)[data.indices("test")]) * KCAL
    errors = {curve.system: ladder.curve_errors_ev(member, curve, data) for curve in data.curves}
    overall = curve_errors.overall(errors, data.regions())
    row = MemberRow(
        member.rung.name,
        f"{member.rung.name}-w{member.width}-n{member.num_train}-s{member.seed}",
        member.width,
        member.num_params,
        member.num_train,
        member.seed,
        member.learning_rate,
        member.weight_decay,
        member.validation_mae_ev * KCAL,
        float(error.mean()),
        float(error.max()),
        *overall,
    )
    return row, errors


def method_rows(data: Library) -> Iterator[tuple[MemberRow, Judged]]:
    """Yield the methods without learning that the library has energies of; those of bare nuclei alone do not count."""
    test = data.indices("test")
    labels = library.relative(data.molecules, data.atoms, "label")
    with_electrons = [curve.system for curve in data.curves if _has_electrons(curve)]
    for method in library.METHODS:
        own = library.relative(data.molecules, data.atoms, method)
        errors = {curve.system: ladder.base_errors_ev(method, curve)[None] for curve in data.curves}
        judged = any(np.isfinite(errors[name]).any() for name in with_electrons)
        if not np.isfinite(own).any() and not judged:
            continue
        error = np.abs((own - labels)[test]) * units.HARTREE_EV * KCAL
        overall = curve_errors.overall({name: own[0] for name, own in errors.items()}, data.regions())
        nothing = float("nan")
        tests = float(error.mean()), float(error.max())
        row = MemberRow(method, method, 0, 0, 0, 0, nothing, nothing, nothing, *tests, *overall)
        yield row, Judged(method, "", errors)


def _has_electrons(curve: Curve) -> bool:
    return any(point.charge < sum(point.atomic_numbers) for point in curve.points)


def chosen_width(rows: Sequence[MemberRow]) -> int:
    """Width whose members at the most data have the lowest mean error on the molecules that choose."""
    most = max(row.num_train for row in rows)
    widths = sorted({row.width for row in rows})
    return min(widths, key=lambda w: np.mean([r.validation_kcal for r in rows if (r.width, r.num_train) == (w, most)]))
