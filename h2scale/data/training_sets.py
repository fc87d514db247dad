"""Training sets: nested prefixes of one order of a rung's training structures per seed.

A hash of seed, molecule, rung and number among the structures of both decides where a structure stands, so adding
molecules to a dataset does not reorder the training structures that were there. Only a structure that comes or goes
before others of its molecule and rung moves those.

Each order begins with the pinned structures, isolated atoms, isolated nuclei and the H2 of the rung where the switches
admit them, so that every training set, however small, holds what the switch promises; pinned structures take a fixed
share of the draws, the same at every training-set size. Then come the first structures with elements that nothing
before holds, and the pairs of bare nuclei of a control. All others follow in random order and therefore in the
proportions of the rung.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from h2scale import elements as elements_lib
from h2scale.data import bare_nuclei, catalog, hashing, leaks, partition, rungs
from h2scale.data import dataset as dataset_lib
from h2scale.errors import InputError, require


@dataclasses.dataclass(frozen=True)
class TrainingSetSettings:
    """Switches of section `data`: what an arm's training sets hold beside the rung's structures.

    The last two need `bare_nuclei.with_bare_nuclei` to have added them to the dataset.
    """

    include_h2_equilibrium: bool = True
    include_isolated_atoms: bool = False
    include_hydrogen_pairs: bool = False
    include_bare_nuclei: bool = False
    include_helium_with_proton: bool = False
    pinned_share: float = 0.02  # of the draws, of H2 and isolated atoms together

    def __post_init__(self) -> None:
        require(0 < self.pinned_share < 1, "data.pinned_share", self.pinned_share, "between 0 and 1")


class TrainingOrder(NamedTuple):
    """Training structures in the order in which growing training sets take them up."""

    indices: np.ndarray  # (n_available,), int64
    num_pinned: int  # so many at the front are in every training set


def available(divided: partition.Partition, rung: str, settings: TrainingSetSettings) -> np.ndarray:
    """Return the structures that may be trained on at a rung: increasing, shape (n,), int64.

    Raises:
        InputError: unknown rung, or hydrogen pairs are wanted and the dataset holds none.
    """
    dataset, train = divided.dataset, divided.side == "train"
    chosen = np.zeros(len(dataset), bool)
    chosen[divided.indices(rung, "train")] = True
    if not settings.include_h2_equilibrium:
        chosen &= ~(dataset.molecules.isin([rungs.H2_MOLECULE]) & dataset.rungs.isin(["equilibrium"]))
    if settings.include_isolated_atoms:
        # Whatever side their names would be on: nothing is held out of them.
        chosen |= dataset.rungs.isin([rungs.ATOM]) & (divided.side != "")
    if settings.include_hydrogen_pairs:
        pairs = dataset.rungs.isin([rungs.HYDROGEN_PAIR]) & train
        right = "false for a dataset without structures of that rung"
        require(bool(pairs.any()), "data.include_hydrogen_pairs", True, right)
        chosen |= pairs
    bare = bare_nuclei.chosen(dataset, isolated=settings.include_bare_nuclei, pairs=settings.include_helium_with_proton)
    return np.flatnonzero(chosen | (bare & (divided.side != "")))


def training_order(
    divided: partition.Partition, rung: str, seed: int, settings: TrainingSetSettings | None = None
) -> TrainingOrder:
    """Order the training structures of a rung; a training set of size n is the first n.

    The order is one permutation of the whole dataset, restricted to the rung, so that two rungs of one seed meet the
    structures that they share in the same order, but for those at the front.

    Args:
        divided: the dataset and its sides.
        rung: one of `rungs.RUNGS`; rungs below it are included.
        seed: of the permutation.
        settings: switches; the defaults if not given.

    Raises:
        InputError: unknown rung, or hydrogen pairs are wanted and the dataset holds none.
        ValueError: a structure that would leak the H2 curve, that of H2+ or bare nuclei (`leaks`).
    """
    dataset, settings = divided.dataset, settings or TrainingSetSettings()
    allowed = available(divided, rung, settings)
    order = allowed[np.argsort(hashing.structure_draws(dataset, seed)[allowed], kind="stable")]
    isolated = dataset.rungs.isin([rungs.ATOM]) | ((dataset.n_atoms == 1) & (leaks.num_electrons(dataset) == 0))
    alone = isolated[order]
    pinned = alone | (dataset.molecules.isin([rungs.H2_MOLECULE])[order] & (dataset.charge[order] == 0))
    front, rest = order[pinned], order[~pinned]
    known = _elements(dataset, order[pinned & ~alone])
    first = _covering(dataset, rest, known)
    shown = np.flatnonzero(leaks.bare_pairs(dataset)[rest]).tolist()
    first += [place for place in shown if place not in first]
    order = np.concatenate([front, rest[first], np.delete(rest, first)])
    leaks.assert_no_charged_leak(dataset, order, helium_with_proton=settings.include_helium_with_proton)
    leaks.assert_no_h2_leak(dataset, order, rung)
    return TrainingOrder(order, len(front))


def check_num_train(divided: partition.Partition, order: TrainingOrder, num_train: int, rung: str) -> None:
    """Check that a training set of that size can be had and holds every element of the order.

    Raises:
        InputError: too few structures are available, only pinned ones would be trained on, or an element is missing.
    """
    right = f"between {order.num_pinned + 1} and the {len(order.indices)} training structures available at rung {rung}"
    require(order.num_pinned < num_train <= len(order.indices), "grid.num_train", num_train, right)
    lacking = _elements(divided.dataset, order.indices) - _elements(divided.dataset, order.indices[:num_train])
    if lacking:
        symbols = ", ".join(elements_lib.SYMBOLS[number] for number in sorted(lacking))
        raise InputError(
            f"grid.num_train must be large enough to hold every element; {num_train} structures of rung {rung} hold no "
            f"{symbols}. Take more structures or fewer data.elements."
        )


def smallest(divided: partition.Partition, order: TrainingOrder) -> int:
    """Return the size of the smallest training set that `check_num_train` allows."""
    wanted = _elements(divided.dataset, order.indices)
    size = order.num_pinned + 1
    while _elements(divided.dataset, order.indices[:size]) != wanted:
        size += 1
    return size


def num_unique_molecules(divided: partition.Partition, indices: np.ndarray) -> int:
    """Number of different molecules that the structures at `indices` come from; an isolated atom counts as one."""
    return len(np.unique(divided.molecule[indices]))


def _elements(dataset: catalog.Facts, indices: np.ndarray) -> set[int]:
    """Atomic numbers that the structures at `indices` hold."""
    known = dataset_lib.elements_of(dataset.compositions)
    return {number for code in np.unique(dataset.compositions.codes[indices]).tolist() for number in known[code]}


def _covering(dataset: catalog.Facts, order: np.ndarray, known: set[int]) -> list[int]:
    """Places in `order` of the first structures that hold the elements which are not yet known."""
    wanted = _elements(dataset, order) - known
    known_elements, codes = dataset_lib.elements_of(dataset.compositions), dataset.compositions.codes[order]
    places: list[int] = []
    for place, code in enumerate(codes.tolist()):
        if not wanted:
            break
        new = wanted & known_elements[code]
        if new:
            places.append(place)
            wanted -= new
    return places
