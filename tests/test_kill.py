"""A run that is killed without warning, whenever that is, ends in the tables of an undisturbed one."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETTINGS = {
    "grid.num_features": "(2,)",
    "grid.num_train": "(8,)",
    "arms.schnet.grid.num_features": "(2,)",
    "arms.schnet.grid.num_train": "(8,)",
    "model.num_layers": 1,
    "train.structures_per_batch": 4,
    "train.steps": 360,
    "train.steps_per_call": 10,
    "eval.every": 20,
    "checkpoint.every": 20,
    "report.num_bootstrap": 100,
}
MOST_SECONDS = 300


def command(workdir):
    settings = [f"--config.{key}={value}" for key, value in SETTINGS.items()]
    launch, experiment = ROOT / "launch.py", ROOT / "experiments" / "scaling.py"
    return [sys.executable, str(launch), f"--config={experiment}:smoke", f"--workdir={workdir}", *settings]


def checkpoints_written(workdir):
    return {path for path in (workdir / "checkpoints").glob("*/*") if path.name.isdigit()}


def rows_without_times(path):
    with path.open() as file:
        return [{name: text for name, text in row.items() if name != "train_seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_three_kills_leave_the_tables_of_an_undisturbed_run(tmp_path):
    # One cache for all runs, so that a start costs no compilation; float64 off and on as the command itself decides.
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("JAX_ENABLE_X64", None)

    def start(workdir):
        with (tmp_path / f"{workdir.name}.log").open("a") as log:
            return subprocess.Popen(command(workdir), env=environment, stdout=log, stderr=log, cwd=tmp_path)

    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert start(undisturbed).wait(MOST_SECONDS) == 0, (tmp_path / "undisturbed.log").read_text()[-2000:]
    moments = random.Random(0)
    for _ in range(3):
        before, new = checkpoints_written(killed), moments.randrange(1, 8)
        process = start(killed)
        deadline = time.monotonic() + MOST_SECONDS
        seen = set()
        while len(seen) < new and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
            seen |= checkpoints_written(killed) - before
        time.sleep(moments.uniform(0.0, 0.1))
        assert process.poll() is None, "the run ended before it could be killed; give it more steps"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert start(killed).wait(MOST_SECONDS) == 0, (tmp_path / "killed.log").read_text()[-2000:]
    for name in ("replicas.csv", "curves.csv", "history.csv"):
        assert rows_without_times(killed / name) == rows_without_times(undisturbed / name)
    assert (killed / "curves.csv").read_bytes() == (undisturbed / "curves.csv").read_bytes()
