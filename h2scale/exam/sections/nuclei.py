"""Two and three bare nuclei: without electrons the energy is the sum of Z Z / R."""

import functools
import itertools

import numpy as np

from h2scale import elements, units
from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model, Prediction
from h2scale.physics import charged_systems

SECTION = "bare nuclei"
PAIRS = tuple(itertools.combinations_with_replacement((1, 2, 3), 2))
TRIANGLES = ((1, 1, 1), (2, 2, 2), (1, 2, 3))
PAIR_DISTANCES = np.geomspace(0.1, 20.0, 48)
TRIANGLE_DISTANCES = np.geomspace(0.1, 20.0, 24)
WINDOWS = tuple(
    (name, *charged_systems.WINDOWS[window])
    for name, window in (("below 0.62 Å", "near"), ("0.62 to 6 Å", "middle"), ("beyond 6 Å", "far"))
)
TOLERANCE = 0.05
FORCE_TOLERANCE = 0.02
_FORCE_DISTANCES = (0.3, 0.7, 1.5, 3.0, 8.0)
_STEP = 0.01  # of the distance; the central difference of 1/R is then right to 1e-4


def examine(model: Model, conditioning: Conditioning, level_of_theory: str = "") -> grading.Part:
    """Examine the ratio of energy to Coulomb's law in three windows, force against energy, and the slope far out."""
    del level_of_theory  # the reference is exact
    parts = [_pair(model, pair, conditioning) for pair in PAIRS]
    parts += [_triangle(model, triple, conditioning) for triple in TRIANGLES]
    return grading.Part(
        [finding for part in parts for finding in part.findings], [curve for part in parts for curve in part.curves]
    )


def coulomb_ev(numbers: tuple[int, ...], distances: np.ndarray) -> np.ndarray:
    """Energy of bare nuclei that are all `distances` (angstrom, any shape) from each other, in eV."""
    products = sum(first * second for first, second in itertools.combinations(numbers, 2))
    return units.COULOMB_EV_ANGSTROM * products / distances


def _pair(model: Model, pair: tuple[int, int], conditioning: Conditioning) -> grading.Part:
    place = (SECTION, _name(pair))
    checks = [f"R E / (Z Z 14.4 eV Å), {name}" for name, _, _ in WINDOWS]
    if conditioning.charge:
        everything = [*checks, "slope of log E beyond 6 Å", "forces are minus the gradient", "force against Coulomb's"]
        return _unconditioned(place, everything, conditioning)
    charge = sum(pair)
    predictions = model.predict([models.dimer(*pair, distance, charge, 1) for distance in PAIR_DISTANCES])
    zero, remark = _zero(model, pair, PAIR_DISTANCES, predictions)
    energies = grading.energies(predictions) - zero
    findings = _windows(place, pair, PAIR_DISTANCES, energies, predictions, remark)
    far = WINDOWS[2][1] < PAIR_DISTANCES

    def slope() -> float:
        if (energies[far] <= 0).any():
            raise ValueError("the energy beyond 6 Å is not above that of separated nuclei")
        return float(np.polyfit(np.log(PAIR_DISTANCES[far]), np.log(energies[far]), 1)[0])

    findings.append(
        grading.measure(
            place,
            "slope of log E beyond 6 Å",
            "",
            grading.chosen(predictions, far),
            slope,
            limit=grading.around(-1.0, TOLERANCE),
            reference=-1.0,
            reason=remark,
        )
    )
    findings += _force_checks(model, pair, place)
    exact = coulomb_ev(pair, PAIR_DISTANCES)
    curve = grading.Curve(*place, remark or "own separated nuclei", PAIR_DISTANCES, energies, {"exact, Z Z / R": exact})
    return grading.Part(findings, [curve])


