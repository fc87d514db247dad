"""Small settings, graphs and parameters that the model tests share."""

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import potential
from h2scale.models import settings as settings_lib
from h2scale.types import Graph

SPECIES = (1, 6, 8)
ATOMS_EV = (-13.6, -1027.5, -2038.8)
"""Of isolated H, C and O: what neutral atoms have, and bare nuclei do not, on the zero of energy."""
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
        "atomic_energies_ev": ATOMS_EV if changes.get("prior") == "coulomb" else (),
    }
    return settings_lib.ModelSettings(**{**values, **changes})


def make_graph(
    structures: list[tuple[list[int], np.ndarray]],
    *,
    size: tuple[int, int, int] | None = None,
    cutoff: float = 3.0,
    charge: list[float] | None = None,
    spin_multiplicity: list[float] | None = None,
    dtype: type = np.float64,
) -> Graph:
    """One graph from (atomic numbers, positions in angstrom) of each structure; all pairs within the cutoff are edges.

    `size` pads to that many nodes, edges and graphs.
    """
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
    real = (start, sum(len(part) for part in senders), len(structures))
    num_nodes, num_edges, num_graphs = size or real

    def padded(parts: list, count: int, value: float, dtype: type) -> jax.Array:
        joined = np.concatenate([np.asarray(part, dtype) for part in parts])
        return jnp.asarray(np.concatenate([joined, np.full((count - len(joined), *joined.shape[1:]), value, dtype)]))

    neutral, singlet = [0.0] * len(structures), [1.0] * len(structures)
    return Graph(
        positions=padded(positions, num_nodes, 0.0, dtype),
        species=padded(species, num_nodes, 0, np.int32),
        node_graph=padded(node_graph, num_nodes, num_graphs - 1, np.int32),
        senders=padded(senders, num_edges, num_nodes - 1, np.int32),
        receivers=padded(receivers, num_edges, num_nodes - 1, np.int32),
        charge=padded([charge or neutral], num_graphs, 0.0, dtype),
        spin_multiplicity=padded([spin_multiplicity or singlet], num_graphs, 1.0, dtype),
        node_mask=jnp.arange(num_nodes) < real[0],
        edge_mask=jnp.arange(num_edges) < real[1],
        graph_mask=jnp.arange(num_graphs) < real[2],
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


def random_params(model: potential.Potential, seed: int = 0) -> dict:
    """Float64 parameters of a model, all of them random, also those that start at zero."""
    return randomised(jax.eval_shape(model.init, jax.random.key(0)), seed)


def randomised(shapes: dict, seed: int = 0) -> dict:
    """A tree of random float64 arrays with the shapes of the given one."""
    generator = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(generator.normal(size=leaf.shape), jnp.float64), shapes)
