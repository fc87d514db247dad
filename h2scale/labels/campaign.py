"""A whole campaign: workers over the units, progress, and what to do when a worker dies."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from h2scale.errors import InputError
from h2scale.labels import recipe as recipe_lib
from h2scale.labels import store, worker
from h2scale.runtime import cluster, progress

LOGS = "logs"
DIED = "worker died"
_POLL_SECONDS = 0.5
_LEAVE_SECONDS = 60.0  # a Slurm job begins no unit in the last minute of its time


class Summary(NamedTuple):
    """How far a campaign is."""

    units_done: int
    units: int
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
    """Does every unit that has no result yet, and returns how far the campaign is then.

    Args:
        folder: of the campaign; finished units in it are kept and not done again.
        recipe: what to do.
        workers: single-threaded processes of this machine, or jobs; 0 means one per core.
        settings: what each job asks for; None for processes of this machine.
        minutes: after so long no further unit is begun; 0 for no limit.

    Raises:
        InputError: a worker cannot go on; finished units are kept.
    """
    units = recipe_lib.plan(recipe)
    worker.save_recipe(folder, recipe)
    (folder / LOGS).mkdir(exist_ok=True)
    workers = workers or len(os.sched_getaffinity(0))
    until = time.time() + 60 * minutes if minutes else None
    with _Watch(folder, units) as watch:
        if watch.left:
            run = _jobs(folder, workers, settings, until) if settings else _processes(folder, units, workers, until)
            for _ in run:
                watch.look()
        watch.look()
        return watch.summary()


def _processes(folder: Path, units: Sequence[recipe_lib.Unit], number: int, until: float | None) -> Iterator[None]:
    """Runs workers until all have left; one that a signal killed costs its unit and is replaced."""
    keys = {unit.key: unit for unit in units}
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
                    _blame(folder, keys, process)
                    running.append(_start(folder, number, until))
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _blame(folder: Path, units: dict[str, recipe_lib.Unit], process: subprocess.Popen) -> None:
    """Writes a failure for the unit that killed its worker, unless somebody merely stopped it."""
    name = signal.Signals(-process.returncode).name
    if -process.returncode in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        raise InputError(f"a worker was stopped by {name}; the same command continues.")
    for key in store.claimed_by(folder, process.pid):
        unit = units[key]
        molecule = unit.arguments.get("smiles", unit.kind)
        molecule = molecule if isinstance(molecule, str) else f"{unit.kind} of {len(molecule)}"
        store.save(folder, key, store.Result((), [store.Failure(DIED, molecule, f"of {name}")]))


def _start(folder: Path, place: int, until: float | None) -> subprocess.Popen:
    command = [sys.executable, "-m", "h2scale.labels.worker", str(folder), "--campaign", str(os.getpid())]
    command += ["--until", str(until)] if until is not None else []
    with (folder / LOGS / f"worker-{place}.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(command, env=worker.single_threaded(), stdout=log, stderr=log)


def _last_line(folder: Path) -> str:
    """What the worker that stopped last had to say."""
    newest = max((folder / LOGS).iterdir(), key=lambda path: path.stat().st_mtime)
    lines = newest.read_text(encoding="utf-8").strip().splitlines()
    return lines[-1] if lines else "without a word"


def _jobs(folder: Path, number: int, settings: cluster.ClusterSettings, until: float | None) -> Iterator[None]:
    """Runs workers as jobs; a job that is killed is submitted again by the cluster's door."""
    end = time.time() + 60 * settings.minutes - _LEAVE_SECONDS
    argument = (str(folder.resolve()), min(until, end) if until else None)
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(cluster.map_jobs, _job, [argument] * number, settings, folder / LOGS)
        while not future.done():
            yield
            time.sleep(_POLL_SECONDS)
        failed = [result for result in future.result() if result.error is not None]
    if failed:
        raise InputError(f"job {failed[0].name}: {failed[0].error}; finished units are kept.")


def _job(argument: tuple[str, float | None]) -> int:
    folder, until = argument
    os.environ.update(worker.single_threaded())
    return worker.work(Path(folder), until)


class _Watch(contextlib.AbstractContextManager):
    """Reads results as they appear and shows how far the campaign is."""

    def __init__(self, folder: Path, units: Sequence[recipe_lib.Unit]) -> None:
        self._folder, self._units = folder, units
        self._seen: set[str] = set()
        self._labels, self._seconds = 0, 0.0
        self._failures: Counter[str] = Counter()
        done = [unit for unit in units if store.is_finished(folder, unit.key)]
        for unit in done:
            self._count(unit)
        self.left = len(units) - len(done)
        work = sum(unit.cost for unit in units if unit.key not in self._seen)
        self._bar = progress.Progress(max(work, 1e-9), len(units), things="units", rate="labels")
        self._bar.finish_replicas(len(done))
        if done:
            self._bar.say(f"{len(done)} of {len(units)} units were done before: {self._labels} labels.")

    def __exit__(self, *_: object) -> None:
        self._bar.__exit__()

    def look(self) -> None:
        """Counts what has been finished since the last look."""
        for unit in self._units:
            if unit.key not in self._seen and store.is_finished(self._folder, unit.key):
                before = self._labels
                self._count(unit)
                causes = ", ".join(f"{cause} {number}" for cause, number in self._failures.most_common(4))
                self._bar.note(failures=causes or "none")
                self._bar.advance(unit.cost, self._labels - before)
                self._bar.finish_replicas(1)

    def summary(self) -> Summary:
        """How far the campaign is."""
        return Summary(len(self._seen), len(self._units), self._labels, self._failures, self._seconds)

    def _count(self, unit: recipe_lib.Unit) -> None:
        result = store.load(self._folder, unit.key)
        self._seen.add(unit.key)
        self._labels += len(result.structures)
        self._failures.update(failure.cause for failure in result.failures)
        self._seconds += result.seconds
