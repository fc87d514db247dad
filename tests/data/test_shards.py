"""Shards hold what was written, continue where a writer was stopped, and are refused when a byte is not theirs."""

import json

import full_disk
import numpy as np
import pytest

from h2scale import data, errors
from h2scale.data import dataset as dataset_lib
from h2scale.data import shards, streaming

MANIFEST = {"level": "pbe0/def2-svp", "sources": ["shipped"]}


@pytest.fixture(scope="module")
def shipped():
    dataset = data.load_dataset("pbe0_def2svp")
    return dataset.select(np.linspace(0, len(dataset) - 1, 80).astype(int))


def structures(dataset, stop=None):
    return (dataset[index] for index in range(len(dataset) if stop is None else stop))


def write(folder, dataset, manifest=MANIFEST):
    shards.write_shards(folder, structures(dataset), manifest, structures_per_shard=24)
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def interrupted(dataset, after):
    for index, structure in enumerate(structures(dataset)):
        if index == after:
            raise KeyboardInterrupt
        yield structure


def assert_refused(folder, message, **options):
    with pytest.raises(errors.InputError, match=message) as caught:
        streaming.ShardedDataset(folder, **options)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shards_hold_the_dataset(tmp_path, shipped):
    read = streaming.ShardedDataset(write(tmp_path / "set", shipped))
    everything = read.gather(np.arange(len(shipped)))
    for name in (*dataset_lib.ATOM_COLUMNS, *dataset_lib.NUMBER_COLUMNS, *dataset_lib.TEXT_COLUMNS):
        np.testing.assert_array_equal(getattr(everything, name), getattr(shipped, name))
    assert len(list((tmp_path / "set").glob("shard-*"))) == 4
    assert read.manifest["level"] == "pbe0/def2-svp"
    assert read.manifest["num_structures"] == len(shipped)


def test_a_set_without_forces_stores_none_and_gives_nan(tmp_path, shipped):
    bare = (s._replace(forces=np.full_like(s.forces, np.nan)) for s in structures(shipped, 5))
    shards.write_shards(tmp_path / "set", bare, {**MANIFEST, "has_forces": False})
    atoms = np.load(tmp_path / "set" / "shard-00000" / "atoms.npy")
    assert atoms.dtype.names == ("atomic_numbers", "positions")
    read = streaming.ShardedDataset(tmp_path / "set")
    assert np.isnan(read[3].forces).all()
    assert read.manifest["has_forces"] is False


def test_an_interrupted_writer_continues_to_the_same_bytes(tmp_path, shipped):
    whole = contents(write(tmp_path / "whole", shipped))
    folder = tmp_path / "stopped"
    for after in (30, 60):
        with pytest.raises(KeyboardInterrupt):
            shards.write_shards(folder, interrupted(shipped, after), MANIFEST, structures_per_shard=24)
        assert_refused(folder, "is not complete: writing it was interrupted")
        (folder / "shard-00007.partial").mkdir()  # as a killed process would leave it
        (folder / "shard-00007.partial" / "atoms.npy").write_bytes(b"half")
    assert contents(write(folder, shipped)) == whole


def test_what_is_there_already_is_not_overwritten(tmp_path, shipped):
    folder = write(tmp_path / "set", shipped)
    with pytest.raises(errors.InputError, match="holds a whole dataset already"):
        write(folder, shipped)
    begun = tmp_path / "begun"
    with pytest.raises(KeyboardInterrupt):
        shards.write_shards(begun, interrupted(shipped, 30), MANIFEST, structures_per_shard=24)
    with pytest.raises(errors.InputError, match="was begun as another dataset"):
        write(begun, shipped, {**MANIFEST, "level": "hf"})
    with pytest.raises(errors.InputError, match="holds 24 structures of this dataset, which now has only 10"):
        shards.write_shards(begun, structures(shipped, 10), MANIFEST)
    other = tmp_path / "home"
    other.mkdir()
    (other / "thesis.tex").write_text("all of it")
    with pytest.raises(errors.InputError, match=r"holds thesis\.tex, which is no part of a dataset"):
        write(other, shipped)
    with pytest.raises(errors.InputError, match="is a file; shards are written to a folder"):
        write(other / "thesis.tex", shipped)


def test_unsound_labels_are_refused_with_their_place(tmp_path, shipped):
    def spoiled():
        for index, structure in enumerate(structures(shipped)):
            yield structure._replace(energy=np.nan) if index == 30 else structure

    with pytest.raises(errors.InputError, match=r"among the structures from 24 on, structure 6 .* non-finite energy"):
        shards.write_shards(tmp_path / "set", spoiled(), MANIFEST, structures_per_shard=24)
    with pytest.raises(ValueError, match="a dataset needs at least one structure"):
        shards.write_shards(tmp_path / "empty", iter(()), MANIFEST)


def test_every_damage_is_refused(tmp_path, shipped):
    folder = write(tmp_path / "set", shipped)
    atoms = folder / "shard-00001" / "atoms.npy"
    sound = atoms.read_bytes()
    flipped = bytearray(sound)
    flipped[-5] ^= 1
    atoms.write_bytes(bytes(flipped))
    assert_refused(folder, r"shard-00001/atoms\.npy does not match its checksum")
    streaming.ShardedDataset(folder, verify=False)  # the control: only the checksum tells
    atoms.write_bytes(sound[:-8])
    assert_refused(folder, r"shard-00001/atoms\.npy has \d+ bytes; the manifest says \d+", verify=False)
    atoms.unlink()
    assert_refused(folder, r"shard-00001/atoms\.npy is missing", verify=False)
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text[:-40])
    assert_refused(folder, r"manifest\.json is damaged")
    manifest.write_text(json.dumps({**json.loads(text), "version": 99}))
    assert_refused(folder, "format and version must be")
    manifest.unlink()
    assert_refused(folder, "is no folder of shards")


def test_a_full_disk_leaves_whole_shards_only(tmp_path):
    folder, whole = tmp_path / "set", tmp_path / "whole"
    dataset = data.load_dataset("pbe0_def2svp")
    order = np.argsort(dataset.n_atoms, kind="stable")
    growing = dataset.select(np.concatenate([order[:24], order[-56:]]))
    shards_written = sorted(write(whole, growing).glob("shard-*"))
    sizes = [max(path.stat().st_size for path in shard.iterdir()) for shard in shards_written]
    allowed = (sizes[0] + sizes[1]) // 2
    assert sizes[0] < allowed < sizes[1], "the limit must stop the second shard and not the first"
    with full_disk.limit(allowed), pytest.raises(errors.InputError, match="cannot be written: File too large; 1 whole"):
        write(folder, growing)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "shard-00000"]
    assert contents(write(folder, growing)) == contents(whole)
