"""Sides of a dataset whose held-out molecules are in the training distribution; what is not is a side of its own.

Structures of the admitted elements are divided by molecule (`splits.side_of_molecule`), where names of one minimum are
one molecule (`coverage.unify`). A held-out molecule with an element, or a bonded pair, that too few training molecules
of some rung hold goes to the side `unseen`: its error is reported and chooses nothing.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from h2scale import elements as elements_lib
from h2scale.data import coverage, rungs, splits, storage
from h2scale.data import dataset as dataset_lib
from h2scale.errors import InputError

SIDES = (*splits.SIDES, "unseen")
ORGANIC = ("H", "C", "N", "O", "F")
"""Elements that every rung of the shipped datasets covers."""


@dataclasses.dataclass(frozen=True, eq=False)
class Partition:
    """Side of every structure of a dataset; made by `divide`."""

    dataset: dataset_lib.Dataset
    side: np.ndarray  # (n_structures,), str, one of SIDES; empty where an element is not admitted
    molecule: np.ndarray  # (n_structures,), int, the same for all names of one minimum
    missing: Mapping[str, coverage.Missing]  # what each molecule of the side `unseen` lacks, by its name

    def indices(self, rung: str, side: str) -> np.ndarray:
        """Return the structures of a rung, lower rungs included, on one side: increasing, shape (n,), int64.

        Raises:
            InputError: unknown rung or side.
        """
        if side not in SIDES:
            raise InputError(f"side must be one of {', '.join(SIDES)}; got {side!r}.")
        return np.flatnonzero(rungs.in_rung(self.dataset, rung) & (self.side == side))


def divide(dataset: dataset_lib.Dataset, elements: Sequence[str], settings: splits.SplitSettings) -> Partition:
    """Divide a dataset into sides.

    Args:
        dataset: any dataset.
        elements: symbols; structures that hold others are on no side. Empty admits all.
        settings: fractions and seed.

    Raises:
        InputError: a symbol is no element, or no structure is made of these elements.
    """
    admitted = _of_elements(dataset, elements)
    leader = coverage.unify(dataset)
    names, own = np.unique(dataset.molecule, return_inverse=True)
    leaders = [leader[name] for name in names.tolist()]
    side = np.array([splits.side_of_molecule(name, settings) for name in leaders], "<U10")[own]
    side = np.where(admitted, side, "")
    ladder = np.flatnonzero(admitted & np.isin(dataset.rung, rungs.RUNGS))
    train = {
        rung: np.unique(dataset.molecule[inside & (side == "train")]).tolist()
        for rung in rungs.RUNGS
        if (inside := admitted & rungs.in_rung(dataset, rung)).any()
    }
    held_out = np.unique(dataset.molecule[ladder][side[ladder] != "train"]).tolist()
    missing = coverage.uncovered(coverage.molecule_parts(dataset, ladder), train, held_out)
    side[np.isin(dataset.molecule, list(missing)) & admitted] = "unseen"
    return Partition(dataset, side, np.unique(leaders, return_inverse=True)[1][own], missing)


def sides(
    name_or_path: str | Path, rung: str, *, elements: Sequence[str] = ORGANIC, split_seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the structures of a rung on each side of a dataset.

    Args:
        name_or_path: of a dataset, as `load_dataset` takes it.
        rung: one of `rungs.RUNGS`; rungs below it are included.
        elements: symbols; structures that hold others are on no side. Empty admits all.
        split_seed: decides which molecules are held out.

    Returns:
        For `train`, `validation`, `test` and `unseen` the indices into the dataset, increasing, int64.

    Raises:
        InputError: an unknown dataset, rung or element, or no structure of these elements.
    """
    dataset = storage.load_dataset(name_or_path)
    divided = divide(dataset, elements, splits.SplitSettings(split_seed=split_seed))
    return {side: divided.indices(rung, side) for side in SIDES}


def _of_elements(dataset: dataset_lib.Dataset, symbols: Sequence[str]) -> np.ndarray:
    """Return which structures are made of these elements alone, (n_structures,), bool; all if none are named."""
    unknown = [symbol for symbol in symbols if symbol not in elements_lib.ATOMIC_NUMBERS]
    if unknown:
        raise InputError(f"elements must be symbols such as H or C; got {unknown[0]!r}.")
    if not symbols:
        return np.ones(len(dataset), bool)
    wanted = [elements_lib.ATOMIC_NUMBERS[symbol] for symbol in symbols]
    admitted = np.logical_and.reduceat(np.isin(dataset.atomic_numbers, wanted), dataset.atom_offset)
    if not admitted.any():
        held = ", ".join(elements_lib.SYMBOLS[number] for number in np.unique(dataset.atomic_numbers).tolist())
        raise InputError(f"no structure is made of {', '.join(symbols)} alone; the dataset holds {held}.")
    return admitted
