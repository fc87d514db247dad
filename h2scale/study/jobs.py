"""Training of a study's populations by jobs of a launcher, one population each."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from h2scale.errors import IncompleteError
from h2scale.runtime import cluster, devices, progress, workdir
from h2scale.study import planning, replicas, training
from h2scale.study.settings import StudySettings


class Job(NamedTuple):
    """Argument of one job."""

    settings: StudySettings  # of the whole study
    folder: str  # the workdir, on a file system that all jobs see
    population: str  # name


def train_by_jobs(
    settings: StudySettings, path: Path, plan: planning.Plan, populations: Sequence[replicas.PopulationSpec]
) -> None:
    """Train each population in a job of its own, and collect the rows of each into the workdir's tables.

    Raises:
        InputError: the launcher cannot be used.
        IncompleteError: a job ended without its rows; the others' are written.
    """
    names = [population.name for population in plan.populations]
    num_replicas = {population.name: len(population.replicas) for population in populations}
    launcher = settings.cluster.launcher
    with progress.Progress(len(populations), sum(num_replicas.values())) as bar:
        bar.say(f"Training {sum(num_replicas.values())} replicas in {len(populations)} jobs ({launcher}).")

        def on_done(result: cluster.JobResult) -> None:
            if result.error is None:
                workdir.collect_parts(path, names)
                bar.finish_replicas(num_replicas[result.name])
            bar.advance(1, 0)
            bar.say(f"{result.name}: {'done' if result.error is None else result.error}")

        jobs = cluster.map_jobs(
            train_one,
            [Job(settings, str(path.absolute()), population.name) for population in populations],
            settings.cluster,
            path / workdir.JOBS_FOLDER,
            names=list(num_replicas),
            on_done=on_done,
        )
    failed = [job for job in jobs if job.error is not None]
    if failed:
        raise IncompleteError(
            f"{len(failed)} of {len(jobs)} jobs ended without a result, first {failed[0].name}: {failed[0].error}; "
            "the same command tries them again."
        )


def train_one(job: Job) -> None:
    """Train one population in this process; its rows stay in a folder of the workdir until they are collected."""
    settings = _on_own_cores(job.settings)
    devices.configure(settings.devices)
    plan = planning.plan_study(settings)
    (population,) = (population for population in plan.populations if population.name == job.population)
    part = workdir.part_folder(Path(job.folder), population.name)
    # A job that was believed lost may still run; the second one then waits and finds the work done.
    with workdir.lock(part):
        if replicas.unfinished(population, workdir.finished_replicas(part)):
            training.train(settings, Path(job.folder), plan, [population], watch=None, tables_folder=part)


def _on_own_cores(settings: StudySettings) -> StudySettings:
    """Return the settings with as many CPU devices as a local job has cores; nothing else keeps it to its share."""
    if settings.cluster.launcher != "local" or settings.devices.cpu_devices:
        return settings
    own = dataclasses.replace(settings.devices, cpu_devices=settings.cluster.cpus)
    return dataclasses.replace(settings, devices=own)
