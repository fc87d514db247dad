"""Graphs of single structures and of diatomic curves, without a dataset."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.graphs import batching, neighbors
from h2scale.types import Graph


def graph_from_structure(
    atomic_numbers: np.ndarray,
    positions: np.ndarray,
    charge: int,
    spin_multiplicity: int,
    cutoff: float,
    species: tuple[int, ...],
    dtype: jax.typing.DTypeLike = jnp.float64,
) -> Graph:
    """Return one structure as a graph, with no padding node and, if it has no edges, one padding edge.

    Args:
        atomic_numbers: shape (n_atoms,).
        positions: shape (n_atoms, 3), angstrom.
        charge: units of e.
        spin_multiplicity: 2S + 1.
        cutoff: angstrom.
        species: atomic numbers in the order of the model's species table.
        dtype: of positions, charge and spin; float64 becomes float32 where x64 is off.

    Raises:
        ValueError: shapes disagree, the cutoff is not positive, or an element is not in `species`.
    """
    atomic_numbers = np.asarray(atomic_numbers)
    positions = np.asarray(positions, np.float64)
    n_atoms = len(atomic_numbers)
    edges = neighbors.find_edges(positions, np.array([n_atoms]), cutoff)
    # Reshapes with -1 downstream fail on arrays of size zero, so a graph without edges keeps one masked edge.
    edge_mask = np.ones(len(edges.senders), bool)
    padding = 0 if len(edges.senders) else 1
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    return Graph(
        positions=jnp.asarray(positions, dtype),
        species=jnp.asarray(batching.species_indices(atomic_numbers, species)),
        node_graph=jnp.zeros(n_atoms, jnp.int32),
        senders=jnp.asarray(np.pad(edges.senders, (0, padding), constant_values=n_atoms - 1)),
        receivers=jnp.asarray(np.pad(edges.receivers, (0, padding), constant_values=n_atoms - 1)),
        charge=jnp.asarray([charge], dtype),
        spin_multiplicity=jnp.asarray([spin_multiplicity], dtype),
        node_mask=jnp.ones(n_atoms, bool),
        edge_mask=jnp.asarray(np.pad(edge_mask, (0, padding))),
        graph_mask=jnp.ones(1, bool),
    )


def dimer_graphs(
    distances: jax.Array,
    species_index: tuple[int, int] | jax.Array,
    charge: float | jax.Array,
    spin_multiplicity: float | jax.Array,
    cutoff: float,
) -> Graph:
    """Return pairs of atoms at many distances as one graph; differentiable in the distances, in their dtype.

    Pair i is graph i, nodes 2 i and 2 i + 1 on the z axis, centred. Both edges of every pair are there whatever the
    distance, so that shapes are static; `edge_mask` is False from the cutoff on.

    Args:
        distances: shape (n_pairs,), angstrom.
        species_index: place of the two elements in the species table, (2,).
        charge: of every pair, units of e.
        spin_multiplicity: of every pair, 2S + 1.
        cutoff: angstrom.

    Returns:
        A graph of n_pairs graphs, 2 n_pairs nodes and 2 n_pairs edges.
    """
    n_pairs = len(distances)
    nodes = jnp.arange(2 * n_pairs, dtype=jnp.int32)
    half = 0.5 * jnp.stack([-distances, distances], axis=1).reshape(-1)
    return Graph(
        positions=jnp.stack([jnp.zeros_like(half), jnp.zeros_like(half), half], axis=1),
        species=jnp.tile(jnp.asarray(species_index, jnp.int32), n_pairs),
        node_graph=nodes // 2,
        senders=nodes ^ 1,
        receivers=nodes,
        charge=jnp.full(n_pairs, charge, distances.dtype),
        spin_multiplicity=jnp.full(n_pairs, spin_multiplicity, distances.dtype),
        node_mask=jnp.ones(2 * n_pairs, bool),
        edge_mask=jnp.repeat(distances < cutoff, 2, total_repeat_length=2 * n_pairs),
        graph_mask=jnp.ones(n_pairs, bool),
    )


def concatenate(graphs: Sequence[Graph]) -> Graph:
    """Join unpadded graphs into one, in order, so that one call of a potential evaluates them all."""
    nodes = np.cumsum([0, *(len(graph.species) for graph in graphs)])
    structures = np.cumsum([0, *(len(graph.charge) for graph in graphs)])
    shifted = [
        graph._replace(
            node_graph=graph.node_graph + int(first_structure),
            senders=graph.senders + int(first_node),
            receivers=graph.receivers + int(first_node),
        )
        for graph, first_node, first_structure in zip(graphs, nodes[:-1], structures[:-1], strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *shifted)


def pad_edges(graph: Graph, n_edge: int) -> Graph:
    """Pad a graph with masked edges to `n_edge` in all, so that graphs of nearby sizes share a compiled program.

    Raises:
        ValueError: the graph has more edges than that.
    """
    missing = n_edge - len(graph.senders)
    if missing < 0:
        raise ValueError(f"n_edge must be at least the graph's {len(graph.senders)} edges; got {n_edge}.")
    last = len(graph.species) - 1
    return graph._replace(
        senders=jnp.pad(graph.senders, (0, missing), constant_values=last),
        receivers=jnp.pad(graph.receivers, (0, missing), constant_values=last),
        edge_mask=jnp.pad(graph.edge_mask, (0, missing)),
    )
