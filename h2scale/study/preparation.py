"""Makes a population ready to train: arrays on the devices, programs compiled."""

import concurrent.futures
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.data import rungs, splits
from h2scale.evaluation import physics_checks
from h2scale.graphs import batching
from h2scale.models import flat, widths
from h2scale.models import potential as potential_lib
from h2scale.models.settings import ModelSettings
from h2scale.physics import curves
from h2scale.study import replicas, rows
from h2scale.training import losses, optimizers, step, trainer
from h2scale.training import population as population_lib


class Sources(NamedTuple):
    """Data that every population draws from, on the host."""

    dataset: dataset_lib.Dataset
    split: splits.SplitSettings
    orders: dict[tuple[str, int], np.ndarray]  # (rung, seed) -> training structures; a training set is a prefix
    references: curves.References


class TrainingSettings(NamedTuple):
    """Static settings of training, the same in every population."""

    optimizer: optimizers.OptimizerSettings
    loss: losses.LossSettings
    structures_per_batch: int
    steps_per_call: int
    steps_per_evaluation: int
    replicas_at_once: int  # 0: one on a CPU, all on any other device
    batches_per_step: int = 1  # a step follows the mean gradient of so many batches


class Assembled(NamedTuple):
    """A population whose arrays are on the devices and whose programs are functions not yet compiled."""

    potential: potential_lib.Potential
    settings: population_lib.PopulationSettings
    programs: population_lib.Programs
    inputs: step.ReplicaInputs
    materials: trainer.Materials


class Prepared(NamedTuple):
    """A population whose programs are compiled, or being compiled, and what the tables say of it."""

    programs: population_lib.Programs
    inputs: step.ReplicaInputs
    materials: trainer.Materials
    described: rows.Described


def references(dataset: dataset_lib.Dataset) -> curves.References:
    """The reference curves of the physics check, with the dataset's teacher on the test distances.

    Raises:
        ValueError: the dataset's H2 test curve is missing or lies on other distances.
    """
    distances, energies = rungs.teacher_h2_curve(dataset)
    expected = curves.H2_TEST_DISTANCES_ANGSTROM
    if distances.shape != expected.shape or not np.allclose(distances, expected, atol=1e-6):
        raise ValueError(
            f"data.dataset: its H2 test curve has {len(distances)} distances from {distances[0]:.4f} to "
            f"{distances[-1]:.4f} angstrom; it must be on the {len(expected)} distances of the physics check."
        )
    return curves.load_h2_references(energies)


def assemble(
    sources: Sources, population: replicas.PopulationSpec, training: TrainingSettings, mesh: jax.sharding.Mesh
) -> Assembled:
    """Builds and places everything that one population needs."""
    settings, models = population.settings, replicas.population_models(population)
    potential = flat.flat_potential(potential_lib.make_potential(settings))
    table = batching.make_table(sources.dataset, settings.cutoff, settings.species)
    rung_names = tuple(dict.fromkeys(spec.rung for spec in population.replicas))
    capacity = _capacity(sources, table, training.structures_per_batch)
    at_once = training.replicas_at_once or (1 if mesh.devices.flat[0].platform == "cpu" else len(population.replicas))
    population_settings = population_lib.PopulationSettings(
        optimizer=training.optimizer,
        loss=training.loss,
        capacity=capacity,
        steps_per_call=training.steps_per_call,
        steps_per_evaluation=training.steps_per_evaluation,
        replicas_at_once=at_once,
        num_evaluations=max(spec.steps for spec in population.replicas) // training.steps_per_evaluation,
        batches_per_step=training.batches_per_step,
    )
    check = physics_checks.make_physics_check(
        potential,
        physics_checks.DimerSettings(settings.species, settings.cutoff, settings.conditioning != "none"),
    )
    init = functools.partial(widths.initial, models)
    programs = population_lib.make_programs(potential, init, check, population_settings, mesh)

    inputs = _replica_inputs(sources, population, rung_names, mesh.shape[population_lib.REPLICA_AXIS])
    inputs = jax.device_put(inputs, population_lib.mapped_sharding(mesh))
    materials = trainer.Materials(
        table=table,
        **_evaluation_plans(sources, table, rung_names, capacity),
        references=sources.references,
    )
    materials = jax.device_put(materials, population_lib.shared_sharding(mesh))
    return Assembled(potential, population_settings, programs, inputs, materials)


