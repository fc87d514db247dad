"""The equivariant convolution: products of neighbours' features, harmonics and radial weights, summed at each atom.

Two implementations give the same numbers. "e3nn" calls e3nn-jax's tensor product and is the reference. "fast" works
path by path on the form

    sum over e, k, i, c of matrix[e,k,i] input[e,i,c] weight[e,c] output[e,k,c]

where the matrix holds the Clebsch-Gordan coefficients contracted with the harmonics of an edge. The form is linear in
each operand: its derivative by one operand contracts the other three, and the derivatives of these four contractions
are the same four again. `_contract` implements all four, so that reverse-mode differentiation of any order stays on
short loops over contiguous channels. Left to itself, XLA would differentiate the slices into padded sums and emit
einsum as thousands of tiny matrix products, several times slower. Arrays stay apart by degree and path for the same
reason: a loop that must split a flattened index into path and channel does not vectorise.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import clebsch_gordan, spherical_harmonics

_MATRIX, _INPUT, _WEIGHT, _OUTPUT = range(4)
_Operands = tuple[Any, ...]
"""Three arrays of matrix, input, weight and output; the matrix is None where it is the identity (degree 0)."""


def convolve(
    features: list[jax.Array],
    harmonics: jax.Array,
    weights: list[list[jax.Array]],
    senders: jax.Array,
    receivers: jax.Array,
    method: str,
) -> list[list[jax.Array]]:
    """Sum the messages of all senders at their receiver, path by path.

    Args:
        features: for each input degree l1, shape (n_node, 2*l1+1, C).
        harmonics: component-normalised, so that degree 0 is 1 everywhere; shape (n_edge, (l_edge + 1)^2).
        weights: for each output degree l3, one array for each of `clebsch_gordan.paths`, shape (n_edge, C).
        senders: shape (n_edge,).
        receivers: shape (n_edge,), non-decreasing.
        method: "fast" or "e3nn".

    Returns:
        For each output degree, one array for each path, shape (n_node, 2*l3+1, C).
    """
    message = {"fast": _fast_message, "e3nn": _e3nn_message}[method]
    sent = [part[senders] for part in features]
    l_edge = int(np.sqrt(harmonics.shape[1])) - 1
    edges = spherical_harmonics.slices(l_edge)

    def receive(degree: int, l1: int, l2: int, weight: jax.Array) -> jax.Array:
        messages = message(sent[l1], harmonics[:, edges[l2]], weight, degree)
        return jax.ops.segment_sum(messages, receivers, features[0].shape[0], indices_are_sorted=True)

    return [
        [
            receive(degree, l1, l2, weight)
            for (l1, l2), weight in zip(clebsch_gordan.paths(len(features) - 1, l_edge, degree), parts, strict=True)
        ]
        for degree, parts in enumerate(weights)
    ]


def _fast_message(inputs: jax.Array, harmonics: jax.Array, weight: jax.Array, degree: int) -> jax.Array:
    """One path's messages, (n_edge, 2*degree+1, C), from (n_edge, 2*l1+1, C), (n_edge, 2*l2+1) and (n_edge, C)."""
    l1, l2 = inputs.shape[1] // 2, harmonics.shape[1] // 2
    if l2 == 0:
        return _contract(_OUTPUT, (None, inputs, weight))
    coefficients = clebsch_gordan.component_normalised(l1, l2, degree).transpose(1, 2, 0)
    flat = jnp.asarray(coefficients.reshape(2 * l2 + 1, -1), harmonics.dtype)
    matrix = (harmonics @ flat).reshape(-1, 2 * degree + 1, 2 * l1 + 1)
    return _contract(_OUTPUT, (matrix, inputs, weight))


def _e3nn_message(inputs: jax.Array, harmonics: jax.Array, weight: jax.Array, degree: int) -> jax.Array:
    # Imported late: e3nn-jax takes a second and a half to import, and the fast implementation does not need it.
    import e3nn_jax as e3nn

    def irreps_array(values: jax.Array) -> e3nn.IrrepsArray:
        irrep = e3nn.Irrep(values.shape[1] // 2, (-1) ** (values.shape[1] // 2))
        return e3nn.IrrepsArray([(values.shape[2], irrep)], values.swapaxes(1, 2).reshape(len(values), -1))

    product = e3nn.tensor_product(
        irreps_array(inputs), irreps_array(harmonics[:, :, None]), filter_ir_out=[e3nn.Irrep(degree, (-1) ** degree)]
    )
    return product.array.reshape(len(inputs), -1, 2 * degree + 1).swapaxes(1, 2) * weight[:, None]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _contract(slot: int, operands: _Operands) -> jax.Array:
    """Derivative of the form by the operand at `slot`, from the other three in their order."""
    filled: list[Any] = [*operands[:slot], None, *operands[slot:]]
    matrix, inputs, weight, outputs = filled
    if slot == _OUTPUT:
        return _apply(matrix, inputs) * weight[:, None]
    if slot == _WEIGHT:
        # Unrolled: a reduction over the middle axis becomes a slow loop.
        products = zip(_parts(outputs, 1), _parts(_apply(matrix, inputs), 1), strict=True)
        return _sum(output * applied for output, applied in products)[:, 0]
    weighted = outputs * weight[:, None]
    if slot == _INPUT:
        return _apply(None if matrix is None else matrix.swapaxes(1, 2), weighted)
    return jnp.einsum("ekc,eic->eki", weighted, inputs)


def _contract_forward(slot: int, operands: _Operands) -> tuple[jax.Array, _Operands]:
    return _contract(slot, operands), operands


def _contract_backward(slot: int, operands: _Operands, cotangent: jax.Array) -> tuple[_Operands]:
    filled = (*operands[:slot], cotangent, *operands[slot:])
    others = [other for other in range(4) if other != slot]
    return (
        tuple(
            None if filled[other] is None else _contract(other, (*filled[:other], *filled[other + 1 :]))
            for other in others
        ),
    )


_contract.defvjp(_contract_forward, _contract_backward)


def _apply(matrix: jax.Array | None, vectors: jax.Array) -> jax.Array:
    """out[e,k,c] = sum_i matrix[e,k,i] vectors[e,i,c], as a sum of broadcast products that vectorises over c."""
    if matrix is None:
        return vectors
    return _sum(column * vector for column, vector in zip(_parts(matrix, 2), _parts(vectors, 1), strict=True))


def _sum(terms: Any) -> jax.Array:
    # `Any`, because `sum` of arrays is typed as if it could return the 0 that it starts from.
    return sum(terms)


def _parts(array: jax.Array, axis: int) -> list[jax.Array]:
    """Slices of width 1 along an axis; indexing gives the same but takes longer to trace (a step 2.1 s, not 1.9 s)."""
    return [jax.lax.slice_in_dim(array, i, i + 1, axis=axis) for i in range(array.shape[axis])]
