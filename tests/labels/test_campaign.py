"""Campaigns end in the same dataset however often they are killed, wherever they run."""

import collections
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("tblite")
from h2scale.errors import InputError
from h2scale.labels import assembly, campaign, store, worker
from h2scale.labels import recipe as recipe_lib
from h2scale.runtime import cluster

RECIPE = recipe_lib.Recipe(
    teacher="gfn2",
    functional="pbe0",
    basis="def2-svp",
    grid_level=2,
    seed=0,
    smiles=("[H][H]", "O", "CO", "C=C"),
    max_heavy_atoms=1,
    conformers=(1,),
    thermal=(0,),
    scans=(0,),
    scaled=(0,),
    ions=(),
    frequencies_up_to=0,
    curve_points=0,
    sampled=(12,),
    batch_size=2,
    displaced_share=0.5,
    displacements=2,
)
COMMAND = "import sys; from pathlib import Path; from h2scale.labels import campaign, worker; f = Path(sys.argv[1]); "
COMMAND += "campaign.run_campaign(f, worker.load_recipe(f), workers=int(sys.argv[2]))"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    summary = campaign.run_campaign(folder, RECIPE, workers=1)
    assert summary.tasks_done == summary.tasks == len(recipe_lib.plan(RECIPE))
    return assembly.assemble(folder, RECIPE, {}).dataset


def assert_same(one, other):
    """Every array and every number of the manifest, bit by bit."""
    for name in ("atomic_numbers", "positions", "forces", "energy", "molecule", "regime", "spin_squared"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.manifest == other.manifest


def results(folder):
    """Time at which each finished task was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / store.TASKS).rglob("*.npz")}


def started(folder, workers, number_done):
    """A campaign that has finished so many tasks."""
    command = [sys.executable, "-c", COMMAND, str(folder), str(workers)]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(results(folder)) < number_done and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


def test_kills_leave_no_trace(tmp_path, uninterrupted):
    worker.save_recipe(tmp_path, RECIPE)
    process = started(tmp_path, workers=2, number_done=1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    process.kill()  # the campaign alone: its workers end by themselves, each after its task
    process.wait()
    deadline = time.monotonic() + 120
    while any(is_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(is_running(child) for child in children)
    done, planned = len(results(tmp_path)), len(recipe_lib.plan(RECIPE))
    assert 1 <= done < planned, "the workers went on"
    process = started(tmp_path, workers=1, number_done=min(done + 2, planned))
    os.killpg(process.pid, signal.SIGKILL)  # all at once
    process.wait()
    finished = results(tmp_path)
    assert len(finished) > done
    campaign.run_campaign(tmp_path, RECIPE, workers=1)
    for path in (tmp_path / store.TASKS).rglob("*.npz"):
        assert finished.get(path.name, path.stat().st_mtime_ns) == path.stat().st_mtime_ns, "a finished task was redone"
    assert_same(assembly.assemble(tmp_path, RECIPE, {}).dataset, uninterrupted)


def is_running(pid):
    """Return whether a process exists and is not merely waiting for its exit code to be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_task_that_kills_its_worker_becomes_a_failure_and_the_rest_goes_on(tmp_path, monkeypatch):
    # SIGSEGV, as a library that crashes on a strange molecule would send.
    crash = tmp_path / "site"
    crash.mkdir()
    (crash / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if '-m' in sys.orig_argv and 'h2scale.labels.worker' in sys.orig_argv:\n"
        "    from h2scale.labels import worker, work_gfn2\n"
        "    crash = lambda *a: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    work_gfn2.WORK = {**work_gfn2.WORK, 'tight_binding_listed': crash}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{crash}{os.pathsep}{os.getcwd()}")
    folder = tmp_path / "run"
    folder.mkdir()
    recipe = dataclasses.replace(RECIPE, batch_size=4)
    summary = campaign.run_campaign(folder, recipe, workers=1)
    assert summary.tasks_done == summary.tasks > 2
    assert summary.failures[campaign.DIED] == 1
    details = [
        failure
        for task in recipe_lib.plan(recipe)
        for failure in store.load(folder, task.key).failures
        if failure.cause == campaign.DIED
    ]
    assert details == [store.Failure(campaign.DIED, "tight_binding_listed of 4", "of SIGSEGV")]


def test_no_task_is_begun_after_the_time_and_an_empty_campaign_is_refused(tmp_path, monkeypatch):
    ends = []
    monkeypatch.setattr(campaign, "_processes", lambda *arguments: ends.append(arguments[-1]) or iter(()))
    begin = time.time()
    assert campaign.run_campaign(tmp_path, RECIPE, workers=1, minutes=2.0).tasks_done == 0
    assert begin + 120 <= ends[0] < begin + 180
    assert worker.work(tmp_path, until=time.time()) == 0
    with pytest.raises(InputError, match="holds no label yet"):
        assembly.assemble(tmp_path, RECIPE, {})


def test_jobs_of_the_local_executor_give_the_same_set(tmp_path, uninterrupted):
    pytest.importorskip("submitit")
    settings = cluster.ClusterSettings(launcher="local", minutes=10, cpus=1)
    campaign.run_campaign(tmp_path, RECIPE, workers=1, settings=settings)
    assert_same(assembly.assemble(tmp_path, RECIPE, {}).dataset, uninterrupted)


def test_jobs_under_slurm_give_the_same_set(tmp_path_factory, uninterrupted):
    pytest.importorskip("submitit")
    if not cluster.slurm_answers():
        pytest.skip("no Slurm answers on this machine")
    folder = tmp_path_factory.mktemp("slurm")
    settings = cluster.ClusterSettings(launcher="slurm", minutes=10, cpus=1, memory_gb=1.0)
    campaign.run_campaign(folder, RECIPE, workers=2, settings=settings)
    assert_same(assembly.assemble(folder, RECIPE, {}).dataset, uninterrupted)


def test_the_set_is_what_was_asked_for(uninterrupted):
    counted = collections.Counter(uninterrupted.regime.tolist())
    assert counted["atom"] == 9
    assert counted["h2_test_curve"] == 128
    assert {"[H][H]", "O", "CO", "C=C"} <= set(uninterrupted.molecule.tolist())
    # Relative to isolated atoms every minimum is bound.
    assert (uninterrupted.energy[uninterrupted.regime == "equilibrium"] < 0).all()
    largest = np.maximum.reduceat(np.abs(uninterrupted.forces).max(axis=1), uninterrupted.atom_offset)
    assert largest[uninterrupted.regime == "equilibrium"].max() <= 0.05
