"""Plan of a scaling study: its data, and the populations that are trained on them."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.data import partition, rungs
from h2scale.errors import InputError
from h2scale.graphs import counting
from h2scale.models import sizes
from h2scale.models.settings import ModelSettings
from h2scale.physics import energy_zero
from h2scale.study import replicas
from h2scale.study import sources as sources_lib
from h2scale.study.settings import ArmSettings, StudySettings


class Plan(NamedTuple):
    """Data and populations of a study."""

    sources: Mapping[str, sources_lib.Sources]  # by arm
    populations: tuple[replicas.PopulationSpec, ...]


def plan_study(settings: StudySettings) -> Plan:
    """Load the data and list the populations of a scaling study.

    Raises:
        InputError: a dataset, rung, size or model setting cannot be used.
    """
    try:
        sources = sources_lib.load(settings.arms)
        populations = (population for own in sources.values() for population in _populations(own.arm, own.divided))
        # Narrow models first: of a long study that is stopped early, whole sizes are done.
        return Plan(sources, tuple(sorted(populations, key=lambda population: population.settings.num_features)))
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


def describe(plan: Plan) -> Iterator[str]:
    """Describe the sides of every dataset and rung that is trained on, one line each."""
    lines: dict[str, None] = {}
    for population in plan.populations:
        divided = plan.sources[population.arm].divided
        for rung in dict.fromkeys(spec.rung for spec in population.replicas):
            lines[f"{divided.dataset.manifest['level']}, {divided.describe(rung)}"] = None
        if not divided.dataset.has_forces:
            lines[f"{divided.dataset.manifest['level']}: no forces, so energies alone are trained on"] = None
    yield from lines


def _populations(arm: ArmSettings, divided: partition.Partition) -> Iterator[replicas.PopulationSpec]:
    """Yield the populations of an arm."""
    model = _model(arm, divided)
    for group in replicas.group_widths(arm.grid.num_features, arm.grid.width_spread):
        models = [sizes.with_features(model, width, arm.radial_hidden_per_feature) for width in group]
        yield replicas.make_population(arm.name, models, arm.grid, arm.training)


def _model(arm: ArmSettings, divided: partition.Partition) -> ModelSettings:
    """Return the arm's model at its first width, scaled by statistics of the lowest rung that holds structures."""
    dataset = divided.dataset
    lowest = next(found for rung in rungs.RUNGS if len(found := divided.indices(rung, "train")))
    species = tuple(sorted(frozenset().union(*dataset_lib.elements_of(dataset.compositions))))
    energy_per_atom = dataset.energy[lowest] / dataset.n_atoms[lowest]
    bare = arm.model["prior"] == "coulomb"
    model = ModelSettings(
        **arm.model,
        num_features=arm.grid.num_features[0],
        radial_hidden=(1,),
        species=species,
        avg_num_neighbors=1.0,
        energy_scale=float(np.sqrt(np.mean(energy_per_atom**2))),
        atomic_energies_ev=energy_zero.atomic_energies_ev(dataset.manifest, species) if bare else (),
    )
    # Only now: the cutoff has been checked.
    n_edges = counting.edge_counts(dataset, model.cutoff)
    neighbors = float(np.sum(n_edges[lowest]) / np.sum(dataset.n_atoms[lowest]))
    return dataclasses.replace(model, avg_num_neighbors=neighbors)
