"""Initial parameters of a network, drawn all at once.

Flax draws every array from a key of its own, and every draw is a loop that has to be compiled: for three equivariant
layers that takes seconds. Here the keys are derived together and one draw of each distribution fills all arrays, with
the numbers that Flax's own initialisers give. That a shorter draw is the beginning of a longer one of the same key is
what JAX's partitionable random numbers guarantee.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import flax.core
import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np

_GLOROT_UNIFORM = ("kernel",)
_ZERO = ("bias", "charge_table", "spin_table", "electronegativity_table", "hardness_table")
"""Names of parameters; those of any other name are standard normal. A test compares with the networks' initialisers."""


class _Leaf(NamedTuple):
    path: tuple[str, ...]
    fold: int  # what Flax folds into the key for this array
    shape: tuple[int, ...]


def draw(shapes: Mapping[str, Any], key: jax.Array) -> dict[str, Any]:
    """Return parameters of the given shapes, with the numbers of the networks' own initialisers.

    Args:
        shapes: nested dict, in the order in which the network makes its parameters; leaves have a shape.
        key: of a random stream.

    Returns:
        The same nested dict of float32 arrays.
    """
    with jax.ensure_compile_time_eval():
        stream = jax.random.wrap_key_data(jnp.zeros(1, jnp.uint32), impl=_FOLD_RECORDER)
        leaves = list(_leaves(shapes, flax.core.Scope({}, {"params": stream})))
    uniform = [leaf for leaf in leaves if leaf.path[-1] in _GLOROT_UNIFORM]
    normal = [leaf for leaf in leaves if leaf.path[-1] not in (*_GLOROT_UNIFORM, *_ZERO)]
    drawn = {leaf.path: jnp.zeros(leaf.shape, jnp.float32) for leaf in leaves if leaf.path[-1] in _ZERO}
    for leaf, numbers in _draws(normal, key, jax.random.normal):
        drawn[leaf.path] = numbers
    for leaf, numbers in _draws(uniform, key, lambda k, n, t: jax.random.uniform(k, n, t, minval=-1.0)):
        drawn[leaf.path] = numbers * np.sqrt(np.float32(6 / sum(leaf.shape)))
    return _nested(drawn)


def _draws(
    leaves: list[_Leaf], key: jax.Array, distribution: Callable[..., jax.Array]
) -> Iterator[tuple[_Leaf, jax.Array]]:
    """Each leaf with its numbers; all are drawn as long as the longest."""
    if not leaves:
        return
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.array([leaf.fold for leaf in leaves], np.uint32))
    longest = max(math.prod(leaf.shape) for leaf in leaves)
    rows = jax.vmap(lambda k: distribution(k, (longest,), jnp.float32))(keys)
    for leaf, row in zip(leaves, rows, strict=True):
        yield leaf, row[: math.prod(leaf.shape)].reshape(leaf.shape)


def _leaves(shapes: Mapping[str, Any], scope: flax.core.Scope, path: tuple[str, ...] = ()) -> Iterator[_Leaf]:
    """Every array with its fold, by walking Flax's scopes as the network does; `scope` holds a `_FOLD_RECORDER` key."""
    for name, value in shapes.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, scope.push(name), (*path, name))
        else:
            fold = jax.random.key_data(scope.make_rng("params"))
            yield _Leaf((*path, name), int(fold[0]), value.shape)


def _unused(*_: Any) -> jax.Array:
    raise NotImplementedError("only `fold_in` is defined.")


# Flax hashes a parameter's path into a number and folds that into the key. Folding array by array would compile as
# many loops (0.8 s of CPU for 33 arrays), so these keys keep the number, and `_draws` folds all of them together.
_FOLD_RECORDER = jax.extend.random.define_prng_impl(
    key_shape=(1,),
    seed=_unused,
    split=_unused,
    random_bits=_unused,
    fold_in=lambda _, data: jnp.asarray(data, jnp.uint32)[None],
    name="fold_recorder",
)


def _nested(flat: Mapping[tuple[str, ...], jax.Array]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
    return tree
