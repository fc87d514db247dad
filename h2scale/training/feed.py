"""Batches from a disk for the coming calls, read and laid out by other threads while the devices compute.

A replica's stream of structures is the one that `step.draw_indices` draws: element k from a key made of the seed and k,
whoever asks. Here the host draws it, with that same function, reads the structures from the shards, finds their edges
and puts them in order into a table of fixed shape, one a replica and call; the device then takes them one after another
as its own draws would have. How many a batch takes follows from numbers of atoms and edges alone, so that the host
knows where the next call begins without asking the device, and works two calls ahead.

Order and numbers depend neither on the number of threads nor on that of processes; each process reads the structures of
the batches that its own devices compute.
"""

import collections
import concurrent.futures
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from h2scale.data import catalog, streaming
from h2scale.graphs import batching
from h2scale.training import active_set, data_parallel, population, step
from h2scale.training.settings import TrainingSettings

CALLS_AHEAD = 2
"""Tables that are ready or being made while the devices work on another."""


Cell = tuple[int, int]
"""Slot of the active set, and which of the devices that share its steps."""

_FLAT = ("positions", "species", "forces", "senders", "receivers")
"""Columns with a row for each atom or edge; the others have one for each structure."""
_EVERYTHING = (slice(None), slice(None))


class Stream(NamedTuple):
    """One replica's stream: where its structures come from and how long it goes on."""

    inputs: step.ReplicaInputs  # of this replica, on the host; `order` holds indices into the catalog
    steps: int


