"""Arrays of arrays are read as NumPy wrote them, and a pickle that would do anything else is refused unread."""

import os
import pickle

import numpy as np
import pytest

from h2scale import errors
from h2scale.data.readers import object_arrays


class Mischief:
    def __reduce__(self):
        return (os.mkdir, ("mischief",))


def ragged():
    array = np.empty(3, dtype=object)
    array[:] = [np.arange(2), np.ones((1, 3), np.float32), np.float64(2.5)]
    return array


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_ragged_arrays_come_back_at_any_pickle_protocol(tmp_path, protocol):
    path = tmp_path / "ragged.npy"
    np.save(path, ragged(), allow_pickle=True)
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        start = file.tell()
    path.write_bytes(path.read_bytes()[:start] + pickle.dumps(ragged(), protocol=protocol))
    read = object_arrays.load_npy(path)
    assert len(read) == 3
    for one, other in zip(read, ragged(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_of_numpy_one_are_known(tmp_path):
    path = tmp_path / "old.npy"
    np.save(path, ragged(), allow_pickle=True)
    header = path.read_bytes().partition(b"\n")[0]
    new = pickle.dumps(ragged(), protocol=0)
    assert b"numpy._core.multiarray" in new
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(header + b"\n" + old)
    np.testing.assert_array_equal(object_arrays.load_npy(path)[0], np.arange(2))


def test_a_pickle_that_would_act_is_refused_and_does_not_act(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.empty(1, dtype=object)
    array[0] = Mischief()
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    with pytest.raises(errors.InputError, match=r"bad\.npy is not a whole \.npy file: holds \w+\.mkdir, which is no"):
        object_arrays.load_npy(tmp_path / "bad.npy")
    assert not (tmp_path / "mischief").exists()
    np.load(tmp_path / "bad.npy", allow_pickle=True)  # the control: NumPy itself does act
    assert (tmp_path / "mischief").exists()


def test_a_damaged_or_incomplete_npz_is_named(tmp_path):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, a=ragged(), b=np.arange(3))
    assert set(object_arrays.load_npz(path, ("a",), optional=("b", "c"))) == {"a", "b"}
    with pytest.raises(errors.InputError, match=r"set\.npz has no array 'c'; it has a, b"):
        object_arrays.load_npz(path, ("a", "c"))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(errors.InputError, match=r"set\.npz is not a whole \.npz file"):
        object_arrays.load_npz(path, ("a",))
