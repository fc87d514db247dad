"""Results of tasks on disk are whole or absent, and a task is locked by one living process."""

import multiprocessing
import os
import signal

import full_disk
import numpy as np
import pytest

from h2scale.errors import InputError
from h2scale.labels import store
from h2scale.types import Structure

KEY = "ab" + "0" * 62


def structure(energy=-1.5):
    return Structure(
        atomic_numbers=np.array([1, 1], np.int32),
        positions=np.array([[0.0, 0, 0], [0, 0, 0.74]]),
        energy=energy,
        forces=np.full((2, 3), 0.25),
        charge=0,
        spin_multiplicity=1,
        rung="equilibrium",
        regime="equilibrium",
        molecule="[H][H]",
        teacher="pbe0/def2-svp",
        spin_squared=0.0,
        convergence="restricted, stable",
    )


def result():
    return store.Result(
        [structure()],
        [store.Failure("self-consistency", "CO", "did not converge")],
        {"hessian_0": np.arange(36.0).reshape(6, 6)},
        seconds=2.5,
        calls=7,
    )


def test_a_result_comes_back_as_it_was(tmp_path):
    store.save(tmp_path, KEY, result())
    found = store.load(tmp_path, KEY)
    assert (found.seconds, found.calls, found.failures) == (2.5, 7, result().failures)
    np.testing.assert_array_equal(found.extras["hessian_0"], result().extras["hessian_0"])
    np.testing.assert_array_equal(found.structures[0].positions, structure().positions)
    assert found.structures[0]._replace(atomic_numbers=0, positions=0, forces=0) == structure()._replace(
        atomic_numbers=0, positions=0, forces=0
    )


def test_a_result_without_structures_is_a_result(tmp_path):
    store.save(tmp_path, KEY, store.Result((), [store.Failure("no geometry", "C1CC1", "none")]))
    found = store.load(tmp_path, KEY)
    assert store.is_finished(tmp_path, KEY)
    assert (len(found.structures), len(found.failures)) == (0, 1)


def test_a_truncated_result_is_named_and_says_what_to_do(tmp_path):
    store.save(tmp_path, KEY, result())
    path = store.result_path(tmp_path, KEY)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=rf"{KEY}\.npz is damaged .*; delete it"):
        store.load(tmp_path, KEY)


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    store.save(tmp_path, "cd" + KEY[2:], result())
    with full_disk.limit(500), pytest.raises(InputError, match=r"could not be written: .*; finished tasks are kept"):
        store.save(tmp_path, KEY, result())
    assert not store.is_finished(tmp_path, KEY)
    assert len(list((tmp_path / store.TASKS).rglob("*.*"))) == 1
    assert len(store.load(tmp_path, "cd" + KEY[2:]).structures) == 1


def hold(folder, locked, leave):
    with store.lock(folder, KEY) as mine:
        locked.put(mine)
        leave.wait(30)


def test_two_processes_never_lock_one_task_and_a_killed_one_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    locked, leave = context.Queue(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, locked, leave))
    other.start()
    assert locked.get(timeout=60)
    assert store.is_locked(tmp_path, KEY)
    with store.lock(tmp_path, KEY) as mine:
        assert not mine
    assert store.locked_by(tmp_path, other.pid) == [KEY]
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    assert not store.is_locked(tmp_path, KEY)
    with store.lock(tmp_path, KEY) as mine:
        assert mine


def test_a_finished_task_cannot_be_locked(tmp_path):
    store.save(tmp_path, KEY, result())
    with store.lock(tmp_path, KEY) as mine:
        assert not mine
    assert store.locked_by(tmp_path, os.getpid()) == []
