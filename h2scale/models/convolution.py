"""The equivariant convolution: products of neighbours' features, harmonics and radial weights, summed at each atom.

Two routes to the same numbers. "e3nn" calls e3nn-jax's tensor product and is the reference. "fast" first contracts the
Clebsch-Gordan coefficients with the harmonics, which leaves one small matrix per edge, and applies it to all channels
at once. XLA turns the sums of broadcast products below into loops over contiguous channels; what it makes of
einsum (thousands of tiny matrix products), of reductions over a middle axis and of the gradients of slices (padding) is
several times slower. So the bilinear forms name their own derivatives: each is again one of these forms, and
reverse-mode differentiation of any order stays on the quick loops.
"""

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import clebsch_gordan, spherical_harmonics


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
        weights: for each output degree l3, one weight per edge, path and channel, shape (n_edge, n_path, C).
        senders: shape (n_edge,).
        receivers: shape (n_edge,), non-decreasing.
        method: "fast" or "e3nn".

    Returns:
        For each output degree, shape (n_node, 2*l3+1, n_path, C).
    """
    message = {"fast": _fast_message, "e3nn": _e3nn_message}[method]
    sent = features[senders]
    return [
        jax.ops.segment_sum(
            message(sent, harmonics, weight, degree), receivers, features.shape[0], indices_are_sorted=True
        )
        for degree, weight in enumerate(weights)
    ]


def _fast_message(sent: jax.Array, harmonics: jax.Array, weight: jax.Array, degree: int) -> jax.Array:
    l_in, l_edge = _degree_of(sent.shape[1]), _degree_of(harmonics.shape[1])
    table = clebsch_gordan.coupling(l_in, l_edge, degree)
    num_edges, (num_harmonics, *shape) = sent.shape[0], table.shape
    matrices = harmonics @ jnp.asarray(table.reshape(num_harmonics, -1), harmonics.dtype)
    products = _apply(matrices.reshape(num_edges, -1, shape[-1]), sent)
    return _scale(products.reshape(num_edges, *shape[:2], sent.shape[-1]), weight)


def _e3nn_message(sent: jax.Array, harmonics: jax.Array, weight: jax.Array, degree: int) -> jax.Array:
    # e3nn-jax takes 1.5 s to import, which the fast route need not pay.
    import e3nn_jax as e3nn

    def irreps_array(degree: int, values: jax.Array) -> e3nn.IrrepsArray:
        irreps = e3nn.Irreps([(values.shape[-1], (degree, (-1) ** degree))])
        return e3nn.IrrepsArray(irreps, values.swapaxes(1, 2).reshape(values.shape[0], -1))

    l_in, l_edge = _degree_of(sent.shape[1]), _degree_of(harmonics.shape[1])
    inputs, edges = spherical_harmonics.slices(l_in), spherical_harmonics.slices(l_edge)
    messages = []
    for l1, l2 in clebsch_gordan.paths(l_in, l_edge, degree):
        product = e3nn.tensor_product(
            irreps_array(l1, sent[:, inputs[l1]]),
            irreps_array(l2, harmonics[:, edges[l2], None]),
            filter_ir_out=[e3nn.Irrep(degree, (-1) ** degree)],
        )
        messages.append(product.array.reshape(*sent.shape[::2], 2 * degree + 1).swapaxes(1, 2))
    return jnp.stack(messages, axis=2) * weight[:, None]


@jax.custom_vjp
def _apply(matrices: jax.Array, vectors: jax.Array) -> jax.Array:
    """out[e,k,c] = sum_i matrices[e,k,i] vectors[e,i,c]."""
    return sum(matrices[:, :, i, None] * vectors[:, None, i] for i in range(matrices.shape[2]))


@jax.custom_vjp
def _apply_transposed(matrices: jax.Array, vectors: jax.Array) -> jax.Array:
    """out[e,i,c] = sum_k matrices[e,k,i] vectors[e,k,c]."""
    return sum(matrices[:, k, :, None] * vectors[:, k, None] for k in range(matrices.shape[1]))


@jax.custom_vjp
def _outer(left: jax.Array, right: jax.Array) -> jax.Array:
    """out[e,k,i] = sum_c left[e,k,c] right[e,i,c]."""
    return jnp.einsum("ekc,eic->eki", left, right)


_apply.defvjp(
    lambda matrices, vectors: (_apply(matrices, vectors), (matrices, vectors)),
    lambda saved, g: (_outer(g, saved[1]), _apply_transposed(saved[0], g)),
)
_apply_transposed.defvjp(
    lambda matrices, vectors: (_apply_transposed(matrices, vectors), (matrices, vectors)),
    lambda saved, g: (_outer(saved[1], g), _apply(saved[0], g)),
)
_outer.defvjp(
    lambda left, right: (_outer(left, right), (left, right)),
    lambda saved, g: (_apply(g, saved[1]), _apply_transposed(g, saved[0])),
)


@jax.custom_vjp
def _scale(values: jax.Array, weight: jax.Array) -> jax.Array:
    """out[e,m,p,c] = values[e,m,p,c] weight[e,p,c]."""
    return values * weight[:, None]


@jax.custom_vjp
def _dot(left: jax.Array, right: jax.Array) -> jax.Array:
    """out[e,p,c] = sum_m left[e,m,p,c] right[e,m,p,c]."""
    return sum(left[:, m] * right[:, m] for m in range(left.shape[1]))


_scale.defvjp(
    lambda values, weight: (_scale(values, weight), (values, weight)),
    lambda saved, g: (_scale(g, saved[1]), _dot(g, saved[0])),
)
_dot.defvjp(
    lambda left, right: (_dot(left, right), (left, right)),
    lambda saved, g: (_scale(saved[1], g), _scale(saved[0], g)),
)


def _degree_of(num_components: int) -> int:
    return int(np.sqrt(num_components)) - 1
