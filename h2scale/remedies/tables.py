"""Tables of the ladder: one row a trained member, one row for each rung, curve and region, and exponents by rung."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.remedies import ladder, library
from h2scale.remedies.library import Curve, Library

KCAL = 1 / units.KCAL_PER_MOL_EV
REGIONS = ("wall", "well", "middle", "tail")
BROKEN = ("middle", "tail")
"""Regions beyond the well: the broken bond."""


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
    region: str  # wall, well, middle, tail or all
    reference: str
    points: int
    mean_kcal: float  # mean over seeds of the mean absolute error
    largest_kcal: float  # mean over seeds of the largest absolute error
    base: str  # empty for methods without learning
    base_mean_kcal: float
    worse_than_base: bool


class Judged(NamedTuple):
    """Signed errors of one rung, or one method, on every curve."""

    rung: str
    base: str
    errors_ev: dict[str, np.ndarray]  # by system, (n_members, n_points)


def region_rows(judged: Judged, curves: Sequence[Curve]) -> Iterator[RegionRow]:
    """Yield the rows of one rung: every curve, whole and by region; those without a number are left out."""
    for curve in curves:
        error = np.abs(judged.errors_ev[curve.system]) * KCAL
        base = np.abs(ladder.base_errors_ev(judged.base, curve)) * KCAL if judged.base else None
        for region in ("all", *REGIONS):
            inside = np.array([region in ("all", own) for own in curve.regions])
            known = inside & np.isfinite(error).all(axis=0)
            if base is not None:
                known &= np.isfinite(base)
            if not known.any():
                continue
            mean = float(error[:, known].mean())
            base_mean = float(base[known].mean()) if base is not None else float("nan")
            yield RegionRow(
                judged.rung,
                curve.system,
                region,
                curve.reference,
                int(known.sum()),
                mean,
                float(error[:, known].max(axis=1).mean()),
                judged.base,
                base_mean,
                bool(mean > base_mean + WORSE_KCAL),
            )


WORSE_KCAL = 0.05
"""A rung is worse than its base from this much more of mean error on."""


def summary(errors_ev: dict[str, np.ndarray], curves: Sequence[Curve]) -> tuple[float, float, float]:
    """Of one member: mean of the curves' mean errors, the same beyond the well, and the largest error, kcal/mol."""
    means, broken, largest = [], [], 0.0
    for curve in curves:
        error = np.abs(errors_ev[curve.system]) * KCAL
        if not np.isfinite(error).any():
            continue
        means.append(np.nanmean(error))
        beyond = error[np.isin(curve.regions, BROKEN)]
        if np.isfinite(beyond).any():
            broken.append(np.nanmean(beyond))
        largest = max(largest, float(np.nanmax(error)))
    return float(np.mean(means)), float(np.mean(broken)) if broken else float("nan"), largest


def member_row(member: ladder.Member, data: Library) -> tuple[MemberRow, dict[str, np.ndarray]]:
    """Row of a correction, and its signed errors on every curve, eV."""
    error = np.abs(ladder.molecule_errors_ev(member, data)[data.indices("test")]) * KCAL
    errors = {curve.system: ladder.curve_errors_ev(member, curve, data) for curve in data.curves}
    mean, broken, largest = summary(errors, data.curves)
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
        mean,
        broken,
        largest,
    )
    return row, errors


def method_rows(data: Library) -> Iterator[tuple[MemberRow, Judged]]:
    """Yield the methods without learning that the library has energies of."""
    test = data.indices("test")
    labels = library.relative(data.molecules, data.atoms, "label")
    for method in library.METHODS:
        own = library.relative(data.molecules, data.atoms, method)
        errors = {curve.system: ladder.base_errors_ev(method, curve)[None] for curve in data.curves}
        if not np.isfinite(own).any() and not any(np.isfinite(error).any() for error in errors.values()):
            continue
        error = np.abs((own - labels)[test]) * units.HARTREE_EV * KCAL
        mean, broken, largest = summary({name: own[0] for name, own in errors.items()}, data.curves)
        nothing = float("nan")
        tests = float(error.mean()), float(error.max())
        row = MemberRow(method, method, 0, 0, 0, 0, nothing, nothing, nothing, *tests, mean, broken, largest)
        yield row, Judged(method, "", errors)


def chosen_width(rows: Sequence[MemberRow]) -> int:
    """Width whose members at the most data have the lowest mean error on the molecules that choose."""
    most = max(row.num_train for row in rows)
    widths = sorted({row.width for row in rows})
    return min(widths, key=lambda w: np.mean([r.validation_kcal for r in rows if (r.width, r.num_train) == (w, most)]))
