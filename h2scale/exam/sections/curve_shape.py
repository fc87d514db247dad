"""Constants and shape of a sampled diatomic curve: bond length, depth, frequency, and other exams' metrics as coded.

The metrics follow the code, not the papers, of MLIP Arena (flows/diatomics), ml-peg (physicality/diatomics) and
matbench-discovery (metrics/diatomics). Curves are sampled at increasing distances in angstrom, energies in eV, forces
in eV/angstrom with a positive sign where the atoms push each other apart.
"""

from typing import NamedTuple

import numpy as np
from scipy import interpolate, signal, stats

from h2scale import units

DEAD_BAND_EV = 1e-3
DEAD_BAND_EV_PER_ANGSTROM = 1e-2
ML_PEG_PROMINENCE_EV = 0.1
ML_PEG_CURVATURE = 0.5  # eV/angstrom^2


class Constants(NamedTuple):
    """Place, energy and curvature of the minimum of a curve."""

    bond_length_angstrom: float
    energy_ev: float  # at the minimum
    omega_e_per_cm: float

    @property
    def depth_ev(self) -> float:
        """Zero of energy minus the minimum."""
        return -self.energy_ev


def constants(distances: np.ndarray, energies: np.ndarray, reduced_mass_dalton: float) -> Constants:
    """Equilibrium constants from a spline of degree 5 in the logarithm of the distance, at the deepest inner minimum.

    Args:
        distances: shape (n,), at least 6 points; geometric spacing of 4 % gives the exact H2 constants to 1e-4.
        energies: shape (n,).
        reduced_mass_dalton: of the nuclei.

    Raises:
        ValueError: the curve has no inner minimum, or fewer than 6 points.
    """
    if len(distances) < 6:
        raise ValueError(f"{len(distances)} points in a row are too few for constants; 6 are needed")
    inner = np.flatnonzero((energies[1:-1] < energies[:-2]) & (energies[1:-1] <= energies[2:])) + 1
    if not inner.size:
        raise ValueError("the curve has no inner minimum")
    lowest = inner[np.argmin(energies[inner])]
    start = int(np.clip(lowest - 5, 0, len(distances) - 11)) if len(distances) >= 11 else 0
    window = slice(start, start + 11)
    spline = interpolate.make_interp_spline(np.log(distances[window]), energies[window], k=5)
    slope = spline.derivative()
    low, high = np.log(distances[lowest - 1]), np.log(distances[lowest + 1])
    pieces = interpolate.PPoly.from_spline(slope)  # type: ignore[arg-type]  # SciPy documents both, annotates tuples
    roots = pieces.roots(extrapolate=False)
    roots = roots[(roots >= low) & (roots <= high)]
    if not roots.size:
        raise ValueError("the curve's minimum is too rough to have a curvature")
    best = float(roots[np.argmin(spline(roots))])
    distance = np.exp(best)
    bend = float(slope.derivative()(best)) / distance**2  # eV/angstrom^2; the slope vanishes here
    if bend <= 0:
        raise ValueError("the curve's minimum is too rough to have a curvature")
    return Constants(float(distance), float(spline(best)), wave_number(bend, reduced_mass_dalton))


def wave_number(bend: float, reduced_mass_dalton: float) -> float:
    """Harmonic wave number in 1/cm of a second derivative in eV/angstrom^2, which must be positive."""
    bend_atomic = bend / units.HARTREE_EV * units.BOHR_ANGSTROM**2
    mass = reduced_mass_dalton * units.DALTON_ELECTRON_MASS
    return float(np.sqrt(bend_atomic / mass) * units.HARTREE_PER_CM)


def conservation_deviation(distances: np.ndarray, energies: np.ndarray, forces: np.ndarray) -> float:
    """Mean of |F + dE/dr|, the derivative by `np.gradient` (MLIP Arena), eV/angstrom."""
    return float(np.mean(np.abs(forces + np.gradient(energies, distances))))


def tortuosity(energies: np.ndarray) -> float:
    """Sum of rises and falls divided by the height of the two ends above the minimum (Arena, matbench); 1 is ideal."""
    height = abs(energies[0] - energies.min()) + abs(energies[-1] - energies.min())
    return float(np.sum(np.abs(np.diff(energies))) / height) if height else np.nan


