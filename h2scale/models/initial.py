"""Initial parameters of a network, drawn all at once.

A network's own initialisers draw each array from a key of its own, and every draw is a loop that has to be compiled:
for three equivariant layers that takes seconds. Here one draw of each distribution fills all arrays.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

_GLOROT_UNIFORM = ("kernel",)
_ZERO = ("bias", "charge_table", "spin_table")
"""Names of parameters; those of any other name are standard normal. A test compares with the networks' initialisers."""


def draw(shapes: Any, key: jax.Array) -> Any:
    """Parameters of these shapes, distributed as the networks' own initialisers would draw them.

    Args:
        shapes: nested dict whose leaves have a shape.
        key: of a random stream.

    Returns:
        The same nested dict of float32 arrays.
    """
    leaves, structure = jax.tree.flatten_with_path(shapes)
    names = [path[-1].key for path, _ in leaves]
    sizes = [math.prod(leaf.shape) for _, leaf in leaves]
    kinds = ["zero" if name in _ZERO else "uniform" if name in _GLOROT_UNIFORM else "normal" for name in names]
    number = {kind: sum(size for own, size in zip(kinds, sizes, strict=True) if own == kind) for kind in set(kinds)}
    first, second = jax.random.split(key)
    uniforms = jax.random.uniform(first, (number.get("uniform", 0),), jnp.float32, minval=-1.0)
    normals = jax.random.normal(second, (number.get("normal", 0),), jnp.float32)
    drawn = []
    for kind, size, (_, leaf) in zip(kinds, sizes, leaves, strict=True):
        if kind == "zero":
            drawn.append(jnp.zeros(leaf.shape, jnp.float32))
        elif kind == "uniform":
            limit = math.sqrt(6 / sum(leaf.shape))
            drawn.append(limit * uniforms[:size].reshape(leaf.shape))
            uniforms = uniforms[size:]
        else:
            drawn.append(normals[:size].reshape(leaf.shape))
            normals = normals[size:]
    return structure.unflatten(drawn)
