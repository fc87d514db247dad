"""Which replicas a study consists of, and which of them share one compiled program."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from h2scale.models import widths
from h2scale.models.settings import ModelSettings


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
    arm: str,
    models: Sequence[ModelSettings],
    *,
    num_train: Sequence[int],
    rungs: Sequence[str],
    seeds: Sequence[int],
    learning_rates: Sequence[float],
    weight_decay: float,
    steps: int,
    weight_decays: Sequence[float] = (),
    step_counts: Sequence[int] = (),
) -> PopulationSpec:
    """The population that holds the product of the given axes for models that differ in their width at most.

    Args:
        arm: name in the tables.
        models: alike but for their width.
        num_train: sizes of the training set.
        rungs: data distributions.
        seeds: of initial parameters, training order and batches.
        learning_rates: peaks of the schedule.
        weight_decay: where `weight_decays` is empty.
        steps: where `step_counts` is empty.
        weight_decays: an axis of the grid, then named in the replicas' ids.
        step_counts: likewise.
    """
    replicas = tuple(
        ReplicaSpec(
            f"{arm}-f{model.num_features}-{rung}-n{size}-lr{rate:g}"
            + (f"-wd{decay:g}" if weight_decays else "")
            + (f"-t{count}" if step_counts else "")
            + f"-s{seed}",
            model,
            size,
            rung,
            seed,
            rate,
            decay,
            count,
        )
        for model, rung, size, rate, decay, count, seed in itertools.product(
            models, rungs, num_train, learning_rates, weight_decays or (weight_decay,), step_counts or (steps,), seeds
        )
    )
    name = f"{arm}-f{'-'.join(str(model.num_features) for model in models)}"
    return PopulationSpec(name, arm, widths.widest(models), replicas)


def group_widths(num_features: Sequence[int], spread: float) -> list[tuple[int, ...]]:
    """Widths that share a program, each padded to the widest of its group.

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
    """The distinct models of a population, in the order of their first replica."""
    return tuple(dict.fromkeys(spec.settings for spec in population.replicas))


def population_metadata(population: PopulationSpec) -> dict[str, Any]:
    """What a checkpoint must carry so that a replica can be rebuilt from it alone; JSON."""
    models = population_models(population)
    return {
        "arm": population.arm,
        "settings": dataclasses.asdict(population.settings),
        "models": [dataclasses.asdict(model) for model in models],
        "replica_ids": [spec.replica_id for spec in population.replicas],
        "replica_models": [models.index(spec.settings) for spec in population.replicas],
    }


def unfinished(population: PopulationSpec, finished: Iterable[str]) -> bool:
    """Whether a population still has to run; a population is finished as a whole."""
    return not {spec.replica_id for spec in population.replicas} <= set(finished)
