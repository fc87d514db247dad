"""One replica's state and one training step, as pure functions of state, inputs and a table of structures."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import optax

from h2scale.graphs import batching
from h2scale.models import potential as potential_lib
from h2scale.training import losses, optimizers

Params = Any  # a pytree; one vector in a study, see models/flat.py

# Streams of random numbers of one seed; a number never changes its meaning.
_INIT_STREAM = 0
_BATCH_STREAM = 1


class ReplicaInputs(NamedTuple):
    """What makes one replica differ from another in the same program; every field may be mapped."""

    seed: jax.Array  # int32; decides initial parameters and the order of batches
    learning_rate: jax.Array  # float32, peak of the schedule
    order: jax.Array  # (max_train,), int32, structures of the table; the training set is a prefix
    num_train: jax.Array  # int32, length of that prefix
    rung: jax.Array  # int32, index of the evaluation plan
    active: jax.Array  # bool; False for the replicas that only fill up a device


@flax.struct.dataclass
class ReplicaState:
    """Everything that a replica carries from step to step; all of it is checkpointed."""

    params: Params
    averaged_params: Params  # exponential moving average; what is evaluated
    best_params: Params  # averaged parameters at the best validation loss so far
    best_validation_loss: jax.Array  # float32
    optimizer_state: optax.OptState
    step: jax.Array  # int32, steps taken
    cursor: jax.Array  # int32, structures consumed from the stream
    train_loss_sum: jax.Array  # float32, since the last evaluation
    finite: jax.Array  # bool; a replica that diverged is frozen
    history: jax.Array  # (num_evaluations, num_metrics), float32; NaN where not reached


def init_state(
    potential: potential_lib.Potential,
    settings: optimizers.OptimizerSettings,
    history_shape: tuple[int, int],
    inputs: ReplicaInputs,
) -> ReplicaState:
    """The state before the first step; depends on `inputs.seed` alone."""
    params = potential.init(jax.random.fold_in(jax.random.key(inputs.seed), _INIT_STREAM))
    return ReplicaState(
        params=params,
        averaged_params=params,
        best_params=params,
        best_validation_loss=jnp.asarray(jnp.inf, jnp.float32),
        optimizer_state=optimizers.make_transform(settings).init(params),
        step=jnp.zeros((), jnp.int32),
        cursor=jnp.zeros((), jnp.int32),
        train_loss_sum=jnp.zeros((), jnp.float32),
        finite=jnp.ones((), bool),
        history=jnp.full(history_shape, jnp.nan, jnp.float32),
    )


def draw_indices(inputs: ReplicaInputs, cursor: jax.Array, count: int) -> jax.Array:
    """Elements `cursor ... cursor + count` of the replica's endless stream of structures, shape (count,).

    Element k is drawn, with replacement, from a key made of the seed and k: the stream does not depend on how many
    of its elements a batch takes.
    """
    key = jax.random.fold_in(jax.random.key(inputs.seed), _BATCH_STREAM)

    def element(position: jax.Array) -> jax.Array:
        draw = jax.random.randint(jax.random.fold_in(key, position), (), 0, inputs.num_train, jnp.int32)
        return inputs.order[draw]

    return jax.vmap(element)(cursor + jnp.arange(count, dtype=jnp.int32))


def make_train_step(
    potential: potential_lib.Potential,
    optimizer_settings: optimizers.OptimizerSettings,
    loss_settings: losses.LossSettings,
    capacity: batching.Capacity,
) -> Callable[[ReplicaState, ReplicaInputs, batching.Table], ReplicaState]:
    """Returns a pure function that takes one step: draw a batch, pack it, descend, average."""
    transform = optimizers.make_transform(optimizer_settings)

    def train_step(state: ReplicaState, inputs: ReplicaInputs, table: batching.Table) -> ReplicaState:
        indices = draw_indices(inputs, state.cursor, capacity.n_graph)
        take, num_taken = batching.fit_prefix(table, indices, capacity)
        graph, targets = batching.pack(table, indices, take, capacity)

        loss, gradient = jax.value_and_grad(
            lambda params: losses.batch_loss(potential, params, graph, targets, loss_settings)
        )(state.params)
        direction, optimizer_state = transform.update(gradient, state.optimizer_state)
        rate = inputs.learning_rate * optimizers.schedule(optimizer_settings, state.step)
        params = optimizers.apply_update(state.params, direction, rate, optimizer_settings.weight_decay)

        finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient))
        moved = state.replace(
            params=params,
            averaged_params=optimizers.average(state.averaged_params, params, state.step, optimizer_settings.ema_decay),
            optimizer_state=optimizer_state,
            step=state.step + 1,
            cursor=state.cursor + num_taken.astype(jnp.int32),
            train_loss_sum=state.train_loss_sum + loss.astype(jnp.float32),
        )
        # A diverged replica keeps its last finite parameters and stops; nothing of it reaches the others.
        kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, state)
        return kept.replace(finite=state.finite & finite)

    return train_step