def prepare(
    sources: Sources,
    population: replicas.PopulationSpec,
    training: TrainingSettings,
    mesh: jax.sharding.Mesh,
    pool: concurrent.futures.Executor,
) -> Prepared:
    """Assembles a population and has its programs compiled in `pool`."""
    assembled = assemble(sources, population, training, mesh)
    compiled = trainer.compile_programs(assembled.programs, assembled.inputs, assembled.materials, pool)
    models = replicas.population_models(population)
    num_params = {model: widths.num_params(model) for model in models}
    flops = {population.settings: compiled.flops_per_step}
    if len(models) > 1:
        flops = {model: _flops_alone(sources, population, model, training, mesh) for model in models}
    described = rows.Described(
        population=population,
        teacher=sources.dataset.manifest["level"],
        num_params=[num_params[spec.settings] for spec in population.replicas],
        # XLA counts the body of the loop over a step's batches once.
        train_flops=[flops[spec.settings] * training.batches_per_step * spec.steps for spec in population.replicas],
        num_unique_molecules=[
            splits.num_unique_molecules(sources.dataset, sources.orders[spec.rung, spec.seed][: spec.num_train])
            for spec in population.replicas
        ],
    )
    return Prepared(compiled.programs, assembled.inputs, assembled.materials, described)


def _flops_alone(
    sources: Sources,
    population: replicas.PopulationSpec,
    model: ModelSettings,
    training: TrainingSettings,
    mesh: jax.sharding.Mesh,
) -> float:
    """Of one step of one replica of that model, in a program of its own."""
    alone = tuple(spec for spec in population.replicas if spec.settings == model)
    assembled = assemble(sources, population._replace(settings=model, replicas=alone), training, mesh)
    return trainer.flops_per_step(assembled.programs, assembled.inputs, assembled.materials.table)


def _capacity(sources: Sources, table: batching.Table, structures_per_batch: int) -> batching.Capacity:
    """Room for a batch of any rung: of all rungs, not of the population's, so that a replica meets the same batches in
    any company."""
    return batching.enclosing_capacity(
        [
            batching.choose_capacity(
                table, structures_per_batch, splits.side_indices(sources.dataset, rung, "train", sources.split)
            )
            for rung in rungs.RUNGS
        ]
    )


def _replica_inputs(
    sources: Sources, population: replicas.PopulationSpec, rung_names: tuple[str, ...], num_devices: int
) -> step.ReplicaInputs:
    """One entry per replica, and inactive copies of the last one that fill up the devices."""
    longest = max(spec.num_train for spec in population.replicas)
    padded = population_lib.padded_size(len(population.replicas), num_devices)
    specs = population.replicas + (population.replicas[-1],) * (padded - len(population.replicas))
    order = np.zeros((padded, longest), np.int32)
    for place, spec in enumerate(specs):
        order[place, : spec.num_train] = sources.orders[spec.rung, spec.seed][: spec.num_train]
    models = replicas.population_models(population)
    scales = {model: widths.scales(model, population.settings) for model in models}
    return step.ReplicaInputs(
        seed=np.array([spec.seed for spec in specs], np.int32),
        learning_rate=np.array([spec.learning_rate for spec in specs], np.float32),
        weight_decay=np.array([spec.weight_decay for spec in specs], np.float32),
        steps=np.array([spec.steps for spec in specs], np.int32),
        order=order,
        num_train=np.array([spec.num_train for spec in specs], np.int32),
        rung=np.array([rung_names.index(spec.rung) for spec in specs], np.int32),
        active=np.arange(padded) < len(population.replicas),
        width=np.array([models.index(spec.settings) for spec in specs], np.int32),
        weight_scale=None if len(models) == 1 else np.stack([scales[spec.settings] for spec in specs]),
    )


def _evaluation_plans(
    sources: Sources, table: batching.Table, rung_names: tuple[str, ...], capacity: batching.Capacity
) -> dict[str, population_lib.EvaluationPlan]:
    """Batches of every rung's structures on each held-out side.

    All are padded to the same number of batches, so that one compiled program evaluates either side.
    """
    plans = {
        side: [
            batching.plan_batches(table, splits.held_out_indices(sources.dataset, rung, side, sources.split), capacity)
            for rung in rung_names
        ]
        for side in ("validation", "test")
    }
    longest = max(len(indices) for side in plans.values() for indices, _ in side)
    padded = {}
    for side, of_rungs in plans.items():
        indices = np.zeros((len(rung_names), longest, capacity.n_graph), np.int32)
        take = np.zeros((len(rung_names), longest, capacity.n_graph), bool)
        for place, (rung_indices, rung_take) in enumerate(of_rungs):
            indices[place, : len(rung_indices)] = rung_indices
            take[place, : len(rung_take)] = rung_take
        padded[side] = population_lib.EvaluationPlan(jnp.asarray(indices), jnp.asarray(take))
    return padded
