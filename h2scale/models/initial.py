"""Initial parameters of a network, drawn all at once.

Flax draws every array from a key of its own, and every draw is a loop that has to be compiled: for three equivariant
layers that takes seconds. Here the keys are derived together and one draw of each distribution fills all arrays, with
the numbers that Flax's own initialisers give. That a shorter draw is the beginning of a longer one of the same key is
what JAX's partitionable random numbers promise.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_GLOROT_UNIFORM = ("kernel",)
_ZERO = ("bias", "charge_table", "spin_table")
"""Names of parameters; those of any other name are standard normal. A test compares with the networks' initialisers."""


class _Leaf(NamedTuple):
    path: tuple[str, ...]
    fold: int  # what Flax folds into the key for this array
    shape: tuple[int, ...]


def draw(shapes: Mapping, key: jax.Array) -> dict:
    """Parameters of these shapes, the numbers of the networks' own initialisers.

    Args:
        shapes: nested dict, in the order in which the network makes its parameters; leaves have a shape.
        key: of a random stream.

    Returns:
        The same nested dict of float32 arrays.
    """
    leaves = list(_leaves(shapes))
    uniform = [leaf for leaf in leaves if leaf.path[-1] in _GLOROT_UNIFORM]
    normal = [leaf for leaf in leaves if leaf.path[-1] not in (*_GLOROT_UNIFORM, *_ZERO)]
    drawn = {leaf.path: jnp.zeros(leaf.shape, jnp.float32) for leaf in leaves if leaf.path[-1] in _ZERO}
    for leaf, numbers in _draws(normal, key, jax.random.normal):
        drawn[leaf.path] = numbers
    for leaf, numbers in _draws(uniform, key, lambda k, n, t: jax.random.uniform(k, n, t, minval=-1.0)):
        drawn[leaf.path] = numbers * np.sqrt(np.float32(6 / sum(leaf.shape)))
    return _nested(drawn)


def _draws(leaves: list[_Leaf], key: jax.Array, distribution: Callable[..., jax.Array]) -> Iterator:
    """Each leaf with its numbers; all are drawn as long as the longest."""
    if not leaves:
        return
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.array([leaf.fold for leaf in leaves], np.uint32))
    longest = max(math.prod(leaf.shape) for leaf in leaves)
    rows = jax.vmap(lambda k: distribution(k, (longest,), jnp.float32))(keys)
    for leaf, row in zip(leaves, rows, strict=True):
        yield leaf, row[: math.prod(leaf.shape)].reshape(leaf.shape)


def _leaves(shapes: Mapping, path: tuple[str, ...] = ()) -> Iterator[_Leaf]:
    made = 0
    for name, value in shapes.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            made += 1
            yield _Leaf((*path, name), _fold(path, made), value.shape)


def _fold(module: tuple[str, ...], made: int) -> int:
    """The number that stands for the `made`-th parameter of a module: the head of the SHA-1 of its path and place."""
    data = "".join(module).encode() + made.to_bytes((made.bit_length() + 7) // 8, "big")
    return int.from_bytes(hashlib.sha1(data).digest()[:4], "big")


def _nested(flat: Mapping[tuple[str, ...], jax.Array]) -> dict:
    tree: dict = {}
    for path, value in flat.items():
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
    return tree
