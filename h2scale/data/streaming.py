"""Batches from data larger than memory: shuffled, resumable, shared by workers, in memory that does not grow.

The order is not stored anywhere. Position p of an epoch holds structure pi(p), where pi is a permutation that a Feistel
network computes for each index by itself: no table of the whole set, no buffer that shuffles only nearby structures,
and any step of any epoch is reached at once. An endless sequence of positions runs through the epochs; step s takes the
next num_workers * batch_size of them, worker w the w-th batch_size. So batches are always full, workers never overlap,
and the state is one integer.

Why not grain (0.2.18 was tried beside jax 0.10.2 and 0.11.2): its index shuffle is of the same kind, but it hands out
one Python object at a time; gathering whole batches from mapped records is several times faster on one core and needs
no dependency. A `ShardedDataset` has `__len__` and `__getitem__`, which is all that `grain.MapDataset.source` asks for,
so grain's worker processes and transformations remain one line away.

References: Luby and Rackoff, SIAM J. Comput. 17, 373 (1988); cycle walking: Black and Rogaway, CT-RSA 2002; mixing
function: splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
"""

import dataclasses
import mmap
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from h2scale import errors
from h2scale.data import dataset as dataset_lib
from h2scale.data import hashing, shards
from h2scale.types import Structure

ROUNDS = 6
RELEASE_AFTER = 64
"""Mapped pages count as this process's memory until they are given back, which happens after so many structures. A
touched page may bring a huge page of 2 MB along, at two places a structure: 256 MB at most."""

OPEN_SHARDS = 192
"""Two files each; systems allow a process 1024 by default."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Settings that cut an endless shuffled sequence into batches; the same for every worker."""

    num_structures: int
    batch_size: int  # of one worker
    seed: int
    num_workers: int = 1

    def __post_init__(self) -> None:
        for name in ("num_structures", "batch_size", "num_workers"):
            if getattr(self, name) < 1:
                raise errors.InputError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if self.seed < 0:
            raise errors.InputError(f"seed must not be negative; got {self.seed}.")


class Batch(NamedTuple):
    """Structures of a batch, and the state from which the stream continues after them."""

    data: dataset_lib.Dataset
    state: dict[str, int | str]  # plain values, for a checkpoint; the same for every worker


class ShardedDataset:
    """A folder written by `shards.write_shards`, as a sequence of `Structure` that stays on disk.

    Safe to use in several processes at once, each with its own; not in several threads.
    """

    def __init__(self, folder: str | Path, *, verify: bool = True) -> None:
        """Open `folder`.

        Args:
            folder: a complete folder of shards.
            verify: compare every file with its checksum first, which reads all of them once.

        Raises:
            InputError: what `shards.read_index` refuses.
        """
        self._folder = Path(folder)
        index = shards.read_index(folder, verify=verify)
        self.manifest: Mapping[str, Any] = index["manifest"]
        self._names = [shard["name"] for shard in index["shards"]]
        self.fingerprint = shards.fingerprint(index)
        self._ends = np.cumsum([shard["num_structures"] for shard in index["shards"]])
        self._open: OrderedDict[int, tuple[_Mapped, _Mapped]] = OrderedDict()
        self._touched = 0

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Structure:
        if not -len(self) <= index < len(self):
            raise IndexError(f"structure {index} of a dataset of {len(self)}")
        return self.gather(np.array([index % len(self)]))[0]

    def first_of(self, shard: str) -> int:
        """Index of the first structure of a shard, by its name."""
        number = self._names.index(shard)
        return int(self._ends[number - 1]) if number else 0

    def gather(self, indices: np.ndarray) -> dataset_lib.Dataset:
        """The structures at `indices`, in that order, in memory.

        Args:
            indices: shape (n,), integers in [0, len(self)), n at least 1; repeats are allowed.
        """
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if not indices.size or indices.min() < 0 or indices.max() >= len(self):
            raise ValueError(f"indices must be some integers in [0, {len(self)}); got {indices}.")
        owner = np.searchsorted(self._ends, indices, side="right")
        local = indices - np.concatenate([[0], self._ends])[owner]
        atoms: list[np.ndarray] = []
        records: list[np.void] = []
        for shard, row in zip(owner.tolist(), local.tolist(), strict=True):
            atom_map, structure_map = self._shard(shard)
            # Copied at once: pages that are given back while something still points at them come again.
            record = structure_map.array[row].copy()
            start = int(record["atom_offset"])
            records.append(record)
            atoms.append(atom_map.array[start : start + int(record["n_atoms"])].copy())
            self._touch()
        return _dataset(np.concatenate(atoms), records, self.manifest)

    def _shard(self, number: int) -> "tuple[_Mapped, _Mapped]":
        if number not in self._open:
            if len(self._open) >= OPEN_SHARDS:
                self._open.popitem(last=False)
            folder = self._folder / self._names[number]
            self._open[number] = (_Mapped(folder / shards.ATOMS), _Mapped(folder / shards.STRUCTURES))
        self._open.move_to_end(number)
        return self._open[number]

    def _touch(self) -> None:
        self._touched += 1
        if self._touched >= RELEASE_AFTER:
            self._touched = 0
            for maps in self._open.values():
                for mapped in maps:
                    mapped.release()


