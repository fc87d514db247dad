"""Preparation of a population for training: arrays on the devices, programs compiled."""

import concurrent.futures
import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.data import catalog, opening, partition, rungs
from h2scale.evaluation import held_out, physics_checks
from h2scale.graphs import batching, counting
from h2scale.models import flat, widths
from h2scale.models import potential as potential_lib
from h2scale.models.settings import ModelSettings
from h2scale.study import replicas, rows
from h2scale.study.settings import StudySettings
from h2scale.study.sources import Sources
from h2scale.training import active_set, feed, step, trainer
from h2scale.training import population as population_lib


class Assembled(NamedTuple):
    """Population with its arrays on the devices and its programs not yet compiled."""

    potential: potential_lib.Potential
    settings: population_lib.PopulationSettings
    programs: population_lib.Programs
    inputs: step.ReplicaInputs
    materials: trainer.Materials


class Prepared(NamedTuple):
    """Population with its programs compiled, or being compiled, and its columns of the tables."""

    settings: population_lib.PopulationSettings
    programs: population_lib.Programs
    inputs: step.ReplicaInputs
    materials: trainer.Materials
    described: rows.Described


def assemble(
    sources: Sources, population: replicas.PopulationSpec, settings: StudySettings, mesh: jax.sharding.Mesh
) -> Assembled:
    """Build the programs of one population and place its arrays."""
    model, models = population.settings, replicas.population_models(population)
    divided, training = sources.divided, sources.arm.training
    potential = flat.flat_potential(potential_lib.make_potential(model))
    rung_names = _rung_names(population)
    dataset = divided.dataset
    streamed = isinstance(dataset, catalog.Catalog)
    held = _held_out(divided, rung_names) if streamed else np.arange(len(dataset))
    shown = opening.gather(dataset, held) if isinstance(dataset, catalog.Catalog) else dataset
    table = batching.make_table(shown, model.cutoff, model.species)
    sizes = (
        batching.Sizes(dataset.n_atoms, counting.edge_counts(dataset, model.cutoff))
        if isinstance(dataset, catalog.Catalog)
        else None
    )
    capacity = _capacity(divided, sizes or table, training.structures_per_batch)
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    population_settings = population_lib.PopulationSettings(
        training=training,
        capacity=capacity,
        steps_per_evaluation=settings.evaluation.every,
        num_evaluations=max(spec.steps for spec in population.replicas) // settings.evaluation.every,
        replicas_at_once=settings.devices.replicas_at_once or (1 if on_cpu else len(population.replicas)),
        streamed=streamed,
    )
    check = physics_checks.make_physics_check(
        potential,
        physics_checks.DimerSettings(
            model.species, model.cutoff, model.takes_charge, sources.changes() if model.takes_charge else ()
        ),
    )
    init = functools.partial(widths.initial, models)
    programs = population_lib.make_programs(potential, init, check, population_settings, mesh)

    pinned_share = sources.arm.training_set.pinned_share
    inputs = _replica_inputs(sources, population, rung_names, pinned_share, mesh)
    validation, *test = _evaluation_plans(divided, held, table, rung_names, capacity)
    materials = trainer.Materials(
        table=table,
        validation=validation,
        test=tuple(test),
        references=sources.references,
    )
    materials = jax.device_put(materials, population_lib.shared_sharding(mesh))
    if isinstance(dataset, catalog.Catalog) and sizes is not None:
        materials = materials._replace(
            feed=feed.Feed(
                dataset,
                _streams(sources, population, inputs),
                sizes=sizes,
                cutoff=model.cutoff,
                species=model.species,
                capacity=capacity,
                training=training,
                mesh=mesh,
                readers=settings.devices.readers,
            )
        )
    return Assembled(potential, population_settings, programs, inputs, materials)


