"""Runs of launch.py in processes of their own: a study of one or two tiny populations, a NequIP and a SchNet."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl

ROOT = Path(__file__).parent.parent
MOST_SECONDS = 600
TABLES = ("replicas.csv", "errors.csv", "curves.csv", "history.csv")
DATASET = ROOT / "tests" / "population_set.h5"
_SETTINGS = {
    "data.dataset": DATASET,
    "grid.num_features": "(2,)",
    "grid.num_train": "(8,)",
    "grid.rungs": "('stretched',)",
    "model.num_layers": 1,
    "train.structures_per_batch": 4,
    "data.max_held_out": 40,
    "report.num_bootstrap": 100,
}
_SECOND_ARM = {"arms.schnet.grid.num_features": "(2,)"}


def environment():
    """One cache for all runs, so that a start costs no compilation; float64 as the command itself decides."""
    told = {
        "JAX_PLATFORMS": "cpu",
        "XDG_CACHE_HOME": os.environ["H2SCALE_TEST_CACHE"],
        "MPLCONFIGDIR": mpl.get_cachedir(),
    }
    return {name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64"} | told


def start(workdir, settings, log, *, two_arms=True, report=False, reads=None):
    """Starts the command, without its report unless asked for; what it prints is added to the file `log`.

    With `reads` that file gets the places of the training structures that the process reads from shards.
    """
    settings = _SETTINGS | (_SECOND_ARM if two_arms else {}) | settings
    flags = [f"--config.{key}={value}" for key, value in settings.items()]
    experiment = f"{ROOT}/experiments/scaling.py:smoke" if two_arms else f"{ROOT}/tests/one_arm.py:smoke"
    without_report = ROOT / "tests" / ("tables_only.py" if reads is None else "counted_reads.py")
    script = ROOT / "launch.py" if report else without_report
    command = [sys.executable, str(script), f"--config={experiment}"]
    with log.open("a") as file:
        return subprocess.Popen(
            [*command, f"--workdir={workdir}", *flags],
            env=environment() | ({} if reads is None else {"H2SCALE_TEST_READS": str(reads)}),
            stdout=file,
            stderr=file,
            cwd=workdir.parent,
        )


def rows_without_times(path):
    """Rows of a table but for the column that no two runs share."""
    with path.open() as file:
        return [{name: text for name, text in row.items() if name != "train_seconds"} for row in csv.DictReader(file)]
