"""Piecewise polynomials fitted on the host and evaluated inside jit."""

from typing import Any, NamedTuple

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
    end_derivatives: tuple[list[tuple[int, float]], list[tuple[int, float]]],
) -> Spline:
    """Fit the spline of odd degree through all points, with `degree - 1` continuous derivatives.

    Args:
        points: shape (m,), increasing.
        values: shape (m,).
        degree: odd.
        end_derivatives: (order, value) pairs, (degree - 1) / 2 at either end.
    """
    conditions: Any = end_derivatives  # the stubs know neither pairs nor the conversion of a spline
    spline: Any = interpolate.make_interp_spline(points, values, k=degree, bc_type=conditions)
    pieces = interpolate.PPoly.from_spline(spline)
    filled = np.diff(pieces.x) > 0  # the end knots repeat
    return Spline(np.append(pieces.x[:-1][filled], pieces.x[-1]), np.ascontiguousarray(pieces.c[:, filled].T))


def evaluate(spline: Spline, points: jax.Array, xp: Any = jnp) -> jax.Array:
    """Value of the spline, any shape, in the dtype of the points; the end pieces continue beyond the ends.

    Args:
        spline: from `fit`.
        points: any shape.
        xp: the array module, `jax.numpy` or `numpy`: the same numbers, but NumPy compiles no operation.
    """
    breaks = xp.asarray(spline.breaks, points.dtype)
    coefficients = xp.asarray(spline.coefficients, points.dtype)
    number, powers = coefficients.shape
    index = xp.clip(xp.searchsorted(breaks, points, side="right") - 1, 0, number - 1)
    offset = points - breaks[index]
    total: Any = 0.0
    for power in range(powers):
        total = total * offset + coefficients[index, power]
    return total
