"""Real spherical harmonics of degree 0 to 3 in closed form.

Axis order and signs are those of e3nn-jax: degree 1 is (x, y, z) and y is the polar axis. "Component" normalisation:
the squares of a degree's 2l+1 values sum to 2l+1 on the unit sphere.
"""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp


def slices(l_max: int) -> list[slice]:
    """Return the slice of each degree 0 to `l_max` on an axis of (l_max + 1)^2 components."""
    return [slice(degree**2, (degree + 1) ** 2) for degree in range(l_max + 1)]


def spherical_harmonics(directions: jax.Array, l_max: int) -> jax.Array:
    """Harmonics of unit vectors; polynomials, so that a zero vector gives 0 for every degree but the first.

    Args:
        directions: shape (n, 3), unit vectors, or 0 for padding.
        l_max: highest degree, 0 to 3.

    Returns:
        Shape (n, (l_max + 1)^2), dimensionless, degrees in ascending order.
    """
    x, y, z = (directions[:, axis] for axis in range(3))
    return jnp.stack(components(x, y, z, l_max, jnp), axis=-1)


def components(x: Any, y: Any, z: Any, l_max: int, numpy: ModuleType) -> list[Any]:
    """Return the (l_max + 1)^2 harmonics as polynomials of the coordinates, for numpy or jax arrays alike."""
    degrees: list[Callable[[], list[Any]]] = [
        lambda: [numpy.ones_like(x)],
        lambda: [math.sqrt(3) * x, math.sqrt(3) * y, math.sqrt(3) * z],
        lambda: _degree_two(x, y, z),
        lambda: _degree_three(x, y, z),
    ]
    return [component for degree in degrees[: l_max + 1] for component in degree()]


def _degree_two(x: Any, y: Any, z: Any) -> list[Any]:
    s15 = math.sqrt(15)
    return [
        s15 * x * z,
        s15 * x * y,
        math.sqrt(5) * (y * y - 0.5 * (x * x + z * z)),
        s15 * y * z,
        0.5 * s15 * (z * z - x * x),
    ]


def _degree_three(x: Any, y: Any, z: Any) -> list[Any]:
    xz, difference, ring = x * z, 0.5 * (z * z - x * x), x * x + z * z
    s70, s42, s105, s7 = math.sqrt(17.5), math.sqrt(10.5), math.sqrt(105), math.sqrt(7)
    return [
        s70 * (xz * z + difference * x),
        s105 * xz * y,
        0.5 * s42 * (4 * y * y - ring) * x,
        0.5 * s7 * y * (2 * y * y - 3 * ring),
        0.5 * s42 * z * (4 * y * y - ring),
        s105 * difference * y,
        s70 * (difference * z - xz * x),
    ]
