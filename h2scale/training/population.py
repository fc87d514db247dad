"""Programs that initialise, train and evaluate all replicas of a population at once.

Replicas of one population share every shape; what differs between them (seed, training set, rung, learning rate, weight
decay, number of steps, width up to the population's widest) is data.
The population axis leads every mapped array and is split over the devices. A device computes `replicas_at_once`
replicas at a time, vectorised. One at a time is best on a CPU core, whose cache holds one replica; all at once is best
on a GPU. A replica does not depend on the others; the number of devices and of vectorised replicas changes the order
of float32 sums, and with it the last digits.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from h2scale.errors import InputError
from h2scale.graphs import batching
from h2scale.models import potential as potential_lib
from h2scale.runtime import tables
from h2scale.training import data_parallel, losses, step
from h2scale.training.settings import TrainingSettings

Params = step.Params

REPLICA_AXIS = "replica"
_BY_REPLICA = PartitionSpec(REPLICA_AXIS)

HISTORY_METRICS = tables.HISTORY_COLUMNS[2:-1]
"""Metrics of one evaluation: the columns of history.csv between the step and the finite flag."""

# (params, references) -> (metrics by name, energies in eV by system); jittable. The evaluation room, above this one,
# makes it.
PhysicsCheck = Callable[[Params, Any], tuple[dict[str, jax.Array], dict[str, jax.Array]]]


class EvaluationPlan(NamedTuple):
    """Batches that hold every structure of each rung's evaluation set exactly once."""

    indices: jax.Array  # (num_rungs, num_batches, n_graph), int32, structures of the table
    take: jax.Array  # (num_rungs, num_batches, n_graph), bool, False for padding
    # (num_rungs, num_batches, n_graph), float32; adds up to 1 over a rung, 0 for padding. 0 throughout where single
    # structures alone are asked for, and the means are NaN then.
    weight: jax.Array


class Evaluation(NamedTuple):
    """Errors and physics of each replica, population axis first."""

    errors: losses.SetErrors
    structures: losses.StructureErrors  # (replicas, num_batches, n_graph), in the order of the rung's plan
    physics: dict[str, jax.Array]
    energies: dict[str, jax.Array]  # eV by system, (replicas, distances)


class PopulationSettings(NamedTuple):
    """Static settings of one population's programs."""

    training: TrainingSettings
    capacity: batching.Capacity  # of a batch
    steps_per_evaluation: int
    num_evaluations: int  # of the replica that takes the most steps
    replicas_at_once: int  # vectorised together on a device
    streamed: bool = False  # whether `advance` takes a table of coming structures for each replica, from a `feed.Feed`


class Program(Protocol):
    """A jitted function, which can also be lowered for arguments of given shapes."""

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""

    def lower(self, *arguments: Any) -> jax.stages.Lowered:
        """Trace the function for the shapes of the arguments."""


class Programs(NamedTuple):
    """Jitted programs of a population; every array of state and inputs leads with the population axis."""

    init: Program  # (inputs) -> state
    advance: Program  # (state, inputs, table) -> state after `steps_per_call` steps; the table mapped where streamed
    evaluate: Program  # (params, rung, table, plan, references) -> Evaluation
    record: Program  # (state, evaluation) -> state
    check: Program  # (params, references) -> metrics, energies; the physics check alone


