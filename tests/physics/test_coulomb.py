"""Point charges obey Coulomb's law, with or without padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.physics import coulomb


def _random_nuclei(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 9, 5).astype(float), 2.0 * rng.normal(size=(5, 3))


@pytest.mark.parametrize("distance", [0.1, 1.4, 37.0])
def test_two_charges_repel_by_the_product_over_the_distance(distance: float) -> None:
    charges, positions = jnp.array([1.0, 8.0]), jnp.array([[0.0, 0.0, 0.0], [0.0, distance, 0.0]])
    np.testing.assert_allclose(coulomb.nuclear_repulsion(charges, positions), 8 / distance, rtol=1e-15)
    forces = coulomb.nuclear_forces(charges, positions)
    np.testing.assert_allclose(forces[1], [0.0, 8 / distance**2, 0.0], rtol=1e-15)
    np.testing.assert_array_equal(forces[0], -forces[1])


def test_the_energy_is_the_sum_over_pairs() -> None:
    charges, positions = _random_nuclei(0)
    expected = sum(
        charges[i] * charges[j] / np.linalg.norm(positions[i] - positions[j]) for i in range(5) for j in range(i)
    )
    np.testing.assert_allclose(coulomb.nuclear_repulsion(charges, positions), expected, rtol=1e-14)


def test_forces_are_minus_the_gradient_and_minus_the_finite_difference() -> None:
    charges, positions = _random_nuclei(1)
    forces = np.asarray(coulomb.nuclear_forces(charges, positions))
    gradient = jax.grad(coulomb.nuclear_repulsion, argnums=1)(charges, jnp.asarray(positions))
    np.testing.assert_allclose(forces, -gradient, rtol=0, atol=1e-13 * abs(forces).max())
    step = 1e-5
    for atom, axis in np.ndindex(5, 3):
        shift = np.zeros((5, 3))
        shift[atom, axis] = step
        ahead, behind = (coulomb.nuclear_repulsion(charges, positions + sign * shift) for sign in (1, -1))
        # Error of the difference: step^2 times a third derivative, plus rounding over the step.
        np.testing.assert_allclose(forces[atom, axis], -(ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)


def test_padding_changes_neither_energy_nor_gradient() -> None:
    charges, positions = _random_nuclei(2)
    padded_charges = jnp.concatenate([charges, jnp.zeros(3)])
    padded_positions = jnp.concatenate([positions, jnp.zeros((2, 3)), positions[:1]])
    energy, gradient = jax.value_and_grad(coulomb.nuclear_repulsion, argnums=1)(padded_charges, padded_positions)
    np.testing.assert_allclose(energy, coulomb.nuclear_repulsion(charges, positions), rtol=1e-15)
    np.testing.assert_allclose(gradient[:5], -coulomb.nuclear_forces(charges, positions), rtol=1e-13)
    np.testing.assert_array_equal(gradient[5:], 0.0)
    np.testing.assert_array_equal(coulomb.nuclear_forces(padded_charges, padded_positions)[5:], 0.0)


def test_mapped_equals_looped() -> None:
    charges, positions = zip(*(_random_nuclei(seed) for seed in range(4)), strict=True)
    mapped = jax.jit(jax.vmap(coulomb.nuclear_repulsion))(jnp.stack(charges), jnp.stack(positions))
    looped = [coulomb.nuclear_repulsion(*pair) for pair in zip(charges, positions, strict=True)]
    np.testing.assert_allclose(mapped, looped, rtol=1e-14)


def test_the_dtype_is_that_of_the_positions() -> None:
    positions = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.4]], jnp.float32)
    assert coulomb.nuclear_repulsion(jnp.ones(2), positions).dtype == jnp.float32
    assert coulomb.nuclear_forces(jnp.ones(2), positions).dtype == jnp.float32


def test_coincident_nuclei_are_named() -> None:
    charges, positions = jnp.array([1.0, 0.0, 1.0]), jnp.array([[1.0, 2.0, 3.0]] * 3)
    with pytest.raises(ValueError, match=r"nuclei 0 and 2 coincide at \[1.0, 2.0, 3.0\] bohr"):
        coulomb.nuclear_repulsion(charges, positions)
    assert jnp.isinf(jax.jit(coulomb.nuclear_repulsion)(charges, positions))


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"positions_bohr must have shape \(n_atoms, 3\); got \(2,\)"):
        coulomb.nuclear_repulsion(jnp.ones(2), jnp.ones(2))
    with pytest.raises(ValueError, match=r"charges must have shape \(2,\), one per position; got \(3,\)"):
        coulomb.nuclear_repulsion(jnp.ones(3), jnp.ones((2, 3)))
