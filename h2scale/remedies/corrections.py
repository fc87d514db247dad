"""The learned part of every rung with a base: bounded factors on amounts that are zero where nothing is left to learn.

    correction = sum over rows r and channels c of amount[r, c] * limit * tanh(network(inputs[r]))[c]

A row is an atom or a pair of atoms. What a rung is exact for, it is exact for by its amounts: where they are zero the
base stands as it is, whatever the network says. All functions are pure, of one structure, and mapped by the caller.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

Params = Any


class Rows(NamedTuple):
    """One structure's rows; padding has amounts of zero."""

    inputs: jax.Array  # (n_rows, n_inputs), of order one, without unit
    amounts: jax.Array  # (n_rows, n_channels), eV


class Network(nn.Module):
    """Two hidden layers and bounded outputs; the last layer begins at zero, so that training begins at the base."""

    width: int  # 0 for one constant per channel, whatever the inputs
    channels: int

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Factors between -1 and 1, (n_rows, channels), of inputs (n_rows, n_inputs)."""
        if self.width == 0:
            constant = self.param("constant", nn.initializers.zeros, (self.channels,), jnp.float32)
            return jnp.broadcast_to(jnp.tanh(constant), (*inputs.shape[:-1], self.channels))
        hidden = inputs
        for _ in range(2):
            hidden = nn.silu(nn.Dense(self.width)(hidden))
        return jnp.tanh(nn.Dense(self.channels, kernel_init=nn.initializers.zeros)(hidden))


class Form(NamedTuple):
    """Shape of a network; static."""

    width: int
    num_inputs: int
    channels: int
    limit: float  # largest factor


def initial(form: Form, key: jax.Array) -> Params:
    """Parameters to begin with, float32."""
    return _network(form).init(key, jnp.zeros((1, form.num_inputs), jnp.float32))["params"]


def num_params(form: Form) -> int:
    """Number of parameters."""
    shapes = jax.eval_shape(functools.partial(initial, form), jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def make_correction(form: Form) -> Callable[[Params, Rows], jax.Array]:
    """Return the energy of one structure's correction, eV, as a function of parameters and rows."""
    network = _network(form)

    def correction(params: Params, rows: Rows) -> jax.Array:
        factors: Any = network.apply({"params": params}, rows.inputs)
        return form.limit * jnp.sum(rows.amounts * factors)

    return correction


def _network(form: Form) -> Network:
    return Network(form.width, form.channels)
