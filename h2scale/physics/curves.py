"""The H2 test curve: its distances, its regions, and the reference curves it is compared with, as one pytree."""

from importlib import resources
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale import units
from h2scale.physics import exact, potential_curve

H2_TEST_DISTANCES_ANGSTROM = np.geomspace(0.2, 8.0, 128)

WALL_BELOW_ANGSTROM = 0.6
WELL_BELOW_ANGSTROM = 1.2
TAIL_BEYOND_ANGSTROM = 3.0

_SHIPPED_FCI = "h2_fci_cc-pvqz.json"


class Regions(NamedTuple):
    """Boolean masks over distances, each of the distances' shape; every distance is in exactly one."""

    wall: jax.Array  # below 0.6 angstrom
    well: jax.Array  # 0.6 up to 1.2
    middle: jax.Array  # 1.2 up to and including 3
    tail: jax.Array  # beyond 3


class References(NamedTuple):
    """Curves that a model's H2 curve is compared with: a pytree, handed to the jitted evaluation.

    Energies are in eV relative to two separated atoms, each curve's own: exact atoms, the atoms of the FCI's basis,
    the teacher's atoms.
    """

    distances_angstrom: np.ndarray  # (n,), increasing
    exact_ev: np.ndarray  # (n,)
    fci_ev: np.ndarray  # (n,)
    teacher_ev: np.ndarray  # (n,), NaN where there is no teacher


def h2_training_distances() -> np.ndarray:
    """Return the distances (angstrom) at which rung `h2` may train on H2, increasing.

    Every second geometric midpoint of the test distances between 0.25 and 7 angstrom, the bond-length window left out,
    so that each keeps 1.4 % of its length from every test distance.
    """
    between = np.sqrt(H2_TEST_DISTANCES_ANGSTROM[:-1] * H2_TEST_DISTANCES_ANGSTROM[1:])[::2]
    return between[(between > 0.25) & (between < 7.0) & ((between < 0.72) | (between > 0.79))]


def regions(distances_angstrom: jax.typing.ArrayLike) -> Regions:
    """Divide distances, of any shape, into the wall, the well, the middle and the tail."""
    distance = jnp.asarray(distances_angstrom)
    wall = distance < WALL_BELOW_ANGSTROM
    well = ~wall & (distance < WELL_BELOW_ANGSTROM)
    tail = distance > TAIL_BEYOND_ANGSTROM
    return Regions(wall, well, ~wall & ~well & ~tail, tail)


def h2_exact_ev(distances_angstrom: np.ndarray) -> np.ndarray:
    """Exact energy of H2 relative to two hydrogen atoms, in eV, any shape, on the host in float64.

    Raises:
        ValueError: without 64-bit arithmetic, or on a distance that is not positive.
    """
    _require_float64()
    distances_bohr = np.asarray(distances_angstrom, np.float64) / units.BOHR_ANGSTROM
    return (exact.h2_ground_state_on_host(distances_bohr) - 2 * exact.HYDROGEN_ATOM_HARTREE) * units.HARTREE_EV


def load_h2_references(teacher_ev: np.ndarray | None = None) -> References:
    """Load the references on the 128 test distances from shipped numbers; no electronic structure is computed.

    Args:
        teacher_ev: the teacher's own curve on `H2_TEST_DISTANCES_ANGSTROM`, relative to its own atoms, shape (128,);
            None leaves NaN, so that errors against a teacher come out as not measured.

    Raises:
        ValueError: `teacher_ev` has another shape.
    """
    distances = H2_TEST_DISTANCES_ANGSTROM
    teacher = np.full(distances.shape, np.nan) if teacher_ev is None else np.asarray(teacher_ev, np.float64)
    if teacher.shape != distances.shape:
        raise ValueError(f"teacher_ev must have shape {distances.shape}, one per test distance; got {teacher.shape}.")
    fci = potential_curve.load(resources.files("h2scale.physics") / "shipped" / _SHIPPED_FCI)
    return References(
        distances_angstrom=distances,
        exact_ev=h2_exact_ev(distances),
        fci_ev=fci.interaction_hartree * units.HARTREE_EV,
        teacher_ev=teacher,
    )


def _require_float64() -> None:
    if jnp.result_type(float) != jnp.float64:
        raise ValueError("reference curves need float64: set jax_enable_x64 to True; got float32.")
