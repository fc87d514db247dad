"""Trains one population of replicas from its first step, or its last checkpoint, to its end."""

import concurrent.futures
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from h2scale.graphs import batching
from h2scale.physics import curves
from h2scale.training import active_set, checkpoints, step
from h2scale.training import population as population_lib


class Materials(NamedTuple):
    """What every replica reads, on the devices."""

    table: batching.Table
    validation: population_lib.EvaluationPlan
    test: population_lib.EvaluationPlan
    references: curves.References


class Outcome(NamedTuple):
    """A trained population: host arrays, population axis first, in the order of the inputs."""

    seconds: float  # of training on all replicas together, compiling ahead excluded, interruptions summed up
    finite: np.ndarray  # (replicas,), bool
    history: np.ndarray  # (replicas, evaluations, metrics), float32
    test: population_lib.Evaluation  # errors on the test set, physics and curves of the best parameters


class Observation(NamedTuple):
    """A population at an evaluation, on the host; population axis first."""

    step: int  # training steps taken
    history: np.ndarray  # (replicas, evaluations so far, metrics); NaN after a divergence
    energies: dict[str, np.ndarray]  # eV by system, (replicas, distances), of the averaged parameters


# (replica-steps just done with, what was observed if an evaluation came after them)
OnProgress = Callable[[int, Observation | None], None]


class Compiled(NamedTuple):
    """A population's programs, compiled or being compiled, and what was learned on the way."""

    programs: population_lib.Programs
    flops_per_step: float  # of one replica, as XLA counts them before optimisation


def compile_programs(
    programs: population_lib.Programs,
    inputs: step.ReplicaInputs,
    materials: Materials,
    pool: concurrent.futures.Executor,
) -> Compiled:
    """Traces the programs here and compiles them in `pool`; a program that is not ready waits when it is called.

    XLA compiles outside the interpreter's lock, so that one population trains while the next is compiled. A population
    that has been repacked into fewer lanes is compiled when it is first called.
    """
    state = _abstract_state(programs, inputs)
    arguments = (state.averaged_params, inputs.rung, materials.table, materials.validation, materials.references)
    advance = programs.advance.lower(state, inputs, materials.table)
    compiled = programs._replace(
        advance=_compile_in(pool, advance, programs.advance, len(inputs.seed)),
        # Drawing the initial parameters runs once; optimising its code would cost more than it saves.
        init=_compile_in(pool, programs.init.lower(inputs), programs.init, len(inputs.seed), optimize=False),
        evaluate=_compile_in(pool, programs.evaluate.lower(*arguments), programs.evaluate, len(inputs.seed)),
    )
    return Compiled(compiled, _flops_per_step(advance))


def flops_per_step(programs: population_lib.Programs, inputs: step.ReplicaInputs, table: batching.Table) -> float:
    """Floating-point operations of one step of one replica, as XLA counts them before optimisation."""
    return _flops_per_step(programs.advance.lower(_abstract_state(programs, inputs), inputs, table))


def _flops_per_step(advance: jax.stages.Lowered) -> float:
    # The count visits the body of each loop once, and the loops are over replicas and steps: this is one step.
    return float(advance.cost_analysis()["flops"])


def _abstract_state(programs: population_lib.Programs, inputs: step.ReplicaInputs) -> step.ReplicaState:
    state = jax.eval_shape(programs.init, inputs)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=inputs.seed.sharding), state)


def _compile_in(
    pool: concurrent.futures.Executor,
    lowered: jax.stages.Lowered,
    jitted: Callable[..., Any],
    num_lanes: int,
    *,
    optimize: bool = True,
) -> Callable[..., Any]:
    """The program for that many lanes; any other number is left to the jitted function."""
    options = None if optimize or jax.default_backend() != "cpu" else {"xla_backend_optimization_level": 0}
    future = pool.submit(lowered.compile, compiler_options=options)

    def call(*arguments: Any) -> Any:
        same = len(jax.tree.leaves(arguments)[0]) == num_lanes
        return (future.result() if same else jitted)(*arguments)

    return call


