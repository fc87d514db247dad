"""Partial charges that add up to the total charge, from learned electronegativities, with their Coulomb energy.

Each atom carries a Gaussian charge Q of one width. The charges minimise

    E(Q) = sum_i (chi_i Q_i + hardness_i Q_i^2 / 2) + Coulomb energy of the Gaussians, their own included,

at the structure's total charge; chi is learned from the atom's surroundings and its element, the hardness from its
element alone. The minimum is a linear system with one Lagrange multiplier per structure, solved in closed form. Beyond
a few widths two Gaussians repel by exactly 1/R, without a cutoff; nearer, erf damps the repulsion smoothly.

An isolated atom carries the whole charge: its energy is chi q + (hardness + self-energy) q^2 / 2, and zero for q = 0.
Separated structures add as far as each keeps its charge: identical neutral ones do by symmetry, unlike ones exchange
charge until their electronegativities are equal at any distance, and a charged pair of equals carries half of the
charge each. That is a known fault of equilibrated charges, which experiments measure.

Reference:
    Rappe and Goddard, J. Phys. Chem. 95, 3358 (1991): equilibration. Ghasemi, Hofstetter, Saha, Goedecker, Phys. Rev. B
    92, 045131 (2015): electronegativities from a network. Ko, Finkler, Goedecker, Behler, Nat. Commun. 12, 398 (2021):
    beside a short-range network, as here.
"""

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from h2scale import units
from h2scale.models import families
from h2scale.models import settings as settings_lib
from h2scale.types import Graph

WIDTH_ANGSTROM = 1.0
"""Of each Gaussian. Two of them repel by less than 1/R by 16 % at 2 angstrom, 0.5 % at 4 and 2e-5 at 6."""

SELF_EV = units.COULOMB_EV_ANGSTROM / (math.sqrt(math.pi) * WIDTH_ANGSTROM)
"""Twice the energy of a unit Gaussian with itself, eV."""

_ELECTRONEGATIVITY_EV = 10.0  # what one unit of the table of electronegativities stands for
_HARDNESS_EV = 7.0  # what one unit of softplus of the table of hardnesses stands for


class Equilibrated(NamedTuple):
    """Charges of a graph and their energy; zero where padded."""

    charges: jax.Array  # (n_node,), units of e
    energies: jax.Array  # (n_node,), eV; their sum over a structure is E(Q)


class ChargedNetwork(nn.Module):
    """A family's network with a second output, and the tables of electronegativity and hardness by element.

    Returns the raw energies of the network, (n_node,), the electronegativities and the hardnesses, eV, (n_node,) each.
    """

    settings: settings_lib.ModelSettings

    @nn.compact
    def __call__(self, edge_vectors: jax.Array, graph: Graph) -> tuple[jax.Array, jax.Array, jax.Array]:
        settings = self.settings
        outputs = families.get(settings.name).network(settings, name="network")(edge_vectors, graph)
        shape = (len(settings.species),)
        own = self.param("electronegativity_table", nn.initializers.zeros, shape, jnp.float32)
        hardness = self.param("hardness_table", nn.initializers.zeros, shape, jnp.float32)
        electronegativities = _ELECTRONEGATIVITY_EV * own[graph.species] + settings.energy_scale * outputs[:, 1]
        return outputs[:, 0], electronegativities, _HARDNESS_EV * nn.softplus(hardness)[graph.species]


def equilibrate(electronegativities: jax.Array, hardnesses: jax.Array, graph: Graph) -> Equilibrated:
    """Charges that minimise the energy at each structure's total charge.

    Args:
        electronegativities: chi, eV, shape (n_node,).
        hardnesses: beyond the self-energy of the Gaussians, eV, positive, shape (n_node,).
        graph: padded; every pair of atoms of a structure interacts, whether they share an edge or not.
    """
    matrix = _interaction(hardnesses, graph)
    dtype = matrix.dtype
    sides = jnp.where(graph.node_mask, jnp.stack([-electronegativities, jnp.ones_like(hardnesses)]), 0.0)
    # Positive definite, and block-diagonal by structure: one solve serves all structures at once.
    free, response = jax.scipy.linalg.solve(matrix, sides.T.astype(dtype), assume_a="pos").T
    number = graph.graph_mask.shape[0]
    free_sum, response_sum = (
        jax.ops.segment_sum(values, graph.node_graph, number, indices_are_sorted=True) for values in (free, response)
    )
    missing = graph.charge.astype(dtype) - free_sum
    multiplier = jnp.where(response_sum > 0, missing / jnp.where(response_sum > 0, response_sum, 1.0), 0.0)
    charges = jnp.where(graph.node_mask, free + multiplier[graph.node_graph] * response, 0.0)
    return Equilibrated(charges, charges * (electronegativities + 0.5 * (matrix @ charges)))


def _interaction(hardnesses: jax.Array, graph: Graph) -> jax.Array:
    """Second derivatives of the energy in the charges, eV, (n_node, n_node); the identity where padded."""
    same = graph.node_graph[:, None] == graph.node_graph[None, :]
    diagonal = jnp.asarray(np.eye(hardnesses.shape[0], dtype=bool))
    pair = same & graph.node_mask[:, None] & graph.node_mask[None, :] & ~diagonal
    vectors = graph.positions[:, None, :] - graph.positions[None, :, :]
    # Safe before the root: masking afterwards alone gives a right value and a NaN gradient.
    distances = jnp.sqrt(jnp.where(pair, jnp.sum(vectors * vectors, axis=-1), 1.0))
    damped = units.COULOMB_EV_ANGSTROM * jax.lax.erf(distances / (2 * WIDTH_ANGSTROM)) / distances
    own = jnp.where(graph.node_mask, hardnesses + SELF_EV, 1.0)
    return jnp.where(diagonal, own[:, None], jnp.where(pair, damped, 0.0))