class Feed:
    """Tables for the calls of a population that trains from shards; close it at the end."""

    def __init__(
        self,
        dataset: catalog.Catalog,
        streams: Sequence[Stream],
        *,
        sizes: batching.Sizes,
        cutoff: float,
        species: tuple[int, ...],
        capacity: batching.Capacity,
        training: TrainingSettings,
        mesh: jax.sharding.Mesh,
        readers: int,
    ) -> None:
        """Make a feed that begins at nothing yet.

        Args:
            dataset: of the streams.
            streams: of the replicas of the whole population, in order, those that only fill up left out.
            sizes: of the dataset's structures, with edges within the cutoff.
            cutoff: angstrom.
            species: atomic numbers in the order of the model's table.
            capacity: static shape of a batch.
            training: batches of a step and steps of a call.
            mesh: the devices of all processes.
            readers: threads.
        """
        self._dataset, self._streams, self._sizes = dataset, streams, sizes
        self._cutoff, self._species, self._capacity = cutoff, species, capacity
        self._per_call = training.steps_per_call
        self._batches = training.steps_per_call * training.batches_per_step
        self._split = data_parallel.split_of(training.batches_per_step, mesh)
        self._sharding = population.streamed_sharding(mesh)
        self._making = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self._reading = concurrent.futures.ThreadPoolExecutor(max_workers=readers)
        self._own = threading.local()  # a reader of shards for each thread
        self._coming: collections.deque[concurrent.futures.Future[batching.Table]] = collections.deque()
        self._slots: list[int | None] = []
        self._cursors: dict[int, int] = {}
        self._done = self._end = 0
        self.waited_seconds = 0.0  # that `next` waited for tables; the devices had nothing to do then
        self.busy_seconds = 0.0  # of the readers' processors
        self.calls = 0  # for which a table was made

    def begin(self, active: active_set.ActiveSet, done: int) -> None:
        """Go on with these replicas after `done` steps, and forget what was prepared for others."""
        for future in self._coming:
            future.cancel()
        concurrent.futures.wait(self._coming)
        self._coming.clear()
        places = [int(place) if place < len(self._streams) else None for place in active.places]
        self._slots = places + [None] * (len(active.inputs.seed) - len(places))
        cursors = active_set.to_host(active.state.cursor)
        self._cursors = {place: int(cursors[slot]) for slot, place in enumerate(places) if place is not None}
        self._done = done
        self._end = max(self._streams[place].steps for place in self._cursors)
        for _ in range(CALLS_AHEAD):
            self._order_next()

    def next(self) -> batching.Table:
        """Return the table of the next call, (slots, devices that share a step, ...), on the devices."""
        future = self._coming.popleft()
        self._order_next()
        start = time.monotonic()
        table = future.result()
        self.waited_seconds += time.monotonic() - start
        return table

    def shapes(self, num_slots: int) -> batching.Table:
        """Return shapes and types of the table of a call, for compiling ahead."""
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(
                (num_slots, self._split.devices, *leaf.shape), leaf.dtype, sharding=self._sharding
            ),
            self._empty(),
        )

    def close(self) -> None:
        """End the threads."""
        for pool in (self._making, self._reading):
            pool.shutdown(wait=True, cancel_futures=True)

    def _order_next(self) -> None:
        if self._done < self._end:
            self._coming.append(self._making.submit(self._make, self._done))
            self._done += self._per_call

    def _make(self, done: int) -> batching.Table:
        """Make the table of the call after `done` steps; calls are made in order, by one thread."""
        number = len(self._slots)
        here = self._cells_here()
        wanted = [
            (cell, place)
            for cell in here
            if (place := self._slots[cell[0]]) is not None and done < self._streams[place].steps
        ]
        self.calls += 1

        def made(one: tuple[Cell, int]) -> tuple[batching.Table, int]:
            (_, device), place = one
            return self._of_replica(place, self._cursors[place], device)

        found = list(self._reading.map(made, wanted))
        empty = self._empty()
        tables = dict.fromkeys(here, empty)
        for (cell, place), (table, cursor) in zip(wanted, found, strict=True):
            tables[cell], self._cursors[place] = table, cursor
        columns = [{cell: table[field] for cell, table in tables.items()} for field in range(len(empty))]
        return batching.Table(*(self._placed(number, column) for column in columns))

    def _cells_here(self) -> list[Cell]:
        """Cells on devices of this process."""
        shape = (len(self._slots), self._split.devices)
        parts = self._sharding.addressable_devices_indices_map(shape).values()
        return sorted({cell for part in parts if part is not None for cell in _cells(shape, part)})

    def _placed(self, number: int, column: Mapping[Cell, Any]) -> jax.Array:
        """Put one column of all slots on the devices; `column` has the cells of this process."""
        leaf = next(iter(column.values())).shape
        shape = (number, self._split.devices, *leaf)

        def part(index: tuple[slice, ...] | None) -> np.ndarray:
            lengths = [len(range(size)[own]) for size, own in zip(shape[:2], (index or _EVERYTHING)[:2], strict=True)]
            return np.stack([column[cell] for cell in _cells(shape, index)]).reshape(*lengths, *leaf)

        return jax.make_array_from_callback(shape, self._sharding, part)

    def _of_replica(self, place: int, cursor: int, device: int) -> tuple[batching.Table, int]:
        """Return one device's table of a replica's call that begins at `cursor`, and the cursor after the call.

        Every structure of the call has its numbers of atoms and edges there, by which the device finds its batches; the
        rest is there, and is read, of the structures of those batches alone.
        """
        start = time.thread_time()
        rows = self._batches * self._capacity.n_graph
        indices = self._draw(place, cursor, rows)
        sizes = batching.Sizes(*(np.asarray(counts)[indices] for counts in self._sizes))
        ends = _ends(sizes, self._capacity, self._batches)
        owner = data_parallel.owners(self._batches, self._split)
        own = np.flatnonzero(np.repeat(owner == device, np.diff(ends, prepend=0)))
        read = self._reader().gather(self._dataset.rows[indices[own]])
        table = batching.host_table(read, self._cutoff, self._species)
        if not np.array_equal(table.n_edges, sizes.n_edges[own]):
            raise ValueError(f"{self._dataset.folder}: the edges counted in it are not those of its structures.")
        padded = self._empty()
        for name, leaf in padded._asdict().items():
            values = getattr(table, name)
            leaf[slice(len(values)) if name in _FLAT else own] = values
        padded.n_atoms[:], padded.n_edges[:] = sizes
        self.busy_seconds += time.thread_time() - start
        return padded, cursor + int(ends[-1])

    def _draw(self, place: int, cursor: int, count: int) -> np.ndarray:
        # On the CPU, where the other devices do not wait for it.
        with jax.default_device(jax.local_devices(backend="cpu")[0]):
            return np.asarray(_draw_indices(self._streams[place].inputs, cursor, count))

    def _reader(self) -> streaming.ShardedDataset:
        if not hasattr(self._own, "reader"):
            self._own.reader = streaming.ShardedDataset(self._dataset.folder, verify=False)
        return self._own.reader

    def _empty(self) -> batching.Table:
        rows = self._batches * self._capacity.n_graph
        own = self._batches // self._split.devices
        atoms, edges = own * self._capacity.n_node, own * self._capacity.n_edge
        shapes: dict[str, Any] = {
            **dict.fromkeys(("positions", "forces"), ((atoms, 3), np.float32)),
            "species": ((atoms,), np.int32),
            **dict.fromkeys(("senders", "receivers"), ((edges,), np.int32)),
            **dict.fromkeys(("atom_offset", "edge_offset", "n_atoms", "n_edges"), ((rows,), np.int32)),
            **dict.fromkeys(("energy", "charge", "spin_multiplicity"), ((rows,), np.float32)),
        }
        return batching.Table(**{name: np.zeros(*shapes[name]) for name in batching.Table._fields})  # type: ignore[arg-type]


_draw_indices = jax.jit(step.draw_indices, static_argnums=2)


def _cells(shape: tuple[int, ...], part: tuple[slice, ...] | None) -> list[Cell]:
    """Cells of a part of the devices' array."""
    slots, devices = (range(size)[own] for size, own in zip(shape[:2], (part or _EVERYTHING)[:2], strict=True))
    return [(slot, device) for slot in slots for device in devices]


def _ends(sizes: batching.Sizes, capacity: batching.Capacity, num_batches: int) -> np.ndarray:
    """Return where each of so many batches ends in a run of structures, as `batching.fit_prefix` cuts it."""
    n_atoms, n_edges = (np.asarray(counts, np.int64) for counts in sizes)
    at, ends = 0, []
    for _ in range(num_batches):
        coming = slice(at, at + capacity.n_graph)
        fits = np.cumsum(n_atoms[coming]) <= capacity.n_node
        fits &= np.cumsum(n_edges[coming]) <= capacity.n_edge
        at += int(np.sum(fits))
        ends.append(at)
    return np.array(ends)