def _triangle(model: Model, numbers: tuple[int, int, int], conditioning: Conditioning) -> grading.Part:
    place = (SECTION, f"{_name(numbers)} triangle")
    checks = [f"R E / (Z Z 14.4 eV Å), {name}" for name, _, _ in WINDOWS]
    if conditioning.charge:
        return _unconditioned(place, checks, conditioning)
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, np.sqrt(0.75), 0.0]])
    queries = [
        models.Query(numbers, tuple((x, y, z) for x, y, z in (side * corners).tolist()), sum(numbers), 1)
        for side in TRIANGLE_DISTANCES
    ]
    predictions = model.predict(queries)
    zero, remark = _zero(model, numbers, TRIANGLE_DISTANCES, predictions)
    energies = grading.energies(predictions) - zero
    findings = _windows(place, numbers, TRIANGLE_DISTANCES, energies, predictions, remark)
    exact = coulomb_ev(numbers, TRIANGLE_DISTANCES)
    note = remark or "own separated nuclei"
    return grading.Part(
        findings, [grading.Curve(*place, note, TRIANGLE_DISTANCES, energies, {"exact, sum of Z Z / R": exact})]
    )


def _windows(
    place: tuple[str, str],
    numbers: tuple[int, ...],
    distances: np.ndarray,
    energies: np.ndarray,
    predictions: list[Prediction],
    remark: str,
) -> list[grading.Finding]:
    """Ratio farthest from 1 in every window."""
    ratio = energies / coulomb_ev(numbers, distances)
    findings = []
    for name, low, high in WINDOWS:
        inside = (distances >= low) & (distances < high)

        def farthest(inside: np.ndarray = inside) -> float:
            return float(ratio[inside][np.argmax(np.abs(ratio[inside] - 1))])

        findings.append(
            grading.measure(
                place,
                f"R E / (Z Z 14.4 eV Å), {name}",
                "",
                grading.chosen(predictions, inside),
                farthest,
                limit=grading.around(1.0, TOLERANCE),
                reference=1.0,
                reason=remark,
            )
        )
    return findings


def _zero(
    model: Model, numbers: tuple[int, ...], distances: np.ndarray, predictions: list[Prediction]
) -> tuple[float, str]:
    """Energy of the separated nuclei: the model's own, or fitted to the far end, with a remark that says so."""
    alone = model.predict([models.atom(number, number, 1) for number in numbers])
    if all(prediction.status == models.OK for prediction in alone):
        return float(sum(prediction.energy for prediction in alone)), ""
    far = distances > WINDOWS[2][1]
    total, exact = grading.energies(predictions)[far], coulomb_ev(numbers, distances)[far]
    return float(
        np.mean(total - exact)
    ), "bare nuclei alone are refused: the zero is fitted to Coulomb's law beyond 6 Å"


def _force_checks(model: Model, pair: tuple[int, int], place: tuple[str, str]) -> list[grading.Finding]:
    """Force against the central difference of the energy, and against Coulomb's law; largest relative deviation."""
    distances = np.array(_FORCE_DISTANCES)
    grid = np.stack([distances * (1 - _STEP), distances, distances * (1 + _STEP)], axis=1)
    predictions = model.predict([models.dimer(*pair, distance, sum(pair), 1) for distance in grid.ravel()])
    energies, forces = grading.energies(predictions).reshape(-1, 3), grading.bond_forces(predictions)[1::3]
    exact = coulomb_ev(pair, distances) / distances

    def against(expected: np.ndarray) -> float:
        return float(np.max(np.abs(forces - expected) / np.maximum(np.abs(expected), 1e-2)))

    slopes = -(energies[:, 2] - energies[:, 0]) / (2 * _STEP * distances)
    return [
        grading.measure(
            place, check, "", predictions, functools.partial(against, expected), limit=(0.0, limit), forces=True
        )
        for check, expected, limit in (
            ("forces are minus the gradient", slopes, FORCE_TOLERANCE),
            ("force against Coulomb's", exact, TOLERANCE),
        )
    ]


def _unconditioned(place: tuple[str, str], checks: list[str], conditioning: Conditioning) -> grading.Part:
    return grading.Part(
        [grading.without_number(place, check, "", grading.NOT_CONDITIONED, conditioning.charge) for check in checks], []
    )


def _name(numbers: tuple[int, ...]) -> str:
    return " ".join(f"{elements.SYMBOLS[number]}{number if number > 1 else ''}+" for number in numbers)
