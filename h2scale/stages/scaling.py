"""The scaling study: train what is left, here or by one job per population, then fit the tables and report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict, FrozenConfigDict

from h2scale import config as config_lib
from h2scale.errors import IncompleteError
from h2scale.runtime import cluster, devices, progress, workdir
from h2scale.study import planning, replicas, training


class Job(NamedTuple):
    """What a job on a cluster is told; everything else it reads from the settings."""

    settings: dict[str, Any]  # of the whole study, as nested dictionaries
    folder: str  # the workdir, on a file system that all jobs see
    population: str  # name


def run(config: FrozenConfigDict, folder: str, watch: training.Watch | None) -> Path:
    """Trains the replicas that have no row yet, fits and reports; returns the workdir.

    Raises:
        InputError: a setting, dataset or workdir cannot be used.
        IncompleteError: a job ended without its rows; the others' are written.
    """
    plan = planning.plan_study(config)
    if devices.is_writer():
        workdir.open_workdir(folder, config_lib.flatten(config))
        workdir.collect_parts(Path(folder), [population.name for population in plan.populations])
    devices.wait_for_others("workdir")
    path = Path(folder)
    finished = workdir.finished_replicas(path)
    to_do = [population for population in plan.populations if replicas.unfinished(population, finished)]
    if to_do and config.launcher == "here":
        training.train(config, path, plan, to_do, watch)
    elif to_do:
        _train_by_jobs(config, path, plan, to_do)
    if devices.is_writer():
        page = _report(config, path)
        print(f"{'Report' if to_do else 'Nothing was left to train. Report'}: {page}")
    devices.wait_for_others("report")
    return path


def run_job(job: Job) -> None:
    """Trains one population of a study in a process of its own; its rows wait in the workdir to be collected."""
    config = planning.resolve_for_job(ConfigDict(job.settings))
    devices.configure(planning.device_settings(config))
    plan = planning.plan_study(config)
    (population,) = (population for population in plan.populations if population.name == job.population)
    part = workdir.part_folder(Path(job.folder), population.name)
    # A job that was believed lost may still run; the second one then waits and finds the work done.
    with workdir.claim(part):
        if replicas.unfinished(population, workdir.finished_replicas(part)):
            training.train(config, Path(job.folder), plan, [population], watch=None, tables_folder=part)


def _train_by_jobs(
    config: FrozenConfigDict, path: Path, plan: planning.Plan, populations: Sequence[replicas.PopulationSpec]
) -> None:
    names = [population.name for population in plan.populations]
    num_replicas = {population.name: len(population.replicas) for population in populations}
    with progress.Progress(len(populations), sum(num_replicas.values())) as bar:
        bar.say(f"Training {sum(num_replicas.values())} replicas in {len(populations)} jobs ({config.launcher}).")

        def on_done(result: cluster.JobResult) -> None:
            if result.error is None:
                workdir.collect_parts(path, names)
                bar.finish_replicas(num_replicas[result.name])
            bar.advance(1, 0)
            bar.say(f"{result.name}: {'done' if result.error is None else result.error}")

        jobs = cluster.map_jobs(
            run_job,
            [Job(config.to_dict(), str(path.absolute()), population.name) for population in populations],
            planning.cluster_settings(config),
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


def _report(config: FrozenConfigDict, path: Path) -> Path:
    # Imported late: the first training step need not wait for matplotlib.
    from h2scale.physics import baselines
    from h2scale.report import report
    from h2scale.scaling import fits

    fits.write_fits(path, num_bootstrap=config.report.num_bootstrap)
    return report.write_report(path, baselines=baselines.SHIPPED_SUMMARY)
