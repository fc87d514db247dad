"""The symmetry checks themselves: they accept what is symmetric and reject functions broken in one way each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import symmetry

from h2scale.models import spherical_harmonics

POSITIONS = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
FEATURES = jnp.asarray(np.random.default_rng(1).normal(size=(5, 4, 2)))


def _pair_energy(positions):
    vectors = positions[:, None] - positions[None]
    return jnp.sum(jnp.exp(-jnp.sum(vectors * vectors, axis=-1)))


BROKEN_ENERGIES = {
    "constant": lambda r: 0.0 * r.sum(),
    "prefers z": lambda r: _pair_energy(r) + jnp.sum((r[1:, 2] - r[:-1, 2]) ** 2),
    "handed": lambda r: _pair_energy(r) + jnp.linalg.det(r[1:4] - r[:1]),
    "knows the origin": lambda r: _pair_energy(r) + jnp.sum(r * r),
    "ignores its argument": lambda r: _pair_energy(POSITIONS) + 1e-3 * r[0, 0],
    "slightly off": lambda r: _pair_energy(r) + 1e-6 * jnp.sum(r[:, 0] ** 2),
}


def test_invariance_accepts_a_pair_potential():
    symmetry.assert_invariant(jax.value_and_grad(_pair_energy), POSITIONS)


@pytest.mark.parametrize("name", BROKEN_ENERGIES)
def test_invariance_rejects_broken_energies(name):
    with pytest.raises(AssertionError):
        symmetry.assert_invariant(jax.value_and_grad(BROKEN_ENERGIES[name]), POSITIONS)


def test_invariance_rejects_forces_that_stay_behind():
    def stiff(positions):
        return _pair_energy(positions), jax.grad(_pair_energy)(POSITIONS)

    with pytest.raises(AssertionError):
        symmetry.assert_invariant(stiff, POSITIONS)


def _harmonic_layer(features, vectors):
    """Scalars and vectors of a node, times the harmonics of its vector, keeping degrees apart."""
    harmonics = spherical_harmonics.spherical_harmonics(vectors, 1)
    return jnp.concatenate([features[:, :1], features[:, :1] * harmonics[:, 1:, None] + features[:, 1:]], axis=1)


def _with_vector(change):
    def layer(features, vectors):
        out = _harmonic_layer(features, vectors)
        return jnp.concatenate([out[:, :1], change(out[:, 1:], features, vectors)], axis=1)

    return layer


BROKEN_LAYERS = {
    "bias on a vector": _with_vector(lambda v, x, r: v + 0.1),
    "nonlinear on components": _with_vector(lambda v, x, r: jnp.tanh(v)),
    "scalar added to a vector": _with_vector(lambda v, x, r: v + x[:, :1]),
    "handed": _with_vector(lambda v, x, r: v + jnp.cross(v[..., 0], x[:, 1:, 0])[..., None]),
    "swapped axes": _with_vector(lambda v, x, r: v[:, ::-1] + 0.5 * v),
    "vanishing vectors": _with_vector(lambda v, x, r: 0.0 * v),
    "ignores the features": lambda x, r: _harmonic_layer(FEATURES, r),
}


def test_equivariance_accepts_a_product_with_harmonics():
    symmetry.assert_equivariant(_harmonic_layer, FEATURES, POSITIONS, 1, 1)


@pytest.mark.parametrize("name", BROKEN_LAYERS)
def test_equivariance_rejects_broken_layers(name):
    with pytest.raises(AssertionError):
        symmetry.assert_equivariant(BROKEN_LAYERS[name], FEATURES, POSITIONS, 1, 1)


def test_representation_is_orthogonal_and_has_natural_parity():
    rotation, improper = symmetry.random_orthogonal(3)
    d = symmetry.representation(rotation, 3)
    np.testing.assert_allclose(d @ d.T, np.eye(16), atol=1e-12)
    parity = np.repeat([1, -1, 1, -1], [1, 3, 5, 7])
    np.testing.assert_allclose(symmetry.representation(improper, 3), d * parity[:, None], atol=1e-12)
