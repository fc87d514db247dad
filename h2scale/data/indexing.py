"""The index of a shard: facts that a `catalog.Catalog` holds, found from the atoms once."""

import numpy as np

from h2scale.data import bonding, catalog, duplicates, leaks, validation
from h2scale.data import dataset as dataset_lib
from h2scale.data.dataset import Coded


def entries(dataset: dataset_lib.Dataset) -> dict[str, np.ndarray]:
    """Arrays of the index of a shard that holds these structures."""
    pairs = _bonds(dataset)
    h2_rows, h2_distance = leaks.h2_pairs(dataset)
    coded = {"bonds": pairs, **{name: getattr(dataset, name) for name in catalog.CODED if name != "bonds"}}
    arrays = {"h2_rows": h2_rows.astype("<i8"), "h2_distance": h2_distance.astype("<f8")}
    for name, column in coded.items():
        arrays[f"{name}_codes"] = column.codes.astype("<i4" if len(column.values) > 256 else "<u1")
        arrays[f"{name}_values"] = np.char.encode(column.values, "utf-8")
    for name, dtype in catalog.NUMBERS.items():
        arrays[name] = (
            duplicates.geometry_hashes(dataset) if name == "geometry" else getattr(dataset, name).astype(dtype)
        )
    return arrays


def _bonds(dataset: dataset_lib.Dataset) -> Coded:
    owner, first, second, distance = validation.pair_distances(dataset)
    numbers = dataset.atomic_numbers
    bonded = bonding.are_bonded(numbers[first], numbers[second], distance)
    low, high = np.sort(np.stack([numbers[first[bonded]], numbers[second[bonded]]]), axis=0)
    kinds, kind = np.unique(low * 1000 + high, return_inverse=True)
    present = np.zeros((len(dataset), len(kinds)), bool)
    present[owner[bonded], kind] = True
    rows, own = np.unique(present, axis=0, return_inverse=True)
    names = [f"{pair // 1000}-{pair % 1000}" for pair in kinds.tolist()]
    texts = [" ".join(name for name, there in zip(names, row, strict=True) if there) for row in rows.tolist()]
    values, codes = np.unique(np.array(texts, dtype=str), return_inverse=True)
    return Coded(values, codes[own])
