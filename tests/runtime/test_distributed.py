"""Several processes are one machine: a run split over two of them ends in the tables of one."""

import socket
from collections import Counter

import launching
import numpy as np
import pytest

from h2scale import data
from h2scale.data import shards
from h2scale.runtime import tables

# Calls as long as in `tests/study/test_launchers.py`, so that one process runs the same compiled programs.
SETTINGS = {
    "train.steps": 20,
    "train.steps_per_call": 10,
    "eval.every": 10,
    "checkpoint.every": 10,
}


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def run_one_process(workdir, settings, two_arms=True, reads=None):
    log = workdir.with_suffix(".log")
    told = {"devices.cpu_devices": 1}
    process = launching.start(workdir, SETTINGS | told | settings, log, two_arms=two_arms, reads=reads)
    assert process.wait(launching.MOST_SECONDS) == 0, log.read_text()[-2000:]


def run_two_processes(workdir, settings, two_arms=True, reads=(None, None)):
    told = {
        "devices.cpu_devices": 1,
        "devices.distributed.enabled": True,
        "devices.distributed.coordinator": f"127.0.0.1:{free_port()}",
        "devices.distributed.num_processes": 2,
    }
    logs = [workdir.with_suffix(f".{rank}.log") for rank in range(2)]
    processes = []
    for rank, log in enumerate(logs):
        own = SETTINGS | told | settings | {"devices.distributed.process_id": rank}
        processes.append(launching.start(workdir, own, log, two_arms=two_arms, reads=reads[rank]))
    try:
        for process, log in zip(processes, logs, strict=True):
            assert process.wait(launching.MOST_SECONDS) == 0, log.read_text()[-2000:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def counted(reads):
    """Numbers of readings of each structure, by the file of a process."""
    return Counter(map(int, reads.read_text().split()))


def assert_same_tables(one, other):
    for name in launching.TABLES:
        first, second = tables.read_table(one / name), tables.read_table(other / name)
        assert first.keys() == second.keys()
        for column, values in first.items():
            if column == "train_seconds":
                continue
            if values.dtype.kind == "f":
                # Float32 sums in another order; XLA also counts the exchange between devices as work, and the draws of
                # batches, which the host makes where it reads shards.
                tolerance = 3e-3 if column == "train_flops" else 2e-4
                np.testing.assert_allclose(second[column], values, rtol=tolerance, atol=1e-5, err_msg=column)
            else:
                assert (second[column] == values).all(), column


@pytest.mark.slow
def test_population_over_two_processes_equals_one_process(tmp_path):
    # Populations of each process are placed in the same order, or the run would wait for ever: two of them.
    run_one_process(tmp_path / "one", {})
    run_two_processes(tmp_path / "two", {})
    assert_same_tables(tmp_path / "one", tmp_path / "two")
    assert "Report:" in (tmp_path / "two.0.log").read_text()
    assert "Report:" not in (tmp_path / "two.1.log").read_text()


SPLITS = {"batches of each replica": {"devices.data_parallel": 2}, "replicas": {}}


@pytest.mark.slow
def test_two_processes_read_their_own_parts_of_what_one_reads(tmp_path):
    """Reading for training is divided as the work is, and the tables are the same.

    Where batches are shared, every replica's step is split; only the order of the sum over its two batches differs.
    """
    dataset = data.load_dataset(launching.DATASET)
    sharded = tmp_path / "set.shards"
    shards.write_shards(sharded, dataset, dataset.manifest, structures_per_shard=len(dataset) // 3)
    settings = {"data.dataset": str(sharded), "train.batches_per_step": 2, "grid.seeds": "(0, 1)"}
    alone, parts = tmp_path / "reads", (tmp_path / "reads.0", tmp_path / "reads.1")
    run_one_process(tmp_path / "one", settings, two_arms=False, reads=alone)
    for split, own in SPLITS.items():
        for part in parts:
            part.unlink(missing_ok=True)
        run_two_processes(tmp_path / split, settings | own, two_arms=False, reads=parts)
        assert_same_tables(tmp_path / "one", tmp_path / split)
        whole, first, second = map(counted, (alone, *parts))
        assert first + second == whole, split
        assert 0.3 * whole.total() < first.total() < 0.7 * whole.total(), split