def prepare(
    sources: Sources,
    population: replicas.PopulationSpec,
    settings: StudySettings,
    mesh: jax.sharding.Mesh,
    pool: concurrent.futures.Executor,
) -> Prepared:
    """Assemble a population and compile its programs in `pool`."""
    assembled = assemble(sources, population, settings, mesh)
    compiled = trainer.compile_programs(
        assembled.programs, assembled.inputs, assembled.materials, assembled.settings, pool
    )
    models = replicas.population_models(population)
    num_params = {model: widths.num_params(model) for model in models}
    flops = {population.settings: compiled.flops_per_step}
    if len(models) > 1:
        flops = {model: _flops_alone(sources, population, model, settings, mesh) for model in models}
    described = rows.Described(
        population=population,
        arm=sources.arm,
        divided=sources.divided,
        num_params=[num_params[spec.settings] for spec in population.replicas],
        # XLA counts the body of the loop over a step's batches once.
        train_flops=[
            flops[spec.settings] * assembled.settings.training.batches_per_step * spec.steps
            for spec in population.replicas
        ],
        train=[sources.train(spec.rung, spec.seed, spec.num_train) for spec in population.replicas],
        simple=sources.simple,
        test_places=_test_places(population, assembled.materials.test),
    )
    return Prepared(assembled.settings, compiled.programs, assembled.inputs, assembled.materials, described)


def _flops_alone(
    sources: Sources,
    population: replicas.PopulationSpec,
    model: ModelSettings,
    settings: StudySettings,
    mesh: jax.sharding.Mesh,
) -> float:
    """Count the operations of one step of one replica of that model, in a program of its own."""
    alone = tuple(spec for spec in population.replicas if spec.settings == model)
    assembled = assemble(sources, population._replace(settings=model, replicas=alone), settings, mesh)
    return trainer.flops_per_step(assembled.programs, assembled.inputs, assembled.materials)


def _test_places(
    population: replicas.PopulationSpec, parts: tuple[population_lib.EvaluationPlan, ...]
) -> dict[str, np.ndarray]:
    """Return by rung where the structures of `held_out.test_structures` stand among the batches' slots, flattened."""
    rung_names = _rung_names(population)
    take = np.concatenate([np.asarray(part.take) for part in parts], axis=1)  # batches are filled in order
    return {rung: np.flatnonzero(take[place].ravel()) for place, rung in enumerate(rung_names)}


def _rung_names(population: replicas.PopulationSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spec.rung for spec in population.replicas))


def _held_out(divided: partition.Partition, rung_names: Sequence[str]) -> np.ndarray:
    """Return the structures that some rung is evaluated on, increasing."""
    of_rungs = [[divided.held_out(rung, "validation"), held_out.test_structures(divided, rung)] for rung in rung_names]
    return np.unique(np.concatenate([indices for own in of_rungs for indices in own]))


def _streams(sources: Sources, population: replicas.PopulationSpec, inputs: step.ReplicaInputs) -> list[feed.Stream]:
    """Return the stream of every replica; those that differ in their length alone share one order."""
    cpu = jax.local_devices(backend="cpu")[0]
    orders = {key: jax.device_put(own.indices.astype(np.int32), cpu) for key, own in sources.orders.items()}
    host = inputs._replace(order=inputs.seed, weight_scale=None)
    columns = jax.tree.map(active_set.to_host, host)
    return [
        feed.Stream(
            jax.tree.map(lambda column, place=place: column[place], columns)._replace(
                order=orders[spec.rung, spec.seed]
            ),
            spec.steps,
        )
        for place, spec in enumerate(population.replicas)
    ]


def _capacity(
    divided: partition.Partition, table: batching.Table | batching.Sizes, per_batch: int
) -> batching.Capacity:
    """Return the capacity of a batch: of all rungs, so that a replica's batches do not depend on its population."""
    every = [divided.indices(rung, "train") for rung in rungs.RUNGS]
    chosen = [batching.choose_capacity(table, per_batch, indices) for indices in every if len(indices)]
    # Whatever the switches admit, and what is held out, has to fit as well.
    largest = batching.Capacity(per_batch, int(np.max(table.n_atoms)), int(np.max(table.n_edges)))
    return batching.enclosing_capacity([*chosen, largest])


