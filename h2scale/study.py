"""Which replicas a study consists of, and which of them share one compiled program."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from h2scale.models.settings import ModelSettings


class ReplicaSpec(NamedTuple):
    """One replica to be trained."""

    replica_id: str  # readable, unique, and the same in every study that contains the replica
    num_train: int
    rung: str
    seed: int
    learning_rate: float


class Bucket(NamedTuple):
    """Replicas with the same shapes: one compiled program, one checkpoint folder."""

    name: str
    arm: str  # the name in the tables' `model` column
    settings: ModelSettings
    replicas: tuple[ReplicaSpec, ...]


def make_bucket(
    arm: str,
    settings: ModelSettings,
    *,
    num_train: Sequence[int],
    rungs: Sequence[str],
    seeds: Sequence[int],
    learning_rates: Sequence[float],
) -> Bucket:
    """The bucket that holds the product of the given axes for one model."""
    name = f"{arm}-f{settings.num_features}"
    replicas = tuple(
        ReplicaSpec(f"{name}-{rung}-n{size}-lr{rate:g}-s{seed}", size, rung, seed, rate)
        for rung, size, rate, seed in itertools.product(rungs, num_train, learning_rates, seeds)
    )
    return Bucket(name, arm, settings, replicas)


def bucket_metadata(bucket: Bucket) -> dict[str, Any]:
    """What a checkpoint must carry so that a replica can be rebuilt from it alone; JSON."""
    return {
        "arm": bucket.arm,
        "settings": dataclasses.asdict(bucket.settings),
        "replica_ids": [spec.replica_id for spec in bucket.replicas],
    }


def unfinished(bucket: Bucket, finished: Iterable[str]) -> bool:
    """Whether a bucket still has to run; a bucket is finished as a whole."""
    return not {spec.replica_id for spec in bucket.replicas} <= set(finished)
