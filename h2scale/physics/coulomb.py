"""Bare nuclei: the energy and forces of fixed point charges, in hartree and bohr."""

import jax
import jax.numpy as jnp
import numpy as np


def nuclear_repulsion(charges: jax.Array, positions_bohr: jax.Array) -> jax.Array:
    """Electrostatic energy of fixed point nuclei, in hartree.

    Args:
        charges: nuclear charges in units of e, shape (n_atoms,); 0 marks padding.
        positions_bohr: coordinates in bohr, shape (n_atoms, 3).

    Returns:
        Scalar energy, in the dtype of the positions; finite, with finite gradient, for padded atoms; inside `jit`
        infinite if two real nuclei coincide.

    Raises:
        ValueError: wrong shapes or, outside `jit`, two real nuclei at one place.

    Reference:
        Szabo and Ostlund, Modern Quantum Chemistry, section 2.1.
    """
    charges, positions = _checked(charges, positions_bohr)
    pair, products, squared = _pairs(charges, positions)
    return 0.5 * jnp.sum(jnp.where(pair, products / jnp.sqrt(squared), 0.0))


def nuclear_forces(charges: jax.Array, positions_bohr: jax.Array) -> jax.Array:
    """Coulomb's law on every nucleus, in hartree/bohr, shape (n_atoms, 3); zero for padding.

    Written out rather than differentiated, so that it can be compared with the gradient of `nuclear_repulsion`.
    Arguments and errors are those of `nuclear_repulsion`.
    """
    charges, positions = _checked(charges, positions_bohr)
    pair, products, squared = _pairs(charges, positions)
    strength = jnp.where(pair, products / (squared * jnp.sqrt(squared)), 0.0)
    vectors = positions[:, None] - positions[None, :]
    return jnp.sum(strength[:, :, None] * vectors, axis=1)


def _checked(charges: jax.Array, positions_bohr: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return both arguments as arrays of one dtype; raise ValueError on impossible point charges."""
    positions = jnp.asarray(positions_bohr)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"positions_bohr must have shape (n_atoms, 3); got {positions.shape}.")
    if jnp.shape(charges) != positions.shape[:1]:
        raise ValueError(f"charges must have shape {positions.shape[:1]}, one per position; got {jnp.shape(charges)}.")
    if not jnp.issubdtype(positions.dtype, jnp.floating):
        positions = positions.astype(jnp.result_type(float))
    charges = jnp.asarray(charges, positions.dtype)
    if not isinstance(charges, jax.core.Tracer) and not isinstance(positions, jax.core.Tracer):
        _refuse_coincident(np.asarray(charges), np.asarray(positions))
    return charges, positions


def _refuse_coincident(charges: np.ndarray, positions: np.ndarray) -> None:
    real = np.flatnonzero(charges)
    squared = np.sum((positions[real, None] - positions[None, real]) ** 2, axis=-1)
    first, second = np.nonzero(np.triu(squared == 0, k=1))
    if first.size:
        i, j = real[first[0]], real[second[0]]
        raise ValueError(f"nuclei {i} and {j} coincide at {positions[i].tolist()} bohr; distinct positions are needed.")


def _pairs(charges: jax.Array, positions: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mask of real pairs, charge products and squared distances, each (n_atoms, n_atoms); 1 where masked."""
    products = jnp.outer(charges, charges)
    pair = (products != 0) & ~jnp.eye(charges.shape[0], dtype=bool)
    vectors = positions[:, None] - positions[None, :]
    # Safe before the root: masking afterwards alone gives a right value and a NaN gradient.
    return pair, products, jnp.where(pair, jnp.sum(vectors * vectors, axis=-1), 1.0)
