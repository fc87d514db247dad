"""Trains one bucket of replicas from its first step, or its last checkpoint, to its end."""

import concurrent.futures
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from h2scale import study
from h2scale.graphs import batching
from h2scale.physics import curves
from h2scale.training import checkpoints, population, step


class Materials(NamedTuple):
    """What every replica reads, on the devices."""

    table: batching.Table
    validation: population.EvaluationPlan
    test: population.EvaluationPlan
    references: curves.References


class Outcome(NamedTuple):
    """A trained bucket: host arrays, population axis first, in the order of the inputs."""

    seconds: float  # of training on all replicas together, compilation excluded, interruptions summed up
    finite: np.ndarray  # (replicas,), bool
    history: np.ndarray  # (replicas, evaluations, metrics), float32
    test: population.Evaluation  # errors on the test set, physics and curves of the best parameters


class Observation(NamedTuple):
    """A bucket at an evaluation, on the host; population axis first."""

    step: int  # training steps taken
    history: np.ndarray  # (replicas, evaluations so far, metrics); NaN after a divergence
    energies: dict[str, np.ndarray]  # eV by system, (replicas, distances), of the averaged parameters


class Snapshot(NamedTuple):
    """A bucket in the middle of its training, for whoever watches."""

    bucket: study.Bucket
    observation: Observation
    references: curves.References


# (replica-steps just taken, what was observed if an evaluation came after them)
OnProgress = Callable[[int, Observation | None], None]


class Compiled(NamedTuple):
    """A bucket's programs, compiled or being compiled, and what was learned on the way."""

    programs: population.Programs
    num_params: int  # of one replica
    flops_per_step: float  # of one replica, as XLA counts them before optimisation


def compile_programs(
    programs: population.Programs,
    inputs: step.ReplicaInputs,
    materials: Materials,
    pool: concurrent.futures.Executor,
) -> Compiled:
    """Traces the programs here and compiles them in `pool`; a program that is not ready waits when it is called.

    XLA compiles outside the interpreter's lock, so that one bucket trains while the next is compiled.
    """
    state = jax.eval_shape(programs.init, inputs)
    state = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=inputs.seed.sharding), state
    )
    advance = programs.advance.lower(state, inputs, materials.table)
    init = programs.init.lower(inputs)
    evaluate = programs.evaluate.lower(
        state.averaged_params, inputs.rung, materials.table, materials.validation, materials.references
    )
    num_params = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // len(inputs.seed)
    # The count visits the body of each loop once, and the loops are over replicas and steps: this is one step.
    flops = float(advance.cost_analysis()["flops"])
    compiled = programs._replace(
        advance=_compile_in(pool, advance),
        # Drawing the initial parameters runs once; optimising its code would cost more than it saves.
        init=_compile_in(pool, init, optimize=False),
        evaluate=_compile_in(pool, evaluate),
    )
    return Compiled(compiled, num_params, flops)


def _compile_in(
    pool: concurrent.futures.Executor, lowered: jax.stages.Lowered, *, optimize: bool = True
) -> Callable[..., Any]:
    options = None if optimize or jax.default_backend() != "cpu" else {"xla_backend_optimization_level": 0}
    future = pool.submit(lowered.compile, compiler_options=options)
    return lambda *arguments: future.result()(*arguments)


def train_bucket(
    programs: population.Programs,
    inputs: step.ReplicaInputs,
    materials: Materials,
    *,
    steps: int,
    steps_per_call: int,
    steps_per_evaluation: int,
    steps_per_checkpoint: int,
    store: checkpoints.BucketCheckpoints,
    metadata: dict[str, Any],
    on_progress: OnProgress,
) -> Outcome:
    """Trains to the last step, resuming from the newest checkpoint, and evaluates the kept parameters on the test set.

    Args:
        programs: compiled for these inputs.
        inputs: one entry per replica, population axis first.
        materials: what all replicas read.
        steps: length of the training; a multiple of `steps_per_evaluation`.
        steps_per_call: steps in one call of `programs.advance`.
        steps_per_evaluation: a multiple of `steps_per_call`.
        steps_per_checkpoint: a multiple of `steps_per_evaluation`; the last step is always saved.
        store: where checkpoints go.
        metadata: JSON stored with each checkpoint.
        on_progress: called after every compiled call.
    """
    num_active = int(np.sum(np.asarray(inputs.active)))

    def real(leaf: jax.Array) -> np.ndarray:
        return np.asarray(leaf)[:num_active]

    def history_so_far() -> np.ndarray:
        return real(state.history)[:, : done // steps_per_evaluation]

    state = programs.init(inputs)
    done = store.latest_step() or 0
    earlier_seconds = 0.0
    if done:
        state, saved = store.restore(done, state)
        earlier_seconds = saved["train_seconds"]
        on_progress(num_active * done, None)
    start = time.monotonic()
    while done < steps:
        state = programs.advance(state, inputs, materials.table)
        done += steps_per_call
        observation = None
        if done % steps_per_evaluation == 0:
            evaluation = programs.evaluate(
                state.averaged_params, inputs.rung, materials.table, materials.validation, materials.references
            )
            state = programs.record(state, evaluation)
            observation = Observation(done, history_so_far(), jax.tree.map(real, evaluation.energies))
            if done % steps_per_checkpoint == 0 or done == steps:
                seconds = earlier_seconds + time.monotonic() - start
                store.save(done, state, {**metadata, "train_seconds": seconds})
        jax.block_until_ready(state.step)
        on_progress(num_active * steps_per_call, observation)
    seconds = earlier_seconds + time.monotonic() - start
    test = programs.evaluate(state.best_params, inputs.rung, materials.table, materials.test, materials.references)
    return Outcome(
        seconds=seconds,
        finite=real(state.finite),
        history=history_so_far(),
        test=jax.tree.map(real, test),
    )
