"""Splits by molecule, and training sets as nested prefixes of one permutation per seed.

A molecule's side depends on nothing but its id and the split seed, through a hash, so adding molecules to a dataset
never moves an old one from one side to another. Nor does it reorder the training structures that were there: a hash of
seed, molecule, rung and number among the structures of both decides where one stands. Only a structure that comes or
goes before others of its molecule and rung moves those.

H2 is always on the training side: what of it may be used is decided by the rung and by `include_h2_equilibrium`, and
its exam is the curve against exact physics, not a held-out label.

The switches `include_h2_equilibrium` and `include_isolated_atoms` put their structures at the front of the order, so
that every training set, however small, holds what the switch promises and a comparison over sizes is not one over the
luck of the draw. All other structures, H2's distances of rung `h2` among them, come in random order and therefore in
the proportions of the rung.
"""

import dataclasses

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.data import hashing, leaks, rungs
from h2scale.errors import require

SIDES = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class SplitSettings:
    """Static settings of a split; fractions are of molecules."""

    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    split_seed: int = 0
    max_held_out: int = 0  # most structures of a rung and side to evaluate; 0 for all
    include_h2_equilibrium: bool = True
    include_isolated_atoms: bool = False

    def __post_init__(self) -> None:
        for name in ("validation_fraction", "test_fraction"):
            require(0 < getattr(self, name) < 0.5, f"data.{name}", getattr(self, name), "between 0 and 0.5")
        right = "0, for all, or a number of structures"
        require(self.max_held_out >= 0, "data.max_held_out", self.max_held_out, right)


def side_of_molecule(molecule: str, settings: SplitSettings) -> str:
    """`train`, `validation` or `test`; a function of nothing but the molecule id and the settings."""
    if molecule == rungs.H2_MOLECULE:
        return "train"
    position = hashing.text_hash(f"{settings.split_seed}:{molecule}") / 2**64
    if position < settings.test_fraction:
        return "test"
    return "validation" if position < settings.test_fraction + settings.validation_fraction else "train"


def side_indices(dataset: dataset_lib.Dataset, rung: str, side: str, settings: SplitSettings) -> np.ndarray:
    """Indices of the structures of a rung on one side, increasing; H2 and isolated atoms as the switches say.

    Args:
        dataset: any dataset.
        rung: one of `rungs.RUNGS`; rungs below it are included.
        side: one of `SIDES`.
        settings: the split.

    Returns:
        Shape (n,), int64.

    Raises:
        ValueError: unknown rung or side.
    """
    if side not in SIDES:
        raise ValueError(f"side must be one of {', '.join(SIDES)}; got {side!r}.")
    molecules, inverse = np.unique(dataset.molecule, return_inverse=True)
    on_side = np.array([side_of_molecule(m, settings) == side for m in molecules.tolist()], dtype=bool)[inverse]
    chosen = rungs.in_rung(dataset, rung) & on_side
    if not settings.include_h2_equilibrium:
        chosen &= ~_is_h2_equilibrium(dataset)
    atoms = (dataset.rung == rungs.ATOM) & (side == "train")
    if settings.include_isolated_atoms:
        chosen |= atoms
    return np.flatnonzero(chosen)


def held_out_indices(dataset: dataset_lib.Dataset, rung: str, side: str, settings: SplitSettings) -> np.ndarray:
    """As `side_indices`, at most `max_held_out` of them, drawn at random, the same for every replica.

    Beyond a few thousand structures the error is known well enough, and evaluating all of a large dataset every time
    would take longer than training.
    """
    indices = side_indices(dataset, rung, side, settings)
    if not settings.max_held_out or len(indices) <= settings.max_held_out:
        return indices
    drawn = indices[np.argsort(_draws(dataset, settings.split_seed)[indices], kind="stable")]
    return np.sort(drawn[: settings.max_held_out])


def training_order(dataset: dataset_lib.Dataset, rung: str, seed: int, settings: SplitSettings) -> np.ndarray:
    """Training structures of a rung in one fixed order per seed; a training set of size n is its first n entries.

    The order is one permutation of the whole dataset, restricted to the rung, so that two rungs of one seed meet the
    structures that they share in the same order. Isolated atoms and the H2 minimum come first where switched on.

    Returns:
        Shape (n_available,), int64 structure indices.

    Raises:
        ValueError: unknown rung, or a structure that would leak the H2 curve (`leaks.assert_no_h2_leak`).
    """
    allowed = side_indices(dataset, rung, "train", settings)
    order = allowed[np.argsort(_draws(dataset, seed)[allowed], kind="stable")]
    front = (dataset.rung == rungs.ATOM) | _is_h2_equilibrium(dataset)
    order = np.concatenate([order[front[order]], order[~front[order]]])
    leaks.assert_no_h2_leak(dataset, order, rung)
    return order


def check_num_train(order: np.ndarray, num_train: int) -> None:
    """Raise ValueError unless 1 <= num_train <= len(order)."""
    if not 1 <= num_train <= len(order):
        raise ValueError(
            f"data.num_train must lie between 1 and the {len(order)} training structures available at this rung; "
            f"got {num_train}."
        )


def num_unique_molecules(dataset: dataset_lib.Dataset, indices: np.ndarray) -> int:
    """Number of different molecules that the structures at `indices` come from; an isolated atom counts as one."""
    return len(np.unique(dataset.molecule[indices]))


def _is_h2_equilibrium(dataset: dataset_lib.Dataset) -> np.ndarray:
    return (dataset.molecule == rungs.H2_MOLECULE) & (dataset.rung == "equilibrium")


def _draws(dataset: dataset_lib.Dataset, seed: int) -> np.ndarray:
    """A number for every structure as if drawn at random, shape (n_structures,), uint64.

    Depends on the seed and on the structure's molecule, rung and number among the structures of both, but not on what
    else the dataset holds; positions are not read, which may lie on disk.
    """
    rungs_found, rung = np.unique(dataset.rung, return_inverse=True)
    molecules_found, molecule = np.unique(dataset.molecule, return_inverse=True)
    groups, group, sizes = np.unique(molecule * len(rungs_found) + rung, return_inverse=True, return_counts=True)
    names = zip(molecules_found[groups // len(rungs_found)], rungs_found[groups % len(rungs_found)], strict=True)
    hashes = np.array([hashing.text_hash(f"{seed}:{name}:{of_rung}") for name, of_rung in names], np.uint64)
    number = np.empty(len(group), np.uint64)
    number[np.argsort(group, kind="stable")] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return hashing.mixed(hashes[group] + number)
