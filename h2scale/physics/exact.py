"""The exact Born-Oppenheimer curves of H2 and H2+, from the united atom to separated atoms, in hartree and bohr.

Each is one spline of degree 7 through E - 1/R: the table in the middle, at R = 0 the united atom with its first
three derivatives, at the far end the long-range series with its first three. Everything beyond is the series.
"""

import functools
from collections.abc import Callable
from importlib import resources
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import interpolate

from h2scale import units
from h2scale.physics import piecewise_polynomials

HYDROGEN_ATOM_HARTREE = -0.5
HELIUM_ATOM_HARTREE = -2.903724377034119
"""H2 at R = 0 without its nuclear repulsion (Drake 2006)."""
HELIUM_DENSITY_AT_NUCLEUS = 3.620858637
"""Electrons per cubic bohr, twice <delta(r)> = 1.8104293185 (Drake 2006)."""
PROTON_ELECTRON_MASS = 1836.15267343
"""CODATA 2018."""

H2_DISPERSION = {6: 6.4990267, 8: 124.3990836, 10: 3285.82841}
"""C_n of two ground-state hydrogen atoms, hartree bohr^n; E = -1 - sum C_n / R^n."""
H2_CATION_POLARISATION = {4: 9 / 4, 6: 15 / 2, 7: 213 / 4, 8: 7755 / 64, 9: 1773 / 2, 10: 86049 / 16}
"""C_n of a proton and a hydrogen atom: Cizek et al., Phys. Rev. A 33, 12 (1986)."""

_DEGREE = 7
_H2_JOIN_BOHR = 24.0
_H2_CATION_JOIN_BOHR = 30.0


class Piecewise(NamedTuple):
    """A curve of total energy: a spline from the united atom to the join, and the series that continues it."""

    spline: piecewise_polynomials.Spline  # E - 1/R, bohr to hartree
    limit: float  # hartree at infinite distance
    series: dict[int, float]  # C_n of the continuation


class Spectroscopy(NamedTuple):
    """Position, depth and curvature of the minimum of a curve."""

    bond_length_bohr: float
    well_depth_hartree: float
    omega_e_per_cm: float


def h2_ground_state(distance_bohr: jax.typing.ArrayLike) -> jax.Array:
    """Total energy of H2 in X 1Sigma_g+, in hartree: jittable, three times continuously differentiable.

    Args:
        distance_bohr: any shape, positive, in bohr; infinity is allowed.

    Returns:
        Same shape and dtype. In float64 below 5e-7 hartree off from 0.2 to 20 bohr: leaving one tabulated point out
        moves the curve there by less. Below the table's first point, 0.1 bohr, the united-atom expansion leads.

    Raises:
        ValueError: outside `jit`, on a distance that is not positive. Inside, such a distance gives NaN.

    Reference:
        Sims and Hagstrom, J. Chem. Phys. 124, 094101 (2006); Pachucki, Phys. Rev. A 82, 032509 (2010).
    """
    return evaluate(_h2_piecewise(), distance_bohr)


def h2_cation(distance_bohr: jax.typing.ArrayLike) -> jax.Array:
    """Total energy of H2+ in 1s sigma_g, in hartree; arguments and errors as in `h2_ground_state`.

    Below 1e-5 hartree off with any one tabulated point missing, and 1e-6 beyond 8 bohr.

    Reference:
        Fernandez and Garcia, ChemistrySelect 6, 9527 (2021).
    """
    return evaluate(_h2_cation_piecewise(), distance_bohr)


def spectroscopy(
    energy: Callable[[jax.typing.ArrayLike], jax.Array],
    *,
    start_bohr: float,
    limit_hartree: float,
    reduced_mass: float = PROTON_ELECTRON_MASS / 2,
) -> Spectroscopy:
    """Compute equilibrium constants of a diatomic curve, by Newton's method on its derivative.

    Args:
        energy: differentiable, bohr to hartree.
        start_bohr: near the minimum.
        limit_hartree: energy of the separated atoms.
        reduced_mass: in electron masses; nuclear masses, as befits a Born-Oppenheimer curve.

    Raises:
        ValueError: the iteration leaves the region where the curve is convex, or does not settle.
    """
    energy = jax.jit(energy)  # operation by operation its derivatives would compile a hundred programs
    slope, bend = jax.grad(energy), jax.grad(jax.grad(energy))
    distance = float(start_bohr)
    for _ in range(50):
        curvature = float(bend(distance))
        if not curvature > 0:
            raise ValueError(
                f"the curve is not convex at {distance:.6g} bohr; start_bohr={start_bohr!r} is too far off."
            )
        step = float(slope(distance)) / curvature
        distance -= step
        if abs(step) < 1e-10 * distance:
            omega = float(np.sqrt(float(bend(distance)) / reduced_mass)) * units.HARTREE_PER_CM
            return Spectroscopy(distance, limit_hartree - float(energy(distance)), omega)
    raise ValueError(f"no minimum found from start_bohr={start_bohr!r} in 50 Newton steps.")


def fit_h2(distances_bohr: np.ndarray, energies_hartree: np.ndarray) -> Piecewise:
    """Fit the H2 curve through tabulated total energies, shapes (n,)."""
    united = (HELIUM_ATOM_HARTREE, np.pi / 3 * HELIUM_DENSITY_AT_NUCLEUS)
    electronic = energies_hartree - 1 / distances_bohr
    return _fit(distances_bohr, electronic, united, _H2_JOIN_BOHR, 2 * HYDROGEN_ATOM_HARTREE, H2_DISPERSION)


