"""One worker: takes units that are ready, one after another, until none is left.

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

import numpy as np

from h2scale.labels import recipe as recipe_lib
from h2scale.labels import store
from h2scale.runtime import files

RECIPE_FILE = "recipe.json"
_IDLE_SECONDS = 1.0


def single_threaded() -> dict[str, str]:
    """Environment of a worker: one thread, since molecules are small and every core has a worker of its own."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1"), "JAX_PLATFORMS": "cpu"}


def save_recipe(folder: Path, recipe: recipe_lib.Recipe) -> None:
    """Writes what the workers are to do."""
    files.write_text(folder / RECIPE_FILE, json.dumps(dataclasses.asdict(recipe), indent=2))


def load_recipe(folder: Path) -> recipe_lib.Recipe:
    """What the workers of a folder are to do."""
    fields = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    return recipe_lib.Recipe(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    )


def work(folder: Path, until: float | None = None, go_on: Callable[[], bool] = lambda: True) -> int:
    """Does units until none is left, or until a time; returns how many this worker did.

    Args:
        folder: with `recipe.json`.
        until: seconds since the epoch after which no further unit is begun.
        go_on: asked before each unit.
    """
    recipe = load_recipe(folder)
    units = recipe_lib.plan(recipe)
    done, start = 0, 0
    while go_on() and (until is None or time.time() < until):
        unit, all_finished, start = _next(folder, units, start)
        if unit is not None:
            done += _do(folder, recipe, unit)
        elif all_finished:
            break
        else:
            time.sleep(_IDLE_SECONDS)  # what is left belongs to other workers, or waits for them
    return done


def run_unit(folder: Path, recipe: recipe_lib.Recipe, unit: recipe_lib.Unit) -> store.Result:
    """Does one unit, whoever else may be at it, and returns its result without saving it."""
    parent = None if unit.parent is None else store.load(folder, unit.parent)
    # The unit's own stream: its numbers depend on neither order nor workers.
    generator = np.random.default_rng([recipe.seed, int(unit.stream[:16], 16)])
    begin = time.process_time()
    result = _kinds(recipe)[unit.kind](recipe, unit.arguments, parent, generator)
    return result._replace(seconds=time.process_time() - begin)


def _next(folder: Path, units: Sequence[recipe_lib.Unit], start: int) -> tuple[recipe_lib.Unit | None, bool, int]:
    """A unit that is ready and unclaimed, if any; whether all are finished; where the unfinished ones begin."""
    all_finished = True
    for position in range(start, len(units)):
        unit = units[position]
        if store.is_finished(folder, unit.key):
            if all_finished:
                start = position + 1
            continue
        all_finished = False
        ready = unit.parent is None or store.is_finished(folder, unit.parent)
        if ready and not store.is_claimed(folder, unit.key):
            return unit, False, start
    return None, all_finished, start


def _do(folder: Path, recipe: recipe_lib.Recipe, unit: recipe_lib.Unit) -> int:
    with store.claim(folder, unit.key) as mine:
        if not mine:
            return 0
        store.save(folder, unit.key, run_unit(folder, recipe, unit))
    return 1


def _kinds(recipe: recipe_lib.Recipe) -> Mapping[str, Callable]:
    if recipe.teacher == recipe_lib.TIGHT_BINDING:
        from h2scale.labels import work_gfn2

        return work_gfn2.WORK
    from h2scale.labels import work_dft

    return work_dft.WORK


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of one worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=float, default=None, help="begin no unit after this time")
    parser.add_argument("--campaign", type=int, default=None, help="leave when this process is no longer the parent")
    arguments = parser.parse_args(argv)
    # A worker whose campaign was killed leaves after its unit, and does not go on unseen.
    work(arguments.folder, arguments.until, lambda: arguments.campaign in (None, os.getppid()))


if __name__ == "__main__":
    main()
