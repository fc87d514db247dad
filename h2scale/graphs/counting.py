"""Numbers of edges of a dataset's structures at one cutoff: from which batch shapes and the model's scale follow."""

import contextlib
import functools

import numpy as np

from h2scale.data import catalog, shards
from h2scale.graphs import neighbors
from h2scale.runtime import files


@functools.lru_cache(maxsize=8)
def edge_counts(dataset: catalog.Facts, cutoff: float) -> np.ndarray:
    """Directed edges of each structure within `cutoff` (angstrom), shape (n_structures,), int32.

    For shards this reads all positions once, a block at a time. The result is kept in the folder, if that can be
    written, for the next study with this cutoff.

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
    with contextlib.suppress(OSError):  # the folder cannot be written; the next study counts again
        files.write_bytes(stored, files.npz_bytes({"identity": np.array(identity), "counts": counts}))
    return counts[dataset.rows]
