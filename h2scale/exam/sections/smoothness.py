"""Fine scans along one bond: jumps of the energy, kinks in it, and jumps of the force.

A potential energy surface of one electronic state has neither. Cutoffs without an envelope, neighbour lists that change
with the distance, and switched terms have. A scan is looked at twice: at a coarse step, and again at a sixth of it
around what stood out, where all that is smooth has all but vanished from the differences.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model, Prediction
from h2scale.exam.references import measured

SECTION = "smoothness"
STEP_ANGSTROM, REFINEMENT = 0.03, 6
OUTERMOST_ANGSTROM = 6.6
_FEWEST_POINTS = 6
_SPOTS, _HALF_WIDTH = 2, 2  # places looked at again, and how far on either side, in coarse steps
JUMP_EV = 1e-3
"""Twenty times what third differences of H2's exact curve leave at the fine step where it is steepest."""
KINK_EV_PER_ANGSTROM = 0.05
FORCE_JUMP_EV_PER_ANGSTROM = 0.1
JUMP_CHECK, KINK_CHECK = "largest jump of the energy", "largest change of its slope at one point"
FORCE_CHECK = "largest jump of the force"


class Scan(NamedTuple):
    """One bond that is stretched while all else stays."""

    name: str
    query: Callable[[float], models.Query]  # by the length of the bond in angstrom
    start_angstrom: float
    charge: int
    moved: int  # index of the atom that moves


class Roughness(NamedTuple):
    """Largest discontinuities on a scan."""

    jump_ev: float
    kink_ev_per_angstrom: float
    force_jump_ev_per_angstrom: float


def examine(model: Model, conditioning: Conditioning, level_of_theory: str = "") -> grading.Part:
    """Examine the bonds of H2, H2+, N2 and one of water."""
    del level_of_theory  # every level is smooth
    parts = [_scan(model, scan, conditioning) for scan in scans()]
    return grading.Part(
        [finding for part in parts for finding in part.findings], [curve for part in parts for curve in part.curves]
    )


def scans() -> tuple[Scan, ...]:
    """Return the bonds that are stretched."""
    return (
        Scan("H2", lambda r: models.dimer(1, 1, r, 0, 1), 0.6, 0, 1),
        Scan("H2+", lambda r: models.dimer(1, 1, r, 1, 2), 0.6, 1, 1),
        Scan("N2", lambda r: models.dimer(7, 7, r, 0, 1), 0.95, 0, 1),
        Scan("H2O, one O–H", _water, 0.8, 0, 1),
    )


def _water(length: float) -> models.Query:
    """Water with its first O–H bond stretched along itself."""
    water = measured.species("H2O")
    oxygen, hydrogen, other = (np.array(place) for place in water.positions)
    bond = hydrogen - oxygen
    moved = oxygen + bond * length / np.linalg.norm(bond)
    places = tuple((float(x), float(y), float(z)) for x, y, z in (oxygen, moved, other))
    return models.Query(water.numbers, places, 0, 1)


def _scan(model: Model, scan: Scan, conditioning: Conditioning) -> grading.Part:
    place = (SECTION, scan.name)
    limits = (
        (JUMP_CHECK, "eV", "jump_ev", JUMP_EV),
        (KINK_CHECK, "eV/Å", "kink_ev_per_angstrom", KINK_EV_PER_ANGSTROM),
        (FORCE_CHECK, "eV/Å", "force_jump_ev_per_angstrom", FORCE_JUMP_EV_PER_ANGSTROM),
    )
    if scan.charge and conditioning.charge:
        unconditioned = grading.NOT_CONDITIONED
        return grading.Part(
            [
                grading.without_number(place, check, unit, unconditioned, conditioning.charge)
                for check, unit, *_ in limits
            ],
            [],
        )
    distances = np.arange(scan.start_angstrom, OUTERMOST_ANGSTROM, STEP_ANGSTROM)
    predictions = model.predict([scan.query(distance) for distance in distances])
    energies = grading.energies(predictions)
    run, remark = grading.around_minimum(predictions)
    fine, found = _look_again(model, scan, distances[run], predictions[run])
    findings = [
        grading.measure(
            place,
            check,
            unit,
            [*predictions[run], *fine],
            functools.partial(_worst, found, name),
            limit=(0.0, limit),
            reference=0.0,
            forces=check == FORCE_CHECK,
            reason=remark,
        )
        for check, unit, name, limit in limits
    ]
    curve = grading.Curve(*place, "the farthest of its points", distances, energies - energies[run][-1], {})
    return grading.Part(findings, [curve])


