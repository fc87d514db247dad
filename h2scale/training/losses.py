"""Loss of training and errors of evaluation: energies and forces of a padded batch."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from h2scale import numerics
from h2scale.errors import require
from h2scale.graphs import batching
from h2scale.models import potential as potential_lib
from h2scale.types import Graph


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """Weights and transition points of the loss, of section `train`; static."""

    energy_weight: float  # per Huber loss of the energy per atom, eV per atom
    force_weight: float  # per Huber loss of a force component, eV/angstrom; 0 trains on energies only
    energy_huber_ev_per_atom: float  # where the energy loss turns linear
    force_huber_ev_per_angstrom: float  # where the force loss turns linear

    def __post_init__(self) -> None:
        for name in ("energy_huber_ev_per_atom", "force_huber_ev_per_angstrom"):
            require(getattr(self, name) > 0, f"train.{name}", getattr(self, name), "positive")
        for name in ("energy_weight", "force_weight"):
            require(getattr(self, name) >= 0, f"train.{name}", getattr(self, name), "zero or more")
        some = self.energy_weight + self.force_weight > 0
        require(some, "train.energy_weight", 0.0, "positive where train.force_weight is 0")


class StructureErrors(NamedTuple):
    """Errors of single structures, any leading shape."""

    loss: jax.Array  # of a batch of this structure alone
    energy: jax.Array  # predicted minus label, eV
    force: jax.Array  # mean absolute error of the force components, eV/angstrom


class SetErrors(NamedTuple):
    """Weighted mean errors over a set of structures, scalars; NaN where the set is empty."""

    loss: jax.Array
    energy_mae_ev_per_atom: jax.Array
    energy_mae_ev: jax.Array
    force_mae_ev_per_angstrom: jax.Array


def batch_loss(
    potential: potential_lib.Potential,
    params: Any,
    graph: Graph,
    targets: batching.Targets,
    settings: LossSettings,
) -> jax.Array:
    """Weighted Huber loss of a batch; scalar.

    The Huber form keeps a few nuclei pushed together (tens of eV, hundreds of eV/angstrom) from outweighing the rest.
    """
    if settings.force_weight == 0:
        return _energy_loss(potential.energy(params, graph), graph, targets, settings)
    energy, forces = potential.energy_and_forces(params, graph)
    return _loss(energy, forces, graph, targets, settings)


def structure_errors(
    potential: potential_lib.Potential,
    params: Any,
    graph: Graph,
    targets: batching.Targets,
    settings: LossSettings,
) -> StructureErrors:
    """Errors of every structure of a batch, (n_graph,), forces included that were not trained on; 0 where padded."""
    energy, forces = potential.energy_and_forces(params, graph)
    n_atoms = jnp.maximum(targets.n_atoms, 1)

    def mean_of_components(values: jax.Array) -> jax.Array:
        """Mean over the force components of each structure, of values of shape (n_node, 3)."""
        of_atom = jnp.where(graph.node_mask, jnp.sum(values, axis=1), 0)
        return jax.ops.segment_sum(of_atom, graph.node_graph, len(n_atoms)) / (3 * n_atoms)

    loss = settings.energy_weight * _energy_huber(energy, targets, settings)
    if settings.force_weight > 0:  # labels without forces are NaN, and 0 times that is too
        loss += settings.force_weight * mean_of_components(_force_huber(forces, targets, settings))
    found = StructureErrors(loss, energy - targets.energy, mean_of_components(jnp.abs(forces - targets.forces)))
    return jax.tree.map(lambda values: jnp.where(graph.graph_mask, values, 0), found)


def set_errors(errors: StructureErrors, n_atoms: jax.Array, weights: jax.Array) -> SetErrors:
    """Weighted means of structures' errors.

    Args:
        errors: of the structures, any shape.
        n_atoms: of the structures, same shape; positive.
        weights: same shape, 0 for padding; they add up to 1.
    """
    absolute = jnp.abs(errors.energy)
    empty = jnp.where(jnp.sum(weights) > 0, 0.0, jnp.nan)

    def mean(values: jax.Array) -> jax.Array:
        return jnp.sum(weights * values) + empty

    return SetErrors(
        loss=mean(errors.loss),
        energy_mae_ev_per_atom=mean(absolute / n_atoms),
        energy_mae_ev=mean(absolute),
        force_mae_ev_per_angstrom=mean(errors.force),
    )


def _force_huber(forces: jax.Array, targets: batching.Targets, settings: LossSettings) -> jax.Array:
    return optax.losses.huber_loss(forces, targets.forces, delta=settings.force_huber_ev_per_angstrom)


def _energy_huber(energy: jax.Array, targets: batching.Targets, settings: LossSettings) -> jax.Array:
    n_atoms = jnp.maximum(targets.n_atoms, 1)
    return optax.losses.huber_loss(energy / n_atoms, targets.energy / n_atoms, delta=settings.energy_huber_ev_per_atom)


def _loss(
    energy: jax.Array, forces: jax.Array, graph: Graph, targets: batching.Targets, settings: LossSettings
) -> jax.Array:
    force_loss = _force_huber(forces, targets, settings)
    force_loss = numerics.masked_mean(force_loss, jnp.broadcast_to(graph.node_mask[:, None], force_loss.shape))
    return _energy_loss(energy, graph, targets, settings) + settings.force_weight * force_loss


def _energy_loss(energy: jax.Array, graph: Graph, targets: batching.Targets, settings: LossSettings) -> jax.Array:
    per_atom = _energy_huber(energy, targets, settings)
    return settings.energy_weight * numerics.masked_mean(per_atom, graph.graph_mask)
