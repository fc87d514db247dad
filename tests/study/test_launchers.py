"""Interruptions and launchers change no number: killed runs and jobs end in the tables of one undisturbed process.

All runs are of the same study, compiled once. The whole file takes about a minute on an idle core.
"""

import os
import random
import signal
import time

import launching
import pytest

from h2scale.runtime import cluster, workdir

pytest.importorskip("submitit")

SETTINGS = {
    "train.steps": 160,
    "train.steps_per_call": 10,
    "eval.every": 20,
    "checkpoint.every": 20,
    # As many as a job has, because the number of devices decides the rounding.
    "devices.cpu_devices": 1,
    "cluster.cpus": 1,
    "cluster.minutes": 30,
}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts the study in the workdir `name` with a launcher."""
    folder = tmp_path_factory.mktemp("launchers")

    def begin(name, launcher="here"):
        path = folder / name
        settings = {**SETTINGS, "launcher": launcher}
        return launching.start(path, settings, path.with_suffix(".log"), report=launcher != "here"), path

    return begin


@pytest.fixture(scope="module")
def undisturbed(start):
    process, path = start("undisturbed")
    assert process.wait(launching.MOST_SECONDS) == 0, path.with_suffix(".log").read_text()[-2000:]
    return path


def assert_same_tables(path, undisturbed):
    for name in launching.TABLES:
        assert launching.rows_without_times(path / name) == launching.rows_without_times(undisturbed / name)
    assert (path / "curves.csv").read_bytes() == (undisturbed / "curves.csv").read_bytes()


def checkpoints_written(path):
    return {step for step in (path / "checkpoints").glob("*/*") if step.name.isdigit()}


@pytest.mark.slow
def test_three_kills_leave_the_tables_of_an_undisturbed_run(undisturbed, start):
    moments = random.Random(0)
    for _ in range(3):
        process, path = start("killed")
        before, new = checkpoints_written(path), moments.randrange(1, 5)
        deadline = time.monotonic() + launching.MOST_SECONDS
        seen = set()
        while len(seen) < new and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
            seen |= checkpoints_written(path) - before
        time.sleep(moments.uniform(0.0, 0.1))
        assert process.poll() is None, "the run ended before it could be killed; give it more steps"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    process, path = start("killed")
    assert process.wait(launching.MOST_SECONDS) == 0, path.with_suffix(".log").read_text()[-2000:]
    assert_same_tables(path, undisturbed)


def kill_a_job(path, process):
    """Kills the process that trains the first population, once it has written a checkpoint."""
    population = "nequip-f2"
    deadline = time.monotonic() + launching.MOST_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if any(step.name.isdigit() for step in (path / "checkpoints" / population).glob("*")):
            _, job = (workdir.part_folder(path, population) / workdir.LOCK_FILE).read_text().split()
            os.kill(int(job), signal.SIGKILL)
            return
        time.sleep(0.005)
    pytest.fail("no checkpoint of the first population was seen while it was trained")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "slurm"])
def test_jobs_end_in_the_tables_of_one_process_though_one_is_killed(launcher, undisturbed, start):
    if launcher == "slurm" and not cluster.slurm_answers():
        pytest.skip("no Slurm answers on this machine; tests/slurm_one_node.sh starts one")
    process, path = start(launcher, launcher)
    kill_a_job(path, process)
    assert process.wait(launching.MOST_SECONDS) == 0, path.with_suffix(".log").read_text()[-2000:]
    assert_same_tables(path, undisturbed)
    assert (path / "report.html").exists()
