"""A labelling campaign: its workers, its progress, and the replacement of workers that die."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from h2scale.errors import InputError
from h2scale.labels import recipe as recipe_lib
from h2scale.labels import store, worker
from h2scale.runtime import cluster, migration, progress

LOGS = "logs"
DIED = "worker died"
_POLL_SECONDS = 0.5
_LEAVE_SECONDS = 60.0  # a Slurm job begins no task in the last minute of its time


class Summary(NamedTuple):
    """State of a campaign."""

    tasks_done: int
    tasks: int
    labels: int
    failures: Counter[str]
    core_seconds: float


def run_campaign(
    folder: Path,
    recipe: recipe_lib.Recipe,
    *,
    workers: int,
    settings: cluster.ClusterSettings | None = None,
    minutes: float = 0.0,
) -> Summary:
    """Do every task that has no result yet, and return the state of the campaign after that.

    Args:
        folder: of the campaign; finished tasks in it are kept and not done again.
        recipe: of the campaign.
        workers: single-threaded processes of this machine, or jobs; 0 means one per core.
        settings: resources of each job; None for processes of this machine.
        minutes: time after which no further task is begun; 0 for no limit.

    Raises:
        InputError: a worker cannot go on; finished tasks are kept.
    """
    migration.rename_label_folders(folder)
    tasks = recipe_lib.plan(recipe)
    worker.save_recipe(folder, recipe)
    (folder / LOGS).mkdir(exist_ok=True)
    workers = workers or len(os.sched_getaffinity(0))
    until = time.time() + 60 * minutes if minutes else None
    with _Watch(folder, tasks) as watch:
        if watch.left:
            run = _jobs(folder, workers, settings, until) if settings else _processes(folder, tasks, workers, until)
            for _ in run:
                watch.look()
        watch.look()
        return watch.summary()


def _processes(folder: Path, tasks: Sequence[recipe_lib.Task], number: int, until: float | None) -> Iterator[None]:
    """Run workers until all have ended; the task of one that a signal killed fails, and the worker is replaced."""
    by_key = {task.key: task for task in tasks}
    running: list[subprocess.Popen] = []
    try:
        running = [_start(folder, place, until) for place in range(number)]
        while running:
            yield
            time.sleep(_POLL_SECONDS)
            for process in [p for p in running if p.poll() is not None]:
                running.remove(process)
                if process.returncode > 0:
                    raise InputError(f"a worker stopped: {_last_line(folder)} (logs: {folder / LOGS})")
                if process.returncode < 0:
                    _record_death(folder, by_key, process)
                    running.append(_start(folder, number, until))
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _record_death(folder: Path, tasks: Mapping[str, recipe_lib.Task], process: subprocess.Popen) -> None:
    """Write a failure for the task whose worker crashed; raise InputError if the worker was stopped on purpose."""
    name = signal.Signals(-process.returncode).name
    if -process.returncode in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        raise InputError(f"a worker was stopped by {name}; the same command continues.")
    for key in store.locked_by(folder, process.pid):
        task = tasks[key]
        molecule = task.arguments.get("smiles", task.kind)
        molecule = molecule if isinstance(molecule, str) else f"{task.kind} of {len(molecule)}"
        store.save(folder, key, store.Result((), [store.Failure(DIED, molecule, f"of {name}")]))


def _start(folder: Path, place: int, until: float | None) -> subprocess.Popen:
    command = [sys.executable, "-m", "h2scale.labels.worker", str(folder), "--campaign", str(os.getpid())]
    command += ["--until", str(until)] if until is not None else []
    with (folder / LOGS / f"worker-{place}.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(command, env=worker.single_threaded(), stdout=log, stderr=log)


def _last_line(folder: Path) -> str:
    """Last line in the log of the worker that stopped last."""
    newest = max((folder / LOGS).iterdir(), key=lambda path: path.stat().st_mtime)
    lines = newest.read_text(encoding="utf-8").strip().splitlines()
    return lines[-1] if lines else "its log is empty"


def _jobs(folder: Path, number: int, settings: cluster.ClusterSettings, until: float | None) -> Iterator[None]:
    """Run workers as jobs; `runtime.cluster` submits a job again that was killed."""
    end = time.time() + 60 * settings.minutes - _LEAVE_SECONDS
    argument = (str(folder.resolve()), min(until, end) if until else None)
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(cluster.map_jobs, _job, [argument] * number, settings, folder / LOGS)
        while not future.done():
            yield
            time.sleep(_POLL_SECONDS)
        failed = [result for result in future.result() if result.error is not None]
    if failed:
        raise InputError(f"job {failed[0].name}: {failed[0].error}; finished tasks are kept.")


def _job(argument: tuple[str, float | None]) -> int:
    folder, until = argument
    os.environ.update(worker.single_threaded())
    return worker.work(Path(folder), until)


class _Watch(contextlib.AbstractContextManager):
    """Count of results as they appear, shown as a progress bar."""

    def __init__(self, folder: Path, tasks: Sequence[recipe_lib.Task]) -> None:
        self._folder, self._tasks = folder, tasks
        self._seen: set[str] = set()
        self._labels, self._seconds = 0, 0.0
        self._failures: Counter[str] = Counter()
        done = [task for task in tasks if store.is_finished(folder, task.key)]
        for task in done:
            self._count(task)
        self.left = len(tasks) - len(done)
        work = sum(task.cost for task in tasks if task.key not in self._seen)
        self._bar = progress.Progress(max(work, 1e-9), len(tasks), things="tasks", rate="labels")
        self._bar.finish_replicas(len(done))
        if done:
            self._bar.say(f"{len(done)} of {len(tasks)} tasks were done before: {self._labels} labels.")

    def __exit__(self, *_: object) -> None:
        self._bar.__exit__()

    def look(self) -> None:
        """Count the results that are new since the last call."""
        for task in self._tasks:
            if task.key not in self._seen and store.is_finished(self._folder, task.key):
                before = self._labels
                self._count(task)
                causes = ", ".join(f"{cause} {number}" for cause, number in self._failures.most_common(4))
                self._bar.note(failures=causes or "none")
                self._bar.advance(task.cost, self._labels - before)
                self._bar.finish_replicas(1)

    def summary(self) -> Summary:
        """State of the campaign at the last look."""
        return Summary(len(self._seen), len(self._tasks), self._labels, self._failures, self._seconds)

    def _count(self, task: recipe_lib.Task) -> None:
        result = store.load(self._folder, task.key)
        self._seen.add(task.key)
        self._labels += len(result.structures)
        self._failures.update(failure.cause for failure in result.failures)
        self._seconds += result.seconds
