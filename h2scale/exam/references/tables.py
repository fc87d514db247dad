"""Curves and constants that the exam compares with: exact ones from the physics layer, computed ones as shipped."""

import functools
import json
from importlib import resources
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import interpolate

from h2scale import units
from h2scale.physics import exact

SHIPPED = "references.json"
_COMPILED = {"H2": jax.jit(exact.h2_ground_state), "H2+": jax.jit(exact.h2_cation)}
"""Op by op, the splines would compile some hundred small programs."""


class ShippedCurve(NamedTuple):
    """A computed diatomic curve relative to its own separated atoms."""

    system: str  # e.g. H2, H2 triplet, LiH
    label: str  # level of theory as shown, e.g. "PBE/def2-TZVPD, restricted"
    distances: np.ndarray  # angstrom, increasing
    energies: np.ndarray  # eV
    provenance: dict[str, Any]


class Measured(NamedTuple):
    """Spectroscopic constants of one molecule; of those with a name in `diatomics.csv`, Huber and Herzberg 1979."""

    bond_length_angstrom: float
    omega_e_per_cm: float
    depth_ev: float


EXACT_CONSTANTS = {
    "H2": Measured(0.7414211781519501, 4405.950773209868, 4.747731961461068),
    "H2+": Measured(1.056869190487821, 2324.3482869682844, 2.792830262586021),
}
"""Of the exact Born-Oppenheimer curves, by `exact.spectroscopy`, with the masses of the nuclei."""


@functools.cache
def shipped_curves() -> tuple[ShippedCurve, ...]:
    """Return everything in shipped/references.json."""
    text = (resources.files("h2scale.exam.references") / "shipped" / SHIPPED).read_text(encoding="utf-8")
    return tuple(
        ShippedCurve(
            one["system"],
            one["label"],
            np.array(one["distances_angstrom"]),
            np.array(one["energies_ev"]),
            one["provenance"],
        )
        for one in json.loads(text)
    )


def shipped(system: str, label: str | None = None) -> list[ShippedCurve]:
    """Return the shipped curves of a system, all or those whose label starts with `label`."""
    return [c for c in shipped_curves() if c.system == system and (label is None or c.label.startswith(label))]


def resample(curve: ShippedCurve, distances: np.ndarray) -> np.ndarray:
    """Energies at other distances, eV, by a cubic spline of R E in log R; NaN outside the curve's own distances."""
    values = interpolate.CubicSpline(np.log(curve.distances), curve.energies * curve.distances, extrapolate=False)(
        np.log(distances)
    )
    return values / distances


def bond_force(curve: ShippedCurve, distances: np.ndarray) -> np.ndarray:
    """Minus the slope of `resample`, eV/angstrom; NaN outside the curve's own distances."""
    spline = interpolate.CubicSpline(np.log(curve.distances), curve.energies * curve.distances, extrapolate=False)
    place = np.log(distances)
    return (spline(place) - spline(place, 1)) / distances**2


@functools.cache
def measured_constants() -> dict[str, Measured]:
    """Measured constants by molecule."""
    path = resources.files("h2scale.exam.references") / "shipped" / "diatomics.csv"
    with path.open(encoding="utf-8") as lines:
        table = np.genfromtxt(lines, delimiter=",", names=True, dtype=None, encoding="utf-8")
    return {
        str(row["molecule"]): Measured(
            float(row["bond_length_angstrom"]), float(row["omega_e_per_cm"]), float(row["de_ev"])
        )
        for row in table
    }


def h2_ev(distances: np.ndarray) -> np.ndarray:
    """Exact H2 relative to two H atoms, eV; shape (n,)."""
    total = _exact("H2", distances)
    return (total - 2 * exact.HYDROGEN_ATOM_HARTREE) * units.HARTREE_EV


def h2_cation_ev(distances: np.ndarray) -> np.ndarray:
    """Exact H2+ relative to a proton and an H atom, eV; shape (n,)."""
    total = _exact("H2+", distances)
    return (total - exact.HYDROGEN_ATOM_HARTREE) * units.HARTREE_EV


def _exact(system: str, distances: np.ndarray) -> np.ndarray:
    """Total energy in hartree, in float64 whatever the process that asks has chosen for its own JAX programs."""
    with jax.enable_x64(True):
        return np.asarray(_COMPILED[system](np.asarray(distances, np.float64) / units.BOHR_ANGSTROM))
