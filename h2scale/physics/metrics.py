"""Deviation of a curve from the physics: pure functions of arrays, jittable and mappable over replicas.

Energies are in eV relative to two separated reference atoms. References in float64 make the results float64
whatever the dtype of the model.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from h2scale import numerics
from h2scale.physics import curves

MINIMUM_PROMINENCE_EV = 0.01


class H2Metrics(NamedTuple):
    """The `h2_*` columns of replicas.csv, all scalars; the size-consistency error needs other structures."""

    h2_mae_ev: jax.Array
    h2_beyond_wall_mae_ev: jax.Array  # from 0.6 angstrom on
    h2_beyond_wall_teacher_mae_ev: jax.Array  # likewise, against the teacher; NaN if its curve is absent
    h2_zero_mae_ev: jax.Array  # of predicting zero everywhere
    h2_beyond_wall_zero_mae_ev: jax.Array  # likewise, from 0.6 angstrom on
    h2_wall_mae_ev: jax.Array
    h2_well_mae_ev: jax.Array
    h2_middle_mae_ev: jax.Array
    h2_tail_mae_ev: jax.Array
    h2_teacher_mae_ev: jax.Array  # against the teacher; NaN if the teacher's curve is absent
    h2_npe_ev: jax.Array  # largest minus smallest signed error
    h2_bond_length_angstrom: jax.Array  # NaN without an interior minimum
    h2_well_depth_ev: jax.Array  # two separated atoms minus the minimum; NaN without one
    h2_asymptote_error_ev: jax.Array  # signed, at the largest distance
    h2_num_minima: jax.Array  # int32
    h2_wall_is_repulsive: jax.Array  # bool


def h2_metrics(
    distances_angstrom: ArrayLike, energies_ev: ArrayLike, exact_ev: ArrayLike, teacher_ev: ArrayLike
) -> H2Metrics:
    """Compute the metrics of one H2 curve.

    Args:
        distances_angstrom: shape (n,), increasing, with points in every region.
        energies_ev: the curve, shape (n,), relative to two separated reference atoms.
        exact_ev: exact curve, shape (n,).
        teacher_ev: the teacher's curve, shape (n,); NaN where absent.

    Returns:
        Scalars. The bond length is the vertex of the parabola through the deepest interior local minimum and its
        neighbours, the well depth minus the energy there. Minima are counted by `count_minima`. The wall is
        repulsive when the energy falls with every step in distance below 0.6 angstrom.
    """
    distances_angstrom, energies_ev = jnp.asarray(distances_angstrom), jnp.asarray(energies_ev)
    error = energies_ev - exact_ev
    absolute = jnp.abs(error)
    region = curves.regions(distances_angstrom)
    bond_length, lowest = deepest_minimum(distances_angstrom, energies_ev)
    in_wall = region.wall[1:]
    return H2Metrics(
        h2_mae_ev=jnp.mean(absolute),
        h2_beyond_wall_mae_ev=numerics.masked_mean(absolute, ~region.wall),
        h2_beyond_wall_teacher_mae_ev=numerics.masked_mean(jnp.abs(energies_ev - teacher_ev), ~region.wall),
        h2_zero_mae_ev=jnp.mean(jnp.abs(exact_ev)),
        h2_beyond_wall_zero_mae_ev=numerics.masked_mean(jnp.abs(exact_ev), ~region.wall),
        h2_wall_mae_ev=numerics.masked_mean(absolute, region.wall),
        h2_well_mae_ev=numerics.masked_mean(absolute, region.well),
        h2_middle_mae_ev=numerics.masked_mean(absolute, region.middle),
        h2_tail_mae_ev=numerics.masked_mean(absolute, region.tail),
        h2_teacher_mae_ev=jnp.mean(jnp.abs(energies_ev - teacher_ev)),
        h2_npe_ev=jnp.max(error) - jnp.min(error),
        h2_bond_length_angstrom=bond_length,
        h2_well_depth_ev=-lowest,
        h2_asymptote_error_ev=error[-1],
        h2_num_minima=count_minima(energies_ev),
        h2_wall_is_repulsive=jnp.all(jnp.where(in_wall, jnp.diff(energies_ev) < 0, True)),
    )


def size_consistency_error(energy_far: jax.Array, energy_atom: jax.Array) -> jax.Array:
    """Energy of two atoms beyond each other's range minus twice the model's own atom; signed, unit of the input."""
    return energy_far - 2 * energy_atom


def deepest_minimum(distances_angstrom: jax.Array, energies_ev: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Position and energy of the deepest interior local minimum of a sampled curve, shape (n,); NaN if none.

    Refined by the parabola through the point and its neighbours, which on the test distances is within
    5e-4 angstrom of the bond length of H2.
    """
    interior = _interior_minima(energies_ev)
    index = jnp.clip(jnp.argmin(jnp.where(interior, energies_ev, jnp.inf)), 1, energies_ev.shape[0] - 2)
    left, here, right = (distances_angstrom[index + shift] for shift in (-1, 0, 1))
    low, mid, high = (energies_ev[index + shift] for shift in (-1, 0, 1))
    slope_left, slope_right = (mid - low) / (here - left), (high - mid) / (right - here)
    bend = (slope_right - slope_left) / (right - left)  # half the second derivative, positive at a minimum
    slope = (slope_left * (right - here) + slope_right * (here - left)) / (right - left)
    exists = jnp.any(interior)
    shift = -slope / (2 * jnp.where(exists, bend, 1.0))
    return jnp.where(exists, here + shift, jnp.nan), jnp.where(exists, mid + slope * shift / 2, jnp.nan)


def count_minima(energies_ev: jax.Array) -> jax.Array:
    """Number of interior minima whose prominence exceeds 0.01 eV, int32; energies in order of distance, shape (n,).

    The prominence of a minimum is the climb out of it: on either side, the highest point before the curve gets lower
    than the minimum or ends; the lower of the two, minus the minimum. A ripple below the threshold does
    not count, and a curve that only falls or only rises has none.
    """
    number = energies_ev.shape[0]
    position = jnp.arange(number)
    lower = energies_ev[None, :] < energies_ev[:, None]  # (minimum, other point)
    before, after = position[None, :] < position[:, None], position[None, :] > position[:, None]
    last_lower = jnp.max(jnp.where(lower & before, position[None, :], -1), axis=1)
    first_lower = jnp.min(jnp.where(lower & after, position[None, :], number), axis=1)
    left = before & (position[None, :] > last_lower[:, None])
    right = after & (position[None, :] < first_lower[:, None])
    climb_left = jnp.max(jnp.where(left, energies_ev[None, :], -jnp.inf), axis=1)
    climb_right = jnp.max(jnp.where(right, energies_ev[None, :], -jnp.inf), axis=1)
    prominence = jnp.minimum(climb_left, climb_right) - energies_ev
    return jnp.sum(_interior_minima(energies_ev) & (prominence > MINIMUM_PROMINENCE_EV), dtype=jnp.int32)


def _interior_minima(energies_ev: jax.Array) -> jax.Array:
    """True where a point lies below its left neighbour and not above its right one, so a flat bottom counts once."""
    falls, rises = energies_ev[1:-1] < energies_ev[:-2], energies_ev[1:-1] <= energies_ev[2:]
    return jnp.pad(falls & rises, 1)
