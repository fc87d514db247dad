"""Batches: structures live on the device as flat tables, and a batch of fixed shape is packed from indices in jit.

Structures differ in size, so one padded slot per structure would waste most of a batch. Here atoms and edges of the
chosen structures are laid end to end in one graph of static capacity. A training step takes as many of the coming
structures as fit (`fit_prefix`) and the stream goes on from there, so nothing is dropped, nothing overflows and large
structures are drawn as often as small ones.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.graphs import neighbors
from h2scale.types import Graph

_MOST_GRAPHS_TO_COMPARE = 64


class Table(NamedTuple):
    """All structures of a dataset on the device; offsets point into the flat arrays."""

    positions: jax.Array  # (total_atoms, 3), angstrom, relative to the structure's centroid
    species: jax.Array  # (total_atoms,), int32, index into the species table
    forces: jax.Array  # (total_atoms, 3), eV/angstrom
    senders: jax.Array  # (total_edges,), int32, counted from 0 within the structure
    receivers: jax.Array  # (total_edges,), int32, likewise; sorted within a structure
    atom_offset: jax.Array  # (n_structures,), int32
    edge_offset: jax.Array  # (n_structures,), int32
    n_atoms: jax.Array  # (n_structures,), int32
    n_edges: jax.Array  # (n_structures,), int32
    energy: jax.Array  # (n_structures,), eV
    charge: jax.Array  # (n_structures,), units of e, float
    spin_multiplicity: jax.Array  # (n_structures,), float


class Capacity(NamedTuple):
    """Static shape of a batch."""

    n_graph: int
    n_node: int
    n_edge: int


class Targets(NamedTuple):
    """Labels of a batch; zero where padded."""

    energy: jax.Array  # (n_graph,), eV
    forces: jax.Array  # (n_node, 3), eV/angstrom
    n_atoms: jax.Array  # (n_graph,), float; 1 for padding, so that a value per atom stays finite


def species_indices(atomic_numbers: np.ndarray, species: tuple[int, ...]) -> np.ndarray:
    """Position of each atomic number in the species table; shape of the input, int32.

    Raises:
        ValueError: an element that the table lacks.
    """
    unknown = sorted(set(np.asarray(atomic_numbers).tolist()) - set(species))
    if unknown:
        raise ValueError(
            f"model.species {species} lacks atomic numbers {unknown}; add them or choose other structures."
        )
    lookup = np.zeros(max(species) + 1, np.int32)
    lookup[list(species)] = np.arange(len(species), dtype=np.int32)
    return lookup[atomic_numbers]


def make_table(
    dataset: dataset_lib.Dataset, cutoff: float, species: tuple[int, ...], dtype: jax.typing.DTypeLike = jnp.float32
) -> Table:
    """Put a dataset on the device with its edges within `cutoff` (angstrom).

    Edges and centroids are found in float64; floating arrays are rounded to `dtype` afterwards, so that float32
    resolves distances within a molecule and not its place in space.

    Raises:
        ValueError: the cutoff is not positive, or an element is not in `species`.
    """
    table = host_table(dataset, cutoff, species)
    return Table(*(jnp.asarray(leaf, dtype if leaf.dtype == np.float64 else jnp.int32) for leaf in table))


def host_table(dataset: dataset_lib.Dataset, cutoff: float, species: tuple[int, ...]) -> Table:
    """The arrays of `make_table` before they are rounded: in NumPy, floating ones in float64.

    Raises:
        ValueError: the cutoff is not positive, or an element is not in `species`.
    """
    edges = neighbors.find_edges(dataset.positions, dataset.n_atoms, cutoff)
    n_atoms = dataset.n_atoms.astype(np.int64)
    if len(dataset):
        centroids = np.add.reduceat(dataset.positions, dataset.atom_offset, axis=0) / n_atoms[:, None]
    else:
        centroids = np.zeros((0, 3))
    centered = dataset.positions - np.repeat(centroids, n_atoms, axis=0)
    columns = {
        "positions": centered,
        "species": species_indices(dataset.atomic_numbers, species),
        "forces": dataset.forces,
        "senders": edges.senders,
        "receivers": edges.receivers,
        "atom_offset": dataset.atom_offset,
        "edge_offset": edges.edge_offset,
        "n_atoms": dataset.n_atoms,
        "n_edges": edges.n_edges,
        "energy": dataset.energy,
        "charge": dataset.charge.astype(np.float64),
        "spin_multiplicity": dataset.spin_multiplicity.astype(np.float64),
    }
    return Table(**columns)  # type: ignore[arg-type]  # NumPy's arrays, until they are on a device


class Sizes(NamedTuple):
    """Numbers of atoms and edges of structures, from which a capacity is chosen."""

    n_atoms: np.ndarray  # (n_structures,), integers
    n_edges: np.ndarray  # (n_structures,), integers


def choose_capacity(
    table: Table | Sizes, structures_per_batch: int, indices: np.ndarray | None = None, headroom: float = 0.1
) -> Capacity:
    """Choose room for `structures_per_batch` structures of mean size and `headroom` more, and for any single one.

    Args:
        table: the structures.
        structures_per_batch: number of candidates of a step; the batch's number of graphs.
        indices: structures that will be drawn; all of the table if not given.
        headroom: fraction added to the mean, so that most batches take all candidates.

    Raises:
        ValueError: no structures, or fewer than one per batch.
    """
    if structures_per_batch < 1:
        raise ValueError(f"train.batch_size must be at least 1; got {structures_per_batch!r}.")
    chosen = slice(None) if indices is None else np.asarray(indices)
    sizes = []
    for counts in (np.asarray(table.n_atoms)[chosen], np.asarray(table.n_edges)[chosen]):
        if not counts.size:
            raise ValueError("a batch capacity needs at least one structure; got none.")
        wanted = int(np.ceil((1.0 + headroom) * structures_per_batch * counts.mean()))
        sizes.append(min(max(wanted, int(counts.max()), 1), max(structures_per_batch * int(counts.max()), 1)))
    return Capacity(n_graph=structures_per_batch, n_node=sizes[0], n_edge=sizes[1])


def enclosing_capacity(capacities: Sequence[Capacity]) -> Capacity:
    """Return the smallest capacity that holds a batch of each of the given ones.

    Populations that mix data distributions need it: minima are larger graphs than stretched molecules, and a capacity
    for the average of both would give those that train on minima a quarter fewer structures a step.
    """
    if not capacities:
        raise ValueError("an enclosing capacity needs at least one capacity; got none.")
    return Capacity(*(max(sizes) for sizes in zip(*capacities, strict=True)))


def fit_prefix(table: Table, indices: jax.Array, capacity: Capacity) -> tuple[jax.Array, jax.Array]:
    """Select the longest run of leading candidates whose atoms and edges fit into the capacity.

    A sampler that advances by the count it gets sees every candidate of its stream exactly once.

    Args:
        table: the structures.
        indices: candidates in order, shape (n_candidates,).
        capacity: static; from `choose_capacity`, so that at least one candidate always fits.

    Returns:
        Mask of the candidates taken, shape (n_candidates,), and their number, int32.
    """
    atoms = jnp.cumsum(table.n_atoms[indices])
    edges = jnp.cumsum(table.n_edges[indices])
    take = (atoms <= capacity.n_node) & (edges <= capacity.n_edge) & (jnp.arange(len(indices)) < capacity.n_graph)
    return take, jnp.sum(take, dtype=jnp.int32)


def pack(table: Table, indices: jax.Array, take: jax.Array, capacity: Capacity) -> tuple[Graph, Targets]:
    """Lay the taken structures end to end in one padded graph; jittable, and mappable over `indices` and `take`.

    Graph slot i belongs to candidate i, whether taken or not. Padding nodes belong to the last graph and are masked;
    padding edges join the last node to itself.

    Args:
        table: the structures.
        indices: candidates, shape (capacity.n_graph,).
        take: which of them to pack, shape (capacity.n_graph,), bool; they must fit, as `fit_prefix` and
            `plan_batches` ensure.
        capacity: static.

    Returns:
        The graph, with no two structures joined, and its targets.
    """
    if indices.shape != (capacity.n_graph,) or take.shape != indices.shape:
        raise ValueError(
            f"indices and take must have shape {(capacity.n_graph,)}; got {indices.shape} and {take.shape}."
        )
    node_graph, node_in_graph, node_mask, node_start = _layout(table.n_atoms[indices], take, capacity.n_node)
    edge_graph, edge_in_graph, edge_mask, _ = _layout(table.n_edges[indices], take, capacity.n_edge)
    node_row = jnp.where(node_mask, table.atom_offset[indices][node_graph] + node_in_graph, 0)
    edge_row = jnp.where(edge_mask, table.edge_offset[indices][edge_graph] + edge_in_graph, 0)
    if not len(table.senders):  # nothing to gather from: every edge is padding
        table = table._replace(senders=jnp.zeros(1, jnp.int32), receivers=jnp.zeros(1, jnp.int32))
    last_node = capacity.n_node - 1
    graph = Graph(
        positions=jnp.where(node_mask[:, None], table.positions[node_row], 0),
        species=jnp.where(node_mask, table.species[node_row], 0),
        node_graph=node_graph,
        senders=jnp.where(edge_mask, table.senders[edge_row] + node_start[edge_graph], last_node),
        receivers=jnp.where(edge_mask, table.receivers[edge_row] + node_start[edge_graph], last_node),
        charge=jnp.where(take, table.charge[indices], 0),
        spin_multiplicity=jnp.where(take, table.spin_multiplicity[indices], 1),
        node_mask=node_mask,
        edge_mask=edge_mask,
        graph_mask=take,
    )
    targets = Targets(
        energy=jnp.where(take, table.energy[indices], 0),
        forces=jnp.where(node_mask[:, None], table.forces[node_row], 0),
        n_atoms=jnp.where(take, table.n_atoms[indices], 1).astype(table.energy.dtype),
    )
    return graph, targets


def plan_batches(table: Table, indices: np.ndarray, capacity: Capacity) -> tuple[np.ndarray, np.ndarray]:
    """Split an evaluation set into batches that fit, every structure exactly once, in order.

    Args:
        table: the structures.
        indices: structures to evaluate, shape (n,).
        capacity: static shape of a batch.

    Returns:
        Structure indices, (n_batches, capacity.n_graph) int32, 0 where unused; mask of the used slots, same shape.

    Raises:
        ValueError: a structure that does not fit alone.
    """
    n_atoms, n_edges = np.asarray(table.n_atoms), np.asarray(table.n_edges)
    batches: list[list[int]] = []
    room: tuple[int, ...] = (0, 0, 0)
    for index in np.asarray(indices).tolist():
        size = (1, int(n_atoms[index]), int(n_edges[index]))
        if any(s > c for s, c in zip(size, capacity, strict=True)):
            raise ValueError(f"structure {index} has {size[1]} atoms and {size[2]} edges; a batch holds {capacity}.")
        if any(s > r for s, r in zip(size, room, strict=True)):
            batches.append([])
            room = tuple(capacity)
        batches[-1].append(index)
        room = tuple(r - s for r, s in zip(room, size, strict=True))
    planned = np.zeros((len(batches), capacity.n_graph), np.int32)
    used = np.zeros(planned.shape, bool)
    for row, batch in enumerate(batches):
        planned[row, : len(batch)] = batch
        used[row, : len(batch)] = True
    return planned, used


def _layout(counts: jax.Array, take: jax.Array, size: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Assignment of `size` slots to graphs of `counts` entries that stand end to end.

    Returns:
        Per slot: its graph (the last one for padding), its place within the graph, True if it is real. Per graph: its
        first slot.
    """
    counts = jnp.where(take, counts, 0)
    ends = jnp.cumsum(counts).astype(jnp.int32)
    starts = ends - counts
    slots = jnp.arange(size, dtype=jnp.int32)
    # Comparing with every graph is fastest for few of them, but grows with slots times graphs; a bisection does not.
    method = "compare_all" if len(counts) <= _MOST_GRAPHS_TO_COMPARE else "scan"
    owner = jnp.searchsorted(ends, slots, side="right", method=method).astype(jnp.int32)
    owner = jnp.minimum(owner, len(counts) - 1)
    return owner, slots - starts[owner], slots < ends[-1], starts
