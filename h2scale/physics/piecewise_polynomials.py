"""Piecewise polynomials fitted on the host and evaluated inside jit."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import interpolate


class Spline(NamedTuple):
    """A piecewise polynomial; a pytree of host arrays, so that it can be an argument or a constant of jit."""

    breaks: np.ndarray  # (n + 1,), increasing
    coefficients: np.ndarray  # (n, degree + 1), highest power first, in distance from the left break


def fit(
    points: np.ndarray,
    values: np.ndarray,
    degree: int,
    end_derivatives: tuple[list[tuple[int, float]], list[tuple[int, float]]] | None = None,
) -> Spline:
    """The spline of odd degree through all points, with `degree - 1` continuous derivatives.

    Args:
        points: shape (m,), increasing.
        values: shape (m,).
        degree: odd.
        end_derivatives: (order, value) pairs, (degree - 1) / 2 at either end; without them the first and last pieces
            join their neighbours ("not a knot"), which takes at least degree + 1 points.
    """
    spline = interpolate.make_interp_spline(points, values, k=degree, bc_type=end_derivatives)
    pieces = interpolate.PPoly.from_spline(spline)
    filled = np.diff(pieces.x) > 0  # the end knots repeat
    return Spline(np.append(pieces.x[:-1][filled], pieces.x[-1]), np.ascontiguousarray(pieces.c[:, filled].T))


def evaluate(spline: Spline, points: jax.Array) -> jax.Array:
    """Value of the spline, any shape, in the dtype of the points; the end pieces continue beyond the ends."""
    breaks = jnp.asarray(spline.breaks, points.dtype)
    coefficients = jnp.asarray(spline.coefficients, points.dtype)
    number, powers = coefficients.shape
    index = jnp.clip(jnp.searchsorted(breaks, points, side="right") - 1, 0, number - 1)
    offset = points - breaks[index]
    return functools.reduce(lambda total, power: total * offset + coefficients[index, power], range(powers), 0.0)
