"""Molecules that are one minimum, the bonds of a molecule, and which of both a training side covers.

A held-out error says something of a distribution only if what is held out is made of what was trained on. So two names
of one minimum count as one molecule, and a molecule is in distribution if each of its elements and each pair of
elements that is bonded in it occurs in several molecules of the training side.
"""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import spatial

from h2scale import elements
from h2scale.data import bonding, catalog, opening, validation
from h2scale.data import dataset as dataset_lib

MIN_MOLECULES = 5
"""Training molecules in which an element or a bonded pair has to occur to count as covered."""

SAME_MINIMUM_ANGSTROM = 0.01
"""Largest difference between sorted interatomic distances of two structures that are one minimum."""

Pair = tuple[int, int]
"""Atomic numbers of two bonded atoms, the smaller one first."""


class Parts(NamedTuple):
    """Elements and bonds of a molecule."""

    elements: frozenset[int]  # atomic numbers
    pairs: frozenset[Pair]


class Missing(NamedTuple):
    """Something that too few training molecules hold."""

    part: str  # an element or a pair, such as F or F-F
    molecules: int  # training molecules that hold it
    rung: str  # of the training side


def unify(dataset: catalog.Facts) -> dict[str, str]:
    """Name of the first of all molecules that share a minimum, for each molecule; most map to themselves.

    Two molecules share a minimum if an equilibrium structure of each has the same elements, and sorted interatomic
    distances that differ by at most `SAME_MINIMUM_ANGSTROM`.
    """
    leader = {str(name): str(name) for name in dataset.molecules.values}

    def root(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    minima = np.flatnonzero(dataset.rungs.isin(["equilibrium"]) & (dataset.n_atoms > 1))
    for alike in _of_composition(dataset, minima):
        own, distances = dataset.molecules.values[dataset.molecules.codes[alike]], _sorted_distances(dataset, alike)
        for first, second in sorted(spatial.cKDTree(distances).query_pairs(SAME_MINIMUM_ANGSTROM, p=np.inf)):
            names = sorted((root(str(own[first])), root(str(own[second]))))
            leader[names[1]] = names[0]
    return {name: root(name) for name in leader}


def molecule_parts(dataset: catalog.Facts, indices: np.ndarray) -> dict[str, Parts]:
    """Elements and bonded pairs of every molecule among the structures at `indices`.

    Bonds are those of the molecule's lowest structure, since a stretched or compressed one has lost or gained some.
    """
    order = indices[np.lexsort((dataset.energy[indices], dataset.molecules.codes[indices]))]
    codes, first = np.unique(dataset.molecules.codes[order], return_index=True)
    lowest = order[first]
    elements_of = dataset_lib.elements_of(dataset.compositions)
    bonds = dataset.bonded_pairs(lowest) if isinstance(dataset, catalog.Catalog) else _bonded(dataset.select(lowest))
    return {
        str(name): Parts(elements_of[composition], pairs)
        for name, composition, pairs in zip(
            dataset.molecules.values[codes], dataset.compositions.codes[lowest], bonds, strict=True
        )
    }


def _bonded(lowest: dataset_lib.Dataset) -> list[frozenset[Pair]]:
    owner, one, other, distance = validation.pair_distances(lowest)
    numbers = lowest.atomic_numbers
    bonded = bonding.are_bonded(numbers[one], numbers[other], distance)
    pairs = np.sort(np.stack([numbers[one[bonded]], numbers[other[bonded]]], axis=1), axis=1)
    return [frozenset(map(tuple, own.tolist())) for own in _grouped(owner[bonded], pairs, len(lowest))]


def uncovered(
    parts: Mapping[str, Parts], train: Mapping[str, Iterable[str]], held_out: Iterable[str]
) -> dict[str, Missing]:
    """Held-out molecules that are out of the training distribution, each with the first thing it lacks.

    Args:
        parts: of all molecules named by the other arguments.
        train: molecules of the training side by rung.
        held_out: molecules to judge.
    """
    counts = {rung: _counts(parts, names) for rung, names in train.items()}
    found = {}
    for name in held_out:
        wanted: list[int | Pair] = [*sorted(parts[name].elements), *sorted(parts[name].pairs)]
        missing = [
            Missing(_spelled(part), count[part], rung)
            for rung, count in counts.items()
            for part in wanted
            if count[part] < MIN_MOLECULES
        ]
        if missing:
            found[name] = missing[0]
    return found


def _counts(parts: Mapping[str, Parts], names: Iterable[str]) -> collections.Counter[int | Pair]:
    count: collections.Counter[int | Pair] = collections.Counter()
    for name in names:
        count.update(parts[name].elements)
        count.update(parts[name].pairs)
    return count


def _of_composition(dataset: catalog.Facts, minima: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of minima of one composition and charge, where they have more than one name; each group increases."""
    kind = dataset.compositions.codes[minima].astype(np.int64) * 1000 + dataset.charge[minima]
    order = np.argsort(kind, kind="stable")
    for group in np.split(minima[order], np.flatnonzero(np.diff(kind[order])) + 1):
        if len(np.unique(dataset.molecules.codes[group])) > 1:
            yield group


def _sorted_distances(dataset: catalog.Facts, alike: np.ndarray) -> np.ndarray:
    """Sorted interatomic distances of structures of one composition, (n, n_pairs), angstrom."""
    distance = validation.pair_distances(opening.gather(dataset, alike))[3]
    return np.sort(distance.reshape(len(alike), -1), axis=1)


def _grouped(owner: np.ndarray, values: np.ndarray, number: int) -> list[np.ndarray]:
    """Values of each owner from 0 to `number` - 1; `owner` increases."""
    return np.split(values, np.searchsorted(owner, np.arange(1, number)))


def _spelled(part: int | Pair) -> str:
    numbers: Sequence[int] = (part,) if isinstance(part, int) else part
    return "-".join(elements.SYMBOLS[number] for number in numbers)
