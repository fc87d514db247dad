"""H2+ by a second route: its Schroedinger equation separates in prolate spheroidal coordinates."""

import numpy as np
import pytest
from scipy import optimize

from h2scale.physics import exact

_ANGULAR, _RADIAL = 24, 40


def separation_constant_angular(p):
    """A of the lowest even solution of d/dy (1 - y^2) Y' + (p^2 y^2 - A) Y = 0, in normalised Legendre polynomials."""
    degrees = np.arange(0, 2 * _ANGULAR, 2)
    nodes, weights = np.polynomial.legendre.leggauss(4 * _ANGULAR)
    values = np.polynomial.legendre.legvander(nodes, degrees[-1])[:, degrees] * np.sqrt(degrees + 0.5)
    matrix = np.diag(degrees * (degrees + 1.0)) - p**2 * (values * (weights * nodes**2)[:, None]).T @ values
    return -np.linalg.eigvalsh(matrix)[0]


def separation_constant_radial(p, distance):
    """A of the nodeless solution of d/dx (x^2 - 1) X' + (A + 2 R x - p^2 x^2) X = 0, in Laguerre functions."""
    nodes, weights = np.polynomial.laguerre.laggauss(2 * _RADIAL)
    values = np.polynomial.laguerre.lagvander(nodes, _RADIAL - 1)
    coefficients = np.eye(_RADIAL)
    slopes = np.array([np.polynomial.laguerre.lagval(nodes, np.polynomial.laguerre.lagder(c)) for c in coefficients]).T
    slopes -= values / 2  # of exp(-t / 2) L_n(t), where t = 2 p (x - 1)
    x = 1 + nodes / (2 * p)
    kinetic = (slopes * (weights * (x**2 - 1) * (2 * p) ** 2)[:, None]).T @ slopes
    potential = (values * (weights * (p**2 * x**2 - 2 * distance * x))[:, None]).T @ values
    return np.linalg.eigvalsh(kinetic + potential)[0]


def ground_state_energy(distance):
    """Total energy of 1s sigma_g in hartree at a distance in bohr."""

    def mismatch(p):
        return separation_constant_radial(p, distance) - separation_constant_angular(p)

    # Bound between the united atom's energy of -2 and the separated atom's of -1/2 - 1/R.
    low, high = distance * np.sqrt((0.5 + 1 / distance) / 2) * 0.5, distance * 1.0001
    p = optimize.brentq(mismatch, low, high, xtol=1e-13)
    return -2 * p**2 / distance**2 + 1 / distance


def test_route_agrees_with_the_table_at_a_tabulated_point():
    table = exact.shipped_table("h2_cation.csv")
    place = int(np.flatnonzero(table["distance_bohr"] == 2.0)[0])
    assert abs(ground_state_energy(2.0) - table["energy_1s_sigma_g_hartree"][place]) < 1e-10


@pytest.mark.parametrize(
    "distance", [0.22, 0.37, 0.65, 1.45, 2.9, 3.25, 4.75, 5.5, 6.5, 7.5, 8.5, 9.5, 11.0, 13.5, 17.5]
)
def test_curve_agrees_between_its_tabulated_points(distance):
    assert abs(float(exact.h2_cation(distance)) - ground_state_energy(distance)) < 5e-7
