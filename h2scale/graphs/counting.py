"""Numbers of edges of a dataset's structures at one cutoff: what batch shapes and the model's scale follow from."""

import contextlib
import functools

import numpy as np

from h2scale.data import catalog, shards
from h2scale.graphs import neighbors
from h2scale.runtime import files


@functools.lru_cache(maxsize=8)
def edge_counts(dataset: catalog.Facts, cutoff: float) -> np.ndarray:
    """Directed edges of each structure within `cutoff` (angstrom), shape (n_structures,), int32.

    For shards this passes once over all positions, in memory that does not grow; the result stays in the folder, where
    that can be written, and the next study with this cutoff reads it.

    Raises:
        ValueError: the cutoff is not positive and finite.
    """
    if not isinstance(dataset, catalog.Catalog):
        return neighbors.count_edges(dataset.positions, dataset.n_atoms, cutoff)
    index = shards.read_index(dataset.folder, verify=False)
    identity = f"{shards.fingerprint(index)} {cutoff!r}"
    stored = dataset.folder / f"edges-{cutoff:g}.npz"
    if stored.is_file():
        with np.load(stored) as file:
            if str(file["identity"]) == identity:
                return file["counts"][dataset.rows]
    counts = np.concatenate(
        [
            neighbors.count_edges(atoms["positions"], records["n_atoms"], cutoff)
            for atoms, records in shards.blocks(dataset.folder, index)
        ]
    )
    with contextlib.suppress(OSError):  # a folder that is only lent; the next study makes the pass again
        files.write_bytes(stored, shards.npz_bytes({"identity": np.array(identity), "counts": counts}))
    return counts[dataset.rows]
