"""Jobs on a cluster: every argument gets its result, failures stay their own, a job that is told to leave returns."""

import dataclasses
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from h2scale.errors import InputError
from h2scale.runtime import cluster

pytest.importorskip("submitit")

LOCAL = cluster.ClusterSettings(launcher="local", cpus=1)
SLURM = cluster.ClusterSettings(launcher="slurm", cpus=1, minutes=5)


@pytest.fixture(params=["local", "slurm"])
def settings(request):
    """The same laws hold for both launchers."""
    if request.param == "local":
        return LOCAL
    if not cluster.slurm_answers():
        pytest.skip("no Slurm answers on this machine; tests/slurm_one_node.sh starts one")
    return SLURM


def interrupted_once(marker):
    """A function whose first call waits for a signal, and whose second one returns; both leave a line in `marker`."""

    def function(argument):
        with Path(marker).open("a") as file:
            print(os.getpid(), file=file)
        if len(Path(marker).read_text().split()) == 1:
            time.sleep(60)
        return argument + 1

    return function


def signal_when_started(marker, number):
    """Sends a signal to the process that wrote the first line of `marker`."""

    def wait_and_send():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if marker.exists() and marker.read_text().endswith("\n"):
                os.kill(int(marker.read_text().split()[0]), number)
                return
            time.sleep(0.05)

    thread = threading.Thread(target=wait_and_send)
    thread.start()
    return thread


def test_every_argument_gets_its_result_in_order(settings, tmp_path):
    ended = []
    results = cluster.map_jobs(
        lambda number: number**2, [3, 4], settings, tmp_path, names=["three", "four"], on_done=ended.append
    )
    assert [(result.name, result.value, result.error) for result in results] == [("three", 9, None), ("four", 16, None)]
    assert sorted(result.name for result in ended) == ["four", "three"]


def test_failure_is_one_jobs_own_and_is_not_repeated(settings, tmp_path):
    def reciprocal(number):
        with (tmp_path / "calls").open("a") as file:
            print(number, file=file)
        return 1 / number

    results = cluster.map_jobs(reciprocal, [0, 2], settings, tmp_path)
    assert results[0].value is None
    assert results[0].error.startswith("ZeroDivisionError: division by zero (log: ")
    assert results[1] == (("1", 0.5, None, results[1].job_ids))
    assert sorted((tmp_path / "calls").read_text().split()) == ["0", "2"]


def test_preempted_job_is_requeued_under_its_own_number(settings, tmp_path):
    marker = tmp_path / "calls"
    sender = signal_when_started(marker, signal.SIGUSR2)
    (result,) = cluster.map_jobs(interrupted_once(marker), [1], settings, tmp_path)
    sender.join()
    assert result.value == 2
    assert len(marker.read_text().split()) == 2
    assert len(result.job_ids) == 1


def test_killed_job_is_submitted_again(settings, tmp_path):
    marker = tmp_path / "calls"
    sender = signal_when_started(marker, signal.SIGKILL)
    (result,) = cluster.map_jobs(interrupted_once(marker), [1], settings, tmp_path)
    sender.join()
    assert result.value == 2
    assert len(result.job_ids) == 2


def test_job_that_is_always_killed_ends_as_a_failure(tmp_path):
    def die(_):
        os.kill(os.getpid(), signal.SIGKILL)

    (result,) = cluster.map_jobs(die, [None], dataclasses.replace(LOCAL, retries=1), tmp_path, names=["doomed"])
    assert result.error.startswith("was killed 2 times (jobs ")
    assert len(result.job_ids) == 2


def test_no_more_jobs_run_than_were_asked_for(tmp_path):
    def overlap(folder):
        mine = Path(folder) / str(os.getpid())
        mine.touch()
        time.sleep(0.3)
        together = len(list(Path(folder).iterdir()))
        mine.unlink()
        return together

    counted = tmp_path / "running"
    counted.mkdir()
    results = cluster.map_jobs(overlap, [counted] * 3, dataclasses.replace(LOCAL, jobs_at_once=1), tmp_path / "jobs")
    assert [result.value for result in results] == [1, 1, 1]


def test_slurm_that_does_not_answer_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"config\.launcher='slurm', but squeue does not answer on this machine"):
        cluster.map_jobs(abs, [1], SLURM, tmp_path)


def test_refusal_of_slurm_is_passed_on(tmp_path):
    if not cluster.slurm_answers():
        pytest.skip("no Slurm answers on this machine; tests/slurm_one_node.sh starts one")
    with pytest.raises(InputError, match=r"Slurm refuses the jobs of config.cluster: .*[Pp]artition"):
        cluster.map_jobs(abs, [1], dataclasses.replace(SLURM, partition="nowhere"), tmp_path)
    # Far longer than any partition allows; such a job would wait for ever.
    with pytest.raises(InputError, match=r"Slurm (refuses|will not start) .*"):
        cluster.map_jobs(abs, [1], dataclasses.replace(SLURM, minutes=10**7), tmp_path)
    assert subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True).stdout == ""
