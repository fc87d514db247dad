"""A worker: does tasks that are ready, one after another, until none is left.

    python -m h2scale.labels.worker FOLDER [--until SECONDS_SINCE_EPOCH] [--campaign PID]

FOLDER holds `recipe.json`. Any number of workers may share it, on one machine or many.
"""

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale.labels import recipe as recipe_lib
from h2scale.labels import store
from h2scale.runtime import files, migration

RECIPE_FILE = "recipe.json"
_IDLE_SECONDS = 1.0


def single_threaded() -> dict[str, str]:
    """Environment variables of a worker: one thread, since molecules are small and every core has its own worker."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1"), "JAX_PLATFORMS": "cpu"}


def save_recipe(folder: Path, recipe: recipe_lib.Recipe) -> None:
    """Write the recipe where workers find it."""
    files.write_text(folder / RECIPE_FILE, json.dumps(dataclasses.asdict(recipe), indent=2))


def load_recipe(folder: Path) -> recipe_lib.Recipe:
    """Read the recipe of a folder."""
    stored: dict[str, Any] = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    return recipe_lib.Recipe(**fields)


def work(folder: Path, until: float | None = None, go_on: Callable[[], bool] = lambda: True) -> int:
    """Do tasks until none is left, or until a time, and return how many this worker did.

    Args:
        folder: with `recipe.json`.
        until: seconds since the epoch after which no further task is begun.
        go_on: called before each task; False ends the work.
    """
    migration.rename_label_folders(folder)
    recipe = load_recipe(folder)
    tasks = recipe_lib.plan(recipe)
    done, start = 0, 0
    while go_on() and (until is None or time.time() < until):
        task, all_finished, start = _next(folder, tasks, start)
        if task is not None:
            done += _do(folder, recipe, task)
        elif all_finished:
            break
        else:
            time.sleep(_IDLE_SECONDS)  # the rest is being done by other workers, or waits for their results
    return done


def run_task(folder: Path, recipe: recipe_lib.Recipe, task: recipe_lib.Task) -> store.Result:
    """Do one task, without regard to locks, and return its result without saving it."""
    parent = store.Result() if task.parent is None else store.load(folder, task.parent)
    # A stream of its own: a task's random numbers depend on neither order nor workers.
    generator = np.random.default_rng([recipe.seed, int(task.stream[:16], 16)])
    begin = time.process_time()
    result = _kinds(recipe)[task.kind](recipe, task.arguments, parent, generator)
    return result._replace(seconds=time.process_time() - begin)


def _next(folder: Path, tasks: Sequence[recipe_lib.Task], start: int) -> tuple[recipe_lib.Task | None, bool, int]:
    """A task that is ready and not locked, or None; True if all are finished; position of the first unfinished one."""
    all_finished = True
    for position in range(start, len(tasks)):
        task = tasks[position]
        if store.is_finished(folder, task.key):
            if all_finished:
                start = position + 1
            continue
        all_finished = False
        ready = task.parent is None or store.is_finished(folder, task.parent)
        if ready and not store.is_locked(folder, task.key):
            return task, False, start
    return None, all_finished, start


def _do(folder: Path, recipe: recipe_lib.Recipe, task: recipe_lib.Task) -> int:
    with store.lock(folder, task.key) as locked:
        if not locked:
            return 0
        store.save(folder, task.key, run_task(folder, recipe, task))
    return 1


def _kinds(recipe: recipe_lib.Recipe) -> Mapping[str, store.TaskFunction]:
    if recipe.teacher == recipe_lib.TIGHT_BINDING:
        from h2scale.labels import work_gfn2

        return work_gfn2.WORK
    if recipe.teacher == recipe_lib.COUPLED_CLUSTER:
        from h2scale.labels import work_cluster

        return work_cluster.WORK
    from h2scale.labels import work_dft

    return work_dft.WORK


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of one worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=float, default=None, help="begin no task after this time")
    parser.add_argument("--campaign", type=int, default=None, help="end when this process is no longer the parent")
    arguments = parser.parse_args(argv)
    # A worker whose campaign was killed ends after its task.
    work(arguments.folder, arguments.until, lambda: arguments.campaign in (None, os.getppid()))


if __name__ == "__main__":
    main()
