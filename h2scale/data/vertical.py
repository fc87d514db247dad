"""Vertical changes of charge: one geometry of a molecule with and without a charge, both labelled."""

from collections.abc import Collection, Sequence

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.types import Structure

_SAME_ANGSTROM = 1e-4


def changes(
    dataset: dataset_lib.Dataset, molecules: Collection[str], charges: Sequence[int]
) -> list[tuple[Structure, Structure]]:
    """Neutral structures with the ion at the same geometry and level, the first of each molecule and charge.

    Args:
        dataset: holds both.
        molecules: names of those that are looked for.
        charges: of the ions, in the order of the result; molecules come in alphabetical order.
    """
    found = []
    for charge in charges:
        for name in sorted(molecules):
            own = np.flatnonzero((dataset.molecule == name) & (dataset.n_atoms > 1))
            pair = _first_pair(dataset, own[dataset.charge[own] == 0], own[dataset.charge[own] == charge])
            found += [pair] if pair is not None else []
    return found


def _first_pair(
    dataset: dataset_lib.Dataset, neutral: np.ndarray, charged: np.ndarray
) -> tuple[Structure, Structure] | None:
    for ion in charged.tolist():
        for index in neutral.tolist():
            one, other = dataset[index], dataset[ion]
            same = np.array_equal(one.atomic_numbers, other.atomic_numbers) and one.teacher == other.teacher
            if same and np.allclose(one.positions, other.positions, rtol=0, atol=_SAME_ANGSTROM):
                return one, other
    return None
