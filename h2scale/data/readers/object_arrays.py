"""NumPy object arrays without trusting the file: .npy and .npz whose entries differ in length are pickles inside.

`numpy.load(allow_pickle=True)` runs whatever a file tells it to. Arrays of arrays need a few harmless names and no
other, so that this reader refuses every other name.

Reference: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from h2scale import errors

_NUMPY_NAMES = {
    ("multiarray", "_reconstruct"),
    ("multiarray", "scalar"),
    ("numeric", "_frombuffer"),
}
_PLAIN_NAMES = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        package, _, last = module.rpartition(".")
        if package in ("numpy.core", "numpy._core") and (last, name) in _NUMPY_NAMES:
            # NumPy 1 wrote numpy.core, which NumPy 2 only knows with a warning.
            return super().find_class(f"numpy._core.{last}", name)
        if (module, name) in _PLAIN_NAMES:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"holds {module}.{name}, which is no array")


def load_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, object arrays included.

    Raises:
        InputError: the file is not .npy, is cut short, or pickles anything but arrays and numbers.
    """
    try:
        with path.open("rb") as file:
            return _read_array(file)
    except (ValueError, EOFError, pickle.UnpicklingError, OSError) as error:
        raise errors.InputError(f"{path} is not a whole .npy file: {_first_line(error)}.") from error


def load_npz(path: Path, names: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Named arrays of a .npz file, object arrays included; those of `optional` only where the file has them.

    Raises:
        InputError: the file is not .npz, lacks a name, is cut short, or pickles anything but arrays and numbers.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            present = [name.removesuffix(".npy") for name in archive.namelist()]
            for name in names:
                if name not in present:
                    raise errors.InputError(f"{path} has no array {name!r}; it has {', '.join(sorted(present))}.")
            for name in (*names, *(name for name in optional if name in present)):
                with archive.open(f"{name}.npy") as file:
                    arrays[name] = _read_array(io.BytesIO(file.read()))
    except errors.InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, pickle.UnpicklingError, OSError) as error:
        raise errors.InputError(f"{path} is not a whole .npz file: {_first_line(error)}.") from error
    return arrays


def rows(array: np.ndarray) -> Iterator[np.ndarray]:
    """Entries of an object array, or rows of a plain one, which NumPy makes when all lengths agree."""
    for row in array:
        yield np.asarray(row)


def _read_array(file: BinaryIO) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"its .npy version is {version}; 1.0 and 2.0 are read")
    shape, _, dtype = read_header[version](file)
    if not dtype.hasobject:
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    array = _ArrayUnpickler(file).load()
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError("its header and its contents disagree")
    return array


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
