"""The order of the stages, and the only place that sees the whole config.

data -> graphs -> population of each bucket -> rows in the workdir's tables -> fits -> report
"""

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale import data, preparation, progress, results, study, workdir
from h2scale.data import dataset as dataset_lib
from h2scale.data import splits
from h2scale.errors import IncompleteError, InputError
from h2scale.graphs import batching
from h2scale.models import sizes
from h2scale.models.settings import ModelSettings
from h2scale.physics import curves
from h2scale.training import checkpoints, losses, optimizers, population, trainer


class Plan(NamedTuple):
    """What is to be trained, and on what."""

    sources: preparation.Sources
    buckets: tuple[study.Bucket, ...]


Watch = Callable[[trainer.Snapshot], None]


def run(config: FrozenConfigDict, folder: str | None = None, watch: Watch | None = None) -> Path:
    """Runs the experiment, or what is left of it, and returns its workdir.

    Args:
        config: from `config.resolve`.
        folder: the workdir; runs/<experiment>-<size> if not given.
        watch: called with every evaluation during training, e.g. to draw it.

    Raises:
        InputError: a setting, dataset or workdir cannot be used; one line that says which and why. Nothing has been
            written then.
        IncompleteError: everything is written, but an examined model left questions unanswered.
    """
    configure_jax(config)
    folder = folder or os.path.join("runs", f"{config.experiment}-{config.size}")
    stages = {"scaling": _run_scaling, "baselines": _run_baselines, "exam": _run_exam}
    return stages[config.stage](config, folder, watch)