def fit_h2_cation(distances_bohr: np.ndarray, gerade_hartree: np.ndarray, ungerade_hartree: np.ndarray) -> Piecewise:
    """Fit the H2+ curve through tabulated total energies of its two lowest states, shapes (n,).

    The table is sparse beyond 8 bohr, where a spline would swing by 1e-4. There the mean of the two states is
    the series and half their difference is R exp(-R), each times a smooth function of 1/R, so that a polynomial
    through seven points resamples both to 1e-8.
    """
    core = distances_bohr <= 8
    far = (distances_bohr >= 7) & (distances_bohr <= 20)
    distance = distances_bohr[far]
    remainder = (gerade_hartree + ungerade_hartree)[far] / 2 - _series_derivative(
        distance, HYDROGEN_ATOM_HARTREE, H2_CATION_POLARISATION, 0
    )
    exchange = (ungerade_hartree - gerade_hartree)[far] / 2
    mean_of_inverse = interpolate.BarycentricInterpolator(1 / distance, remainder * distance**11)
    log_of_inverse = interpolate.BarycentricInterpolator(1 / distance, np.log(exchange / distance) + distance)
    dense = np.arange(8.5, _H2_CATION_JOIN_BOHR, 0.5)
    series = _series_derivative(dense, HYDROGEN_ATOM_HARTREE, H2_CATION_POLARISATION, 0)
    resampled = series + mean_of_inverse(1 / dense) / dense**11 - dense * np.exp(log_of_inverse(1 / dense) - dense)
    distances = np.concatenate([distances_bohr[core], dense])
    electronic = np.concatenate([gerade_hartree[core], resampled]) - 1 / distances
    united = (-2.0, 8 / 3)  # He+, whose density at the nucleus is 8 / pi
    return _fit(distances, electronic, united, _H2_CATION_JOIN_BOHR, HYDROGEN_ATOM_HARTREE, H2_CATION_POLARISATION)


def _fit(
    distances: np.ndarray,
    electronic: np.ndarray,
    united: tuple[float, float],
    join: float,
    limit: float,
    series: dict[int, float],
) -> Piecewise:
    """Spline of E - 1/R from the united atom to the join.

    `united` is the energy at R = 0 and the coefficient of R^2, pi/3 times the density at the nucleus; the cusp makes
    that of R^3 minus twice the latter for a united nucleus of charge 2 (Bingel, J. Chem. Phys. 30, 1250, 1959).
    """
    far = [float(_series_derivative(np.array(join), limit, {**series, 1: 1.0}, order)) for order in range(4)]
    spline = piecewise_polynomials.fit(
        np.concatenate([[0.0], distances, [join]]),
        np.concatenate([[united[0]], electronic, [far[0]]]),
        _DEGREE,
        (
            [(1, 0.0), (2, 2 * united[1]), (3, -12 * united[1])],
            [(order, far[order]) for order in (1, 2, 3)],
        ),
    )
    return Piecewise(spline, limit, series)


def _series_derivative(distance: np.ndarray, limit: float, series: dict[int, float], order: int) -> np.ndarray:
    """Derivative of given order of `limit - sum C_n / R^n`, in the shape of `distance`."""
    total = limit * (order == 0) + 0 * distance
    for n, c in series.items():
        rising = np.prod([-(n + j) for j in range(order)], dtype=float)
        total = total - c * rising / distance ** (n + order)
    return total


def h2_ground_state_on_host(distance_bohr: np.ndarray) -> np.ndarray:
    """Values of `h2_ground_state` by NumPy: the same to the last bit, without compiling some fifty operations."""
    return np.asarray(evaluate(_h2_piecewise(), distance_bohr, np))


def evaluate(piecewise: Piecewise, distance_bohr: jax.typing.ArrayLike, xp: Any = jnp) -> jax.Array:
    """Total energy in hartree on a fitted curve; `xp` is `jax.numpy` or `numpy`, the rest as in `h2_ground_state`."""
    distance = xp.asarray(distance_bohr)
    if not jnp.issubdtype(distance.dtype, jnp.floating):
        distance = distance.astype(jnp.result_type(float))
    if not isinstance(distance, jax.core.Tracer) and not bool(xp.all(distance > 0)):
        worst = np.asarray(distance)[~(np.asarray(distance) > 0)].flat[0]
        raise ValueError(f"distance_bohr must be positive, in bohr; got {worst}.")
    join = float(piecewise.spline.breaks[-1])
    inside = (distance > 0) & (distance < join)
    # Both branches get an argument of their own domain: no overflow, and no NaN in a masked gradient.
    near = xp.where(inside, distance, 1.0)
    far = xp.where(inside, join, distance)
    series = piecewise.limit - sum(c * far**-n for n, c in piecewise.series.items())
    beyond = xp.where(distance > 0, series, xp.nan)
    return xp.where(inside, piecewise_polynomials.evaluate(piecewise.spline, near, xp) + 1 / near, beyond)


def shipped_table(name: str) -> np.ndarray:
    """Load a table of h2scale/physics/shipped as a structured array with the header's column names."""
    path = resources.files("h2scale.physics") / "shipped" / name
    with path.open(encoding="utf-8") as lines:
        return np.genfromtxt(lines, delimiter=",", names=True, dtype=None, encoding="utf-8")


@functools.cache
def _h2_piecewise() -> Piecewise:
    table = shipped_table("h2_ground_state.csv")
    return fit_h2(table["distance_bohr"], table["energy_hartree"])


@functools.cache
def _h2_cation_piecewise() -> Piecewise:
    table = shipped_table("h2_cation.csv")
    columns = ("distance_bohr", "energy_1s_sigma_g_hartree", "energy_2p_sigma_u_hartree")
    return fit_h2_cation(*(table[column] for column in columns))
