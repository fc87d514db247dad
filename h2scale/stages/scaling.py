"""A scaling study, a sweep or a check of convergence: train what is missing, here or by jobs, then fit and report."""

import dataclasses
from pathlib import Path

from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale.data.splits import SplitSettings
from h2scale.data.training_sets import TrainingSetSettings
from h2scale.errors import InputError
from h2scale.runtime import devices, workdir
from h2scale.runtime.cluster import ClusterSettings
from h2scale.stages import tuning
from h2scale.study import jobs, planning, replicas, training
from h2scale.study.settings import ArmSettings, GridSettings, StudySettings
from h2scale.training.settings import CheckpointSettings, EvaluationSettings, TrainingSettings


def run(config: FrozenConfigDict, settings: StudySettings, folder: str, watch: training.Watch | None) -> Path:
    """Train the replicas that have no row yet, fit and report; returns the workdir.

    Args:
        config: written to the workdir, and compared with that of an earlier run.
        settings: `study_settings(config)`.
        folder: the workdir.
        watch: called with every evaluation during training here.

    Raises:
        InputError: a setting, dataset or workdir cannot be used.
        IncompleteError: a job ended without its rows; the others' are written.
    """
    plan = planning.plan_study(settings)
    path = Path(folder)
    if devices.is_writer():
        facts = {name: dict(own.facts) for name, own in plan.sources.items()}
        workdir.open_workdir(folder, config_lib.flatten(config), facts)
        workdir.collect_parts(path, [population.name for population in plan.populations])
    devices.wait_for_others("workdir")
    finished = workdir.finished_replicas(path)
    to_do = [population for population in plan.populations if replicas.unfinished(population, finished)]
    if to_do and settings.cluster.launcher == "here":
        training.train(settings, path, plan, to_do, watch)
    elif to_do:
        jobs.train_by_jobs(settings, path, plan, to_do)
    if devices.is_writer():
        done = "" if to_do else "Nothing was left to train. "
        if config.stage == "tuning":
            print(f"{done}Chosen: {tuning.write_tables(path)}")
        elif config.stage == "convergence":
            print(f"{done}Report: {_convergence_report(path)}")
        else:
            print(f"{done}Report: {_report(path, settings.num_bootstrap)}")
    devices.wait_for_others("report")
    return path


def study_settings(config: FrozenConfigDict) -> StudySettings:
    """Make the records of a study's settings, which check themselves.

    Raises:
        InputError: names the first setting that cannot be, what arrived and what would be right.
    """
    return StudySettings(
        arms=tuple(_arm_settings(config)),
        evaluation=EvaluationSettings(**config.eval),
        checkpoint=CheckpointSettings(**config.checkpoint),
        devices=devices.DeviceSettings.from_section(config.devices),
        cluster=ClusterSettings(launcher=config.launcher, **config.cluster),
        num_bootstrap=config.report.num_bootstrap,
    )


def _arm_settings(config: FrozenConfigDict) -> list[ArmSettings]:
    arms = []
    for name, arm in config_lib.arm_settings(config):
        model, split = arm.model.to_dict(), arm.data.to_dict()
        admitted = {field.name: split.pop(field.name) for field in dataclasses.fields(TrainingSetSettings)}
        hidden = model.pop("radial_hidden_per_feature")
        own = {name: split.pop(name) for name in ("dataset", "teacher_curve", "anions", "dications", "include_anions")}
        try:
            arms.append(
                ArmSettings(
                    name=name,
                    **own,
                    split=SplitSettings(**split),
                    training_set=TrainingSetSettings(**admitted),
                    model=model,
                    radial_hidden_per_feature=hidden,
                    grid=GridSettings(**arm.grid.to_dict()),
                    training=TrainingSettings(**arm.train.to_dict()),
                )
            )
        except InputError as error:
            raise error if len(config.arms) == 1 else InputError(f"arm {name}: {error}") from error
    return arms


def _convergence_report(path: Path) -> Path:
    # Imported late: the first training step need not wait for matplotlib.
    from h2scale.report import convergence

    return convergence.write_page(path)


def _report(path: Path, num_bootstrap: int) -> Path:
    # Imported late: the first training step need not wait for matplotlib.
    from h2scale.physics import baselines
    from h2scale.report import report
    from h2scale.scaling import fits

    fits.write_fits(path, num_bootstrap=num_bootstrap)
    exams = workdir.CHECKOUT / "experiments" / "results" / "exam"
    return report.write_report(path, baselines=baselines.SHIPPED_SUMMARY, exams=exams if exams.exists() else None)
