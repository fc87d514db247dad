"""A study from shards is the study from memory: the same numbers, whoever reads, stopped or not."""

import numpy as np
import population_case as case_lib
import pytest

from h2scale import config as config_lib
from h2scale import data, runner
from h2scale.data import shards, streaming
from h2scale.errors import InputError
from h2scale.graphs import batching
from h2scale.runtime import tables
from h2scale.stages import scaling
from h2scale.training import feed

TABLES = ("replicas.csv", "errors.csv", "curves.csv", "history.csv")
NOT_COMPARED = {"train_seconds", "train_flops"}  # the devices draw nothing where the host does


def settings(dataset, max_held_out=20, **devices):
    """Two prefixes of two rungs, for ten and twenty steps: half of the replicas leave after the first checkpoint."""
    config = config_lib.default()
    config.experiment, config.size = "tiny", "smoke"
    config.data.dataset, config.data.max_held_out = str(dataset), max_held_out
    config.grid.update({"num_features": (2,), "num_train": (20, 150), "rungs": ("equilibrium", "stretched")})
    config.grid.update({"seeds": (0,), "steps": (10, 20)})
    config.model.update({"num_layers": 1, "num_radial": 4, "cutoff": 4.0})
    config.train.update({"steps_per_call": 5, "structures_per_batch": 4})
    config.eval.every = config.checkpoint.every = 10
    config.devices.compile_cache = False
    config.devices.update(devices)
    return config_lib.resolve(config)


class Stop(BaseException):
    """Stands for a kill: nothing below the test catches it."""


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    """The labels of the training tests in shards of a few hundred structures."""
    dataset = data.load_dataset(case_lib.LABELS)
    folder = tmp_path_factory.mktemp("data") / "labels.shards"
    shards.write_shards(folder, dataset, dataset.manifest, structures_per_shard=300)
    assert len(list(folder.glob("shard-*"))) > 3
    return folder


@pytest.fixture(scope="module")
def without_report():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaling, "_report", lambda path, num_bootstrap: path / "report.html")
        yield


@pytest.fixture(scope="module")
def from_memory(tmp_path_factory, without_report):
    return runner.run(settings(case_lib.LABELS), str(tmp_path_factory.mktemp("memory") / "run"))


@pytest.fixture(scope="module")
def from_shards(tmp_path_factory, without_report, sharded):
    return runner.run(settings(sharded), str(tmp_path_factory.mktemp("shards") / "run"))


def differing(one, other):
    """Columns of the tables that differ in any bit, by table."""
    found = set()
    for name in TABLES:
        first, second = tables.read_table(one / name), tables.read_table(other / name)
        assert len(first["replica_id"]) == len(second["replica_id"]) > 0
        found |= {
            (name, column)
            for column, values in first.items()
            if column not in NOT_COMPARED
            and not np.array_equal(values, second[column], equal_nan=values.dtype.kind == "f")
        }
    return found


def test_a_study_from_shards_gives_the_numbers_of_one_from_memory(from_memory, from_shards):
    assert differing(from_memory, from_shards) == set()
    replicas = tables.read_table(from_shards / "replicas.csv")
    assert sorted(set(replicas["num_train"].tolist())) == [20, 150]
    assert sorted(set(replicas["steps"].tolist())) == [10, 20]


def test_a_feed_that_is_one_structure_late_is_noticed(tmp_path, without_report, sharded, from_memory, monkeypatch):
    """The control: the comparison sees a stream that is not the one of memory."""
    own = feed.Feed._draw
    monkeypatch.setattr(feed.Feed, "_draw", lambda self, place, cursor, count: own(self, place, cursor + 1, count))
    folder = runner.run(settings(sharded), str(tmp_path / "run"))
    assert ("history.csv", "train_loss") in differing(from_memory, folder)


def test_stopped_and_continued_by_other_readers_it_gives_the_same(tmp_path, without_report, sharded, from_shards):
    def stop_after_first_checkpoint(snapshot):
        if snapshot.observation.step == 10:
            raise Stop

    with pytest.raises(Stop):
        runner.run(settings(sharded), str(tmp_path / "run"), watch=stop_after_first_checkpoint)
    assert not (tmp_path / "run" / "replicas.csv").exists()
    runner.run(settings(sharded, readers=3), str(tmp_path / "run"))
    assert differing(from_shards, tmp_path / "run") == set()


def test_all_held_out_structures_are_not_asked_of_shards(tmp_path, sharded):
    with pytest.raises(InputError, match=r"data\.max_held_out must be positive for a dataset in shards.*; got 0"):
        runner.run(settings(sharded, max_held_out=0), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_shard_that_was_damaged_is_refused_before_training(tmp_path, sharded):
    folder = tmp_path / "copy.shards"
    dataset = streaming.ShardedDataset(sharded)
    shards.write_shards(folder, dataset, dataset.manifest, structures_per_shard=300)
    atoms = folder / "shard-00001" / shards.ATOMS
    content = bytearray(atoms.read_bytes())
    content[-5] ^= 1
    atoms.write_bytes(content)
    with pytest.raises(InputError, match=r"shard-00001/atoms\.npy does not match its checksum"):
        runner.run(settings(folder), str(tmp_path / "run"))


def test_the_host_takes_what_the_device_takes():
    """Numbers of atoms and edges alone decide; here a batch is full by structures, atoms or edges."""
    capacity = batching.Capacity(n_graph=3, n_node=10, n_edge=40)
    generator = np.random.default_rng(0)
    n_atoms, n_edges = generator.integers(1, 8, 60), generator.integers(0, 30, 60)
    table = batching.Table(**dict.fromkeys(batching.Table._fields))._replace(n_atoms=n_atoms, n_edges=n_edges)
    at, reasons, ends = 0, set(), []
    for _ in range(20):
        _, number = batching.fit_prefix(table, np.arange(at, at + 3), capacity)
        reasons.add(int(number))
        at += int(number)
        ends.append(at)
    assert reasons == {1, 2, 3}
    assert feed._ends(batching.Sizes(n_atoms, n_edges), capacity, 20).tolist() == ends
