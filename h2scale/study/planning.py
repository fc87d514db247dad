"""What a scaling study trains, and on what: data, populations and the settings that they share."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from h2scale import config as config_lib
from h2scale import data
from h2scale.data import dataset as dataset_lib
from h2scale.data import splits
from h2scale.errors import InputError
from h2scale.graphs import batching
from h2scale.models import sizes
from h2scale.models.settings import ModelSettings
from h2scale.runtime import cluster, devices
from h2scale.study import preparation, replicas
from h2scale.training import losses, optimizers
from h2scale.training import population as population_lib


class Plan(NamedTuple):
    """What is to be trained, and on what."""

    sources: preparation.Sources
    populations: tuple[replicas.PopulationSpec, ...]


def plan_study(config: FrozenConfigDict) -> Plan:
    """The data and the populations of a scaling study.

    Raises:
        InputError: a dataset, rung, size or model setting cannot be used.
    """
    try:
        dataset = data.load_dataset(config.data.dataset)
        split = splits.SplitSettings(
            validation_fraction=config.data.validation_fraction,
            test_fraction=config.data.test_fraction,
            split_seed=config.data.split_seed,
            max_held_out=config.data.max_held_out,
            include_h2_equilibrium=config.data.include_h2_equilibrium,
            include_isolated_atoms=config.data.include_isolated_atoms,
        )
        populations = tuple(_make_populations(config, dataset, split))
        orders: dict[tuple[str, int], np.ndarray] = {}
        for spec in (spec for population in populations for spec in population.replicas):
            if (spec.rung, spec.seed) not in orders:
                orders[spec.rung, spec.seed] = splits.training_order(dataset, spec.rung, spec.seed, split)
            splits.check_num_train(orders[spec.rung, spec.seed], spec.num_train)
        return Plan(preparation.Sources(dataset, split, orders, preparation.references(dataset)), populations)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


def training_settings(config: FrozenConfigDict) -> preparation.TrainingSettings:
    """The settings that every population of a scaling study shares."""
    train = config.train
    return preparation.TrainingSettings(
        optimizer=optimizers.OptimizerSettings(
            warmup_fraction=train.warmup_fraction,
            gradient_clip=train.gradient_clip,
            ema_decay=train.ema_decay,
        ),
        loss=losses.LossSettings(
            energy_weight=train.energy_weight,
            force_weight=train.force_weight,
            energy_huber_ev_per_atom=train.energy_huber_ev_per_atom,
            force_huber_ev_per_angstrom=train.force_huber_ev_per_angstrom,
        ),
        structures_per_batch=train.structures_per_batch,
        steps_per_call=train.steps_per_call,
        steps_per_evaluation=config.eval.every,
        replicas_at_once=config.devices.replicas_at_once,
        batches_per_step=train.batches_per_step,
    )


def make_mesh(config: FrozenConfigDict) -> jax.sharding.Mesh:
    """All devices of all processes of the run.

    Raises:
        InputError: they cannot be divided as asked.
    """
    try:
        return population_lib.make_mesh(jax.devices(), config.devices.data_parallel)
    except ValueError as error:
        raise InputError(f"config.{error}") from error


def device_settings(config: FrozenConfigDict) -> devices.DeviceSettings:
    """How JAX starts in this process."""
    settings = config.devices
    return devices.DeviceSettings(
        cpu_devices=settings.cpu_devices,
        compile_cache=settings.compile_cache,
        distributed=settings.distributed.enabled,
        coordinator=settings.distributed.coordinator,
        num_processes=settings.distributed.num_processes,
        process_id=settings.distributed.process_id,
    )


def cluster_settings(config: FrozenConfigDict) -> cluster.ClusterSettings:
    """What each job of a launcher asks for."""
    settings = config.cluster
    return cluster.ClusterSettings(
        launcher=config.launcher,
        partition=settings.partition,
        minutes=settings.minutes,
        cpus=settings.cpus,
        gpus=settings.gpus,
        memory_gb=settings.memory_gb,
        jobs_at_once=settings.jobs_at_once,
        retries=settings.retries,
        setup=tuple(settings.setup),
    )


def resolve_for_job(config: ConfigDict) -> FrozenConfigDict:
    """The settings of a study as one of its jobs needs them: trained here, on the cores that the job was given."""
    if config.launcher == "local" and not config.devices.cpu_devices:
        config.devices.cpu_devices = config.cluster.cpus  # nothing else keeps a local job to its share
    config.launcher = "here"
    return config_lib.resolve(config)


def _make_populations(
    config: FrozenConfigDict, dataset: dataset_lib.Dataset, split: splits.SplitSettings
) -> Iterator[replicas.PopulationSpec]:
    """The populations of every arm; a model is scaled by statistics of the equilibrium structures."""
    species = tuple(int(number) for number in np.unique(dataset.atomic_numbers))
    equilibrium = splits.side_indices(dataset, "equilibrium", "train", split)
    energy_per_atom = dataset.energy[equilibrium] / dataset.n_atoms[equilibrium]
    for arm, settings in config_lib.arm_settings(config):
        model, grid = settings.model, settings.grid
        reference = ModelSettings(
            name=model.name,
            num_features=grid.num_features[0],
            num_layers=model.num_layers,
            l_max=model.l_max,
            cutoff=model.cutoff,
            num_radial=model.num_radial,
            radial_hidden=(1,),
            species=species,
            avg_num_neighbors=1.0,
            energy_scale=float(np.sqrt(np.mean(energy_per_atom**2))),
            isolated_atom_exact=model.isolated_atom_exact,
            envelope_power=model.envelope_power,
            prior=model.prior,
            conditioning=model.conditioning,
            convolution=model.convolution,
        )
        table = batching.make_table(dataset, model.cutoff, species)
        neighbors = float(np.sum(table.n_edges[equilibrium]) / np.sum(table.n_atoms[equilibrium]))
        reference = dataclasses.replace(reference, avg_num_neighbors=neighbors)
        for group in replicas.group_widths(grid.num_features, grid.width_spread):
            yield replicas.make_population(
                arm,
                [sizes.with_features(reference, width, model.radial_hidden_per_feature) for width in group],
                num_train=grid.num_train,
                rungs=grid.rungs,
                seeds=grid.seeds,
                learning_rates=grid.learning_rates,
                weight_decay=config.train.weight_decay,
                steps=config.train.steps,
                weight_decays=grid.weight_decays,
                step_counts=grid.steps,
            )