def energy_total_variation(energies: np.ndarray) -> float:
    """Sum of |dE| (Arena), eV."""
    return float(np.sum(np.abs(np.diff(energies))))


def steepest_slope(distances: np.ndarray, energies: np.ndarray) -> float:
    """Largest |dE/dr|, the derivative by `np.gradient` (Arena), eV/angstrom."""
    return float(np.max(np.abs(np.gradient(energies, distances))))


def energy_jump(energies: np.ndarray) -> float:
    """Sum of the two steps at every turn of the curve (Arena, matbench), eV."""
    steps, turns = _turns(energies)
    return float(np.abs(steps[:-1][turns]).sum() + np.abs(steps[1:][turns]).sum())


def energy_flips(energies: np.ndarray) -> int:
    """Number of turns of the curve (Arena, matbench); 1 is ideal for a bound pair."""
    return int(_turns(energies)[1].sum())


def force_flips(forces: np.ndarray) -> int:
    """Sign changes of the force, forces below 0.01 eV/angstrom left out (Arena, ml-peg, matbench)."""
    signs = np.sign(forces[np.abs(forces) >= DEAD_BAND_EV_PER_ANGSTROM])
    return int(np.count_nonzero(np.diff(signs)))


def force_total_variation(forces: np.ndarray) -> float:
    """Sum of |dF| (Arena, matbench), eV/angstrom."""
    return float(np.sum(np.abs(np.diff(forces))))


def force_jump(forces: np.ndarray) -> float:
    """The energy jump's formula on forces, without a dead band (Arena, matbench), eV/angstrom."""
    steps = np.diff(forces)
    steps = steps[steps != 0]
    turns = np.diff(np.sign(steps)) != 0
    return float(np.abs(steps[:-1][turns]).sum() + np.abs(steps[1:][turns]).sum())


def spearman_repulsion(distances: np.ndarray, energies: np.ndarray) -> float:
    """Rank correlation of distance and energy up to the global minimum and with it (Arena, ml-peg); -1 is ideal."""
    stop = int(np.argmin(energies)) + 1
    return _spearman(distances[:stop], energies[:stop])


def spearman_attraction(distances: np.ndarray, energies: np.ndarray) -> float:
    """Rank correlation of distance and energy beyond the global minimum, without it (Arena, ml-peg); +1 is ideal."""
    start = int(np.argmin(energies)) + 1
    return _spearman(distances[start:], energies[start:])


def spearman_force_descending(distances: np.ndarray, forces: np.ndarray) -> float:
    """Rank correlation of distance and force up to the strongest attraction and with it (Arena); -1 is ideal."""
    stop = int(np.argmin(forces)) + 1
    return _spearman(distances[:stop], forces[:stop])


def spearman_force_ascending(distances: np.ndarray, forces: np.ndarray) -> float:
    """Rank correlation of distance and force beyond the strongest attraction, without it (Arena); +1 is ideal."""
    start = int(np.argmin(forces)) + 1
    return _spearman(distances[start:], forces[start:])


def minima_ml_peg(energies: np.ndarray) -> int:
    """Minima with a prominence of 0.1 eV (ml-peg); 1 is good, 5 is bad."""
    return len(signal.find_peaks(-energies, prominence=ML_PEG_PROMINENCE_EV, width=1)[0])


def inflections_ml_peg(distances: np.ndarray, energies: np.ndarray) -> int:
    """Sign changes of the second derivative, below 0.5 eV/angstrom^2 left out (ml-peg); 1 is good, 5 is bad."""
    bend = np.gradient(np.gradient(energies, distances), distances)
    signs = np.sign(bend[np.abs(bend) >= ML_PEG_CURVATURE])
    return int(np.count_nonzero(np.diff(signs)))


def _turns(energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps of at least 1 meV, and a mask of the pairs of neighbours between which the sign changes."""
    steps = np.diff(energies)
    steps = steps[np.abs(steps) >= DEAD_BAND_EV]
    return steps, np.diff(np.sign(steps)) != 0


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) < 2 or np.ptp(y) == 0:
        return np.nan
    return float(stats.spearmanr(x, y).statistic)
