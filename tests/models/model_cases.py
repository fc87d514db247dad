"""Small settings, graphs and parameters that the model tests share."""

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import settings as settings_lib
from h2scale.types import Graph

SPECIES = (1, 6, 8)
ARCHITECTURES = {
    **{f"nequip-l{l_max}": {"name": "nequip", "l_max": l_max} for l_max in range(4)},
    "schnet": {"name": "schnet", "l_max": 0},
}


def make_settings(**changes: object) -> settings_lib.ModelSettings:
    """A tiny model; every setting may be changed by name."""
    values = {
        "name": "nequip",
        "num_features": 3,
        "num_layers": 2,
        "l_max": 1,
        "cutoff": 3.0,
        "num_radial": 4,
        "radial_hidden": (6,),
        "species": SPECIES,
        "avg_num_neighbors": 3.0,
        "energy_scale": 2.0,
        "isolated_atom_exact": True,
        "envelope_power": 6,
        "prior": "none",
        "conditioning": "none",
        "convolution": "fast",
    }
    return settings_lib.ModelSettings(**{**values, **changes})


def make_graph(
    structures: list[tuple[list[int], np.ndarray]],
    *,
    cutoff: float = 3.0,
    pad_nodes: int = 0,
    pad_edges: int = 0,
    charge: list[float] | None = None,
    spin_multiplicity: list[float] | None = None,
    dtype: type = np.float64,
) -> Graph:
    """One padded graph from (atomic numbers, positions in angstrom) of each structure; all pairs within the cutoff."""
    positions, species, node_graph, senders, receivers = [], [], [], [], []
    start = 0
    for index, (numbers, coordinates) in enumerate(structures):
        coordinates = np.asarray(coordinates, float).reshape(-1, 3)
        distances = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=-1)
        receiver, sender = np.nonzero((distances < cutoff) & ~np.eye(len(numbers), dtype=bool))
        positions.append(coordinates)
        species.append([SPECIES.index(number) for number in numbers])
        node_graph.append(np.full(len(numbers), index))
        senders.append(sender + start)
        receivers.append(receiver + start)
        start += len(numbers)
    num_graphs = len(structures) + (pad_nodes > 0)
    num_edges = sum(len(part) for part in senders)
    last = start + pad_nodes - 1

    def padded(parts: list, count: int, value: float, dtype: type) -> jax.Array:
        joined = np.concatenate([np.asarray(part, dtype) for part in parts])
        return jnp.asarray(np.concatenate([joined, np.full((count, *joined.shape[1:]), value, dtype)]))

    def per_graph(values: list[float] | None, default: float) -> jax.Array:
        given = [default] * len(structures) if values is None else values
        return jnp.asarray(given + [default] * (num_graphs - len(structures)), dtype)

    return Graph(
        positions=padded(positions, pad_nodes, 0.0, dtype),
        species=padded(species, pad_nodes, 0, np.int32),
        node_graph=padded(node_graph, pad_nodes, num_graphs - 1, np.int32),
        senders=padded(senders, pad_edges, last, np.int32),
        receivers=padded(receivers, pad_edges, last, np.int32),
        charge=per_graph(charge, 0.0),
        spin_multiplicity=per_graph(spin_multiplicity, 1.0),
        node_mask=jnp.arange(start + pad_nodes) < start,
        edge_mask=jnp.arange(num_edges + pad_edges) < num_edges,
        graph_mask=jnp.arange(num_graphs) < len(structures),
    )


def cluster(seed: int, num_atoms: int) -> tuple[list[int], np.ndarray]:
    """A random cluster of H, C and O with no pair closer than 0.8 angstrom."""
    generator = np.random.default_rng(seed)
    positions: list[np.ndarray] = []
    while len(positions) < num_atoms:
        candidate = generator.uniform(-1.5, 1.5, 3)
        if all(np.linalg.norm(candidate - other) > 0.8 for other in positions):
            positions.append(candidate)
    return [int(number) for number in generator.choice(SPECIES, num_atoms)], np.array(positions)


def randomised(params: dict, seed: int = 0) -> dict:
    """The same tree in float64 with a random amount added everywhere, so that nothing stays at an initial zero."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    added = [
        leaf.astype(jnp.float64) + 0.3 * jax.random.normal(key, leaf.shape, jnp.float64)
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(tree, added)
