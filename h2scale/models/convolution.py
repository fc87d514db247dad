"""The equivariant convolution: products of neighbours' features, harmonics and radial weights, summed at each atom.

Two routes to the same numbers. "e3nn" calls e3nn-jax's tensor product and is the reference. "fast" works path by path
on the form

    sum over e, k, i, c of matrix[e,k,i] input[e,i,c] weight[e,c] output[e,k,c]

where the matrix holds the Clebsch-Gordan coefficients contracted with the harmonics of an edge. The form is linear in
each operand: its derivative by one operand contracts the other three, and the derivatives of these four
contractions are the same four again. `_contract` says so once, and reverse-mode differentiation of any order then stays
on short loops over contiguous channels. Left to itself, XLA would differentiate the slices into padded sums and
emit einsum as thousands of tiny matrix products, several times slower.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import clebsch_gordan, spherical_harmonics

_MATRIX, _INPUT, _WEIGHT, _OUTPUT = range(4)


def convolve(
    features: jax.Array,
    harmonics: jax.Array,
    weights: list[jax.Array],
    senders: jax.Array,
    receivers: jax.Array,
    method: str,
) -> list[jax.Array]:
    """Messages from every sender, summed at its receiver.

    Args:
        features: shape (n_node, (l_in + 1)^2, C).
        harmonics: shape (n_edge, (l_edge + 1)^2).
        weights: for each output degree l3, one weight per edge, path and channel, shape (n_edge, n_path, C), with
            paths in the order of `clebsch_gordan.paths`.
        senders: shape (n_edge,).
        receivers: shape (n_edge,), non-decreasing.
        method: "fast" or "e3nn".

    Returns:
        For each output degree, shape (n_node, 2*l3+1, n_path, C).
    """
    message = {"fast": _fast_message, "e3nn": _e3nn_message}[method]
    sent = features[senders]
    l_in, l_edge = _degree_of(sent), _degree_of(harmonics)
    inputs, edges = spherical_harmonics.slices(l_in), spherical_harmonics.slices(l_edge)
    received = []
    for degree, weight in enumerate(weights):
        messages = [
            message(sent[:, inputs[l1]], harmonics[:, edges[l2]], weight[:, index], degree)
            for index, (l1, l2) in enumerate(clebsch_gordan.paths(l_in, l_edge, degree))
        ]
        sums = [jax.ops.segment_sum(part, receivers, features.shape[0], indices_are_sorted=True) for part in messages]
        received.append(jnp.stack(sums, axis=2))
    return received


def _fast_message(inputs: jax.Array, harmonics: jax.Array, weight: jax.Array, degree: int) -> jax.Array:
    """One path's messages, (n_edge, 2*degree+1, C), from (n_edge, 2*l1+1, C), (n_edge, 2*l2+1) and (n_edge, C)."""
    l1, l2 = inputs.shape[1] // 2, harmonics.shape[1] // 2
    coefficients = clebsch_gordan.component_normalised(l1, l2, degree).transpose(1, 2, 0)
    flat = jnp.asarray(coefficients.reshape(2 * l2 + 1, -1), harmonics.dtype)
    matrix = (harmonics @ flat).reshape(-1, 2 * degree + 1, 2 * l1 + 1)
    return _contract(_OUTPUT, (matrix, inputs, weight))


def _e3nn_message(inputs: jax.Array, harmonics: jax.Array, weight: jax.Array, degree: int) -> jax.Array:
    # e3nn-jax takes a second and a half to import, which the fast route need not pay.
    import e3nn_jax as e3nn

    def irreps_array(values: jax.Array) -> e3nn.IrrepsArray:
        irrep = e3nn.Irrep(values.shape[1] // 2, (-1) ** (values.shape[1] // 2))
        return e3nn.IrrepsArray([(values.shape[2], irrep)], values.swapaxes(1, 2).reshape(len(values), -1))

    product = e3nn.tensor_product(
        irreps_array(inputs), irreps_array(harmonics[:, :, None]), filter_ir_out=[e3nn.Irrep(degree, (-1) ** degree)]
    )
    return product.array.reshape(len(inputs), -1, 2 * degree + 1).swapaxes(1, 2) * weight[:, None]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _contract(slot: int, operands: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
    """Derivative of the form by the operand at `slot`, from the other three in their order."""
    matrix, inputs, weight, outputs = (*operands[:slot], None, *operands[slot:])
    if slot == _OUTPUT:
        return _apply(matrix, inputs) * weight[:, None]
    if slot == _WEIGHT:
        # Unrolled: a reduction over the middle axis becomes a slow loop.
        applied = _apply(matrix, inputs)
        return sum(outputs[:, k] * applied[:, k] for k in range(outputs.shape[1]))
    weighted = outputs * weight[:, None]
    if slot == _INPUT:
        return _apply(matrix.swapaxes(1, 2), weighted)
    return jnp.einsum("ekc,eic->eki", weighted, inputs)


def _contract_forward(
    slot: int, operands: tuple[jax.Array, jax.Array, jax.Array]
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    return _contract(slot, operands), operands


def _contract_backward(
    slot: int, operands: tuple[jax.Array, jax.Array, jax.Array], cotangent: jax.Array
) -> tuple[tuple[jax.Array, ...]]:
    filled = (*operands[:slot], cotangent, *operands[slot:])
    others = [other for other in range(4) if other != slot]
    return (tuple(_contract(other, (*filled[:other], *filled[other + 1 :])) for other in others),)


_contract.defvjp(_contract_forward, _contract_backward)


def _apply(matrix: jax.Array, vectors: jax.Array) -> jax.Array:
    """out[e,k,c] = sum_i matrix[e,k,i] vectors[e,i,c], as a sum of broadcast products that vectorises over c."""
    return sum(matrix[:, :, i, None] * vectors[:, None, i] for i in range(vectors.shape[1]))


def _degree_of(components: jax.Array) -> int:
    """l_max of an array with (l_max + 1)^2 components on axis 1."""
    return int(np.sqrt(components.shape[1])) - 1