def _replica_inputs(
    sources: Sources,
    population: replicas.PopulationSpec,
    rung_names: tuple[str, ...],
    pinned_share: float,
    mesh: jax.sharding.Mesh,
) -> step.ReplicaInputs:
    """Return one entry per replica, and inactive copies of the last one that fill up the devices."""
    streamed = isinstance(sources.divided.dataset, catalog.Catalog)  # then the host draws, and no device needs an order
    longest = 1 if streamed else max(spec.num_train for spec in population.replicas)
    padded = population_lib.padded_size(len(population.replicas), mesh.shape[population_lib.REPLICA_AXIS])
    specs = population.replicas + (population.replicas[-1],) * (padded - len(population.replicas))
    order = np.zeros((padded, longest), np.int32)
    num_pinned = np.zeros(padded, np.int32)
    for place, spec in enumerate(specs):
        own = sources.orders[spec.rung, spec.seed]
        if not streamed:
            order[place, : spec.num_train] = own.indices[: spec.num_train]
        num_pinned[place] = own.num_pinned
    models = replicas.population_models(population)
    scales = {model: widths.scales(model, population.settings) for model in models}
    columns = {
        "seed": np.array([spec.seed for spec in specs], np.int32),
        "learning_rate": np.array([spec.learning_rate for spec in specs], np.float32),
        "weight_decay": np.array([spec.weight_decay for spec in specs], np.float32),
        "steps": np.array([spec.steps for spec in specs], np.int32),
        "order": order,
        "num_train": np.array([spec.num_train for spec in specs], np.int32),
        "num_pinned": num_pinned,
        "pinned_share": np.where(num_pinned > 0, pinned_share, 0.0).astype(np.float32),
        "rung": np.array([rung_names.index(spec.rung) for spec in specs], np.int32),
        "active": np.arange(padded) < len(population.replicas),
        "width": np.array([models.index(spec.settings) for spec in specs], np.int32),
        "weight_scale": None if len(models) == 1 else np.stack([scales[spec.settings] for spec in specs]),
    }
    return step.ReplicaInputs(**jax.device_put(columns, population_lib.mapped_sharding(mesh)))


def _evaluation_plans(
    divided: partition.Partition,
    held: np.ndarray,
    table: batching.Table,
    rung_names: tuple[str, ...],
    capacity: batching.Capacity,
) -> list[population_lib.EvaluationPlan]:
    """Plan batches of every rung's held-out structures: the validation plan, and those of the parts of the test set.

    All have the same number of batches, that of the largest validation set, so that one compiled program evaluates
    each; the test set is evaluated once and may take several. Row i of the table is structure `held[i]`.
    """
    validation = [divided.held_out(rung, "validation") for rung in rung_names]
    test = [held_out.test_structures(divided, rung) for rung in rung_names]
    validation_batches, test_batches = (
        [batching.plan_batches(table, np.searchsorted(held, indices), capacity) for indices in side]
        for side in (validation, test)
    )
    length = max(len(indices) for indices, _ in validation_batches)
    num_parts = -(-max(len(indices) for indices, _ in test_batches) // length)
    weights = [divided.molecule_weights(indices) for indices in validation]
    parts = [slice(part * length, (part + 1) * length) for part in range(num_parts)]
    return [
        _padded(validation_batches, weights, slice(0, length), capacity),
        *(_padded(test_batches, None, part, capacity) for part in parts),
    ]


def _padded(
    of_rungs: Sequence[tuple[np.ndarray, np.ndarray]],
    weights: Sequence[np.ndarray] | None,
    part: slice,
    capacity: batching.Capacity,
) -> population_lib.EvaluationPlan:
    """Put a part of each rung's batches into one plan; weights are those of its structures, 0 if not given."""
    shape = (len(of_rungs), part.stop - part.start, capacity.n_graph)
    indices, take, weight = np.zeros(shape, np.int32), np.zeros(shape, bool), np.zeros(shape, np.float32)
    for place, (rung_indices, rung_take) in enumerate(of_rungs):
        indices[place, : len(rung_indices[part])] = rung_indices[part]
        take[place, : len(rung_take[part])] = rung_take[part]
        if weights is not None:
            weight[place][take[place]] = weights[place]
    return population_lib.EvaluationPlan(*map(jnp.asarray, (indices, take, weight)))
