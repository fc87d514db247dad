"""Training of one population of replicas from its first step, or its last checkpoint, to its end."""

import concurrent.futures
import dataclasses
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from h2scale.graphs import batching
from h2scale.physics import curves
from h2scale.training import active_set, checkpoints, losses, step
from h2scale.training import feed as feed_lib
from h2scale.training import population as population_lib
from h2scale.training.metadata import PopulationMetadata


class Materials(NamedTuple):
    """Data and reference curves that every replica reads, on the devices."""

    table: batching.Table  # of all structures, or of those that are held out where a feed brings the others
    validation: population_lib.EvaluationPlan
    test: tuple[population_lib.EvaluationPlan, ...]  # parts of the test set, each of the validation plan's shape
    references: curves.References
    feed: feed_lib.Feed | None = None  # of the training structures, where the table holds none of them

    def training_table(self, num_slots: int) -> batching.Table:
        """Return the table that `advance` takes, or its shapes where a feed makes it."""
        return self.table if self.feed is None else self.feed.shapes(num_slots)


class Outcome(NamedTuple):
    """Results of a trained population: host arrays, population axis first, in the order of the inputs."""

    seconds: float  # of training on all replicas together, compiling ahead excluded, interruptions summed up
    finite: np.ndarray  # (replicas,), bool
    history: np.ndarray  # (replicas, evaluations, metrics), float32
    kept_step: np.ndarray  # (replicas,), int32, step of the kept parameters, best on the validation set
    structures: losses.StructureErrors  # of the kept parameters, (replicas, batches of all parts, n_graph)
    physics: dict[str, np.ndarray]  # of the kept parameters, metrics by name, (replicas,)
    energies: dict[str, np.ndarray]  # of the kept parameters, eV by system, (replicas, distances)


class Observation(NamedTuple):
    """Results of a population at an evaluation, on the host; population axis first."""

    step: int  # training steps taken
    history: np.ndarray  # (replicas, evaluations so far, metrics); NaN after a divergence
    energies: dict[str, np.ndarray]  # eV by system, (replicas, distances), of the averaged parameters


# (replica-steps just done, the observation if an evaluation came after them)
OnProgress = Callable[[int, Observation | None], None]


class Compiled(NamedTuple):
    """Programs of a population, compiled or being compiled, and the work in a step."""

    programs: population_lib.Programs
    flops_per_step: float  # of one replica, as XLA counts them before optimisation


def compile_programs(
    programs: population_lib.Programs,
    inputs: step.ReplicaInputs,
    materials: Materials,
    settings: population_lib.PopulationSettings,
    pool: concurrent.futures.Executor,
) -> Compiled:
    """Trace the programs here and compile them in `pool`; a call of a program waits until it is compiled.

    XLA releases the interpreter lock (GIL) while it compiles, so one population can train while the next is compiled.
    Programs of an active set with fewer slots are compiled when they are first called.
    """
    state = _abstract_state(programs, inputs)
    arguments = (state.averaged_params, inputs.rung, materials.table, materials.validation, materials.references)
    advance = programs.advance.lower(state, inputs, materials.training_table(len(inputs.seed)))
    compiled = programs._replace(
        advance=_compile_in(pool, advance, programs.advance, len(inputs.seed)),
        # Drawing the initial parameters runs once; optimising its code would cost more than it saves.
        init=_compile_in(pool, programs.init.lower(inputs), programs.init, len(inputs.seed), optimize=False),
        evaluate=_compile_in(pool, programs.evaluate.lower(*arguments), programs.evaluate, len(inputs.seed)),
    )
    if settings.replicas_at_once == 1:
        return Compiled(compiled, _flops(advance))  # need not be traced again
    return Compiled(compiled, flops_per_step(programs, inputs, materials))


def flops_per_step(programs: population_lib.Programs, inputs: step.ReplicaInputs, materials: Materials) -> float:
    """Count the floating-point operations of one step of one replica, as XLA does before optimisation.

    Where replicas are vectorised, choosing between the state before a step and after it counts too, even for one.
    """
    one = _one_replica_a_shard(inputs)
    table = materials.training_table(len(one.seed))
    return _flops(programs.advance.lower(_abstract_state(programs, one), one, table))


def _one_replica_a_shard(inputs: step.ReplicaInputs) -> step.ReplicaInputs:
    number = population_lib.num_shards(inputs)
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((number, *leaf.shape[1:]), leaf.dtype, sharding=leaf.sharding), inputs
    )


def _flops(advance: jax.stages.Lowered) -> float:
    # The count visits the body of each loop once: of that over steps, and of that over groups of replicas vectorised
    # together. It is one step of one replica if the groups, or the whole population of each device, are one replica.
    analysis = advance.cost_analysis()
    if analysis is None:
        raise RuntimeError("XLA counts no operations on this backend.")
    return float(analysis["flops"])


def _abstract_state(programs: population_lib.Programs, inputs: step.ReplicaInputs) -> step.ReplicaState:
    state = jax.eval_shape(programs.init, inputs)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=inputs.seed.sharding), state)


def _compile_in(
    pool: concurrent.futures.Executor,
    lowered: jax.stages.Lowered,
    jitted: population_lib.Program,
    num_slots: int,
    *,
    optimize: bool = True,
) -> population_lib.Program:
    """Return the program for that many slots; calls with any other number go to the jitted function."""
    options: dict[str, Any] = {"xla_backend_optimization_level": 0}
    future = pool.submit(
        lowered.compile, compiler_options=None if optimize or jax.default_backend() != "cpu" else options
    )
    return _Compiling(future, jitted, num_slots)