def make_mesh(devices: Sequence[jax.Device], data_parallel_devices: int = 1) -> Mesh:
    """Return a mesh whose first axis splits the population, and whose second one each replica's batches.

    Args:
        devices: of all processes.
        data_parallel_devices: so many neighbours share the batches of each replica.

    Raises:
        InputError: the devices cannot be divided into groups of that size.
    """
    if len(devices) % data_parallel_devices:
        raise InputError(
            f"config.devices.data_parallel must divide the number of devices ({len(devices)}); "
            f"got {data_parallel_devices}."
        )
    shape = (len(devices) // data_parallel_devices, data_parallel_devices)
    return Mesh(np.asarray(devices).reshape(shape), (REPLICA_AXIS, data_parallel.DATA_AXIS))


def mapped_sharding(mesh: Mesh) -> NamedSharding:
    """Sharding of arrays that lead with the population axis."""
    return NamedSharding(mesh, _BY_REPLICA)


def streamed_sharding(mesh: Mesh) -> NamedSharding:
    """Sharding of arrays that lead with the population axis and then have a row for each device that shares a step."""
    return NamedSharding(mesh, PartitionSpec(REPLICA_AXIS, data_parallel.DATA_AXIS))


def shared_sharding(mesh: Mesh) -> NamedSharding:
    """Sharding of arrays that every replica reads."""
    return NamedSharding(mesh, PartitionSpec())


def num_shards(inputs: step.ReplicaInputs) -> int:
    """Number of parts into which the population axis of placed inputs is split."""
    sharding = inputs.seed.sharding
    if not isinstance(sharding, NamedSharding):
        raise TypeError(f"inputs must be placed by mapped_sharding; got {sharding}.")
    return sharding.mesh.shape[REPLICA_AXIS]


def padded_size(num_replicas: int, num_devices: int) -> int:
    """Number of replicas with the inactive ones that make the population divisible by the devices."""
    return -(-num_replicas // num_devices) * num_devices


def make_programs(
    potential: potential_lib.Potential,
    init_params: Callable[[jax.Array, jax.Array], Params],
    physics_check: PhysicsCheck,
    settings: PopulationSettings,
    mesh: Mesh,
) -> Programs:
    """Return the programs that initialise, train and evaluate a population of one potential.

    Args:
        potential: of the widest replica; its parameters are one array.
        init_params: (key, width) -> params, in the shape that `potential` takes.
        physics_check: made for `potential`.
        settings: static.
        mesh: the devices.
    """
    training = settings.training
    split = data_parallel.split_of(training.batches_per_step, mesh)
    history_shape = (settings.num_evaluations, len(HISTORY_METRICS))
    init_one = functools.partial(step.init_state, init_params, training, history_shape)

    def advance_one(
        mapped: tuple[step.ReplicaState, step.ReplicaInputs], shared: tuple[batching.Table]
    ) -> step.ReplicaState:
        state, inputs = mapped
        (table,) = shared
        return calls(state, inputs, table, step.draw_indices)

    def advance_streamed(
        mapped: tuple[step.ReplicaState, step.ReplicaInputs, batching.Table], shared: tuple[()]
    ) -> step.ReplicaState:
        state, inputs, tables = mapped
        table = jax.tree.map(lambda leaf: leaf[0], tables)  # this device's own
        return calls(state, inputs, table, functools.partial(step.consecutive, state.cursor))

    def calls(
        state: step.ReplicaState, inputs: step.ReplicaInputs, table: batching.Table, draw: step.Draw
    ) -> step.ReplicaState:
        train_step = step.make_train_step(potential, training, settings.capacity, split, draw)

        def run(state: step.ReplicaState) -> step.ReplicaState:
            def body(state: step.ReplicaState, _: None) -> tuple[step.ReplicaState, None]:
                return train_step(state, inputs, table), None

            return jax.lax.scan(body, state, None, length=training.steps_per_call)[0]

        return jax.lax.cond(step.unfinished(state, inputs), run, lambda state: state, state)

    def evaluate_one(
        mapped: tuple[Params, jax.Array], shared: tuple[batching.Table, EvaluationPlan, Any]
    ) -> Evaluation:
        params, rung = mapped
        table, plan, references = shared
        errors, structures = _evaluate_set(potential, params, table, plan, rung, settings)
        physics, energies = physics_check(params, references)
        return Evaluation(errors, structures, physics, energies)

    def check_one(params: Params, shared: tuple[Any]) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        return physics_check(params, shared[0])

    def over(one: Callable[[Any, Any], Any], mapped: Any = _BY_REPLICA) -> Callable[[Any, Any], Any]:
        return _over_population(one, mesh, settings.replicas_at_once, mapped)

    def advance(state: step.ReplicaState, inputs: step.ReplicaInputs, table: batching.Table) -> step.ReplicaState:
        if settings.streamed:
            parts = (_BY_REPLICA, _BY_REPLICA, streamed_sharding(mesh).spec)
            return over(advance_streamed, parts)((state, inputs, table), ())
        return over(advance_one)((state, inputs), (table,))

    return Programs(
        init=jax.jit(jax.vmap(init_one), out_shardings=mapped_sharding(mesh)),
        advance=jax.jit(advance, donate_argnums=(0,)),
        evaluate=jax.jit(
            lambda params, rung, table, plan, references: over(evaluate_one)((params, rung), (table, plan, references))
        ),
        check=jax.jit(lambda params, references: over(check_one)(params, (references,))),
        record=jax.jit(
            jax.vmap(functools.partial(_record_one, steps_per_evaluation=settings.steps_per_evaluation)),
            donate_argnums=(0,),
            out_shardings=mapped_sharding(mesh),
        ),
    )


def _over_population(
    one: Callable[[Any, Any], Any], mesh: Mesh, replicas_at_once: int, mapped: Any
) -> Callable[[Any, Any], Any]:
    """Map `one(mapped, shared)` over all replicas: split over the mesh, and there vectorised over a few at a time.

    Args:
        one: of one replica.
        mesh, replicas_at_once: as in `make_programs`.
        mapped: partition of the mapped arguments; the population axis leads in each.
    """

    def local(replicas: Any, shared: Any) -> Any:
        batch_size = None if replicas_at_once == 1 else replicas_at_once
        return jax.lax.map(lambda replica: one(replica, shared), replicas, batch_size=batch_size)

    return jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(mapped, PartitionSpec()),
        out_specs=_BY_REPLICA,
        check_vma=False,
    )


def _evaluate_set(
    potential: potential_lib.Potential,
    params: Params,
    table: batching.Table,
    plan: EvaluationPlan,
    rung: jax.Array,
    settings: PopulationSettings,
) -> tuple[losses.SetErrors, losses.StructureErrors]:
    def body(carry: None, batch: tuple[jax.Array, jax.Array]) -> tuple[None, losses.StructureErrors]:
        graph, targets = batching.pack(table, *batch, settings.capacity)
        return carry, losses.structure_errors(potential, params, graph, targets, settings.training)

    indices, take, weight = plan.indices[rung], plan.take[rung], plan.weight[rung]
    structures = jax.lax.scan(body, None, (indices, take))[1]
    return losses.set_errors(structures, table.n_atoms[indices], weight), structures


def _record_one(state: step.ReplicaState, evaluation: Evaluation, steps_per_evaluation: int) -> step.ReplicaState:
    """Write the evaluation into the history and keep the parameters if the validation loss is the best so far."""
    errors = evaluation.errors
    values = {
        "train_loss": state.train_loss_sum / steps_per_evaluation,
        "validation_energy_mae_ev_per_atom": errors.energy_mae_ev_per_atom,
        "validation_force_mae_ev_per_angstrom": errors.force_mae_ev_per_angstrom,
        **evaluation.physics,
    }
    row = jnp.stack([jnp.asarray(values[name], jnp.float32) for name in HISTORY_METRICS])
    place = jnp.maximum(state.step // steps_per_evaluation - 1, 0)
    # A replica that has come to its end is evaluated again while others go on; its last row stands.
    fresh = state.finite & jnp.isnan(state.history[place, 0])
    better = fresh & (errors.loss < state.best_validation_loss)
    keep = jax.tree.map(lambda new, old: jnp.where(better, new, old), state.averaged_params, state.best_params)
    return state.replace(
        best_params=keep,
        best_validation_loss=jnp.where(better, errors.loss, state.best_validation_loss).astype(jnp.float32),
        best_step=jnp.where(better, state.step, state.best_step),
        train_loss_sum=jnp.zeros_like(state.train_loss_sum),
        history=jnp.where(fresh, state.history.at[place].set(row), state.history),
    )
