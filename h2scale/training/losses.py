"""Loss of training and error sums of evaluation: energies and forces of a padded batch."""

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


class ErrorSums(NamedTuple):
    """Sums over the real structures of one or more batches; they add across batches."""

    loss: jax.Array  # scalar, sum over batches of the batch loss times its number of structures
    energy_per_atom: jax.Array  # scalar, sum of absolute errors of the energy per atom, eV per atom
    energy: jax.Array  # scalar, sum of absolute errors of the energy, eV
    force: jax.Array  # scalar, sum of absolute errors of force components, eV/angstrom
    num_structures: jax.Array  # scalar
    num_components: jax.Array  # scalar, force components counted


class SetErrors(NamedTuple):
    """Mean errors over a set of structures; NaN where the set is empty."""

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


def error_sums(
    potential: potential_lib.Potential,
    params: Any,
    graph: Graph,
    targets: batching.Targets,
    settings: LossSettings,
) -> ErrorSums:
    """Error sums of one batch, including those of forces that were not trained on."""
    energy, forces = potential.energy_and_forces(params, graph)
    energy_error = jnp.where(graph.graph_mask, jnp.abs(energy - targets.energy), 0.0)
    force_error = jnp.where(graph.node_mask[:, None], jnp.abs(forces - targets.forces), 0.0)
    num_structures = jnp.sum(graph.graph_mask).astype(energy.dtype)
    return ErrorSums(
        loss=_loss(energy, forces, graph, targets, settings) * num_structures,
        energy_per_atom=jnp.sum(energy_error / jnp.maximum(targets.n_atoms, 1)),
        energy=jnp.sum(energy_error),
        force=jnp.sum(force_error),
        num_structures=num_structures,
        num_components=3 * jnp.sum(graph.node_mask).astype(energy.dtype),
    )


def set_errors(sums: ErrorSums) -> SetErrors:
    """Mean errors of a set from sums that were added over all its batches."""
    return SetErrors(
        loss=sums.loss / sums.num_structures,
        energy_mae_ev_per_atom=sums.energy_per_atom / sums.num_structures,
        energy_mae_ev=sums.energy / sums.num_structures,
        force_mae_ev_per_angstrom=sums.force / sums.num_components,
    )


def _loss(
    energy: jax.Array, forces: jax.Array, graph: Graph, targets: batching.Targets, settings: LossSettings
) -> jax.Array:
    force_loss = optax.losses.huber_loss(forces, targets.forces, delta=settings.force_huber_ev_per_angstrom)
    force_loss = numerics.masked_mean(force_loss, jnp.broadcast_to(graph.node_mask[:, None], force_loss.shape))
    return _energy_loss(energy, graph, targets, settings) + settings.force_weight * force_loss


def _energy_loss(energy: jax.Array, graph: Graph, targets: batching.Targets, settings: LossSettings) -> jax.Array:
    n_atoms = jnp.maximum(targets.n_atoms, 1)
    per_atom = optax.losses.huber_loss(
        energy / n_atoms, targets.energy / n_atoms, delta=settings.energy_huber_ev_per_atom
    )
    return settings.energy_weight * numerics.masked_mean(per_atom, graph.graph_mask)
