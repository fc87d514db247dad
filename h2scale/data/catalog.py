"""Catalog of a folder of shards: facts about every structure without its atoms, from a compact index.

A study divides, orders and counts structures, and asks of their atoms few things: the composition, which bonds the
lowest structure of a molecule has, whether two hydrogens stand alone. Those are found once, when a shard is written,
and stand in its `index.npz` (`data.indexing`), some 40 bytes a structure. So a set whose atoms fill a disk is divided
like one in memory, by the same functions: a `Catalog` has the columns of a `Dataset` that they look at.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale.data.dataset import Coded, Dataset

CODED = ("rungs", "regimes", "molecules", "compositions", "bonds")
NUMBERS = {"n_atoms": "<i4", "energy": "<f8", "charge": "<i2", "geometry": "<u8"}

Pair = tuple[int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Catalog:
    """Facts about the structures of a sharded dataset, or of some of them, in memory."""

    folder: Path
    rows: np.ndarray  # (n_structures,), int64, place of each in the folder
    n_atoms: np.ndarray  # (n_structures,), int32
    energy: np.ndarray  # (n_structures,), eV
    charge: np.ndarray  # (n_structures,), int16
    rungs: Coded
    regimes: Coded
    molecules: Coded
    compositions: Coded  # as `Dataset.compositions`
    bonds: Coded  # kinds of bonded pairs, such as `1-6 6-6`
    h2_rows: np.ndarray  # (n_pairs,), int64, place in the folder of the structure of each H2, increasing
    h2_distance: np.ndarray  # (n_pairs,), angstrom
    manifest: Mapping[str, Any]

    @property
    def has_forces(self) -> bool:
        """True if the structures have forces."""
        return bool(self.manifest.get("has_forces", True))

    def __len__(self) -> int:
        return len(self.n_atoms)

    def select(self, indices: np.ndarray) -> "Catalog":
        """The facts about the structures at `indices`, increasing, shape (n,)."""
        return dataclasses.replace(
            self,
            **{name: getattr(self, name)[indices] for name in ("rows", "n_atoms", "energy", "charge")},
            **{name: getattr(self, name).select(indices) for name in CODED},
        )

    def bonded_pairs(self, indices: np.ndarray) -> list[frozenset[Pair]]:
        """Kinds of bonds of the structures at `indices`, as atomic numbers, the smaller one first."""
        known = [frozenset(_pair(part) for part in text.split()) for text in self.bonds.values.tolist()]
        return [known[code] for code in self.bonds.codes[indices].tolist()]

    def h2_pairs(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every H2 of the structures at `indices`, as `leaks.h2_pairs`: places in `indices`, and distances."""
        order = np.argsort(self.rows[indices], kind="stable")
        sorted_rows = self.rows[indices][order]
        place = np.searchsorted(sorted_rows, self.h2_rows)
        inside = (place < len(order)) & (sorted_rows[np.minimum(place, len(order) - 1)] == self.h2_rows)
        return order[place[inside]], self.h2_distance[inside]


Facts = Dataset | Catalog
"""What is divided and ordered: the structures themselves, or what is known of them."""


def joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One index of the structures of several, in order."""
    first = np.cumsum([0, *(len(part["n_atoms"]) for part in parts)])
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in (*NUMBERS, "h2_distance")}
    arrays["h2_rows"] = np.concatenate(
        [part["h2_rows"].astype("<i8") + start for part, start in zip(parts, first[:-1], strict=True)]
    )
    for name in CODED:
        values = np.unique(np.concatenate([part[f"{name}_values"] for part in parts]))
        arrays[f"{name}_values"] = values
        narrow = "<u1" if len(values) <= 256 else "<i4"
        arrays[f"{name}_codes"] = np.concatenate(
            [np.searchsorted(values, part[f"{name}_values"]).astype(narrow)[part[f"{name}_codes"]] for part in parts]
        )
    return arrays


def read(folder: Path, paths: Sequence[Path], manifest: Mapping[str, Any]) -> Catalog:
    """Join the indices of all shards.

    Args:
        folder: of the dataset.
        paths: of the indices, in the order of the shards.
        manifest: of the dataset.
    """
    parts = []
    for path in paths:
        with np.load(path) as file:
            parts.append({name: file[name] for name in file.files})
    arrays = joined(parts)
    # Sorted as bytes of UTF-8 is sorted as text.
    coded: dict[str, Any] = {
        name: Coded(np.char.decode(arrays[f"{name}_values"], "utf-8"), arrays[f"{name}_codes"]) for name in CODED
    }
    numbers: dict[str, Any] = {name: arrays[name] for name in ("n_atoms", "energy", "charge", "h2_rows", "h2_distance")}
    rows = np.arange(len(arrays["n_atoms"]), dtype=np.int64)
    return Catalog(folder=folder, rows=rows, manifest=manifest, **numbers, **coded)


def _pair(text: str) -> Pair:
    low, _, high = text.partition("-")
    return int(low), int(high)
