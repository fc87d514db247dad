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
    shapes = [(NUM_NODES, (l_in + 1) ** 2, CHANNELS), (NUM_EDGES, (l_edge + 1) ** 2)]
    shapes += [(NUM_EDGES, len(clebsch_gordan.paths(l_in, l_edge, degree)), CHANNELS) for degree in range(l_out + 1)]
    features, harmonics, *weights = (jnp.asarray(generator.normal(size=shape), dtype) for shape in shapes)
    return features, harmonics, weights


def _convolve(method):
    def call(features, harmonics, weights):
        return convolution.convolve(features, harmonics, weights, SENDERS, RECEIVERS, method)

    return call


def _energy(method):
    """A nonlinear scalar, so that no derivative of it vanishes."""
    return lambda operands: sum(jnp.sum(jnp.sin(part)) for part in _convolve(method)(*operands))


def _square_of_gradient(function):
    return lambda operands: sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(jax.grad(function)(operands)))


def _assert_close(left, right, tolerance):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, float(jnp.abs(b).max())))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("degrees", [(0, 3, 3), (3, 3, 3), (2, 2, 0), (0, 0, 0)], ids=str)
def test_routes_agree(degrees, dtype):
    operands = _operands(*degrees, dtype)
    fast, reference = (jax.jit(_convolve(method))(*operands) for method in ("fast", "e3nn"))
    assert fast[0].dtype == dtype
    _assert_close(fast, reference, 1e-6 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_routes_agree_in_derivatives_of(order, dtype):
    operands = _operands(1, 1, 1, dtype) if order == 3 else _operands(2, 2, 2, dtype)
    gradients = []
    for method in ("fast", "e3nn"):
        function = _energy(method)
        for _ in range(order - 1):
            function = _square_of_gradient(function)
        gradients.append(jax.jit(jax.grad(function))(operands))
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradients[1])) > 0.1
    _assert_close(*gradients, 1e-6 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("method", ["fast", "e3nn"])
def test_messages_turn_with_features_and_vectors(method):
    features, _, weights = _operands(2, 2, 2)
    vectors = jnp.asarray(np.random.default_rng(1).normal(size=(NUM_EDGES, 3)))

    def layer(features, vectors):
        directions = vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)
        harmonics = spherical_harmonics.spherical_harmonics(directions, 2)
        outputs = _convolve(method)(features, harmonics, weights)
        return jnp.concatenate([part.reshape(*part.shape[:2], -1)[:, :, :CHANNELS] for part in outputs], axis=1)

    symmetry.assert_equivariant(layer, features, vectors, 2, 2)


def test_mapping_over_features_equals_a_loop():
    features, harmonics, weights = _operands(1, 1, 1)
    several = jnp.stack([features, 2 * features, features**2])
    gradient = jax.grad(lambda x: _energy("fast")((x, harmonics, weights)))
    looped = jnp.stack([gradient(part) for part in several])
    np.testing.assert_allclose(jax.vmap(gradient)(several), looped, atol=1e-13)
    np.testing.assert_allclose(jax.lax.map(gradient, several), looped, atol=1e-13)


def test_without_edges_nothing_is_received():
    features, harmonics, weights = _operands(1, 1, 1)
    none = jnp.zeros(0, jnp.int32)
    outputs = convolution.convolve(features, harmonics[:0], [w[:0] for w in weights], none, none, "fast")
    for part in outputs:
        np.testing.assert_array_equal(part, 0.0)
