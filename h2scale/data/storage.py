"""Datasets on disk: one HDF5 file of flat arrays with its manifest inside.

Why HDF5 and why flat: a dataset is read whole, once, into memory, so that what counts is few large reads. Atoms of all
structures are concatenated and a count per structure says where each begins, so ten datasets in the file suffice for
any number of structures, nothing is padded, and a thousand or a million structures take the same handful of reads. A
text format parses a hundred times slower and rounds; a folder of .npy files can be half copied; npz has no place for
checks per array, no partial reads, and stamps the time into every member, so equal data would give unequal files. HDF5
is written here without time stamps: equal datasets give equal bytes and a repository sees no false change.

Layout (version 2; version 1 had no `convergence`)::

    attributes   format = "h2scale-dataset", version = 2, manifest = JSON
    atoms/       atomic_numbers (total_atoms,), positions (total_atoms, 3), forces (total_atoms, 3)
    structures/  n_atoms, energy, charge, spin_multiplicity, spin_squared, each (n_structures,)
    text/        rung, regime, molecule, teacher, convergence: codes (n_structures,) into <name>_values

The manifest carries a SHA-256 over the decoded arrays, so that it holds whatever the compression.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.data import validation
from h2scale.runtime import files, migration

FORMAT = "h2scale-dataset"
VERSION = 2
SHIPPED = Path(__file__).parent / "shipped"


def save_dataset(path: str | Path, dataset: dataset_lib.Dataset) -> None:
    """Write `dataset` to `path`, adding counts and checksum to its manifest; equal datasets give equal bytes.

    Raises:
        ValueError: the dataset does not pass `validation.validate`; nothing is written.
        OSError: the disk is full or the folder cannot be written; an older file of that name stays as it was.
    """
    validation.validate(dataset)
    manifest = {**dataset.manifest, **counts(dataset), "checksum_sha256": checksum(dataset)}
    with h5py.File(path, "w", driver="core", backing_store=False, libver="earliest", track_order=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file.attrs["manifest"] = json.dumps(manifest, sort_keys=True)
        for name in dataset_lib.ATOM_COLUMNS:
            _write(file, f"atoms/{name}", getattr(dataset, name))
        for name in dataset_lib.NUMBER_COLUMNS:
            _write(file, f"structures/{name}", getattr(dataset, name))
        for name in dataset_lib.TEXT_COLUMNS:
            values, codes = np.unique(getattr(dataset, name), return_inverse=True)
            _write(file, f"text/{name}", codes.astype(np.int32))
            _write(file, f"text/{name}_values", np.char.encode(values, "utf-8"))
        file.flush()
        image = file.id.get_file_image()
    # HDF5 itself leaves half a file on a full disk, or ends the process while it cleans up: it writes to memory.
    files.write_bytes(path, image)


def load_dataset(name_or_path: str | Path, *, allow_missing_forces: bool = False) -> dataset_lib.Dataset:
    """A dataset shipped with the package, by name, or one stored elsewhere, by path; read whole and validated.

    Args:
        name_or_path: a shipped name or a file.
        allow_missing_forces: also load a dataset whose manifest says `has_forces: false`; its forces are NaN, which
            only what looks at energies alone can use.

    Raises:
        ValueError: no such dataset; or the file is truncated, unreadable, of another format or version, does not
            match its checksum, has no forces, or holds a structure that `validation.validate` refuses. One line,
            naming the file.
    """
    path = dataset_path(name_or_path)
    try:
        with h5py.File(path, "r") as file:
            columns, manifest = _read(file, path)
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"dataset {path} is unreadable, truncated or not an HDF5 file: {reason}.") from error
    if not manifest.get("has_forces", True) and not allow_missing_forces:
        raise ValueError(
            f"dataset {path} holds energies without forces (has_forces: false in its manifest), and forces are asked "
            f"for; where energies suffice, pass allow_missing_forces=True."
        )
    dataset = dataset_lib.Dataset(**columns, manifest=manifest)
    found = checksum(dataset)
    if found != manifest.get("checksum_sha256"):
        raise ValueError(
            f"dataset {path} does not match its checksum: manifest says {manifest.get('checksum_sha256')}, "
            f"the arrays give {found}; copy or make the file again."
        )
    try:
        validation.validate(dataset)
    except ValueError as error:
        raise ValueError(f"dataset {path}: {error}") from error
    return dataset


def dataset_path(name_or_path: str | Path) -> Path:
    """Path of the file that `load_dataset` would read; a bare name means a shipped dataset."""
    shipped = sorted(path.stem for path in SHIPPED.glob("*.h5"))
    if str(name_or_path) in shipped:
        return SHIPPED / f"{name_or_path}.h5"
    path = Path(name_or_path)
    if not path.is_file():
        raise ValueError(f"no dataset {str(name_or_path)!r}: give the path of a file or one of {', '.join(shipped)}.")
    return path


def checksum(dataset: dataset_lib.Dataset) -> str:
    """SHA-256 over names, types, shapes and bytes of every array, as hexadecimal."""
    digest = hashlib.sha256()
    for name in (*dataset_lib.ATOM_COLUMNS, *dataset_lib.NUMBER_COLUMNS):
        array = np.ascontiguousarray(getattr(dataset, name))
        array = array.astype(array.dtype.newbyteorder("<"))
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    for name in dataset_lib.TEXT_COLUMNS:
        digest.update(f"{name}\n".encode())
        digest.update(json.dumps(getattr(dataset, name).tolist()).encode())
    return digest.hexdigest()


def counts(dataset: dataset_lib.Dataset) -> dict[str, Any]:
    """Structures, atoms and molecules, structures per rung and per regime, as manifest entries."""

    def per_value(column: np.ndarray) -> dict[str, int]:
        values, number = np.unique(column, return_counts=True)
        return dict(zip(values.tolist(), number.tolist(), strict=True))

    return {
        "num_structures": len(dataset),
        "num_atoms": len(dataset.atomic_numbers),
        "num_molecules": len(np.unique(dataset.molecule)),
        "counts_per_rung": per_value(dataset.rung),
        "counts_per_regime": per_value(dataset.regime),
    }


def _write(file: h5py.File, name: str, array: np.ndarray) -> None:
    narrow = array.astype(np.float32) if array.dtype == np.float64 else array
    if np.array_equal(narrow, array, equal_nan=array.dtype == np.float64):  # half the bytes where nothing is lost
        array = narrow
    file.create_dataset(name, data=array, compression="gzip", compression_opts=9, shuffle=True, track_times=False)


def _read(file: h5py.File, path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    found = file.attrs.get("format")
    if found != FORMAT:
        raise ValueError(f"dataset {path} is HDF5 of another format: attribute 'format' is {found!r}, not {FORMAT!r}.")
    version = file.attrs.get("version")
    if version != VERSION:
        raise ValueError(f"dataset {path} has version {version}; this package reads {VERSION}.")
    columns = {}
    try:
        manifest = migration.manifest(json.loads(file.attrs["manifest"]))
        for name, dtype in dataset_lib.ATOM_COLUMNS.items():
            columns[name] = _column(file, f"atoms/{name}", dtype, path)
        for name, dtype in dataset_lib.NUMBER_COLUMNS.items():
            columns[name] = _column(file, f"structures/{name}", dtype, path)
        for name in dataset_lib.TEXT_COLUMNS:
            values = np.char.decode(file[f"text/{name}_values"][...], "utf-8")
            columns[name] = values[_column(file, f"text/{name}", np.int32, path)]
    except KeyError as error:
        raise ValueError(f"dataset {path} lacks an entry of this format: {error.args[0]}.") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"dataset {path}: its manifest is not JSON: {error}.") from error
    except IndexError as error:
        raise ValueError(f"dataset {path}: a text column has a code without a value: {error}.") from error
    return columns, manifest


def _column(file: h5py.File, name: str, dtype: type, path: Path) -> np.ndarray:
    if name not in file:
        raise KeyError(name)
    array = file[name][...]
    if not np.can_cast(array.dtype, dtype):
        raise ValueError(f"dataset {path}: {name} must hold {np.dtype(dtype)} values; got {array.dtype}.")
    return array.astype(dtype)
