"""Guard that keeps the H2 curve out of training, judged by geometry and not by labels.

An H2 is a pair of hydrogens with no third atom near either of them. Two-atom structures are the plain case; a frame of
a larger molecule that holds such a pair apart from everything else teaches the same curve and is refused alike.
"""

import numpy as np

from h2scale.data import catalog, rungs, validation
from h2scale.data import dataset as dataset_lib
from h2scale.physics import curves

BOND_LENGTH_WINDOW_ANGSTROM = (0.72, 0.79)
"""Window around H2's minimum: 0.741 exact, 0.74 to 0.77 at every level of theory in use. A few test distances lie
inside as well, and one of them is the PBE0 minimum to 5e-5 of its length, so no clearance can be asked for in there."""

CLEARANCE = 0.005
"""Outside the window, a training distance differs from every test distance by at least this fraction of it."""

FRAGMENT_GAP_ANGSTROM = 2.5
"""A third atom farther than this from both hydrogens is bonded to neither. Bonds to hydrogen reach 2.1 angstrom in
molecules scaled by 1.8, and those frames are not H2: the hydrogens still feel their own heavy atom most."""


def h2_pairs(dataset: dataset_lib.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Every H2 of a dataset, stretched and hidden ones included, at any charge.

    Returns:
        Structure index and H-H distance in angstrom, each (n_pairs,).
    """
    owner, first, second, distance = validation.pair_distances(dataset)
    near = distance <= FRAGMENT_GAP_ANGSTROM
    n_atoms = len(dataset.atomic_numbers)
    neighbors = np.bincount(first[near], minlength=n_atoms) + np.bincount(second[near], minlength=n_atoms)
    alone = (neighbors[first] == near) & (neighbors[second] == near)
    hydrogen = dataset.atomic_numbers == 1
    pairs = hydrogen[first] & hydrogen[second] & alone
    return owner[pairs], distance[pairs]


def assert_no_h2_leak(dataset: catalog.Facts, indices: np.ndarray, rung: str) -> None:
    """Refuse training sets that would show a model the curve it is examined on.

    Below rung `h2` no H2 may be away from its bond length. At every rung an H2 outside the bond-length window keeps
    `CLEARANCE` from the test distances, and nothing may bear the label of the test curve.

    Args:
        dataset: any dataset.
        indices: structures to be trained on, shape (n,).
        rung: the rung of the run, one of `rungs.RUNGS`.

    Raises:
        ValueError: names the first offending structure and its H-H distance.
    """
    rungs.check_rung(rung)
    indices = np.asarray(indices)
    labelled = np.flatnonzero(dataset.rungs.isin([rungs.TEST_CURVE])[indices])
    if labelled.size:
        name = validation.describe(dataset, int(indices[labelled[0]]))
        raise ValueError(f"{name} is of the H2 test curve and may never be trained on.")
    if isinstance(dataset, catalog.Catalog):
        owner, distance = dataset.h2_pairs(indices)
    else:
        owner, distance = h2_pairs(dataset.select(indices))
    low, high = BOND_LENGTH_WINDOW_ANGSTROM
    away = (distance < low) | (distance > high)
    gap = np.min(np.abs(distance[:, None] / curves.H2_TEST_DISTANCES_ANGSTROM - 1.0), axis=1)
    if rung != "h2":
        _refuse(dataset, indices[owner], distance, away, f"away from its bond length, which rung {rung!r} excludes")
    _refuse(dataset, indices[owner], distance, away & (gap < CLEARANCE), f"within {CLEARANCE:.1%} of a test distance")


def h_h_distance_histogram(dataset: dataset_lib.Dataset, rung: str, bin_edges: np.ndarray) -> np.ndarray:
    """Histogram of H-H distances within the structures of a rung, lower rungs included.

    What a model has seen of two hydrogens near each other, bonded to something else or not, bounds what it can know
    of H2 away from its bond length.

    Args:
        dataset: any dataset.
        rung: one of `rungs.RUNGS`.
        bin_edges: increasing, angstrom, shape (n_bins + 1,).

    Returns:
        Counts, shape (n_bins,).
    """
    selected = dataset.select(np.flatnonzero(rungs.in_rung(dataset, rung)))
    _, first, second, distance = validation.pair_distances(selected)
    hydrogen = selected.atomic_numbers == 1
    return np.histogram(distance[hydrogen[first] & hydrogen[second]], bins=bin_edges)[0]


def _refuse(
    dataset: catalog.Facts,
    owners: np.ndarray,
    distances: np.ndarray,
    bad: np.ndarray,
    what: str,
) -> None:
    if bad.any():
        worst = int(np.flatnonzero(bad)[0])
        name = validation.describe(dataset, int(owners[worst]))
        raise ValueError(f"{name} holds an H2 at {distances[worst]:.4f} angstrom, {what}.")
