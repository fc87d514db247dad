"""Pair energies that are known before any learning: screened (ZBL) or bare nuclear repulsion, in eV."""

import jax
import jax.numpy as jnp
import numpy as np

from h2scale import units
from h2scale.models import radial
from h2scale.physics import energy_zero
from h2scale.types import Graph

ZBL_WEIGHTS = (0.18175, 0.50986, 0.28022, 0.02817)
ZBL_EXPONENTS = (3.1998, 0.94229, 0.4029, 0.20162)
ZBL_LENGTH_BOHR = 0.88534


def zbl_energies(
    edge_vectors: jax.Array, atomic_numbers: jax.Array, graph: Graph, cutoff: float, envelope_power: int
) -> jax.Array:
    """Universal screened repulsion of each atom with its neighbours, half of each pair, eV, shape (n_node,).

    Multiplied by the polynomial envelope, so that it ends smoothly at the cutoff and isolated atoms keep energy 0.
    The screening stands for the electrons of two neutral atoms; without electrons it is wrong at every distance.

    Reference:
        Ziegler, Biersack, Littmark, The Stopping and Range of Ions in Solids (1985).
    """
    lengths = radial.masked_lengths(edge_vectors, graph.edge_mask, cutoff)
    first, second = atomic_numbers[graph.senders], atomic_numbers[graph.receivers]
    unit = ZBL_LENGTH_BOHR * units.BOHR_ANGSTROM
    scaled = lengths * (first**0.23 + second**0.23) / unit
    screening = sum(w * jnp.exp(-a * scaled) for w, a in zip(ZBL_WEIGHTS, ZBL_EXPONENTS, strict=True))
    envelope = radial.polynomial_envelope(lengths, cutoff, envelope_power)
    pairs = 0.5 * units.COULOMB_EV_ANGSTROM * first * second / lengths * screening * envelope
    return jax.ops.segment_sum(pairs, graph.receivers, atomic_numbers.shape[0], indices_are_sorted=True)


def coulomb_energies(atomic_numbers: jax.Array, graph: Graph) -> jax.Array:
    """Bare nuclear repulsion Z_i Z_j / R of each atom with all others of its structure, half a pair, eV, (n_node,).

    The sum runs over every pair of a structure, not over edges: 1/R has no cutoff. It is dense in the nodes of
    the batch, n_node^2 cheap terms, which for the batches of molecules here is less work than one message passing.
    Infinite if two real nuclei coincide.
    """
    same = graph.node_graph[:, None] == graph.node_graph[None, :]
    real = graph.node_mask[:, None] & graph.node_mask[None, :]
    pair = same & real & jnp.asarray(~np.eye(atomic_numbers.shape[0], dtype=bool))
    vectors = graph.positions[:, None, :] - graph.positions[None, :, :]
    squared = jnp.where(pair, jnp.sum(vectors * vectors, axis=-1), 1.0)
    products = jnp.where(pair, atomic_numbers[:, None] * atomic_numbers[None, :], 0.0)
    return 0.5 * units.COULOMB_EV_ANGSTROM * jnp.sum(products / jnp.sqrt(squared), axis=1)


def bare_energies(atomic_numbers: jax.Array, atomic_energies_ev: jax.Array, graph: Graph) -> jax.Array:
    """Energy of each atom of bare nuclei on the zero, eV, (n_node,): repulsion plus what an isolated nucleus has."""
    return coulomb_energies(atomic_numbers, graph) + energy_zero.nuclei_ev(atomic_energies_ev)


def bare_fraction(atomic_numbers: jax.Array, graph: Graph) -> jax.Array:
    """Degree to which a structure is bare nuclei: 1 without electrons, 0 from one electron on, shape (n_graph,).

    clip(1 - n_electrons, 0, 1) with n_electrons = sum of Z minus the total charge.
    """
    num_graphs = graph.graph_mask.shape[0]
    nuclear = jax.ops.segment_sum(
        jnp.where(graph.node_mask, atomic_numbers, 0.0), graph.node_graph, num_graphs, indices_are_sorted=True
    )
    return jnp.clip(1 - (nuclear - graph.charge.astype(nuclear.dtype)), 0.0, 1.0)
