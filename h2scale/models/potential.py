"""The interface of every model: from parameters and a graph to energies and forces."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import equilibration, families, initial, prior
from h2scale.models import settings as settings_lib
from h2scale.types import Graph

Params = Any
"""A pytree of arrays: a network's nested dict, or one vector (`flat`)."""


class Potential(NamedTuple):
    """Pure functions of one potential. Energies are relative to isolated atoms; padding gives 0.

    Dtypes follow the parameters and the positions: float32 parameters and positions compute in float32, and both
    cast to float64 compute in float64.
    """

    init: Callable[[jax.Array], Params]
    """(key) -> params, float32."""

    atomic_energies: Callable[[Params, Graph], jax.Array]
    """(params, graph) -> eV, shape (n_node,)."""

    energy: Callable[[Params, Graph], jax.Array]
    """(params, graph) -> eV, shape (n_graph,)."""

    energy_and_forces: Callable[[Params, Graph], tuple[jax.Array, jax.Array]]
    """(params, graph) -> eV (n_graph,), eV/angstrom (n_node, 3); forces are minus the gradient."""


def make_potential(settings: settings_lib.ModelSettings) -> Potential:
    """Return the functions of the potential that `settings` describe.

    Priors, beside the network's learned atomic energies:
        none: nothing.
        zbl: screened repulsion is added along the edges (`prior.zbl_energies`).
        coulomb: energy = (1 - b) * learned + b * bare, with b = clip(1 - n_electrons, 0, 1) per structure. Without
            electrons the Hamiltonian is the nuclear repulsion and nothing is left to learn, so both terms are
            replaced: two protons repel by exactly 1/R at any distance, above two isolated nuclei that stand where
            `physics.energy_zero` puts them. From one electron on, electrons screen the nuclei in a way that has no
            exact pair form, and the network acts alone.

    With electrostatics "equilibrated" the energy of partial charges that add up to the total charge is added to the
    learned one (`equilibration`).
    """
    family = families.get(settings.name)
    network = _network(settings)

    @jax.jit
    def init(key: jax.Array) -> Params:
        return initial.draw(param_shapes(settings), key) if family.follows_name_rule else own_initial(settings, key)

    def atomic_energies(params: Params, graph: Graph) -> jax.Array:
        edge_vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
        raw: Any = network.apply({"params": params}, edge_vectors, graph)  # annotated with what mutable modules return
        if settings.electrostatics == "none":
            learned = settings.energy_scale * raw
        else:
            energies, electronegativities, hardnesses = raw
            charged = equilibration.equilibrate(electronegativities, hardnesses, graph)
            learned = settings.energy_scale * energies + charged.energies
        atomic_numbers = jnp.asarray(settings.species, learned.dtype)[graph.species]
        if settings.prior == "zbl":
            learned = learned + prior.zbl_energies(
                edge_vectors, atomic_numbers, graph, settings.cutoff, settings.envelope_power
            )
        if settings.prior == "coulomb":
            bare = prior.bare_fraction(atomic_numbers, graph)[graph.node_graph]
            own = jnp.asarray(settings.atomic_energies_ev, learned.dtype)[graph.species]
            learned = (1 - bare) * learned + bare * prior.bare_energies(atomic_numbers, own, graph)
        return jnp.where(graph.node_mask, learned, 0.0)

    def energy(params: Params, graph: Graph) -> jax.Array:
        return jax.ops.segment_sum(
            atomic_energies(params, graph), graph.node_graph, graph.graph_mask.shape[0], indices_are_sorted=True
        )

    def energy_and_forces(params: Params, graph: Graph) -> tuple[jax.Array, jax.Array]:
        def total(positions: jax.Array) -> tuple[jax.Array, jax.Array]:
            energies = energy(params, graph._replace(positions=positions))
            return jnp.sum(energies), energies

        gradient, energies = jax.grad(total, has_aux=True)(graph.positions)
        return energies, -gradient

    return Potential(init, atomic_energies, energy, energy_and_forces)


@functools.cache
def param_shapes(settings: settings_lib.ModelSettings) -> dict:
    """Shapes and dtypes of a potential's parameters, in the nested dict and order in which the network makes them."""
    made: dict = {}

    def init(key: jax.Array) -> None:
        made.update(own_initial(settings, key))

    jax.eval_shape(init, jax.random.key(0))
    return _shapes(made)


def own_initial(settings: settings_lib.ModelSettings, key: jax.Array) -> dict:
    """Parameters as the network's own initialisers draw them, one by one."""
    graph = _smallest_graph()
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    return _network(settings).init(key, vectors, graph)["params"]


def _network(settings: settings_lib.ModelSettings) -> nn.Module:
    """The family's network, or that within the one that equilibrates charges."""
    if settings.electrostatics == "none":
        return families.get(settings.name).network(settings)
    return equilibration.ChargedNetwork(settings)


def _shapes(tree: dict) -> dict:
    # Not `jax.tree.map`, which sorts.
    return {
        name: _shapes(value) if isinstance(value, dict) else jax.ShapeDtypeStruct(value.shape, value.dtype)
        for name, value in tree.items()
    }


def _smallest_graph() -> Graph:
    """Two atoms and their edges: parameter shapes do not depend on the graph."""
    return Graph(
        positions=jnp.asarray(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), jnp.float32),
        species=jnp.zeros(2, jnp.int32),
        node_graph=jnp.zeros(2, jnp.int32),
        senders=jnp.array([1, 0], jnp.int32),
        receivers=jnp.array([0, 1], jnp.int32),
        charge=jnp.zeros(1, jnp.float32),
        spin_multiplicity=jnp.ones(1, jnp.float32),
        node_mask=jnp.ones(2, bool),
        edge_mask=jnp.ones(2, bool),
        graph_mask=jnp.ones(1, bool),
    )