@dataclasses.dataclass(frozen=True)
class _Compiling:
    """A program that another thread compiles for one number of slots."""

    future: concurrent.futures.Future[jax.stages.Compiled]
    jitted: population_lib.Program
    num_slots: int

    def __call__(self, *arguments: Any) -> Any:
        same = len(jax.tree.leaves(arguments)[0]) == self.num_slots
        return (self.future.result() if same else self.jitted)(*arguments)

    def lower(self, *arguments: Any) -> jax.stages.Lowered:
        return self.jitted.lower(*arguments)


class _Observed:
    """History and energies of a whole population on the host, including replicas that have left the devices."""

    def __init__(self, history: jax.Array, num_replicas: int) -> None:
        self._history = active_set.to_host(history)
        self._energies: dict[str, np.ndarray] = {}
        self._num_replicas = num_replicas

    def add(self, active: active_set.ActiveSet, energies: dict[str, jax.Array]) -> None:
        """Put in what the active set has recorded."""
        self._history = active_set.put_back(active, active.state.history, self._history)
        if not self._energies:
            places = len(self._history)
            self._energies = {
                name: np.full((places, values.shape[1]), np.nan, values.dtype) for name, values in energies.items()
            }
        self._energies = active_set.put_back(active, energies, self._energies)

    def history(self, evaluations: int) -> np.ndarray:
        """Return the first evaluations of the real replicas."""
        return self._history[: self._num_replicas, :evaluations]

    def energies(self) -> dict[str, np.ndarray]:
        """Return the energies of the real replicas at the last evaluation of each."""
        return {name: values[: self._num_replicas] for name, values in self._energies.items()}


def train_population(
    programs: population_lib.Programs,
    inputs: step.ReplicaInputs,
    materials: Materials,
    settings: population_lib.PopulationSettings,
    *,
    steps_per_checkpoint: int,
    store: checkpoints.PopulationCheckpoints,
    metadata: PopulationMetadata,
    on_progress: OnProgress,
) -> Outcome:
    """Train to the last step, resuming from the newest checkpoint, and evaluate the kept parameters on the test set.

    At each checkpoint the replicas that have come to their end, or diverged, leave the devices.

    Args:
        programs: compiled for these inputs.
        inputs: one entry per replica, population axis first; steps are multiples of `steps_per_evaluation`.
        materials: what all replicas read.
        settings: those of the programs; an evaluation comes after a whole number of calls.
        steps_per_checkpoint: a multiple of `steps_per_evaluation`; the last step is always saved.
        store: where checkpoints go.
        metadata: stored with each checkpoint.
        on_progress: called after every compiled call.
    """
    num_replicas = int(np.sum(active_set.to_host(inputs.active)))
    own_steps = active_set.to_host(inputs.steps)[:num_replicas]
    num_shards = population_lib.num_shards(inputs)
    steps = int(own_steps.max())
    per_call, per_evaluation = settings.training.steps_per_call, settings.steps_per_evaluation

    def real(leaf: jax.Array) -> np.ndarray:
        return active_set.to_host(leaf)[:num_replicas]

    def replica_steps(begin: int, end: int) -> int:
        return int(np.sum(np.minimum(own_steps, end) - np.minimum(own_steps, begin)))

    state = programs.init(inputs)
    done = store.latest_step() or 0
    earlier_seconds = 0.0
    if done:
        state, saved = store.restore(done, state)
        earlier_seconds = saved["train_seconds"]
        on_progress(replica_steps(0, done), None)
    observed = _Observed(state.history, num_replicas)
    active = active_set.narrow(active_set.whole(state, inputs), num_shards)
    del state
    start = time.monotonic()
    feed = materials.feed
    if feed is not None and done < steps:
        feed.begin(active, done)
    while done < steps:
        table = materials.table if feed is None else feed.next()
        active = active._replace(state=programs.advance(active.state, active.inputs, table))
        done += per_call
        observation = None
        if done % per_evaluation == 0:
            active, energies = _evaluate(programs, active, materials)
            observed.add(active, energies)
            observation = Observation(done, observed.history(done // per_evaluation), observed.energies())
            if done % steps_per_checkpoint == 0 or done == steps:
                seconds = earlier_seconds + time.monotonic() - start
                store.save(done, active_set.restore(active), metadata._replace(train_seconds=seconds).to_json())
                before, active = active, active_set.narrow(active, num_shards)
                if feed is not None and active is not before and done < steps:
                    feed.begin(active, done)
        jax.block_until_ready(active.state.step)
        on_progress(replica_steps(done - per_call, done), observation)
    seconds = earlier_seconds + time.monotonic() - start
    state = active_set.restore(active)
    kept = step.weights(state.best_params, inputs)
    parts = [
        jax.tree.map(real, programs.evaluate(kept, inputs.rung, materials.table, part, materials.references))
        for part in materials.test
    ]
    return Outcome(
        seconds=seconds,
        finite=real(state.finite),
        history=observed.history(steps // per_evaluation),
        kept_step=real(state.best_step),
        structures=jax.tree.map(lambda *own: np.concatenate(own, axis=1), *(part.structures for part in parts)),
        physics=parts[0].physics,
        energies=parts[0].energies,
    )


def _evaluate(
    programs: population_lib.Programs, active: active_set.ActiveSet, materials: Materials
) -> tuple[active_set.ActiveSet, dict[str, jax.Array]]:
    """Evaluate the averaged parameters and record the result; returns the set and the energies in eV by system."""
    evaluation = programs.evaluate(
        step.weights(active.state.averaged_params, active.inputs),
        active.inputs.rung,
        materials.table,
        materials.validation,
        materials.references,
    )
    return active._replace(state=programs.record(active.state, evaluation)), evaluation.energies
