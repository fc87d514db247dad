"""Every structure once an epoch, in an order that seeds name; workers share it, and resuming changes nothing."""

import json
import subprocess
import sys

import numpy as np
import pytest

from h2scale import data, errors
from h2scale.data import shards, streaming

SHIPPED = "pbe0_def2svp"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("stream") / "set.shards"
    shipped = data.load_dataset(SHIPPED)
    structures = (shipped[index]._replace(energy=float(index)) for index in range(101))
    shards.write_shards(where, structures, {"level": "test"}, structures_per_shard=16)
    return where


@pytest.fixture(scope="module")
def dataset(folder):
    return streaming.ShardedDataset(folder)


def drawn(dataset, sampling, steps, worker=0, state=None):
    """Structures (by their energies) of some batches, and the last state."""
    batches = streaming.stream(dataset, sampling, worker, state)
    found = [next(batches) for _ in range(steps)]
    return np.concatenate([batch.data.energy for batch in found]).astype(int).tolist(), found[-1].state


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 101, 4096, 5000])
def test_every_index_has_one_image_and_is_one(size):
    for epoch in range(3):
        images = streaming.permuted(np.arange(size), size, seed=7, epoch=epoch)
        np.testing.assert_array_equal(np.sort(images), np.arange(size))


def test_an_image_needs_no_table_of_the_set():
    size = 10**15
    images = streaming.permuted(np.arange(1000), size, seed=0, epoch=0)
    assert len(np.unique(images)) == 1000
    assert images.min() >= 0
    assert images.max() < size
    # The mean of 1000 uniform numbers lies within 4.5 standard errors of the middle but once in 1e5 seeds.
    assert abs(images.mean() / size - 0.5) < 4.5 / np.sqrt(12 * 1000)


def chi_squared_and_followers(orders):
    """Unevenness of the structures over the places, and share that follow their neighbour; orders (epochs, size)."""
    epochs, size = orders.shape
    counts = np.stack([np.bincount(column, minlength=size) for column in orders.T])
    expected = epochs / size
    return np.sum((counts - expected) ** 2) / expected, np.mean(np.diff(orders, axis=1) == 1)


def test_every_place_gets_every_structure_equally_often():
    size, epochs = 23, 400
    places = np.arange(size)
    orders = np.stack([streaming.permuted(places, size, seed=1, epoch=epoch) for epoch in range(epochs)])
    chi_squared, followers = chi_squared_and_followers(orders)
    freedom = (size - 1) ** 2
    bound = 5 * np.sqrt(2 * freedom)  # five standard deviations; the seed is fixed
    assert abs(chi_squared - freedom) < bound
    assert abs(followers - 1 / size) < 5 * np.sqrt(1 / size / orders.size)
    # Broken shuffles that either count alone would let pass: one order for ever, and rotations of one order.
    assert chi_squared_and_followers(np.tile(orders[0], (epochs, 1)))[0] > freedom + bound
    assert chi_squared_and_followers((places + np.arange(epochs)[:, None]) % size)[1] > 0.9


def test_every_structure_comes_once_an_epoch(dataset):
    # 101 structures in batches of 8: the batches run over the ends of the epochs.
    found, _ = drawn(dataset, streaming.Sampling(101, 8, seed=3), steps=38)
    for epoch in range(3):
        assert sorted(found[101 * epoch : 101 * (epoch + 1)]) == list(range(101))
    assert found[:101] != found[101:202]
    assert found[:101] != list(range(101))


def test_workers_share_an_epoch_without_overlap(dataset):
    sampling = streaming.Sampling(101, 4, seed=3, num_workers=3)
    shares = [drawn(dataset, sampling, steps=9, worker=worker)[0] for worker in range(3)]
    turns = np.array(shares).reshape(3, 9, 4).transpose(1, 0, 2).reshape(-1)  # in the order of the steps
    assert sorted(turns[:101].tolist()) == list(range(101))
    alone, _ = drawn(dataset, streaming.Sampling(101, 12, seed=3), steps=9)
    assert turns.tolist() == alone  # three workers of 4 see what one of 12 sees


def test_resumed_equals_uninterrupted(dataset):
    sampling = streaming.Sampling(101, 8, seed=3)
    whole, _ = drawn(dataset, sampling, steps=30)
    first, state = drawn(dataset, sampling, steps=17)
    assert len(json.dumps(state)) < 300
    second, _ = drawn(dataset, sampling, steps=13, state=json.loads(json.dumps(state)))
    assert first + second == whole


def test_seeds_and_epochs_differ(dataset):
    one, other = (drawn(dataset, streaming.Sampling(101, 101, seed=seed), steps=1)[0] for seed in (0, 1))
    assert one != other
    # Two independent orders of 101 agree in one place on average; eight or more is rarer than once in 1e5.
    assert np.sum(np.equal(one, other)) < 8


def test_processes_see_the_same_order(folder, dataset):
    code = (
        "import sys; from h2scale.data import streaming as s; d = s.ShardedDataset(sys.argv[1]);"
        "print(*next(s.stream(d, s.Sampling(101, 9, 5, 2), 1)).data.energy.astype(int))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert list(map(int, done.stdout.split())) == drawn(dataset, streaming.Sampling(101, 9, 5, 2), 1, worker=1)[0]


def test_a_batch_holds_the_structures_as_they_were_written(dataset):
    shipped = data.load_dataset(SHIPPED)
    indices = np.array([100, 3, 3, 57])
    batch = dataset.gather(indices)
    for place, index in enumerate(indices):
        for one in (batch[place], dataset[int(index)]):
            for name, expected in shipped[int(index)]._replace(energy=float(index))._asdict().items():
                np.testing.assert_array_equal(getattr(one, name), expected)
    assert dataset[-1].energy == 100
    with pytest.raises(IndexError, match="structure 101 of a dataset of 101"):
        dataset[101]


def test_maps_are_given_back_and_reopened_unnoticed(folder, dataset, monkeypatch):
    monkeypatch.setattr(streaming, "OPEN_SHARDS", 2)
    monkeypatch.setattr(streaming, "RELEASE_AFTER", 10)
    sampling = streaming.Sampling(101, 8, seed=3)
    few = streaming.ShardedDataset(folder, verify=False)
    assert drawn(few, sampling, steps=20)[0] == drawn(dataset, sampling, steps=20)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 4}, "the stream was saved with seed 3; got 4"),
        ({"batch_size": 9}, "the stream was saved with batch_size 8; got 9"),
        ({"num_workers": 2}, "the stream was saved with num_workers 1; got 2"),
        ({"num_structures": 100}, "num_structures must be 101, the dataset's; got 100"),
        ({"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ({"seed": -1}, "seed must not be negative; got -1"),
    ],
)
def test_another_sampling_is_refused_by_name(dataset, changes, message):
    settings = {"num_structures": 101, "batch_size": 8, "seed": 3, "num_workers": 1}
    _, state = drawn(dataset, streaming.Sampling(**settings), steps=2)
    with pytest.raises(errors.InputError, match=message):
        streaming.stream(dataset, streaming.Sampling(**{**settings, **changes}), 0, state)


def test_a_state_of_another_dataset_or_a_worker_too_many_is_refused(dataset):
    sampling = streaming.Sampling(101, 8, seed=3)
    _, state = drawn(dataset, sampling, steps=1)
    with pytest.raises(errors.InputError, match="the stream was saved with dataset elsewhere; got "):
        streaming.stream(dataset, sampling, 0, {**state, "dataset": "elsewhere"})
    with pytest.raises(errors.InputError, match=r"worker must lie in \[0, 1\); got 1"):
        streaming.stream(dataset, sampling, 1)
