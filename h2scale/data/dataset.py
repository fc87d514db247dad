"""Labelled structures as flat arrays: one row per atom, one row per structure, offsets between the two."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from h2scale.types import Structure

ATOM_COLUMNS = {"atomic_numbers": np.int32, "positions": np.float64, "forces": np.float64}
NUMBER_COLUMNS = {
    "n_atoms": np.int32,
    "energy": np.float64,
    "charge": np.int32,
    "spin_multiplicity": np.int32,
    "spin_squared": np.float64,
}
TEXT_COLUMNS = ("rung", "regime", "molecule", "teacher", "convergence")


class Coded(NamedTuple):
    """A column of texts of which many are equal."""

    values: np.ndarray  # (n_values,), str, sorted, each once
    codes: np.ndarray  # (n_structures,), integers, place of each structure's text in `values`

    def isin(self, texts: Sequence[str]) -> np.ndarray:
        """Return which structures bear one of the texts, (n_structures,), bool."""
        return np.isin(self.values, texts)[self.codes]

    def select(self, indices: np.ndarray) -> "Coded":
        """The column of the structures at `indices`, without texts that none of them bears."""
        present, codes = np.unique(self.codes[indices], return_inverse=True)
        return Coded(self.values[present], codes)


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A sequence of `Structure` backed by flat numpy arrays; units as in `h2scale.types.Structure`.

    Atoms of structure i are rows `atom_offset[i]` to `atom_offset[i] + n_atoms[i]` of the per-atom arrays.
    """

    atomic_numbers: np.ndarray  # (total_atoms,), int32
    positions: np.ndarray  # (total_atoms, 3), float64
    forces: np.ndarray  # (total_atoms, 3), float64
    n_atoms: np.ndarray  # (n_structures,), int32
    energy: np.ndarray  # (n_structures,), float64
    charge: np.ndarray  # (n_structures,), int32
    spin_multiplicity: np.ndarray  # (n_structures,), int32
    spin_squared: np.ndarray  # (n_structures,), float64
    rung: np.ndarray  # (n_structures,), str
    regime: np.ndarray  # (n_structures,), str
    molecule: np.ndarray  # (n_structures,), str
    teacher: np.ndarray  # (n_structures,), str
    convergence: np.ndarray  # (n_structures,), str
    manifest: Mapping[str, Any]

    @functools.cached_property
    def atom_offset(self) -> np.ndarray:
        """First row of each structure in the per-atom arrays, shape (n_structures,), int64."""
        return np.cumsum(self.n_atoms, dtype=np.int64) - self.n_atoms

    @functools.cached_property
    def rungs(self) -> Coded:
        """The column `rung`, coded."""
        return Coded(*np.unique(self.rung, return_inverse=True))

    @functools.cached_property
    def regimes(self) -> Coded:
        """The column `regime`, coded."""
        return Coded(*np.unique(self.regime, return_inverse=True))

    @functools.cached_property
    def molecules(self) -> Coded:
        """The column `molecule`, coded."""
        return Coded(*np.unique(self.molecule, return_inverse=True))

    @functools.cached_property
    def compositions(self) -> Coded:
        """The elements of each structure with their numbers of atoms, such as `1:4 6:1` for CH4, coded."""
        numbers, species = np.unique(self.atomic_numbers, return_inverse=True)
        cells = np.repeat(np.arange(len(self)), self.n_atoms) * len(numbers) + species
        counts = np.bincount(cells, minlength=len(self) * len(numbers)).reshape(len(self), len(numbers))
        rows, own = np.unique(counts, axis=0, return_inverse=True)
        texts = [" ".join(f"{z}:{n}" for z, n in zip(numbers.tolist(), row, strict=True) if n) for row in rows.tolist()]
        values, codes = np.unique(np.array(texts, dtype=str), return_inverse=True)
        return Coded(values, codes[own])

    @property
    def has_forces(self) -> bool:
        """True if the structures have forces; without, `forces` is NaN throughout."""
        return bool(self.manifest.get("has_forces", True))

    def __len__(self) -> int:
        return len(self.n_atoms)

    def __getitem__(self, index: int) -> Structure:
        if not -len(self) <= index < len(self):
            raise IndexError(f"structure {index} of a dataset of {len(self)}")
        index = index % len(self)
        start = int(self.atom_offset[index])
        atoms = slice(start, start + int(self.n_atoms[index]))
        return Structure(
            atomic_numbers=self.atomic_numbers[atoms],
            positions=self.positions[atoms],
            energy=float(self.energy[index]),
            forces=self.forces[atoms],
            charge=int(self.charge[index]),
            spin_multiplicity=int(self.spin_multiplicity[index]),
            rung=str(self.rung[index]),
            regime=str(self.regime[index]),
            molecule=str(self.molecule[index]),
            teacher=str(self.teacher[index]),
            spin_squared=float(self.spin_squared[index]),
            convergence=str(self.convergence[index]),
        )

    def __iter__(self) -> Iterator[Structure]:
        return (self[index] for index in range(len(self)))

    def select(self, indices: np.ndarray) -> "Dataset":
        """The structures at `indices`, in that order, with the same manifest.

        Args:
            indices: shape (n,), integers in [0, len(self)); repeats are allowed.
        """
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise ValueError(
                f"indices must lie in [0, {len(self)}); got values from {indices.min()} to {indices.max()}."
            )
        rows = atom_rows(self.atom_offset[indices], self.n_atoms[indices])
        return dataclasses.replace(
            self,
            **{name: getattr(self, name)[rows] for name in ATOM_COLUMNS},
            **{name: getattr(self, name)[indices] for name in (*NUMBER_COLUMNS, *TEXT_COLUMNS)},
        )


