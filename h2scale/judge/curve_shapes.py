"""Shapes along the curves that judge: as many minima as the reference has, and a wall that repels; eV."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from h2scale.judge.systems import REGIONS
from h2scale.physics import metrics


class Shape(NamedTuple):
    """A curve's shape beside its reference's."""

    as_many_minima: bool  # as the reference, each deeper than `metrics.MINIMUM_PROMINENCE_EV`
    wall_repels: bool  # every step inwards costs energy

    @property
    def right(self) -> bool:
        """Both hold."""
        return self.as_many_minima and self.wall_repels


def shape(energies_ev: np.ndarray, reference_ev: np.ndarray, regions: Sequence[str]) -> Shape:
    """Compare a curve's shape with its reference's.

    Args:
        energies_ev: (n_points,), in order of distance; with a NaN nothing is right.
        reference_ev: (n_points,).
        regions: (n_points,), of `systems.REGIONS`; the wall ends at the first point beyond it.
    """
    minima, expected = (int(metrics.count_minima(jnp.asarray(one))) for one in (energies_ev, reference_ev))
    wall = np.asarray(energies_ev)[: list(regions).count(REGIONS[0]) + 1]
    finite = bool(np.isfinite(energies_ev).all())
    return Shape(finite and minima == expected, finite and bool((np.diff(wall) < 0).all()))
