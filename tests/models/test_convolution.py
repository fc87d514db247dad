"""The two routes of the convolution agree in value and in three orders of derivatives, and both turn with space."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import symmetry

from h2scale.models import clebsch_gordan, convolution, spherical_harmonics

NUM_NODES, NUM_EDGES, CHANNELS = 4, 7, 2
RECEIVERS = jnp.asarray([0, 0, 1, 1, 2, 3, 3])
SENDERS = jnp.asarray([1, 2, 0, 3, 0, 1, 2])


def _operands(l_in, l_edge, l_out, dtype=np.float64):
    generator = np.random.default_rng(0)

    def normal(*shape):
        return jnp.asarray(generator.normal(size=shape), dtype)

    features = [normal(NUM_NODES, 2 * degree + 1, CHANNELS) for degree in range(l_in + 1)]
    vectors = normal(NUM_EDGES, 3)
    harmonics = spherical_harmonics.spherical_harmonics(vectors / jnp.linalg.norm(vectors, axis=1)[:, None], l_edge)
    counts = [len(clebsch_gordan.paths(l_in, l_edge, degree)) for degree in range(l_out + 1)]
    return features, harmonics, [[normal(NUM_EDGES, CHANNELS) for _ in range(count)] for count in counts]


def _convolve(method):
    def call(features, harmonics, weights):
        return convolution.convolve(features, harmonics, weights, SENDERS, RECEIVERS, method)

    return call


def _sum(tree):
    """A nonlinear scalar, so that no derivative of it vanishes."""
    return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(tree))


def _assert_close(left, right, tolerance):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, float(jnp.abs(b).max())))


@pytest.mark.parametrize(
    ("degrees", "dtype", "tolerance"),
    [
        ((3, 3, 3), np.float64, 1e-12),
        ((3, 3, 3), np.float32, 1e-6),
        ((0, 2, 1), np.float64, 1e-12),
        ((1, 1, 0), np.float64, 1e-12),
        ((0, 0, 0), np.float64, 1e-12),
    ],
    ids=str,
)
def test_routes_agree(degrees, dtype, tolerance):
    operands = _operands(*degrees, dtype)
    fast, reference = (jax.jit(_convolve(method))(*operands) for method in ("fast", "e3nn"))
    assert fast[0][0].dtype == dtype
    _assert_close(fast, reference, tolerance)


@pytest.mark.parametrize(
    ("num_orders", "dtype", "tolerance"), [(3, np.float64, 1e-12), (2, np.float32, 1e-6)], ids=["float64", "float32"]
)
def test_routes_agree_in_derivatives_of_every_order(num_orders, dtype, tolerance):
    """Each order differentiates a nonlinear function of all gradients of the order before, as force training does."""
    features, harmonics, weights = _operands(1, 1, 1, dtype)
    direction = harmonics[:, 1:]
    gradients = []
    for method in ("fast", "e3nn"):

        def function(operands, method=method):
            # Harmonics of degree 0 are the constant 1, of which the fast route makes use.
            features, direction, weights = operands
            harmonics = jnp.concatenate([jnp.ones_like(direction[:, :1]), direction], axis=1)
            return _sum(_convolve(method)(features, harmonics, weights))

        orders = [function]
        for _ in range(num_orders - 1):
            orders.append(_sum_of_gradient(orders[-1]))

        # One program for all orders: they share most of their work.
        every_order = jax.jit(lambda operands, orders=orders: [jax.grad(order)(operands) for order in orders])
        gradients.append(every_order((features, direction, weights)))
    for order, reference in zip(*gradients, strict=True):
        assert min(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(reference)) > 1e-3
        _assert_close(order, reference, tolerance)


def _sum_of_gradient(function):
    return lambda operands: _sum(jax.grad(function)(operands))


@pytest.mark.parametrize("method", ["fast", "e3nn"])
def test_messages_turn_with_features_and_vectors(method):
    features, _, weights = _operands(2, 2, 2)
    vectors = jnp.asarray(np.random.default_rng(1).normal(size=(NUM_EDGES, 3)))

    def layer(stacked, vectors):
        directions = vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)
        harmonics = spherical_harmonics.spherical_harmonics(directions, 2)
        parts = [stacked[:, part] for part in spherical_harmonics.slices(2)]
        return jnp.concatenate([sum(paths) for paths in _convolve(method)(parts, harmonics, weights)], axis=1)

    symmetry.assert_equivariant(layer, jnp.concatenate(features, axis=1), vectors, 2, 2)


def test_mapping_over_features_equals_a_loop():
    features, harmonics, weights = _operands(1, 1, 1)
    several = jax.tree.map(lambda x: jnp.stack([x, 2 * x]), features)
    gradient = jax.jit(jax.grad(lambda x: _sum(_convolve("fast")(x, harmonics, weights))))
    looped = [gradient(jax.tree.map(lambda x, index=index: x[index], several)) for index in range(2)]
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *looped)
    _assert_close(jax.vmap(gradient)(several), expected, 1e-13)
    _assert_close(jax.jit(lambda x: jax.lax.map(gradient, x))(several), expected, 1e-13)


def test_without_edges_nothing_is_received():
    features, harmonics, weights = _operands(1, 1, 1)
    none = jnp.zeros(0, jnp.int32)
    weights = jax.tree.map(lambda w: w[:0], weights)
    for part in jax.tree.leaves(convolution.convolve(features, harmonics[:0], weights, none, none, "fast")):
        np.testing.assert_array_equal(part, 0.0)
