"""Training of a population of corrections: one compiled program, mapped over seeds, data sizes, rates and decays.

What is fitted is the energy relative to isolated atoms, so each prediction is a structure's correction minus those of
its atoms. The isolated atoms' own residuals are fitted too, with a small weight: without them a correction of atoms and
one of bonds could cancel. A replica keeps its parameters at the best validation error; no curve is seen.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from h2scale.remedies import corrections
from h2scale.remedies.corrections import Form, Params, Rows


class Task(NamedTuple):
    """Structures of a rung as padded arrays; the isolated atoms stand apart, one row of each table."""

    rows: Rows  # (n_structures, n_rows, ...)
    residual_ev: jax.Array  # (n_structures,), label minus base, both relative to the atoms at their own level
    composition: jax.Array  # (n_structures, n_elements), atoms of each element
    atom_rows: Rows  # (n_elements, n_rows, ...)
    atom_residual_ev: jax.Array  # (n_elements,), label minus base of the total energy; NaN where it is not fitted
    validation: jax.Array  # (n_validation,), int32, structures that choose the kept parameters


class Replicas(NamedTuple):
    """Differences between the replicas of a population; every array has their axis in front."""

    seed: jax.Array  # (n,), int32
    order: jax.Array  # (n, n_longest), int32, structures; a training set is a prefix
    num_train: jax.Array  # (n,), int32
    learning_rate: jax.Array  # (n,), peak; a cosine to zero follows a short linear rise
    weight_decay: jax.Array  # (n,), decoupled


class Schedule(NamedTuple):
    """Length and batches of a training; static."""

    steps: int = 3000
    structures_per_batch: int = 24
    evaluations: int = 30
    atom_weight: float = 0.02  # of the isolated atoms' mean squared residual beside the batch's
    huber_ev: float = 0.1  # where the loss turns from quadratic to linear


class Fitted(NamedTuple):
    """Result of a population, replicas in front."""

    params: Params  # at the best validation error
    validation_mae_ev: jax.Array  # (n,), there
    history_mae_ev: jax.Array  # (n, evaluations)


@functools.partial(jax.jit, static_argnums=(0, 1))
def fit(form: Form, schedule: Schedule, task: Task, replicas: Replicas) -> Fitted:
    """Train all replicas."""
    return jax.vmap(functools.partial(_fit_one, form, schedule, task))(replicas)


def _fit_one(form: Form, schedule: Schedule, task: Task, replica: Replicas) -> Fitted:
    warmup = max(schedule.steps // 20, 1)

    def rate(step: jax.Array) -> jax.Array:
        at = step.astype(replica.learning_rate.dtype)  # the same whatever floats are enabled
        rise = jnp.minimum(at / warmup, 1.0)
        return replica.learning_rate * rise * 0.5 * (1 + jnp.cos(jnp.pi * at / schedule.steps))

    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())
    key = jax.random.key(replica.seed)
    params = corrections.initial(form, jax.random.fold_in(key, 0))
    begin = (params, optimizer.init(params), params, jnp.asarray(jnp.inf, jnp.float32))

    def step(carry: tuple, number: jax.Array) -> tuple[tuple, None]:
        params, state, best, lowest = carry
        draws = jax.random.uniform(jax.random.fold_in(key, number + 1), (schedule.structures_per_batch,), jnp.float32)
        batch = replica.order[(draws * replica.num_train).astype(jnp.int32)]
        gradient = jax.grad(_loss, argnums=2)(form, schedule, params, task, batch)
        change, state = optimizer.update(gradient, state, params)
        move = rate(number)
        params = jax.tree.map(lambda p, c: p - move * (c + replica.weight_decay * p), params, change)
        return (params, state, best, lowest), None

    def stretch(carry: tuple, first: jax.Array) -> tuple[tuple, jax.Array]:
        per_evaluation = schedule.steps // schedule.evaluations
        carry, _ = jax.lax.scan(step, carry, first * per_evaluation + jnp.arange(per_evaluation))
        params, state, best, lowest = carry
        error = jnp.mean(jnp.abs(_relative(form, params, task, task.validation) - task.residual_ev[task.validation]))
        better = error < lowest  # false for NaN: a diverged replica keeps what it had
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), params, best)
        return (params, state, best, jnp.where(better, error, lowest)), error

    (_, _, best, lowest), history = jax.lax.scan(stretch, begin, jnp.arange(schedule.evaluations))
    return Fitted(best, lowest, history)


def _relative(form: Form, params: Params, task: Task, which: jax.Array) -> jax.Array:
    """Corrections of some structures relative to their atoms, eV."""
    own = functools.partial(corrections.make_correction(form), params)
    of_atoms = jax.vmap(own)(task.atom_rows)
    rows = jax.tree.map(lambda array: array[which], task.rows)
    return jax.vmap(own)(rows) - task.composition[which] @ of_atoms


def _loss(form: Form, schedule: Schedule, params: Params, task: Task, batch: jax.Array) -> jax.Array:
    error = _relative(form, params, task, batch) - task.residual_ev[batch]
    own = functools.partial(corrections.make_correction(form), params)
    known = jnp.isfinite(task.atom_residual_ev)
    of_atoms = jnp.where(known, jax.vmap(own)(task.atom_rows) - jnp.where(known, task.atom_residual_ev, 0.0), 0.0)
    scale = schedule.huber_ev
    return (
        jnp.mean(optax.huber_loss(error, delta=scale)) / scale**2
        + schedule.atom_weight * jnp.sum(optax.huber_loss(of_atoms, delta=scale)) / scale**2
    )


def replicas(
    seeds: np.ndarray, orders: np.ndarray, num_train: np.ndarray, learning_rate: np.ndarray, weight_decay: np.ndarray
) -> Replicas:
    """Arrays of a population with the dtypes that the program takes."""
    return Replicas(
        jnp.asarray(seeds, jnp.int32),
        jnp.asarray(orders, jnp.int32),
        jnp.asarray(num_train, jnp.int32),
        jnp.asarray(learning_rate, jnp.float32),
        jnp.asarray(weight_decay, jnp.float32),
    )
