"""Guard that keeps out of training what models are examined on, judged by geometry and charge and not by labels.

That is the curve of H2, the curve of H2+ away from its minimum, and any two nuclei without electrons.

An H2 is a pair of hydrogens with no third atom near either of them. Two-atom structures are the plain case; a frame of
a larger molecule that holds such a pair apart from everything else teaches the same curve and is refused alike. In a
cation such a pair may be an H2 or an H2+.
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

CATION_WINDOW_ANGSTROM = (1.05, 1.12)
"""Window around the minimum of H2+: 1.057 exact, 1.103 at PBE0/def2-SVP."""

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


def num_electrons(dataset: catalog.Facts) -> np.ndarray:
    """Electrons of every structure, (n_structures,), int."""
    parts = [[part.split(":") for part in text.split()] for text in dataset.compositions.values.tolist()]
    nuclear = np.array([sum(int(number) * int(count) for number, count in own) for own in parts], np.int64)
    return nuclear[dataset.compositions.codes] - dataset.charge if len(dataset) else np.zeros(0, np.int64)


def bare_pairs(dataset: catalog.Facts) -> np.ndarray:
    """Return which structures are two or more nuclei without electrons, (n_structures,), bool."""
    return (num_electrons(dataset) == 0) & (dataset.n_atoms > 1)


def h2_cations_off_minimum(dataset: catalog.Facts) -> np.ndarray:
    """Return which cations hold two hydrogens apart from all else that are no minimum, (n_structures,), bool.

    A structure of two atoms is an H2+, whose minimum lies in `CATION_WINDOW_ANGSTROM`. In a larger one nobody knows
    where the charge is, and only the bond length of H2 is admitted.
    """
    cations = np.flatnonzero(dataset.charge > 0)
    place, distance = _pairs_of(dataset, cations)
    owner = cations[place]
    low, high = np.where(dataset.n_atoms[owner][:, None] == 2, CATION_WINDOW_ANGSTROM, BOND_LENGTH_WINDOW_ANGSTROM).T
    off = np.zeros(len(dataset), bool)
    off[owner[(distance < low) | (distance > high)]] = True
    return off


def assert_no_charged_leak(dataset: catalog.Facts, indices: np.ndarray, *, helium_with_proton: bool) -> None:
    """Refuse training sets that would show a model bare nuclei, or H2+ away from its minimum.

    Args:
        dataset: any dataset.
        indices: structures to be trained on, shape (n,).
        helium_with_proton: whether a pair of He2+ and a proton, and no other, may be trained on: a control.

    Raises:
        ValueError: names the first offending structure.
    """
    indices = np.asarray(indices)
    bare = bare_pairs(dataset)
    if helium_with_proton:
        bare &= ~dataset.compositions.isin(["1:1 2:1"])
    for bad, what in (
        (bare, "is two or more nuclei without electrons, which models are examined on"),
        (h2_cations_off_minimum(dataset), "holds an H2+ away from its minimum, whose curve models are examined on"),
    ):
        found = indices[bad[indices]]
        if len(found):
            raise ValueError(f"{validation.describe(dataset, int(found[0]))} {what}.")


def _pairs_of(dataset: catalog.Facts, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `h2_pairs`, of the structures at `indices`: places in `indices`, and distances."""
    if isinstance(dataset, catalog.Catalog):
        return dataset.h2_pairs(indices)
    return h2_pairs(dataset.select(indices))


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
    owner, distance = _pairs_of(dataset, indices)
    minimum = (dataset.charge[indices][owner] == 1) & (dataset.n_atoms[indices][owner] == 2)
    minimum &= (distance >= CATION_WINDOW_ANGSTROM[0]) & (distance <= CATION_WINDOW_ANGSTROM[1])
    owner, distance = owner[~minimum], distance[~minimum]  # the minimum of H2+
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
