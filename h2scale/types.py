"""The records that stages share, with their shapes and units."""

from typing import NamedTuple

import jax
import numpy as np


class Structure(NamedTuple):
    """One labelled arrangement of nuclei, on the host."""

    atomic_numbers: np.ndarray  # (n_atoms,), int32
    positions: np.ndarray  # (n_atoms, 3), float64, angstrom
    energy: float  # eV, total energy minus the isolated atoms at the same level
    forces: np.ndarray  # (n_atoms, 3), float64, eV/angstrom
    charge: int  # units of e
    spin_multiplicity: int  # 2S + 1
    rung: str  # equilibrium, thermal, stretched, h2; or atom, test_curve (never trained on by rung)
    regime: str  # origin of the geometry: equilibrium, thermal, compressed, stretched, scaled, ...
    molecule: str  # SMILES, or a formula where no SMILES exists
    teacher: str  # level of theory, e.g. pbe0/def2-svp
    spin_squared: float  # <S^2> of the label's wave function; 0 for a restricted one
    convergence: str = ""  # the solution that the label is of, and the way it was found; empty if not recorded


class Graph(NamedTuple):
    """A padded batch of structures as one disjoint graph; real entries come first.

    Edges are directed, both directions are present, and are sorted by receiver. A padding edge joins the last
    node to itself; a padding node belongs to graph `n_graph - 1` or beyond, where it is dropped by the masks.
    """

    positions: jax.Array  # (n_node, 3), angstrom
    species: jax.Array  # (n_node,), int32, index into the species table, never Z
    node_graph: jax.Array  # (n_node,), int32, graph of each node; non-decreasing
    senders: jax.Array  # (n_edge,), int32; messages go sender to receiver
    receivers: jax.Array  # (n_edge,), int32, non-decreasing
    charge: jax.Array  # (n_graph,), total charge in units of e, float
    spin_multiplicity: jax.Array  # (n_graph,), 2S + 1, float
    node_mask: jax.Array  # (n_node,), True for real nodes
    edge_mask: jax.Array  # (n_edge,), True for real edges
    graph_mask: jax.Array  # (n_graph,), True for real graphs
