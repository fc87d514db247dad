"""Format of files, recognised by their names and first bytes."""

from collections.abc import Sequence
from pathlib import Path

import h5py

from h2scale import errors
from h2scale.data.readers import ani1x, ase_database, ase_files, atomization_arrays, qm9, spice

_TEXT = (".xyz", ".extxyz")
_HDF5 = (".h5", ".hdf5")


def format_of(files: Sequence[Path]) -> str:
    """Name of the format that all of the files are of.

    Raises:
        InputError: one of them is of no format that is known, or two are of different ones.
    """
    found = {file: _format(file) for file in files}
    first = files[0]
    for file, name in found.items():
        if name != found[first]:
            raise errors.InputError(
                f"{first} looks like format {found[first]} and {file} like {name}; convert one format at a time."
            )
    return found[first]


def _format(file: Path) -> str:
    name = _of_folder(file) if file.is_dir() else _of_file(file)
    if name is None:
        raise errors.InputError(f"{file}: the format cannot be told from the file; name it by --format.")
    return name


def _of_folder(folder: Path) -> str | None:
    if (folder / atomization_arrays.NUMBERS).is_file():
        return "paper"
    suffixes = {inside.suffix for inside in folder.iterdir()}
    if suffixes & {".aselmdb", ".db"}:
        return "ase"
    texts = sorted(folder.glob("*.xyz"))
    return "qm9" if texts and _is_qm9(texts[0]) else None


def _of_file(file: Path) -> str | None:
    if file.suffix in ase_database.DATABASES:
        return "ase"
    if file.suffix == ".npz":
        return "vqm24"
    if file.suffix in qm9.ARCHIVES:
        return "qm9"
    if file.suffix in _HDF5:
        return _of_hdf5(file)
    if file.suffix in _TEXT:
        return "qm9" if _is_qm9(file) else "extxyz"
    return "ase" if ase_files.knows(file) else None


def _is_qm9(file: Path) -> bool:
    with file.open(encoding="utf-8", errors="replace") as text:
        return [text.readline(), text.readline()][1].startswith("gdb")


def _of_hdf5(file: Path) -> str | None:
    try:
        with h5py.File(file, "r") as opened:
            if "format" in opened.attrs:
                raise errors.InputError(f"{file} is a dataset of h2scale's already; train on it by its path.")
            first = next(iter(opened.values()), None)
            names = set(first) if isinstance(first, h5py.Group) else set()
    except OSError as error:
        raise errors.InputError(f"{file} is not HDF5 or is cut short: {str(error).splitlines()[0]}.") from error
    if ani1x.ENERGY in names:
        return "ani1x"
    return "spice" if spice.GRADIENT in names else None
