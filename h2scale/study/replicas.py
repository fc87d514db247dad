"""Replicas of a study, and the populations that share one compiled program."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from h2scale.models import widths
from h2scale.models.settings import ModelSettings
from h2scale.study.settings import GridSettings
from h2scale.training.metadata import PopulationMetadata
from h2scale.training.settings import TrainingSettings


class ReplicaSpec(NamedTuple):
    """One replica to be trained."""

    replica_id: str  # readable, unique, and the same in every study that contains the replica
    settings: ModelSettings  # of the replica itself, unpadded
    num_train: int
    rung: str
    seed: int
    learning_rate: float
    weight_decay: float
    steps: int


class PopulationSpec(NamedTuple):
    """Replicas that one compiled program trains, with one checkpoint folder."""

    name: str
    arm: str  # the name in the tables' `model` column
    settings: ModelSettings  # of the program: the widest replica's
    replicas: tuple[ReplicaSpec, ...]


def make_population(
    arm: str, models: Sequence[ModelSettings], grid: GridSettings, training: TrainingSettings
) -> PopulationSpec:
    """Return the population that holds the product of a grid for models that differ in their width at most.

    Args:
        arm: name in the tables.
        models: alike but for their width; those of the grid's `num_features` that share a program.
        grid: the other axes; weight decays and lengths that it lists are named in the replicas' ids.
        training: weight decay and length where the grid lists none.
    """
    replicas = tuple(
        ReplicaSpec(
            f"{arm}-f{model.num_features}-{rung}-n{size}-lr{rate:g}"
            + (f"-wd{decay:g}" if grid.weight_decays else "")
            + (f"-t{count}" if grid.steps else "")
            + f"-s{seed}",
            model,
            size,
            rung,
            seed,
            rate,
            decay,
            count,
        )
        for model, rung in itertools.product(models, grid.rungs)
        for size, rate, decay, count, seed in itertools.product(
            grid.sizes(rung),
            grid.rates(rung, model.num_features),
            grid.weight_decays or (training.weight_decay,),
            grid.steps or (training.steps,),
            grid.seeds,
        )
    )
    name = f"{arm}-f{'-'.join(str(model.num_features) for model in models)}"
    return PopulationSpec(name, arm, widths.widest(models), replicas)


def group_widths(num_features: Sequence[int], spread: float) -> list[tuple[int, ...]]:
    """Group widths that share a program, each padded to the widest of its group.

    Padding a model to twice its width costs up to four times its work, so only near neighbours are put together.

    Args:
        num_features: distinct widths.
        spread: how many times wider the widest of a group may be than its narrowest; 1 gives each its own program.

    Returns:
        The groups and their members in the order of `num_features`.
    """
    groups: list[list[int]] = []
    for width in sorted(num_features, reverse=True):
        if groups and groups[-1][0] <= spread * width:
            groups[-1].append(width)
        else:
            groups.append([width])
    ordered = [tuple(width for width in num_features if width in group) for group in groups]
    return sorted(ordered, key=lambda group: list(num_features).index(group[0]))


def population_models(population: PopulationSpec) -> tuple[ModelSettings, ...]:
    """Return the distinct models of a population, in the order of their first replica."""
    return tuple(dict.fromkeys(spec.settings for spec in population.replicas))


def metadata(population: PopulationSpec) -> PopulationMetadata:
    """Return the metadata of a population's checkpoints."""
    models = population_models(population)
    return PopulationMetadata(
        arm=population.arm,
        settings=population.settings,
        models=models,
        replica_ids=tuple(spec.replica_id for spec in population.replicas),
        replica_models=tuple(models.index(spec.settings) for spec in population.replicas),
    )


def unfinished(population: PopulationSpec, finished: Iterable[str]) -> bool:
    """Return whether a population still has to run; it is finished as a whole."""
    return not {spec.replica_id for spec in population.replicas} <= set(finished)
