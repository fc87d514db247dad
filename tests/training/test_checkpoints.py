"""Checkpoints give back what was written or say that they cannot, and the one before takes their place."""

import re
import shutil

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.runtime import migration
from h2scale.training import checkpoints

KEEP = 3


@flax.struct.dataclass
class State:
    """Stands for a population state: mapped arrays of the dtypes that a real one has."""

    params: jax.Array
    history: jax.Array
    step: jax.Array
    finite: jax.Array


def state_at(step):
    return State(
        params=jax.random.normal(jax.random.key(step), (4, 500), jnp.float32),
        history=jnp.full((4, 3, 2), jnp.nan, jnp.float32).at[:, 0].set(step),
        step=jnp.full(4, step, jnp.int32),
        finite=jnp.array([True, False, True, True]),
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "population"
    with checkpoints.PopulationCheckpoints(str(folder), KEEP) as store:
        for step in (10, 20):
            store.save(step, state_at(step), {"train_seconds": step / 10})
    return folder


@pytest.fixture
def folder(written, tmp_path):
    shutil.copytree(written, tmp_path / "population")
    return tmp_path / "population"


def item_files(folder):
    """Every file of the newest checkpoint that decides what is restored."""
    newest = folder / "20"
    files = [path for item in ("state", "metadata") for path in (newest / item).rglob("*") if path.is_file()]
    return sorted(path for path in files if path.name != "commit_success.txt")


def largest(folder):
    return max(item_files(folder), key=lambda path: path.stat().st_size)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def assert_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_restored_state_is_the_saved_one_bit_by_bit(folder):
    with checkpoints.PopulationCheckpoints(str(folder), KEEP) as store:
        assert store.latest_step() == 20
        state, metadata = store.restore(20, state_at(0))
    assert_equal(state, state_at(20))
    assert metadata == {"train_seconds": 2.0}


@pytest.mark.parametrize("harm", [truncate, flip_one_bit, lambda path: path.unlink()], ids=["cut", "flipped", "gone"])
@pytest.mark.parametrize("chosen", [largest, lambda folder: folder / "20/metadata/metadata"], ids=["state", "metadata"])
def test_damaged_checkpoint_is_named_and_the_one_before_it_used(harm, chosen, folder):
    harm(chosen(folder))
    with pytest.warns(UserWarning, match=re.escape(f"the checkpoint {folder / '20'} is damaged (")):
        store = checkpoints.PopulationCheckpoints(str(folder), KEEP)
    with store:
        assert store.latest_step() == 10
        state, metadata = store.restore(10, state_at(0))
        assert_equal(state, state_at(10))
        assert metadata == {"train_seconds": 1.0}
        store.save(20, state_at(20), {"train_seconds": 9.0})
    # What was put aside does not come back, and the step is written anew; a warning would be an error here.
    with checkpoints.PopulationCheckpoints(str(folder), KEEP) as store:
        assert store.latest_step() == 20
        assert store.restore(20, state_at(0))[1] == {"train_seconds": 9.0}


def test_one_flipped_bit_in_any_file_is_noticed(folder):
    files = item_files(folder)
    assert len(files) > 5
    for path in files:
        intact = path.read_bytes()
        flip_one_bit(path)
        name = re.escape(str(path.relative_to(folder / "20")))
        with pytest.warns(UserWarning, match=f"{name} is not what was written"):
            assert checkpoints._newest_intact(folder, put_aside=False) == 10
        path.write_bytes(intact)
    assert checkpoints._newest_intact(folder, put_aside=False) == 20


def test_orbax_alone_would_read_a_flipped_bit(folder):
    """The reason for the checksums: without them the damage goes through."""
    (folder / "20" / "checksums.json").unlink()
    flip_one_bit(largest(folder))
    with checkpoints.PopulationCheckpoints(str(folder), None) as store:
        assert store.latest_step() == 20
        assert not np.array_equal(store.load_state()["params"], state_at(20).params)


def test_checksums_under_their_earlier_name_are_compared(folder):
    (earlier,) = migration._CHECKPOINT_FILES.values()
    for step in (10, 20):
        (folder / str(step) / "checksums.json").rename(folder / str(step) / earlier)
    assert checkpoints._newest_intact(folder, put_aside=False) == 20
    flip_one_bit(largest(folder))
    with pytest.warns(UserWarning, match="is not what was written"):
        assert checkpoints._newest_intact(folder, put_aside=False) == 10


def test_reading_leaves_a_damaged_checkpoint_where_it_is(folder):
    truncate(largest(folder))
    with pytest.warns(UserWarning, match="is damaged"):
        store = checkpoints.PopulationCheckpoints(str(folder), None)
    with store:
        assert store.load_metadata() == {"train_seconds": 1.0}
        np.testing.assert_array_equal(store.load_state()["params"], state_at(10).params)
    assert (folder / "20").exists()


def test_training_starts_anew_where_every_checkpoint_is_damaged(folder):
    for step in (10, 20):
        (folder / str(step) / "checksums.json").write_text("{")
    with pytest.warns(UserWarning, match="checksums.json cannot be read") as caught:
        store = checkpoints.PopulationCheckpoints(str(folder), KEEP)
    with store:
        assert store.latest_step() is None
    assert len(caught) == 2


def test_half_written_checkpoint_is_named_and_removed(folder):
    unfinished = folder / "30.orbax-checkpoint-tmp-7"
    shutil.copytree(folder / "20", unfinished)
    with pytest.warns(UserWarning, match=re.escape(f"{unfinished} is half written")):
        store = checkpoints.PopulationCheckpoints(str(folder), KEEP)
    with store:
        assert store.latest_step() == 20
    assert not unfinished.exists()
