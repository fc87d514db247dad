"""The scaling study: train what is left, here or by one job a bucket, then fit the tables and report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict, FrozenConfigDict

from h2scale import cluster, devices, progress, study, workdir
from h2scale import config as config_lib
from h2scale.errors import IncompleteError
from h2scale.stages import planning, training


class Job(NamedTuple):
    """What a job on a cluster is told; everything else it reads from the settings."""

    settings: dict[str, Any]  # of the whole study, as nested dictionaries
    folder: str  # the workdir, on a file system that all jobs see
    bucket: str  # name


def run(config: FrozenConfigDict, folder: str, watch: training.Watch | None) -> Path:
    """Trains the replicas that have no row yet, fits and reports; returns the workdir.

    Raises:
        InputError: a setting, dataset or workdir cannot be used.
        IncompleteError: a job ended without its rows; the others' are written.
    """
    plan = planning.plan_study(config)
    if devices.is_writer():
        workdir.open_workdir(folder, config_lib.flatten(config))
        workdir.collect_parts(Path(folder), [bucket.name for bucket in plan.buckets])
    devices.wait_for_others("workdir")
    path = Path(folder)
    finished = workdir.finished_replicas(path)
    to_do = [bucket for bucket in plan.buckets if study.unfinished(bucket, finished)]
    if to_do and config.launcher == "here":
        training.train(config, path, plan, to_do, watch)
    elif to_do:
        _train_by_jobs(config, path, plan, to_do)
    if devices.is_writer():
        page = _report(config, path)
        print(f"{'Report' if to_do else 'Nothing was left to train. Report'}: {page}")
    devices.wait_for_others("report")
    return path


def train_bucket(job: Job) -> None:
    """Trains one bucket of a study in a process of its own; its rows wait in the workdir to be collected."""
    config = planning.resolve_for_job(ConfigDict(job.settings))
    devices.configure(planning.device_settings(config))
    plan = planning.plan_study(config)
    (bucket,) = (bucket for bucket in plan.buckets if bucket.name == job.bucket)
    part = workdir.part_folder(Path(job.folder), bucket.name)
    # A job that was believed lost may still run; the second one then waits and finds the work done.
    with workdir.claim(part):
        if study.unfinished(bucket, workdir.finished_replicas(part)):
            training.train(config, Path(job.folder), plan, [bucket], watch=None, tables_folder=part)


def _train_by_jobs(config: FrozenConfigDict, path: Path, plan: planning.Plan, buckets: Sequence[study.Bucket]) -> None:
    names = [bucket.name for bucket in plan.buckets]
    num_replicas = {bucket.name: len(bucket.replicas) for bucket in buckets}
    with progress.Progress(len(buckets), sum(num_replicas.values())) as bar:
        bar.say(f"Training {sum(num_replicas.values())} replicas in {len(buckets)} jobs ({config.launcher}).")

        def on_done(result: cluster.JobResult) -> None:
            if result.error is None:
                workdir.collect_parts(path, names)
                bar.finish_replicas(num_replicas[result.name])
            bar.advance(1, 0)
            bar.say(f"{result.name}: {'done' if result.error is None else result.error}")

        jobs = cluster.map_jobs(
            train_bucket,
            [Job(config.to_dict(), str(path.absolute()), bucket.name) for bucket in buckets],
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