class _Mapped:
    """A .npy file as a read-only array that the kernel pages in and out."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read_header = np.lib.format.read_array_header_2_0
            shape, _, dtype = read_header(file)
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.array = np.frombuffer(self._map, dtype, count=shape[0], offset=file.tell())
        self._map.madvise(mmap.MADV_RANDOM)

    def release(self) -> None:
        """Give pages back to the system, which may keep them cached."""
        self._map.madvise(mmap.MADV_DONTNEED)


def _dataset(atoms: np.ndarray, records: list[np.void], manifest: Mapping[str, Any]) -> dataset_lib.Dataset:
    columns: dict[str, np.ndarray] = {}
    for name, dtype in dataset_lib.ATOM_COLUMNS.items():
        if name in (atoms.dtype.names or ()):
            columns[name] = np.ascontiguousarray(atoms[name], dtype)
        else:
            columns[name] = np.full((len(atoms), 3), np.nan, dtype)
    for name, dtype in dataset_lib.NUMBER_COLUMNS.items():
        columns[name] = np.array([record[name] for record in records], dtype)
    for name in dataset_lib.TEXT_COLUMNS:
        columns[name] = np.array([record[name].decode("utf-8") for record in records], dtype=str)
    return dataset_lib.Dataset(**columns, manifest=manifest)


def permuted(positions: np.ndarray, size: int, seed: int, epoch: int) -> np.ndarray:
    """Images of positions under a pseudo-random permutation of range(size) that seed and epoch name.

    Args:
        positions: shape (n,), integers in [0, size).
        size: at least 1.
        seed: not negative.
        epoch: not negative.

    Returns:
        Shape (n,), int64, in [0, size); each value of a whole range(size) exactly once.
    """
    # A Feistel network permutes numbers of an even count of bits; those that land beyond `size` walk on until inside,
    # which keeps it a permutation and takes fewer than four steps on average.
    half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    keys = hashing.mixed(
        np.arange(ROUNDS, dtype=np.uint64) + hashing.mixed(_words(seed) + hashing.mixed(_words(epoch)))
    )
    images = np.asarray(positions, np.uint64).copy()
    outside = np.ones(len(images), dtype=bool)
    while outside.any():
        images[outside] = _feistel(images[outside], half, keys)
        outside = images >= np.uint64(size)
    return images.astype(np.int64)


def _feistel(numbers: np.ndarray, half: np.uint64, keys: np.ndarray) -> np.ndarray:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = numbers >> half, numbers & mask
    for key in keys:
        left, right = right, left ^ (hashing.mixed(right + key) & mask)
    return (left << half) | right


def _words(number: int) -> np.ndarray:
    return np.array([number & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)


def batch_indices(sampling: Sampling, step: int, worker: int = 0) -> np.ndarray:
    """Structures of one worker's batch at a step, shape (batch_size,), int64.

    A batch may run over the end of an epoch into the next; over the workers together, any num_structures positions from
    a multiple of num_structures on hold every structure exactly once.
    """
    if not 0 <= worker < sampling.num_workers:
        raise errors.InputError(f"worker must lie in [0, {sampling.num_workers}); got {worker}.")
    first = (step * sampling.num_workers + worker) * sampling.batch_size
    epochs, places = np.divmod(np.arange(first, first + sampling.batch_size), sampling.num_structures)
    indices = np.empty(sampling.batch_size, np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = permuted(places[here], sampling.num_structures, sampling.seed, int(epoch))
    return indices


def stream(
    dataset: ShardedDataset, sampling: Sampling, worker: int = 0, state: Mapping[str, int | str] | None = None
) -> Iterator[Batch]:
    """Batches without end, from the first or from a saved state.

    Args:
        dataset: what `sampling` was made for.
        sampling: the same for every worker and after every resumption.
        worker: which share of each step, from 0.
        state: of the last batch that was used.

    Raises:
        InputError: the dataset has another size, there is no such worker, or the state is of another sampling or
            dataset: the first differing key is named.
    """
    if len(dataset) != sampling.num_structures:
        raise errors.InputError(f"num_structures must be {len(dataset)}, the dataset's; got {sampling.num_structures}.")
    identity = {**dataclasses.asdict(sampling), "dataset": dataset.fingerprint}
    step = 0
    if state is not None:
        for name, value in identity.items():
            if state.get(name) != value:
                raise errors.InputError(f"the stream was saved with {name} {state.get(name)}; got {value}.")
        step = int(state["next_step"])
    batch_indices(sampling, step, worker)  # a worker that does not exist is refused now, not at the first batch
    return _batches(dataset, sampling, worker, step, identity)


def _batches(
    dataset: ShardedDataset, sampling: Sampling, worker: int, step: int, identity: Mapping[str, int | str]
) -> Iterator[Batch]:
    while True:
        batch = dataset.gather(batch_indices(sampling, step, worker))
        step += 1
        yield Batch(batch, {**identity, "next_step": step})
