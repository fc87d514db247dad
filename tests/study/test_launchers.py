"""Where a study is trained changes no number: jobs, one of them killed, end in the tables of one process."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from h2scale.runtime import cluster, workdir

pytest.importorskip("submitit")

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "grid.num_features": "(2,)",
    "grid.num_train": "(8,)",
    "arms.schnet.grid.num_features": "(2,)",
    "arms.schnet.grid.num_train": "(8,)",
    "model.num_layers": 1,
    "train.structures_per_batch": 4,
    "train.steps": 200,
    "train.steps_per_call": 10,
    "eval.every": 20,
    "checkpoint.every": 20,
    "report.num_bootstrap": 100,
    # As many as a job has, because the number of devices decides the rounding.
    "devices.cpu_devices": 1,
    "cluster.cpus": 1,
    "cluster.minutes": 30,
}
MOST_SECONDS = 300


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts the command with a launcher; all runs share one compile cache."""
    folder = tmp_path_factory.mktemp("launchers")
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(folder / "cache")}

    def begin(launcher):
        settings = [f"--config.{key}={value}" for key, value in {**SETTINGS, "launcher": launcher}.items()]
        experiment = f"--config={ROOT}/experiments/scaling.py:smoke"
        command = [sys.executable, str(ROOT / "launch.py"), experiment, f"--workdir={folder / launcher}", *settings]
        with (folder / f"{launcher}.log").open("a") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        return process, folder / launcher

    return begin


@pytest.fixture(scope="module")
def here(start):
    process, path = start("here")
    assert process.wait(MOST_SECONDS) == 0
    return path


def kill_a_job(path, process):
    """Kills the process that trains the first population, once it has written a checkpoint."""
    population = "nequip-f2"
    deadline = time.monotonic() + MOST_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if any(step.name.isdigit() for step in (path / "checkpoints" / population).glob("*")):
            _, job = (workdir.part_folder(path, population) / workdir.LOCK_FILE).read_text().split()
            os.kill(int(job), signal.SIGKILL)
            return
        time.sleep(0.005)
    pytest.fail("no checkpoint of the first population was seen while it was trained")


def rows_without_times(path):
    with path.open() as file:
        return [{name: text for name, text in row.items() if name != "train_seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "slurm"])
def test_jobs_end_in_the_tables_of_one_process_though_one_is_killed(launcher, here, start):
    if launcher == "slurm" and not cluster.slurm_answers():
        pytest.skip("no Slurm answers on this machine; tests/slurm_one_node.sh starts one")
    process, path = start(launcher)
    kill_a_job(path, process)
    assert process.wait(MOST_SECONDS) == 0, path.with_suffix(".log").read_text()[-2000:]
    for name in ("replicas.csv", "curves.csv", "history.csv"):
        assert rows_without_times(path / name) == rows_without_times(here / name)
    assert (path / "report.html").exists()
