"""Preparation of a population for training: arrays on the devices, programs compiled."""

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
from h2scale.study.settings import StudySettings
from h2scale.training import population as population_lib
from h2scale.training import step, trainer


class Sources(NamedTuple):
    """Data that every population draws from, on the host."""

    dataset: dataset_lib.Dataset
    orders: dict[tuple[str, int], np.ndarray]  # (rung, seed) -> training structures; a training set is a prefix
    references: curves.References


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


def references(dataset: dataset_lib.Dataset) -> curves.References:
    """Return the reference curves of the physics check, with the dataset's teacher on the test distances.

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
    sources: Sources, population: replicas.PopulationSpec, settings: StudySettings, mesh: jax.sharding.Mesh
) -> Assembled:
    """Build the programs of one population and place its arrays."""
    model, models = population.settings, replicas.population_models(population)
    potential = flat.flat_potential(potential_lib.make_potential(model))
    table = batching.make_table(sources.dataset, model.cutoff, model.species)
    rung_names = tuple(dict.fromkeys(spec.rung for spec in population.replicas))
    capacity = _capacity(sources, table, settings)
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    population_settings = population_lib.PopulationSettings(
        training=settings.training,
        capacity=capacity,
        steps_per_evaluation=settings.evaluation.every,
        num_evaluations=max(spec.steps for spec in population.replicas) // settings.evaluation.every,
        replicas_at_once=settings.devices.replicas_at_once or (1 if on_cpu else len(population.replicas)),
    )
    check = physics_checks.make_physics_check(
        potential, physics_checks.DimerSettings(model.species, model.cutoff, model.conditioning != "none")
    )
    init = functools.partial(widths.initial, models)
    programs = population_lib.make_programs(potential, init, check, population_settings, mesh)

    inputs = _replica_inputs(sources, population, rung_names, mesh)
    materials = trainer.Materials(
        table=table,
        **_evaluation_plans(sources, table, rung_names, capacity, settings.split),
        references=sources.references,
    )
    materials = jax.device_put(materials, population_lib.shared_sharding(mesh))
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
        teacher=sources.dataset.manifest["level"],
        num_params=[num_params[spec.settings] for spec in population.replicas],
        # XLA counts the body of the loop over a step's batches once.
        train_flops=[
            flops[spec.settings] * settings.training.batches_per_step * spec.steps for spec in population.replicas
        ],
        num_unique_molecules=[
            splits.num_unique_molecules(sources.dataset, sources.orders[spec.rung, spec.seed][: spec.num_train])
            for spec in population.replicas
        ],
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
    return trainer.flops_per_step(assembled.programs, assembled.inputs, assembled.materials.table)


def _capacity(sources: Sources, table: batching.Table, settings: StudySettings) -> batching.Capacity:
    """Return the capacity of a batch: of all rungs, so that a replica's batches do not depend on its population."""
    sides = [splits.side_indices(sources.dataset, rung, "train", settings.split) for rung in rungs.RUNGS]
    per_batch = settings.training.structures_per_batch
    return batching.enclosing_capacity([batching.choose_capacity(table, per_batch, side) for side in sides])


def _replica_inputs(
    sources: Sources, population: replicas.PopulationSpec, rung_names: tuple[str, ...], mesh: jax.sharding.Mesh
) -> step.ReplicaInputs:
    """Return one entry per replica, and inactive copies of the last one that fill up the devices."""
    longest = max(spec.num_train for spec in population.replicas)
    padded = population_lib.padded_size(len(population.replicas), mesh.shape[population_lib.REPLICA_AXIS])
    specs = population.replicas + (population.replicas[-1],) * (padded - len(population.replicas))
    order = np.zeros((padded, longest), np.int32)
    for place, spec in enumerate(specs):
        order[place, : spec.num_train] = sources.orders[spec.rung, spec.seed][: spec.num_train]
    models = replicas.population_models(population)
    scales = {model: widths.scales(model, population.settings) for model in models}
    columns = {
        "seed": np.array([spec.seed for spec in specs], np.int32),
        "learning_rate": np.array([spec.learning_rate for spec in specs], np.float32),
        "weight_decay": np.array([spec.weight_decay for spec in specs], np.float32),
        "steps": np.array([spec.steps for spec in specs], np.int32),
        "order": order,
        "num_train": np.array([spec.num_train for spec in specs], np.int32),
        "rung": np.array([rung_names.index(spec.rung) for spec in specs], np.int32),
        "active": np.arange(padded) < len(population.replicas),
        "width": np.array([models.index(spec.settings) for spec in specs], np.int32),
        "weight_scale": None if len(models) == 1 else np.stack([scales[spec.settings] for spec in specs]),
    }
    return step.ReplicaInputs(**jax.device_put(columns, population_lib.mapped_sharding(mesh)))


def _evaluation_plans(
    sources: Sources,
    table: batching.Table,
    rung_names: tuple[str, ...],
    capacity: batching.Capacity,
    split: splits.SplitSettings,
) -> dict[str, population_lib.EvaluationPlan]:
    """Plan batches of every rung's structures on each held-out side.

    All are padded to the same number of batches, so that one compiled program evaluates either side.
    """
    plans = {
        side: [
            batching.plan_batches(table, splits.held_out_indices(sources.dataset, rung, side, split), capacity)
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
