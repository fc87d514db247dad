"""Models that an exam's settings name, each with the way to open it."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from h2scale.errors import InputError
from h2scale.evaluation import replica as replica_lib
from h2scale.exam import models, registry, worker_model, worker_pool
from h2scale.exam.calculators import replica_model
from h2scale.runtime import tables


@dataclasses.dataclass(frozen=True)
class CandidateSettings:
    """Names of models and how they are run; see `config.default` for the meaning of every field."""

    calculators: tuple[str, ...]
    python: str
    registry: str
    charge: str
    spin: str
    limits: worker_model.TimeLimits
    workers: int = 1


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A model that can be examined: how it is called, and how it is opened."""

    entry: models.Entry
    open: Callable[[models.Watch], contextlib.AbstractContextManager[models.Model]]


def find(settings: CandidateSettings) -> list[Candidate]:
    """Return the candidates in the order in which the settings name them; replicas are loaded already, others are not.

    Raises:
        InputError: a name is unknown or given twice, or a run has no such replica.
    """
    entries = registry.load(settings.registry)
    if not settings.calculators:
        raise InputError(
            f"config.calculator names no model: give a name of the registry ({', '.join(entries)}), MODULE:FACTORY, "
            "or WORKDIR#REPLICA_ID."
        )
    found: list[Candidate] = []
    for name in settings.calculators:
        folder, _, replica_id = name.partition("#")
        if Path(folder).is_dir():
            found += _replicas(folder, replica_id)
            continue
        entry = registry.find(name, entries, charge=settings.charge, spin=settings.spin, python=settings.python)
        found.append(Candidate(entry, functools.partial(_open_workers, entry, settings.limits, settings.workers)))
    names = [candidate.entry.name for candidate in found]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"config.calculator names {repeated[0]} twice.")
    return found


def _open_workers(
    entry: models.Entry, limits: worker_model.TimeLimits, num_workers: int, watch: models.Watch
) -> contextlib.AbstractContextManager[models.Model]:
    if num_workers == 1:
        return worker_model.WorkerModel(entry, limits, watch)
    return worker_pool.WorkerPool(entry, limits, num_workers, watch)


def _replicas(folder: str, replica_id: str) -> list[Candidate]:
    path = Path(folder) / "replicas.csv"
    if not path.exists():
        raise InputError(f"config.calculator={folder} is a folder without replicas.csv; name the folder of a run.")
    table = tables.read_table(path)
    known = table["replica_id"].tolist()
    if replica_id and replica_id not in known:
        raise InputError(f"{folder} has no replica {replica_id!r}; it has {', '.join(known[:8])}.")
    found = []
    for name, teacher in zip(known, table["teacher"].tolist(), strict=True):
        if replica_id in ("", name):
            replica = replica_lib.load_replica(folder, name)
            entry = replica_model.entry(folder, name, replica, _spelled(teacher))
            found.append(Candidate(entry, functools.partial(_open_replica, replica)))
    return found


def _open_replica(replica: replica_lib.Replica, watch: models.Watch) -> contextlib.AbstractContextManager[models.Model]:
    return contextlib.nullcontext(replica_model.ReplicaModel(replica, watch))


def _spelled(teacher: str) -> str:
    """Return a teacher's name as the shipped curves spell it."""
    return {"pbe0/def2-svp": "PBE0/def2-SVP"}.get(teacher, teacher)
