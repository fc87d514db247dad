"""A dataset to be divided, from its name or path: in memory (.h5), or known by its index (.shards)."""

import functools
import threading
from pathlib import Path

import numpy as np

from h2scale.data import catalog, shards, storage, streaming
from h2scale.data import dataset as dataset_lib

_LOCK = threading.Lock()
"""Readers of shards are shared, and each is for one thread at a time."""


def open_dataset(name_or_path: str | Path, *, verify: bool = True) -> catalog.Facts:
    """Open a dataset by the name or path by which settings name it.

    Args:
        name_or_path: a shipped name, an .h5 file, which is read whole, or a folder of shards, whose atoms stay on disk.
        verify: compare all files of a folder with their checksums, which reads them once.

    Raises:
        ValueError: what `storage.load_dataset` and `shards.read_index` refuse.
    """
    folder = Path(name_or_path)
    if not folder.is_dir():
        return storage.load_dataset(name_or_path, allow_missing_forces=True)
    index = shards.read_index(folder, verify=verify)
    paths = [folder / shard["name"] / shards.INDEX for shard in index["shards"]]
    return catalog.read(folder, paths, index["manifest"])


def gather(dataset: catalog.Facts, indices: np.ndarray) -> dataset_lib.Dataset:
    """Return the structures at `indices` in memory, in that order."""
    if isinstance(dataset, dataset_lib.Dataset):
        return dataset.select(indices)
    if not len(indices):
        return dataset_lib.empty(dataset.manifest)
    with _LOCK:
        return _reader(dataset.folder).gather(dataset.rows[indices])


@functools.cache
def _reader(folder: Path) -> streaming.ShardedDataset:
    return streaming.ShardedDataset(folder, verify=False)