def empty(manifest: Mapping[str, Any]) -> Dataset:
    """A dataset of no structures."""
    atoms = {
        name: np.zeros((0,) if name == "atomic_numbers" else (0, 3), dtype) for name, dtype in ATOM_COLUMNS.items()
    }
    numbers = {name: np.zeros(0, dtype) for name, dtype in NUMBER_COLUMNS.items()}
    texts = {name: np.zeros(0, str) for name in TEXT_COLUMNS}
    return Dataset(**atoms, **numbers, **texts, manifest=manifest)


def elements_of(compositions: Coded) -> list[frozenset[int]]:
    """Atomic numbers in each value of a column of compositions."""
    return [frozenset(int(part.partition(":")[0]) for part in text.split()) for text in compositions.values.tolist()]


def join(first: Dataset, second: Dataset) -> Dataset:
    """Structures of `first` and then those of `second`, with the manifest of `first`."""
    columns = (*ATOM_COLUMNS, *NUMBER_COLUMNS, *TEXT_COLUMNS)
    joined: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in columns}
    return dataclasses.replace(first, **joined)


def atom_rows(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Concatenated ranges starts[i] .. starts[i] + counts[i], shape (counts.sum(),), int64."""
    counts = np.asarray(counts, dtype=np.int64)
    first = np.cumsum(counts) - counts
    return np.repeat(starts - first, counts) + np.arange(counts.sum())


def from_structures(structures: Sequence[Structure] | Dataset, manifest: Mapping[str, Any]) -> Dataset:
    """Join structures into a `Dataset`.

    Raises:
        ValueError: there are no structures; or one lacks its charge, spin multiplicity, energy, forces or <S^2>, or its
            arrays disagree in shape: the message names it.
    """
    if not structures:
        raise ValueError("a dataset needs at least one structure; got none.")
    for index, structure in enumerate(structures):
        _check_complete(index, structure)
    columns = {
        name: np.concatenate([np.asarray(getattr(s, name), dtype) for s in structures])
        for name, dtype in ATOM_COLUMNS.items()
    }
    columns["n_atoms"] = np.array([len(s.atomic_numbers) for s in structures], np.int32)
    for name, dtype in NUMBER_COLUMNS.items():
        if name != "n_atoms":
            columns[name] = np.array([getattr(s, name) for s in structures], dtype)
    for name in TEXT_COLUMNS:
        columns[name] = np.array([getattr(s, name) for s in structures], dtype=str)
    return Dataset(**columns, manifest=dict(manifest))


def _check_complete(index: int, structure: Structure) -> None:
    name = f"structure {index} ({structure.molecule}, {structure.regime})"
    for field in ("charge", "spin_multiplicity", "energy", "forces", "spin_squared"):
        if getattr(structure, field) is None:
            raise ValueError(f"{name} has no {field}; every label needs one.")
    n_atoms = len(structure.atomic_numbers)
    if n_atoms == 0:
        raise ValueError(f"{name} has no atoms.")
    for field in ("positions", "forces"):
        shape = np.shape(getattr(structure, field))
        if shape != (n_atoms, 3):
            raise ValueError(f"{name}: {field} must have shape {(n_atoms, 3)}; got {shape}.")