def train_population(
    programs: population_lib.Programs,
    inputs: step.ReplicaInputs,
    materials: Materials,
    *,
    steps_per_call: int,
    steps_per_evaluation: int,
    steps_per_checkpoint: int,
    store: checkpoints.PopulationCheckpoints,
    metadata: dict[str, Any],
    on_progress: OnProgress,
) -> Outcome:
    """Trains to the last step, resuming from the newest checkpoint, and evaluates the kept parameters on the test set.

    At each checkpoint the replicas that have come to their end, or diverged, leave the devices.

    Args:
        programs: compiled for these inputs.
        inputs: one entry per replica, population axis first; steps are multiples of `steps_per_evaluation`.
        materials: what all replicas read.
        steps_per_call: steps in one call of `programs.advance`.
        steps_per_evaluation: a multiple of `steps_per_call`.
        steps_per_checkpoint: a multiple of `steps_per_evaluation`; the last step is always saved.
        store: where checkpoints go.
        metadata: JSON stored with each checkpoint.
        on_progress: called after every compiled call.
    """
    num_active = int(np.sum(active_set.to_host(inputs.active)))
    own_steps = active_set.to_host(inputs.steps)[:num_active]
    num_shards = inputs.seed.sharding.mesh.shape[population_lib.REPLICA_AXIS]
    steps = int(own_steps.max())

    def real(leaf: jax.Array) -> np.ndarray:
        return active_set.to_host(leaf)[:num_active]

    def replica_steps(begin: int, end: int) -> int:
        return int(np.sum(np.minimum(own_steps, end) - np.minimum(own_steps, begin)))

    state = programs.init(inputs)
    done = store.latest_step() or 0
    earlier_seconds = 0.0
    if done:
        state, saved = store.restore(done, state)
        earlier_seconds = saved["train_seconds"]
        on_progress(replica_steps(0, done), None)
    history = active_set.to_host(state.history)
    energies: dict[str, np.ndarray] | None = None
    pack = active_set.repack(active_set.whole(state, inputs), num_shards)
    del state
    start = time.monotonic()
    while done < steps:
        pack = pack._replace(state=programs.advance(pack.state, pack.inputs, materials.table))
        done += steps_per_call
        observation = None
        if done % steps_per_evaluation == 0:
            evaluation = programs.evaluate(
                step.weights(pack.state.averaged_params, pack.inputs),
                pack.inputs.rung,
                materials.table,
                materials.validation,
                materials.references,
            )
            pack = pack._replace(state=programs.record(pack.state, evaluation))
            history = active_set.place(pack, pack.state.history, history)
            if energies is None:
                energies = {
                    name: np.full((len(inputs.seed), values.shape[1]), np.nan, values.dtype)
                    for name, values in evaluation.energies.items()
                }
            energies = active_set.place(pack, evaluation.energies, energies)
            seen = history[:num_active, : done // steps_per_evaluation]
            observation = Observation(done, seen, jax.tree.map(real, energies))
            if done % steps_per_checkpoint == 0 or done == steps:
                seconds = earlier_seconds + time.monotonic() - start
                store.save(done, active_set.unpack(pack), {**metadata, "train_seconds": seconds})
                pack = active_set.repack(pack, num_shards)
        jax.block_until_ready(pack.state.step)
        on_progress(replica_steps(done - steps_per_call, done), observation)
    seconds = earlier_seconds + time.monotonic() - start
    state = active_set.unpack(pack)
    test = programs.evaluate(
        step.weights(state.best_params, inputs), inputs.rung, materials.table, materials.test, materials.references
    )
    return Outcome(
        seconds=seconds,
        finite=real(state.finite),
        history=history[:num_active, : steps // steps_per_evaluation],
        test=jax.tree.map(real, test),
    )
