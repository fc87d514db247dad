"""Checks that every label must pass before anything is learned from it; a refusal names the structure."""

import numpy as np

from h2scale import elements
from h2scale.data import catalog
from h2scale.data import dataset as dataset_lib

MIN_DISTANCE_ANGSTROM = 0.1
KNOWN_ELEMENTS = tuple(range(1, len(elements.COVALENT_RADII_ANGSTROM)))
"""Hydrogen to curium: the elements whose covalent radius is known, by which bonds are perceived."""


def validate(dataset: dataset_lib.Dataset) -> None:
    """Check the labels of a dataset.

    Raises:
        ValueError: array lengths disagree; or a structure has no atoms, an unknown element, a value that is not
            finite (a missing label is NaN, never zero), two atoms closer than 0.1 angstrom, or a charge and spin
            multiplicity that its electrons cannot have. The message names the first such structure. Forces are
            finite throughout, or, where the manifest says `has_forces: false`, NaN throughout.
    """
    _check_lengths(dataset)
    _refuse(dataset, dataset.n_atoms < 1, "has no atoms")
    unknown = ~np.isin(dataset.atomic_numbers, KNOWN_ELEMENTS)
    _refuse_atoms(dataset, unknown, "has an unknown element, atomic number", dataset.atomic_numbers)
    _refuse_atoms(dataset, ~np.isfinite(dataset.positions).all(axis=1), "has a position that is not finite,", None)
    _check_forces(dataset)
    _refuse(dataset, ~np.isfinite(dataset.energy), "has a missing or non-finite energy")
    _refuse(dataset, ~np.isfinite(dataset.spin_squared), "has a missing or non-finite <S^2>")
    _check_electrons(dataset)
    _check_distances(dataset)


def describe(dataset: catalog.Facts, index: int) -> str:
    """Name of a structure in messages: its index, molecule and regime."""
    names = (column.values[column.codes[index]] for column in (dataset.molecules, dataset.regimes))
    return f"structure {index} ({', '.join(names)})"


def pair_distances(dataset: dataset_lib.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of atoms within a structure, once.

    Returns:
        Structure index, flat row of the first atom, flat row of the second, distance in angstrom, each (n_pairs,).
    """
    owner = np.repeat(np.arange(len(dataset)), dataset.n_atoms)
    end = (dataset.atom_offset + dataset.n_atoms)[owner]
    rows = np.arange(len(owner))
    later = end - rows - 1  # partners after this atom in its own structure
    first = np.repeat(rows, later)
    second = dataset_lib.atom_rows(rows + 1, later)
    squared = np.zeros(len(first))
    for column in np.ascontiguousarray(dataset.positions.T):  # quicker than whole rows
        squared += (column[second] - column[first]) ** 2
    return owner[first], first, second, np.sqrt(squared)


def _check_lengths(dataset: dataset_lib.Dataset) -> None:
    total, number = int(dataset.n_atoms.sum()), len(dataset)
    for name in dataset_lib.ATOM_COLUMNS:
        shape = (total,) if name == "atomic_numbers" else (total, 3)
        if getattr(dataset, name).shape != shape:
            raise ValueError(f"{name} must have shape {shape} for these n_atoms; got {getattr(dataset, name).shape}.")
    for name in (*dataset_lib.NUMBER_COLUMNS, *dataset_lib.TEXT_COLUMNS):
        if getattr(dataset, name).shape != (number,):
            raise ValueError(f"{name} must have shape {(number,)}; got {getattr(dataset, name).shape}.")


def _check_forces(dataset: dataset_lib.Dataset) -> None:
    if dataset.manifest.get("has_forces", True):
        _refuse_atoms(dataset, ~np.isfinite(dataset.forces).all(axis=1), "has missing or non-finite forces,", None)
    else:
        present = ~np.isnan(dataset.forces).all(axis=1)
        _refuse_atoms(dataset, present, "has forces although the manifest says has_forces: false,", None)


def _check_electrons(dataset: dataset_lib.Dataset) -> None:
    nuclear_charge = np.add.reduceat(dataset.atomic_numbers, dataset.atom_offset) if len(dataset) else np.zeros(0, int)
    electrons = nuclear_charge - dataset.charge
    _refuse(dataset, electrons < 0, "has a charge above that of its nuclei:", dataset.charge)
    _refuse(dataset, dataset.spin_multiplicity < 1, "has spin_multiplicity below 1:", dataset.spin_multiplicity)
    unpaired = dataset.spin_multiplicity - 1
    impossible = ((electrons - unpaired) % 2 != 0) | (unpaired > electrons)
    if impossible.any():
        worst = np.flatnonzero(impossible)[0]
        raise ValueError(
            f"{describe(dataset, worst)} has impossible charge and spin_multiplicity: {dataset.charge[worst]} and "
            f"{dataset.spin_multiplicity[worst]} for {electrons[worst]} electrons."
        )


def _check_distances(dataset: dataset_lib.Dataset) -> None:
    structure, _, _, distances = pair_distances(dataset)
    close = np.flatnonzero(distances < MIN_DISTANCE_ANGSTROM)
    if close.size:
        worst = close[0]
        raise ValueError(
            f"{describe(dataset, structure[worst])} has two atoms {distances[worst]:.3g} angstrom apart; "
            f"at least {MIN_DISTANCE_ANGSTROM} is required."
        )


def _refuse(dataset: dataset_lib.Dataset, bad: np.ndarray, what: str, values: np.ndarray | None = None) -> None:
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        value = "" if values is None else f" {values[index]}"
        raise ValueError(f"{describe(dataset, index)} {what}{value}.")


def _refuse_atoms(dataset: dataset_lib.Dataset, bad: np.ndarray, what: str, values: np.ndarray | None) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        index = int(np.searchsorted(dataset.atom_offset, row, side="right")) - 1
        value = "" if values is None else f" {values[row]},"
        raise ValueError(f"{describe(dataset, index)} {what}{value} atom {row - dataset.atom_offset[index]}.")
