"""Errors on held-out structures: means over molecules, beside the zero model, by side and by regime."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from h2scale.data import opening, partition

CLOSE_EV = 0.043
"""Energy errors up to this are small for chemistry: 1 kcal/mol."""

ALL = "all"
"""Name of all regimes together."""


class Errors(NamedTuple):
    """Errors on some structures; every mean is one over molecules of the mean over each molecule's structures."""

    num_structures: int
    num_molecules: int
    energy_mae_ev: float
    energy_mae_ev_per_atom: float
    energy_median_ae_ev: float  # weighted: every molecule has the same weight
    within_43_mev_share: float  # of structures, weighted likewise
    force_mae_ev_per_angstrom: float  # mean over the force components of a structure first


def test_structures(divided: partition.Partition, rung: str) -> np.ndarray:
    """Return the test structures of a rung, then its `unseen` ones, shape (n,), int64."""
    return np.concatenate([divided.held_out(rung, side) for side in ("test", "unseen")])


def groups(divided: partition.Partition, indices: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield side, regime and the places in `indices` of each group; first all regimes of a side together."""
    regimes = divided.dataset.regimes
    side, regime = divided.side[indices], regimes.values[regimes.codes[indices]]
    for name in ("test", "unseen"):
        of_side = side == name
        if of_side.any():
            yield name, ALL, np.flatnonzero(of_side)
            for one in np.unique(regime[of_side]).tolist():
                yield name, one, np.flatnonzero(of_side & (regime == one))


def errors(
    divided: partition.Partition, indices: np.ndarray, energy_error_ev: np.ndarray, force_mae: np.ndarray
) -> Errors:
    """Average the errors of structures.

    Args:
        divided: knows the molecules.
        indices: structures, shape (n,), at least one.
        energy_error_ev: signed or absolute, shape (n,).
        force_mae: mean absolute error of each structure's force components, eV/angstrom, shape (n,).
    """
    weights = divided.molecule_weights(indices)
    absolute = np.abs(np.asarray(energy_error_ev, np.float64))
    order = np.argsort(absolute, kind="stable")
    median = absolute[order][np.searchsorted(np.cumsum(weights[order]), 0.5)]
    return Errors(
        num_structures=len(indices),
        num_molecules=len(np.unique(divided.molecule[indices])),
        energy_mae_ev=float(weights @ absolute),
        energy_mae_ev_per_atom=float(weights @ (absolute / divided.dataset.n_atoms[indices])),
        energy_median_ae_ev=float(median),
        within_43_mev_share=float(weights @ (absolute <= CLOSE_EV)),
        force_mae_ev_per_angstrom=float(weights @ np.asarray(force_mae, np.float64)),
    )


def zero_errors(divided: partition.Partition, indices: np.ndarray) -> Errors:
    """Average the errors of a model that predicts separated atoms, without forces, everywhere."""
    dataset = opening.gather(divided.dataset, indices)
    of_atom = np.mean(np.abs(dataset.forces), axis=1)
    sums = np.add.reduceat(of_atom, dataset.atom_offset) / dataset.n_atoms
    return errors(divided, indices, dataset.energy, sums)
