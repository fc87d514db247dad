"""Ridge regression on two-body distance histograms: the baseline without a neural network.

The ridge regression sees how many atoms of each element a structure has and how its interatomic distances are
distributed for each pair of elements. Cubic B-splines in the logarithm of the distance take the place of histogram
bins. Their number, the largest distance and the strength of the ridge are chosen on the validation structures.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import threadpoolctl

from h2scale.data import catalog, opening
from h2scale.data import dataset as dataset_lib

NUM_BINS = (8, 12, 16, 24, 36)
CUTOFFS_ANGSTROM = (1.8, 2.5, 3.5, 5.0, 7.0)
STRENGTHS = tuple(float(10.0**power) for power in range(-9, 1))
SHORTEST_ANGSTROM = 0.25
_SPLINE_WIDTH = 4  # cubic B-splines that are not zero at a distance


class RidgeSettings(NamedTuple):
    """Settings of the regression that the validation structures choose."""

    num_bins: int  # B-splines of each pair of elements
    cutoff_angstrom: float
    strength: float  # of the ridge, in units of the mean square of a feature


class RidgeResult(NamedTuple):
    """Predicted energies and the settings that made them."""

    test_energies: np.ndarray  # (n_test,), eV
    settings: RidgeSettings
    validation_error_ev: float  # weighted mean, of the chosen settings
    table: tuple[tuple[RidgeSettings, float], ...]  # every setting tried, with its validation error


class _Pairs(NamedTuple):
    """All pairs of atoms of some structures."""

    structure: np.ndarray  # (n_pairs,)
    kind: np.ndarray  # (n_pairs,), number of the pair of elements
    distance: np.ndarray  # (n_pairs,), angstrom
    num_kinds: int
    counts: np.ndarray  # (n_structures, n_elements), atoms of each element


def ridge_energies(
    dataset: catalog.Facts,
    train: np.ndarray,
    validation: np.ndarray,
    test: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    num_bins: Sequence[int] = NUM_BINS,
    cutoffs_angstrom: Sequence[float] = CUTOFFS_ANGSTROM,
    strengths: Sequence[float] = STRENGTHS,
) -> RidgeResult:
    """Energies predicted by the ridge regression that is best on the validation structures.

    Args:
        dataset: holds the structures.
        train: indices of the structures to fit to.
        validation: of those that choose the settings.
        test: of those to predict.
        weights: of the validation structures, (n_validation,), adding up to 1; even if not given.
        num_bins: numbers of B-splines to try.
        cutoffs_angstrom: largest distances to try.
        strengths: ridges to try.

    Returns:
        Predictions in the order of `test`; an element pair that no training structure has contributes nothing.

    Raises:
        ValueError: a side is empty.
    """
    sides = {"train": train, "validation": validation, "test": test}
    for name, indices in sides.items():
        if len(indices) == 0:
            raise ValueError(f"ridge regression needs structures on every side; {name} is empty.")
    everything = np.concatenate([train, validation, test])
    pairs = _all_pairs(opening.gather(dataset, everything))
    energies = dataset.energy[everything]
    weights = np.full(len(validation), 1 / len(validation)) if weights is None else weights
    fitted, chosen = slice(0, len(train)), slice(len(train), len(train) + len(validation))
    table: list[tuple[RidgeSettings, float]] = []
    best, best_predictions = np.inf, np.zeros(len(test))
    # A second thread of BLAS gains nothing on matrices this small, and takes a core from what trains meanwhile.
    with threadpoolctl.threadpool_limits(1, "blas"):
        for bins, cutoff in itertools.product(num_bins, cutoffs_angstrom):
            features = _features(pairs, bins, cutoff)
            for strength, coefficients in _solutions(features[fitted], energies[fitted], strengths):
                predictions = features[len(train) :] @ coefficients
                errors = np.abs(predictions[: len(validation)] - energies[chosen])
                error = float(weights @ errors)
                table.append((RidgeSettings(bins, cutoff, strength), error))
                if error < best:
                    best, best_predictions = error, predictions[len(validation) :]
    settings = min(table, key=lambda entry: entry[1])[0]
    return RidgeResult(best_predictions, settings, best, tuple(table))


def _all_pairs(structures: dataset_lib.Dataset) -> _Pairs:
    elements, species = np.unique(structures.atomic_numbers, return_inverse=True)
    numbers = np.arange(len(elements))
    low, high = np.minimum.outer(numbers, numbers), np.maximum.outer(numbers, numbers)
    kinds = high * (high + 1) // 2 + low  # (n_elements, n_elements), symmetric
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for size in np.unique(structures.n_atoms):
        index = np.flatnonzero(structures.n_atoms == size)
        rows = structures.atom_offset[index][:, None] + np.arange(size)  # (n_structures, n_atoms)
        first, second = np.triu_indices(size, 1)
        a, b = rows[:, first], rows[:, second]
        distance = np.linalg.norm(structures.positions[a] - structures.positions[b], axis=-1)
        found.append((np.repeat(index, len(first)), kinds[species[a], species[b]].ravel(), distance.ravel()))
    structure, kind, distance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    owner = np.repeat(np.arange(len(structures)), structures.n_atoms)
    counts = np.zeros((len(structures), len(elements)))
    np.add.at(counts, (owner, species), 1.0)
    return _Pairs(structure, kind, distance, int(kinds.max()) + 1, counts)


def _features(pairs: _Pairs, num_bins: int, cutoff: float) -> np.ndarray:
    """Counts of elements, and for each pair of elements the sum of B-splines over its distances."""
    near = pairs.distance < cutoff
    structure, kind, distance = pairs.structure[near], pairs.kind[near], pairs.distance[near]
    num_structures, knots = len(pairs.counts), num_bins - _SPLINE_WIDTH + 1
    place = knots * np.log(np.maximum(distance, SHORTEST_ANGSTROM) / SHORTEST_ANGSTROM)
    place /= np.log(cutoff / SHORTEST_ANGSTROM)
    interval = np.minimum(place.astype(int), knots - 1)
    t = place - interval
    splines = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    fade = 0.5 * (1 + np.cos(np.pi * distance / cutoff))
    first = (structure * pairs.num_kinds + kind) * num_bins + interval
    size = num_structures * pairs.num_kinds * num_bins
    sums = sum(np.bincount(first + k, splines[k] * fade, minlength=size) for k in range(_SPLINE_WIDTH))
    return np.concatenate([pairs.counts, np.reshape(sums, (num_structures, -1))], axis=1)


def _solutions(
    features: np.ndarray, energies: np.ndarray, strengths: Sequence[float]
) -> list[tuple[float, np.ndarray]]:
    """Coefficients for each strength, from one eigendecomposition."""
    number = len(features)
    scale = np.sqrt(np.mean(features**2, axis=0))
    scale = np.where(scale > 0, scale, np.inf)  # a feature that training lacks has coefficient 0
    scaled = features / scale
    few = number < scaled.shape[1]  # the smaller of the two products is decomposed
    values, vectors = np.linalg.eigh((scaled @ scaled.T if few else scaled.T @ scaled) / number)
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (energies if few else scaled.T @ energies) / number
    basis = scaled.T @ vectors if few else vectors
    return [(strength, basis @ (projected / (values + strength)) / scale) for strength in strengths]
