"""Sides of a dataset whose held-out molecules are in the training distribution; what is not is a side of its own.

Structures of the admitted elements are divided by molecule (`splits.side_of_molecule`), where names of one minimum are
one molecule (`coverage.unify`), and a molecule and its ions are one (`charged.neutral_name`). A held-out molecule with
an element, or a bonded pair, that too few training molecules of some rung hold goes to the side `unseen`: its error is
reported and chooses nothing.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from h2scale import elements as elements_lib
from h2scale.data import catalog, charged, coverage, hashing, opening, rungs, splits
from h2scale.data import dataset as dataset_lib
from h2scale.errors import InputError

SIDES = (*splits.SIDES, "unseen")
ORGANIC = splits.ORGANIC


@dataclasses.dataclass(frozen=True, eq=False)
class Partition:
    """Side of every structure of a dataset; made by `divide`."""

    dataset: catalog.Facts
    settings: splits.SplitSettings
    side: np.ndarray  # (n_structures,), str, one of SIDES; empty where an element is not admitted
    molecule: np.ndarray  # (n_structures,), int, the same for all names of one minimum
    missing: Mapping[str, coverage.Missing]  # what each molecule of the side `unseen` lacks, by its name

    def indices(self, rung: str, side: str) -> np.ndarray:
        """Return the structures of a rung, lower rungs included, on one side: increasing, shape (n,), int64.

        Ions and spin states that the settings admit belong to every rung.

        Raises:
            InputError: unknown rung or side.
        """
        if side not in SIDES:
            raise InputError(f"side must be one of {', '.join(SIDES)}; got {side!r}.")
        return np.flatnonzero(_in_ladder(self.dataset, rung, self.settings) & (self.side == side))

    def held_out(self, rung: str, side: str) -> np.ndarray:
        """As `indices`, at most `max_held_out` of them: the same for every replica, molecules taken in turn.

        Beyond a few hundred structures the error is known well enough, and evaluating all of a large dataset every
        time would take longer than training. Errors are means over molecules, so one more molecule says more than one
        more structure of a molecule that is there.
        """
        indices, most = self.indices(rung, side), self.settings.max_held_out
        if not most or len(indices) <= most:
            return indices
        draws = hashing.structure_draws(self.dataset, self.settings.split_seed)[indices]
        order = np.lexsort((draws, self.molecule[indices]))
        _, first = np.unique(self.molecule[indices][order], return_index=True)
        turn = np.empty(len(indices), np.int64)
        turn[order] = np.arange(len(indices)) - np.repeat(first, np.diff(np.append(first, len(indices))))
        return np.sort(indices[np.lexsort((draws, turn))[:most]])

    def molecule_weights(self, indices: np.ndarray) -> np.ndarray:
        """Return weights that make a sum over structures a mean over molecules of the mean over each one's structures.

        Args:
            indices: structures, shape (n,).

        Returns:
            Shape (n,), float64; they add up to 1.
        """
        _, own, counts = np.unique(self.molecule[indices], return_inverse=True, return_counts=True)
        return 1.0 / (len(counts) * counts[own]) if len(indices) else np.zeros(0)

    def describe(self, rung: str) -> str:
        """Write the structures and molecules of every side of a rung in one line."""
        counts = []
        for side in SIDES:
            indices = self.indices(rung, side)
            counts.append(f"{side} {len(indices):,} of {len(np.unique(self.molecule[indices]))} molecules")
        return f"{rung}: {', '.join(counts)}"


def divide(dataset: catalog.Facts, settings: splits.SplitSettings) -> Partition:
    """Divide a dataset into sides.

    Args:
        dataset: any dataset.
        settings: elements, fractions and seed.

    Raises:
        InputError: no structure is made of these elements.
    """
    admitted = of_elements(dataset, settings.elements)
    leader = coverage.unify(dataset)
    names, own = dataset.molecules
    leaders = [leader[name] for name in names.tolist()]
    if (dataset.charge != 0).any():
        leaders = [leader.get(charged.neutral_name(name), charged.neutral_name(name)) for name in leaders]
    side = np.array([splits.side_of_molecule(name, settings) for name in leaders], "<U10")[own]
    side = np.where(admitted, side, "")
    # Nothing is held out of an ion of one atom, as of an atom.
    side[dataset.rungs.isin([rungs.ION]) & (dataset.n_atoms == 1) & admitted] = "train"
    ladder = np.flatnonzero(admitted & _in_ladder(dataset, rungs.RUNGS[-1], settings))
    train = {
        rung: names[np.unique(own[inside & (side == "train")])].tolist()
        for rung in rungs.RUNGS
        if (inside := admitted & _in_ladder(dataset, rung, settings)).any()
    }
    held_out = names[np.unique(own[ladder][side[ladder] != "train"])].tolist()
    missing = coverage.uncovered(coverage.molecule_parts(dataset, ladder), train, held_out)
    side[dataset.molecules.isin(list(missing)) & admitted] = "unseen"
    return Partition(dataset, settings, side, np.unique(leaders, return_inverse=True)[1][own], missing)


def sides(
    name_or_path: str | Path, rung: str, *, elements: Sequence[str] = ORGANIC, split_seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the structures of a rung on each side of a dataset.

    Args:
        name_or_path: of a dataset, as `load_dataset` takes it.
        rung: one of `rungs.RUNGS`; rungs below it are included.
        elements: symbols, H among them; structures that hold others are on no side. Empty admits all.
        split_seed: decides which molecules are held out.

    Returns:
        For `train`, `validation`, `test` and `unseen` the indices into the dataset, increasing, int64.

    Raises:
        InputError: an unknown dataset, rung or element, or no structure of these elements.
    """
    dataset = opening.open_dataset(name_or_path)
    divided = divide(dataset, splits.SplitSettings(elements=tuple(elements), split_seed=split_seed))
    return {side: divided.indices(rung, side) for side in SIDES}


def _in_ladder(dataset: catalog.Facts, rung: str, settings: splits.SplitSettings) -> np.ndarray:
    """Mask of the structures of a rung, with what the settings admit to every rung; (n_structures,), bool."""
    inside = rungs.in_rung(dataset, rung)
    if settings.ions:
        inside |= charged.admitted_ions(dataset)
    if settings.spin_states:
        inside |= charged.admitted_spin_states(dataset)
    return inside


def of_elements(dataset: catalog.Facts, symbols: Sequence[str]) -> np.ndarray:
    """Return which structures are made of these elements alone, (n_structures,), bool; all if none are named.

    Raises:
        InputError: no structure is.
    """
    if not symbols:
        return np.ones(len(dataset), bool)
    wanted = {elements_lib.ATOMIC_NUMBERS[symbol] for symbol in symbols}
    known = dataset_lib.elements_of(dataset.compositions)
    admitted = np.array([own <= wanted for own in known], bool)[dataset.compositions.codes]
    if not admitted.any():
        held = ", ".join(elements_lib.SYMBOLS[number] for number in sorted(set().union(*known)))
        raise InputError(
            f"data.elements must name elements of the dataset, which holds {held}; no structure is made of "
            f"{', '.join(symbols)} alone."
        )
    return admitted
