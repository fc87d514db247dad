"""Plan of a scaling study: its data, and the populations that are trained on them."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from h2scale import data
from h2scale.data import dataset as dataset_lib
from h2scale.data import splits
from h2scale.errors import InputError
from h2scale.graphs import batching
from h2scale.models import sizes
from h2scale.models.settings import ModelSettings
from h2scale.study import preparation, replicas
from h2scale.study.settings import ArmSettings, StudySettings


class Plan(NamedTuple):
    """Data and populations of a study."""

    sources: preparation.Sources
    populations: tuple[replicas.PopulationSpec, ...]


def plan_study(settings: StudySettings) -> Plan:
    """Load the data and list the populations of a scaling study.

    Raises:
        InputError: a dataset, rung, size or model setting cannot be used.
    """
    try:
        dataset = data.load_dataset(settings.dataset)
        populations = tuple(_populations(settings, dataset))
        orders: dict[tuple[str, int], np.ndarray] = {}
        for spec in (spec for population in populations for spec in population.replicas):
            if (spec.rung, spec.seed) not in orders:
                orders[spec.rung, spec.seed] = splits.training_order(dataset, spec.rung, spec.seed, settings.split)
            splits.check_num_train(orders[spec.rung, spec.seed], spec.num_train)
        return Plan(preparation.Sources(dataset, orders, preparation.references(dataset)), populations)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


def _populations(settings: StudySettings, dataset: dataset_lib.Dataset) -> Iterator[replicas.PopulationSpec]:
    """Yield the populations of every arm."""
    equilibrium = splits.side_indices(dataset, "equilibrium", "train", settings.split)
    for arm in settings.arms:
        model = _model(arm, dataset, equilibrium)
        for group in replicas.group_widths(arm.grid.num_features, arm.grid.width_spread):
            models = [sizes.with_features(model, width, arm.radial_hidden_per_feature) for width in group]
            yield replicas.make_population(arm.name, models, arm.grid, settings.training)


def _model(arm: ArmSettings, dataset: dataset_lib.Dataset, equilibrium: np.ndarray) -> ModelSettings:
    """Return the arm's model at its first width, scaled by statistics of the equilibrium structures."""
    species = tuple(int(number) for number in np.unique(dataset.atomic_numbers))
    energy_per_atom = dataset.energy[equilibrium] / dataset.n_atoms[equilibrium]
    model = ModelSettings(
        **arm.model,
        num_features=arm.grid.num_features[0],
        radial_hidden=(1,),
        species=species,
        avg_num_neighbors=1.0,
        energy_scale=float(np.sqrt(np.mean(energy_per_atom**2))),
    )
    # Only now: the cutoff has been checked.
    table = batching.make_table(dataset, model.cutoff, species)
    neighbors = float(np.sum(table.n_edges[equilibrium]) / np.sum(table.n_atoms[equilibrium]))
    return dataclasses.replace(model, avg_num_neighbors=neighbors)
