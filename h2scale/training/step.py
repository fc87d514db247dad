"""State of one replica and one training step, as pure functions of state, inputs and a table of structures."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import optax

from h2scale.graphs import batching
from h2scale.models import potential as potential_lib
from h2scale.training import data_parallel, losses, optimizers
from h2scale.training.settings import TrainingSettings

Params = Any  # a pytree; one vector in a study, see models/flat.py

# Streams of random numbers of one seed; a number never changes its meaning.
_INIT_STREAM = 0
_BATCH_STREAM = 1


class ReplicaInputs(NamedTuple):
    """Inputs that differ between replicas of one program; every field may be mapped."""

    seed: jax.Array  # int32; decides initial parameters and the order of batches
    learning_rate: jax.Array  # float32, peak of the schedule
    weight_decay: jax.Array  # float32, decoupled, per unit of learning rate
    steps: jax.Array  # int32, length of the schedule; the replica stops there
    order: jax.Array  # (max_train,), int32, structures of the table; the training set is a prefix
    num_train: jax.Array  # int32, length of that prefix
    num_pinned: jax.Array  # int32, structures at the front whose share of the draws is `pinned_share`
    pinned_share: jax.Array  # float32, 0 where none is pinned
    rung: jax.Array  # int32, index of the evaluation plan
    active: jax.Array  # bool; False for the replicas that only fill up a device
    width: jax.Array  # int32, index into the models of the population
    weight_scale: jax.Array | None  # (num_params,), float32, of `models.widths`; None where all have one width


class ReplicaState(flax.struct.PyTreeNode):
    """State that a replica carries from step to step; all of it is checkpointed."""

    params: Params
    averaged_params: Params  # exponential moving average; what is evaluated
    best_params: Params  # averaged parameters at the best validation loss so far
    best_validation_loss: jax.Array  # float32
    best_step: jax.Array  # int32, where it was; 0 before the first evaluation
    optimizer_state: optax.OptState
    step: jax.Array  # int32, steps taken
    cursor: jax.Array  # int32, structures consumed from the stream
    train_loss_sum: jax.Array  # float32, since the last evaluation
    finite: jax.Array  # bool; a replica that diverged is frozen
    history: jax.Array  # (num_evaluations, num_metrics), float32; NaN where not reached


def weights(params: Params, inputs: ReplicaInputs) -> Params:
    """Parameters of the program's potential: the replica's own, scaled where its model is narrower."""
    return params if inputs.weight_scale is None else params * inputs.weight_scale


def unfinished(state: ReplicaState, inputs: ReplicaInputs) -> jax.Array:
    """Mask of replicas that have steps to take; bool, of the shape of a scalar field."""
    return inputs.active & state.finite & (state.step < inputs.steps)


def init_state(
    init_params: Callable[[jax.Array, jax.Array], Params],
    settings: optimizers.OptimizerSettings,
    history_shape: tuple[int, int],
    inputs: ReplicaInputs,
) -> ReplicaState:
    """State before the first step; depends on `inputs.seed` and the model alone.

    Args:
        init_params: (key, width) -> params.
        settings: of the optimiser.
        history_shape: evaluations, metrics.
        inputs: of this replica.
    """
    params = init_params(jax.random.fold_in(jax.random.key(inputs.seed), _INIT_STREAM), inputs.width)
    return ReplicaState(
        params=params,
        averaged_params=params,
        best_params=params,
        best_validation_loss=jnp.asarray(jnp.inf, jnp.float32),
        best_step=jnp.zeros((), jnp.int32),
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
    of its elements a batch takes. Pinned structures are drawn with their fixed share, all others evenly.
    """
    key = jax.random.fold_in(jax.random.key(inputs.seed), _BATCH_STREAM)

    def element(position: jax.Array) -> jax.Array:
        of_which, of_what = jax.random.split(jax.random.fold_in(key, position))
        pinned = jax.random.uniform(of_which) < inputs.pinned_share
        low = jnp.where(pinned, 0, inputs.num_pinned)
        high = jnp.where(pinned, inputs.num_pinned, inputs.num_train)
        return inputs.order[jax.random.randint(of_what, (), low, high, jnp.int32)]

    return jax.vmap(element)(cursor + jnp.arange(count, dtype=jnp.int32))


Draw = Callable[[ReplicaInputs, jax.Array, int], jax.Array]
"""(inputs, cursor, count) -> rows of a table that stand at `cursor` and behind it in a replica's stream, (count,)."""


def consecutive(first: jax.Array, inputs: ReplicaInputs, cursor: jax.Array, count: int) -> jax.Array:
    """Rows of a table that holds the elements of the stream from `first` on in their order, as `draw_indices`."""
    del inputs
    return cursor - first + jnp.arange(count, dtype=jnp.int32)


def make_train_step(
    potential: potential_lib.Potential,
    settings: TrainingSettings,
    capacity: batching.Capacity,
    split: data_parallel.Split = data_parallel.WHOLE,
    draw: Draw = draw_indices,
) -> Callable[[ReplicaState, ReplicaInputs, batching.Table], ReplicaState]:
    """Return a pure function that takes one step: draw its batches, pack them, descend, average.

    Args:
        potential: of the replica, or the widest of its program.
        settings: static.
        capacity: static shape of one batch.
        split: how many batches make a step, and which devices share them.
        draw: where the stream's structures stand in the table.
    """
    transform = optimizers.make_transform(settings)

    def train_step(state: ReplicaState, inputs: ReplicaInputs, table: batching.Table) -> ReplicaState:
        def next_batch(cursor: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            indices = draw(inputs, cursor, capacity.n_graph)
            take, num_taken = batching.fit_prefix(table, indices, capacity)
            return cursor + num_taken.astype(jnp.int32), (indices, take)

        def loss_and_gradient(batch: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, Params]:
            graph, targets = batching.pack(table, *batch, capacity)
            return jax.value_and_grad(
                lambda params: losses.batch_loss(potential, weights(params, inputs), graph, targets, settings)
            )(state.params)

        cursor, (loss, gradient) = data_parallel.mean_over_batches(loss_and_gradient, next_batch, state.cursor, split)
        direction, optimizer_state = transform.update(gradient, state.optimizer_state)
        rate = inputs.learning_rate * optimizers.schedule(settings, state.step, inputs.steps)
        params = optimizers.apply_update(state.params, direction, rate, inputs.weight_decay)

        finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient))
        moved = state.replace(
            params=params,
            averaged_params=optimizers.average(state.averaged_params, params, state.step, settings.ema_decay),
            optimizer_state=optimizer_state,
            step=state.step + 1,
            cursor=cursor,
            train_loss_sum=state.train_loss_sum + loss.astype(jnp.float32),
        )
        # A diverged replica keeps its last finite parameters and stops; nothing of it reaches the others.
        kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, state)
        return kept.replace(finite=state.finite & finite)

    return train_step
