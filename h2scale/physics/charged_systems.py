"""Charged pairs whose energy is known exactly: bare nuclei and H2+, each relative to its separated parts.

Two nuclei without electrons repel by Z Z / R. Three windows of the distance tell apart why a model misses that: below
0.62 angstrom screened repulsion between two neutral atoms ends in common models, and beyond 6 no network of a common
cutoff sees anything.
"""

from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.physics import exact

NEAR_BELOW_ANGSTROM = 0.62
FAR_FROM_ANGSTROM = 6.0
WINDOWS = {"near": (0.0, NEAR_BELOW_ANGSTROM), "middle": (NEAR_BELOW_ANGSTROM, FAR_FROM_ANGSTROM)}
WINDOWS |= {"far": (FAR_FROM_ANGSTROM, np.inf)}

NUCLEI_DISTANCES_ANGSTROM = np.geomspace(0.2, 20.0, 96)
CATION_DISTANCES_ANGSTROM = np.geomspace(0.2, 15.0, 64)
CATION_FAR_ANGSTROM = 20.0
H2_BOND_ANGSTROM = 0.74144
"""Where the ionization energies of H2 are asked."""


class System(NamedTuple):
    """Two atoms on a curve."""

    numbers: tuple[int, int]  # atomic numbers
    charge: int
    spin_multiplicity: int
    distances_angstrom: np.ndarray  # (n,), increasing


BARE_PAIRS = {
    "protons": System((1, 1), 2, 1, NUCLEI_DISTANCES_ANGSTROM),
    "helium_proton": System((2, 1), 3, 1, NUCLEI_DISTANCES_ANGSTROM),
    "helium_nuclei": System((2, 2), 4, 1, NUCLEI_DISTANCES_ANGSTROM),
}
H2_CATION = "h2_cation"
SYSTEMS = {**BARE_PAIRS, H2_CATION: System((1, 1), 1, 2, CATION_DISTANCES_ANGSTROM)}


def exact_ev(name: str) -> np.ndarray:
    """Exact energy of a system at its distances relative to its separated parts, eV, shape (n,), on the host."""
    system = SYSTEMS[name]
    if name == H2_CATION:
        return h2_cation_ev(system.distances_angstrom)
    first, second = system.numbers
    return units.COULOMB_EV_ANGSTROM * first * second / system.distances_angstrom


def h2_cation_ev(distances_angstrom: np.ndarray) -> np.ndarray:
    """Exact energy of H2+ relative to H and a proton, eV, any shape."""
    total = np.asarray(exact.h2_cation(np.asarray(distances_angstrom, np.float64) / units.BOHR_ANGSTROM))
    return (total - exact.HYDROGEN_ATOM_HARTREE) * units.HARTREE_EV


def h2_ionization_ev(num_electrons: int) -> float:
    """Exact energy of taking one or both electrons from H2 at its bond length, the nuclei fixed, in eV."""
    distance = H2_BOND_ANGSTROM / units.BOHR_ANGSTROM
    left = float(exact.h2_cation(distance)) if num_electrons == 1 else 1.0 / distance
    return (left - float(exact.h2_ground_state(distance))) * units.HARTREE_EV


def in_window(distances_angstrom: np.ndarray, window: str) -> np.ndarray:
    """Mask of the distances of a window, a key of `WINDOWS`; bool, of their shape."""
    low, high = WINDOWS[window]
    return (distances_angstrom >= low) & (distances_angstrom < high)
