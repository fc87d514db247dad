"""Training of a study's populations in this process: programs, checkpoints, progress, rows of the tables."""

import concurrent.futures
import contextlib
import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from h2scale.models.settings import ModelSettings
from h2scale.physics import curves
from h2scale.runtime import devices, progress, workdir
from h2scale.study import planning, preparation, replicas, rows
from h2scale.study.settings import StudySettings
from h2scale.training import checkpoints, trainer
from h2scale.training import population as population_lib


class Snapshot(NamedTuple):
    """A population in the middle of its training."""

    population: replicas.PopulationSpec
    observation: trainer.Observation
    references: curves.References


Watch = Callable[[Snapshot], None]


def train(
    settings: StudySettings,
    path: Path,
    plan: planning.Plan,
    populations: Sequence[replicas.PopulationSpec],
    watch: Watch | None,
    tables_folder: Path | None = None,
) -> None:
    """Train the populations one after another, while the programs of the next ones are compiled by other threads.

    Every process of a distributed run calls this with the same populations; only the first one writes and reports.

    Args:
        settings: of the whole study.
        path: the workdir; checkpoints go there.
        plan: of the whole study.
        populations: those of the plan that are to be trained.
        watch: called with every evaluation.
        tables_folder: where rows are written; the workdir if not given.

    Raises:
        InputError: the devices cannot be divided as asked.
    """
    tables_folder = tables_folder or path
    mesh = population_lib.make_mesh(jax.devices(), settings.devices.data_parallel)
    work = [
        sum(spec.steps for spec in population.replicas) * _relative_work(population.settings)
        for population in populations
    ]
    num_replicas = sum(len(population.replicas) for population in populations)
    with (
        concurrent.futures.ThreadPoolExecutor(max_workers=1) as tracing,
        concurrent.futures.ThreadPoolExecutor(max_workers=2) as compiling,
        concurrent.futures.ThreadPoolExecutor(max_workers=1) as fitting,
        progress.Progress(sum(work), num_replicas, None if devices.is_writer() else io.StringIO()) as bar,
    ):
        those = f"{mesh.size} {mesh.devices.flat[0].platform} device{'s' if mesh.size > 1 else ''}"
        programs = f"{len(populations)} compiled program{'s' if len(populations) > 1 else ''}"
        bar.say(f"Training {num_replicas} replicas in {programs} on {those}.")
        for line in planning.describe(plan):
            bar.say(line)

        def prepare(population: replicas.PopulationSpec) -> preparation.Prepared:
            return preparation.prepare(plan.sources[population.arm], population, settings, mesh, compiling)

        for population in populations if devices.is_writer() else ():
            sources = plan.sources[population.arm]
            for spec in population.replicas:  # so that they are known when the rows are written
                train = sources.train(spec.rung, spec.seed, spec.num_train)
                fitting.submit(sources.simple.ridge_energies, spec.rung, train)
        prepared: list[Callable[[], preparation.Prepared]]
        if jax.process_count() == 1:
            prepared = [tracing.submit(prepare, population).result for population in populations]
        else:
            # Placing arrays on the devices of several processes is an exchange, whose order must be the same in all.
            prepared = [functools.partial(prepare, population) for population in populations]
        try:
            for ready in prepared:
                _train_and_write(settings, path, tables_folder, ready(), bar, watch)
        except BaseException:
            for pool in (tracing, compiling, fitting):
                pool.shutdown(wait=False, cancel_futures=True)
            raise


def _train_and_write(
    settings: StudySettings,
    path: Path,
    tables_folder: Path,
    ready: preparation.Prepared,
    bar: progress.Progress,
    watch: Watch | None,
) -> None:
    population, every = ready.described.population, settings.evaluation.every
    references = jax.tree.map(np.asarray, ready.materials.references)

    def on_progress(replica_steps: int, observation: trainer.Observation | None) -> None:
        if observation is not None and devices.is_writer():
            workdir.write_history(tables_folder, rows.history_rows(population, observation.history, every))
            bar.note(**_current_errors(observation.history))
            if watch is not None:
                watch(Snapshot(population, observation, references))
        bar.advance(replica_steps * _relative_work(population.settings), replica_steps)

    folder = path / workdir.CHECKPOINTS_FOLDER / population.name
    feed = contextlib.nullcontext() if ready.materials.feed is None else contextlib.closing(ready.materials.feed)
    with checkpoints.PopulationCheckpoints(str(folder), settings.checkpoint.keep) as store, feed:
        outcome = trainer.train_population(
            ready.programs,
            ready.inputs,
            ready.materials,
            ready.settings,
            steps_per_checkpoint=settings.checkpoint.every,
            store=store,
            metadata=replicas.metadata(population),
            on_progress=on_progress,
        )
    if devices.is_writer():
        tests = rows.tests_of(ready.described, outcome)
        workdir.write_results(
            tables_folder,
            rows.replica_rows(ready.described, outcome, tests),
            rows.error_rows(ready.described, tests),
            rows.curve_rows(ready.described, outcome, references),
            rows.history_rows(population, outcome.history, every),
        )
    bar.finish_replicas(len(population.replicas))


def _relative_work(settings: ModelSettings) -> float:
    """Return a number roughly proportional to the time of a replica's training step, for the time that is left."""
    return settings.num_layers * (settings.l_max + 1) * (8 + settings.num_features)


def _current_errors(history: np.ndarray) -> dict[str, str]:
    """Return medians over the replicas of the errors at the last evaluation, for the progress line."""
    last = history[:, -1]
    last = last[np.isfinite(last[:, 0])]
    if not len(last):
        return {"held-out_error": "none: every replica has diverged"}
    median = dict(zip(population_lib.HISTORY_METRICS, np.median(last, axis=0), strict=True))
    return {
        "held-out_error": f"{1000 * median['validation_energy_mae_ev_per_atom']:.1f} meV/atom",
        "H2_error": f"{median['h2_mae_ev']:.2f} eV",
    }
