"""The metrics that matbench-discovery scores against PBE curves, written from its definitions (metrics/diatomics).

A model and the reference are given at the same increasing distances (angstrom), energies in eV.
"""

import numpy as np

from h2scale.exam.sections import curve_shape

GRID_POINTS = 200
WALL_LEVELS_EV = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
LEAST_BINDING_EV = 0.05
_FIT_POINTS = 5


def energy_error(distances: np.ndarray, energies: np.ndarray, reference: np.ndarray) -> float:
    """Mean absolute difference on 200 evenly spaced distances, both curves zero at the largest, eV."""
    grid = np.linspace(distances[0], distances[-1], GRID_POINTS)
    difference = np.interp(grid, distances, energies - energies[-1] - reference + reference[-1])
    return float(np.mean(np.abs(difference)))


def force_error(distances: np.ndarray, forces: np.ndarray, reference: np.ndarray) -> float:
    """Mean absolute difference of all six components of both atoms' forces on the same grid, eV/angstrom.

    `forces` and `reference` push the atoms apart along the bond; the four components across it vanish.
    """
    grid = np.linspace(distances[0], distances[-1], GRID_POINTS)
    return float(np.mean(np.abs(np.interp(grid, distances, forces - reference))) / 3)


def bond_length_error(distances: np.ndarray, energies: np.ndarray, reference: np.ndarray) -> float:
    """Absolute difference of the minima of both parabolas, angstrom."""
    _require_bound(reference)
    return abs(_parabola(distances, energies)[0] - _parabola(distances, reference)[0])


def depth_error(energies: np.ndarray, reference: np.ndarray) -> float:
    """Absolute difference of the depths of the lowest points below the last ones, eV."""
    _require_bound(reference)
    return abs(_depth(energies) - _depth(reference))


def frequency_error(
    distances: np.ndarray, energies: np.ndarray, reference: np.ndarray, reduced_mass_dalton: float
) -> float:
    """Absolute difference of the harmonic wave numbers of both parabolas, 1/cm."""
    _require_bound(reference)
    found, expected = (_parabola(distances, curve)[1] for curve in (energies, reference))
    if found <= 0 or expected <= 0:
        raise ValueError("the lowest points of the curve do not bend upwards")
    waves = [curve_shape.wave_number(bend, reduced_mass_dalton) for bend in (found, expected)]
    return abs(waves[0] - waves[1])


def wall_error(distances: np.ndarray, energies: np.ndarray, reference: np.ndarray) -> float:
    """Mean difference of the distances where the inner walls reach 1 to 100 eV above the minimum, angstrom.

    Levels that the reference does not reach are left out; one that the model does not reach costs the whole distance.
    """
    errors = []
    for level in WALL_LEVELS_EV:
        expected, found = _wall(distances, reference, level), _wall(distances, energies, level)
        if np.isfinite(expected):
            errors.append(abs(found - expected) if np.isfinite(found) else expected)
    return float(np.mean(errors)) if errors else np.nan


def _wall(distances: np.ndarray, energies: np.ndarray, level_ev: float) -> float:
    """Distance at which the curve, followed inwards from its lowest point, first has climbed to a level; or NaN."""
    lowest = int(np.argmin(energies))
    climbed = np.maximum.accumulate(energies[lowest::-1] - energies[lowest])
    heights, first = np.unique(climbed, return_index=True)
    if len(heights) < 2 or level_ev > heights[-1]:
        return np.nan
    return float(np.interp(level_ev, heights, distances[lowest::-1][first]))


def _parabola(distances: np.ndarray, energies: np.ndarray) -> tuple[float, float]:
    """Minimum in angstrom and second derivative in eV/angstrom^2 of a parabola through the five lowest neighbours."""
    lowest = int(np.argmin(energies))
    start = int(np.clip(lowest - _FIT_POINTS // 2, 0, max(len(distances) - _FIT_POINTS, 0)))
    chosen = slice(start, start + _FIT_POINTS)
    bend, slope, _ = np.polyfit(distances[chosen], energies[chosen], 2)
    vertex = -slope / (2 * bend) if bend > 0 else np.nan
    inside = distances[chosen][0] <= vertex <= distances[chosen][-1]
    return float(vertex if inside else distances[lowest]), float(2 * bend)


def _depth(energies: np.ndarray) -> float:
    return float(energies[-1] - energies.min())


def _require_bound(reference: np.ndarray) -> None:
    if _depth(reference) < LEAST_BINDING_EV:
        raise ValueError(f"the reference binds by less than {LEAST_BINDING_EV} eV")
