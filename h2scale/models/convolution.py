"""The equivariant convolution: products of neighbours' features, harmonics and radial weights, summed at each atom.

The message form is linear in each of four operands: features x, harmonics y, radial weights w and a cotangent g,

    form = sum over edges e, channels c, terms (i, j, p, k, coefficient) of coefficient * x[e,i,c] y[e,j] w[e,p,c] g[e,k,c]

Its derivative with respect to one operand is a contraction of the other three, and the derivatives of these four
contractions are again these four. `_contract` therefore writes them once and names them as each other's
derivatives. Reverse-mode differentiation of any order then costs a few passes over the edges; differentiating the
unrolled sum itself would emit thousands of operations for the double gradient that force training takes.
"""

import functools

import jax
import jax.numpy as jnp

from h2scale.models import clebsch_gordan

_FEATURES, _HARMONICS, _WEIGHTS, _OUTPUTS = range(4)


def convolve(
    coupling: clebsch_gordan.Coupling,
    features: jax.Array,
    harmonics: jax.Array,
    weights: jax.Array,
    senders: jax.Array,
    receivers: jax.Array,
) -> jax.Array:
    """Messages from every sender, summed at its receiver.

    Args:
        coupling: which products of degrees enter.
        features: shape (n_node, (l_in + 1)^2, C).
        harmonics: shape (n_edge, (l_edge + 1)^2).
        weights: one per edge, path and channel, shape (n_edge, n_path, C).
        senders: shape (n_edge,).
        receivers: shape (n_edge,), non-decreasing.

    Returns:
        Shape (n_node, coupling.num_outputs, C), ordered by (l3, component, path).
    """
    messages = _contract(coupling, _OUTPUTS, (features[senders], harmonics, weights))
    return jax.ops.segment_sum(messages, receivers, features.shape[0], indices_are_sorted=True)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _contract(
    coupling: clebsch_gordan.Coupling, slot: int, operands: tuple[jax.Array, jax.Array, jax.Array]
) -> jax.Array:
    """Derivative of the form with respect to operand `slot`, from the other three in ascending order."""
    operands = operands[:slot] + (None,) + operands[slot:]
    sums: dict[int, jax.Array] = {}
    for term in coupling.terms:
        indices = term[:4]
        order = (term.feature, term.harmonic, term.path, term.output)
        product = term.coefficient
        for position, operand in enumerate(operands):
            if operand is None:
                continue
            part = operand[:, order[position]]
            product = product * (part[:, None] if position == _HARMONICS else part)
        target = indices[slot]
        sums[target] = sums[target] + product if target in sums else product
    size = {
        _FEATURES: (coupling.l_in + 1) ** 2,
        _HARMONICS: (coupling.l_edge + 1) ** 2,
        _WEIGHTS: len(coupling.paths),
        _OUTPUTS: coupling.num_outputs,
    }[slot]
    zero = jnp.zeros_like(next(iter(sums.values())))
    stacked = jnp.stack([sums.get(index, zero) for index in range(size)], axis=1)
    return jnp.sum(stacked, axis=-1) if slot == _HARMONICS else stacked


def _contract_forward(
    coupling: clebsch_gordan.Coupling, slot: int, operands: tuple[jax.Array, jax.Array, jax.Array]
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    return _contract(coupling, slot, operands), operands


def _contract_backward(
    coupling: clebsch_gordan.Coupling,
    slot: int,
    operands: tuple[jax.Array, jax.Array, jax.Array],
    cotangent: jax.Array,
) -> tuple[tuple[jax.Array, jax.Array, jax.Array]]:
    filled = operands[:slot] + (cotangent,) + operands[slot:]
    return (
        tuple(_contract(coupling, other, filled[:other] + filled[other + 1 :]) for other in range(4) if other != slot),
    )


_contract.defvjp(_contract_forward, _contract_backward)