def _look_again(
    model: Model, scan: Scan, distances: np.ndarray, predictions: list[Prediction]
) -> tuple[list[Prediction], list[Roughness]]:
    """Predictions at the fine step around what stands out of a coarse scan, and the roughness of each place."""
    step = STEP_ANGSTROM / REFINEMENT
    fine: list[Prediction] = []
    found: list[Roughness] = []
    for centre in _spots(distances, grading.energies(predictions), _forces(scan, distances, predictions)):
        grid = centre + step * np.arange(-_HALF_WIDTH * REFINEMENT, _HALF_WIDTH * REFINEMENT + 1)
        grid = grid[(grid > distances[0] - step) & (grid < distances[-1] + step)]  # what lies outside may be refused
        near = model.predict([scan.query(distance) for distance in grid])
        fine += near
        found.append(roughness(grading.energies(near), _forces(scan, grid, near), step))
    return fine, found


def roughness(energies: np.ndarray, forces: np.ndarray, step: float) -> Roughness:
    """Largest discontinuities of an evenly sampled curve.

    A jump J of a sampled function makes third differences of up to 2 J, a change s of its slope fourth differences of
    up to 2 s times the step; what is smooth leaves third and fourth powers of the step. A kink counts among the jumps
    too, with half of s times the step.

    Args:
        energies, forces: eV and eV/angstrom, shape (n,), n at least 5.
        step: angstrom.
    """
    third, fourth = (np.max(np.abs(np.diff(energies, n))) for n in (3, 4))
    return Roughness(float(third) / 2, float(fourth) / (2 * step), float(np.max(np.abs(np.diff(forces, 3)))) / 2)


def _worst(found: list[Roughness], name: str) -> float:
    if not found:
        raise ValueError(f"fewer than {_FEWEST_POINTS} distances in a row have an energy")
    return max(getattr(one, name) for one in found)


def _spots(distances: np.ndarray, energies: np.ndarray, forces: np.ndarray) -> list[float]:
    """Places where differences stand out most from those around them, apart from each other; angstrom.

    Without an energy at every distance, or with fewer than six, there is nothing to look at again.
    """
    if not np.isfinite(energies).all() or len(energies) < _FEWEST_POINTS:
        return []
    found: list[float] = []
    for values in (energies, forces):
        if not np.isfinite(values).all():
            continue
        sizes = np.abs(np.diff(values, 4))
        padded = np.pad(sizes, 6, mode="edge")
        around = np.array([np.median(padded[place : place + 13]) for place in range(len(sizes))])
        order = np.argsort(-sizes / (around + 1e-9 * np.max(np.abs(values)) + 1e-12))
        by_size = np.argsort(-sizes)
        for place in (*order[:_SPOTS], by_size[0]):
            centre = float(distances[place + 2])
            if all(abs(centre - other) > _HALF_WIDTH / 2 * STEP_ANGSTROM for other in found):
                found.append(centre)
    return found


def _forces(scan: Scan, distances: np.ndarray, predictions: list[Prediction]) -> np.ndarray:
    """Force along the bond on the atom that moves, eV/angstrom, NaN where there is none; shape (n,)."""
    pushes = np.full(len(predictions), np.nan)
    for place, (distance, prediction) in enumerate(zip(distances, predictions, strict=True)):
        if prediction.forces is not None:
            positions = np.array(scan.query(distance).positions)
            bond = positions[scan.moved] - positions[0]
            pushes[place] = prediction.forces[scan.moved] @ bond / np.linalg.norm(bond)
    return pushes