def _run_scaling(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    plan = plan_study(config)
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    finished = workdir.finished_replicas(path)
    to_do = [bucket for bucket in plan.buckets if study.unfinished(bucket, finished)]
    if to_do:
        _train(config, path, plan, to_do, watch)
    # Imported late: the first training step need not wait for matplotlib.
    from h2scale.physics import baselines
    from h2scale.report import report
    from h2scale.scaling import fits

    fits.write_fits(path, num_bootstrap=config.report.num_bootstrap)
    page = report.write_report(path, baselines=baselines.SHIPPED_SUMMARY)
    print(f"{'Report' if to_do else 'Nothing was left to train. Report'}: {page}")
    return path


def _run_baselines(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    del watch  # nothing is trained
    # Imported late: a study needs neither PySCF nor, before its end, matplotlib.
    from h2scale.physics import baselines
    from h2scale.report import figures_baselines, style

    path = workdir.open_workdir(folder, config_lib.flatten(config))
    settings = config.baselines
    try:
        rows = baselines.run_baselines(
            path,
            distances_angstrom=np.geomspace(*curves.H2_TEST_DISTANCES_ANGSTROM[[0, -1]], settings.num_distances),
            basis=settings.basis,
            fci_bases=settings.fci_bases,
            workers=settings.workers,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    style.save(figures_baselines.baseline_curves(rows), path / workdir.FIGURES_FOLDER, "baselines")
    print(f"{baselines.summary_markdown(rows)}\nTables and figure: {path}")
    return path


def _run_exam(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    del watch  # nothing is trained
    # Imported late: nothing else needs ASE and YAML.
    from h2scale.evaluation.exam import models, session
    from h2scale.report import exam_page

    exam = config.exam
    settings = session.ExamSettings(
        calculators=tuple(filter(None, config.calculator.split(","))),
        python=config.python,
        registry=exam.registry,
        charge=exam.charge,
        spin=exam.spin,
        sections=tuple(exam.sections),
        limits=models.TimeLimits(exam.load_seconds, exam.answer_seconds, exam.model_seconds),
    )
    candidates = session.candidates(settings)
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    complete = session.run_exam(candidates, settings.sections, path)
    print(f"Report: {exam_page.write_exam_page(path)}")
    if not complete:
        raise IncompleteError(f"the exam is incomplete: {path / session.EXAM_CSV} has the reasons.")
    return path


def plan_study(config: FrozenConfigDict) -> Plan:
    """The data and the buckets of a scaling study.

    Raises:
        InputError: a dataset, rung, size or model setting cannot be used.
    """
    try:
        dataset = data.load_dataset(config.data.dataset)
        split = splits.SplitSettings(
            validation_fraction=config.data.validation_fraction,
            test_fraction=config.data.test_fraction,
            split_seed=config.data.split_seed,
            include_h2_equilibrium=config.data.include_h2_equilibrium,
            include_isolated_atoms=config.data.include_isolated_atoms,
        )
        buckets = tuple(_make_buckets(config, dataset, split))
        orders: dict[tuple[str, int], np.ndarray] = {}
        for spec in (spec for bucket in buckets for spec in bucket.replicas):
            if (spec.rung, spec.seed) not in orders:
                orders[spec.rung, spec.seed] = splits.training_order(dataset, spec.rung, spec.seed, split)
            splits.check_num_train(orders[spec.rung, spec.seed], spec.num_train)
        return Plan(preparation.Sources(dataset, split, orders, preparation.references(dataset)), buckets)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


def _make_buckets(
    config: FrozenConfigDict, dataset: dataset_lib.Dataset, split: splits.SplitSettings
) -> Iterator[study.Bucket]:
    """The buckets of every arm; statistics of the data that a model is scaled by come from equilibrium structures."""
    species = tuple(int(number) for number in np.unique(dataset.atomic_numbers))
    equilibrium = splits.side_indices(dataset, "equilibrium", "train", split)
    energy_per_atom = dataset.energy[equilibrium] / dataset.n_atoms[equilibrium]
    for arm, settings in config_lib.arm_settings(config):
        model, grid = settings.model, settings.grid
        reference = ModelSettings(
            name=model.name,
            num_features=grid.num_features[0],
            num_layers=model.num_layers,
            l_max=model.l_max,
            cutoff=model.cutoff,
            num_radial=model.num_radial,
            radial_hidden=(1,),
            species=species,
            avg_num_neighbors=1.0,
            energy_scale=float(np.sqrt(np.mean(energy_per_atom**2))),
            isolated_atom_exact=model.isolated_atom_exact,
            envelope_power=model.envelope_power,
            prior=model.prior,
            conditioning=model.conditioning,
            convolution=model.convolution,
        )
        table = batching.make_table(dataset, model.cutoff, species)
        neighbors = float(np.sum(table.n_edges[equilibrium]) / np.sum(table.n_atoms[equilibrium]))
        reference = dataclasses.replace(reference, avg_num_neighbors=neighbors)
        for num_features in grid.num_features:
            yield study.make_bucket(
                arm,
                sizes.with_features(reference, num_features, model.radial_hidden_per_feature),
                num_train=grid.num_train,
                rungs=grid.rungs,
                seeds=grid.seeds,
                learning_rates=grid.learning_rates,
            )


def _train(config: FrozenConfigDict, path: Path, plan: Plan, buckets: list[study.Bucket], watch: Watch | None) -> None:
    """Trains the buckets one after another; the next ones are compiled meanwhile, outside the interpreter's lock."""
    mesh = population.make_mesh(jax.devices())
    training = training_settings(config)
    work_per_step = [len(bucket.replicas) * _relative_work(bucket.settings) for bucket in buckets]
    num_replicas = sum(len(bucket.replicas) for bucket in buckets)
    with (
        concurrent.futures.ThreadPoolExecutor(max_workers=1) as tracing,
        concurrent.futures.ThreadPoolExecutor(max_workers=2) as compiling,
        progress.Progress(sum(work_per_step) * training.optimizer.steps, num_replicas) as bar,
    ):
        devices = f"{mesh.size} {mesh.devices.flat[0].platform} device{'s' if mesh.size > 1 else ''}"
        programs = f"{len(buckets)} compiled program{'s' if len(buckets) > 1 else ''}"
        bar.say(f"Training {num_replicas} replicas in {programs} on {devices}.")
        prepared = [
            tracing.submit(preparation.prepare, plan.sources, bucket, training, mesh, compiling) for bucket in buckets
        ]
        try:
            for future in prepared:
                _train_bucket(config, path, future.result(), bar, watch)
        except BaseException:
            for pool in (tracing, compiling):
                pool.shutdown(wait=False, cancel_futures=True)
            raise


def _train_bucket(
    config: FrozenConfigDict,
    path: Path,
    ready: preparation.Prepared,
    bar: progress.Progress,
    watch: Watch | None,
) -> None:
    bucket = ready.described.bucket
    references = jax.tree.map(np.asarray, ready.materials.references)

    def on_progress(replica_steps: int, observation: trainer.Observation | None) -> None:
        if observation is not None:
            workdir.write_history(path, results.history_rows(bucket, observation.history, config.eval.every))
            bar.note(**_current_errors(observation.history))
            if watch is not None:
                watch(trainer.Snapshot(bucket, observation, references))
        bar.advance(replica_steps * _relative_work(bucket.settings), replica_steps)

    folder = path / workdir.CHECKPOINTS_FOLDER / bucket.name
    with checkpoints.BucketCheckpoints(str(folder), config.checkpoint.keep) as store:
        outcome = trainer.train_bucket(
            ready.programs,
            ready.inputs,
            ready.materials,
            steps=config.train.steps,
            steps_per_call=config.train.steps_per_call,
            steps_per_evaluation=config.eval.every,
            steps_per_checkpoint=config.checkpoint.every,
            store=store,
            metadata=study.bucket_metadata(bucket),
            on_progress=on_progress,
        )
    workdir.write_results(
        path,
        results.replica_rows(ready.described, outcome),
        results.curve_rows(ready.described, outcome, references),
        results.history_rows(bucket, outcome.history, config.eval.every),
    )
    bar.finish_replicas(len(bucket.replicas))


def training_settings(config: FrozenConfigDict) -> preparation.TrainingSettings:
    """The settings that every bucket of a scaling study shares."""
    train = config.train
    return preparation.TrainingSettings(
        optimizer=optimizers.OptimizerSettings(
            steps=train.steps,
            warmup_fraction=train.warmup_fraction,
            weight_decay=train.weight_decay,
            gradient_clip=train.gradient_clip,
            ema_decay=train.ema_decay,
        ),
        loss=losses.LossSettings(
            energy_weight=train.energy_weight,
            force_weight=train.force_weight,
            energy_huber_ev_per_atom=train.energy_huber_ev_per_atom,
            force_huber_ev_per_angstrom=train.force_huber_ev_per_angstrom,
        ),
        structures_per_batch=train.structures_per_batch,
        steps_per_call=train.steps_per_call,
        steps_per_evaluation=config.eval.every,
        replicas_at_once=config.devices.replicas_at_once,
    )


def _relative_work(settings: ModelSettings) -> float:
    """Roughly proportional to the time of one training step of one replica; only the time left is judged by it."""
    return settings.num_layers * (settings.l_max + 1) * (8 + settings.num_features)


def _current_errors(history: np.ndarray) -> dict[str, str]:
    """Medians over a bucket's replicas of the errors at the last evaluation, for the progress line."""
    last = history[:, -1]
    last = last[np.isfinite(last[:, 0])]
    if not len(last):
        return {"held-out_error": "none: every replica has diverged"}
    median = dict(zip(population.HISTORY_METRICS, np.median(last, axis=0), strict=True))
    return {
        "held-out_error": f"{1000 * median['validation_energy_mae_ev_per_atom']:.1f} meV/atom",
        "H2_error": f"{median['h2_mae_ev']:.2f} eV",
    }


def configure_jax(config: FrozenConfigDict) -> None:
    """Float64 for judging, full float32 in products, one CPU device per core, compiled programs kept on disk."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    if config.devices.compile_cache:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "h2scale" / "xla"
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    num_devices = config.devices.cpu_devices or len(os.sched_getaffinity(0))
    try:
        jax.config.update("jax_num_cpu_devices", num_devices)
    except RuntimeError as error:
        # A notebook or test may have started JAX already; its devices are used as they are.
        if jax.device_count() < config.devices.cpu_devices:
            raise InputError(
                f"config.devices.cpu_devices={config.devices.cpu_devices}, but JAX has already started with "
                f"{jax.device_count()} device(s); set it before the first computation."
            ) from error
