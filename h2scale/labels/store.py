"""Finished units on disk, and claims on those being worked on.

    units/ab/<key>.npz    what a unit gave: structures, failures, extra arrays; appears whole or not at all
    claims/<key>          locked by the process that works on the unit

A claim is a lock of the operating system and not a file's existence, so it vanishes with its process however that ends,
on this machine and over NFS version 4.
"""

import contextlib
import fcntl
import io
import json
import os
import socket
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.errors import InputError
from h2scale.runtime import files
from h2scale.types import Structure

UNITS, CLAIMS = "units", "claims"
_STRUCTURES = (*dataset_lib.ATOM_COLUMNS, *dataset_lib.NUMBER_COLUMNS, *dataset_lib.TEXT_COLUMNS)


class Failure(NamedTuple):
    """Something that should have become a label and did not."""

    cause: str  # one of a few words, to count by
    molecule: str
    detail: str


class Result(NamedTuple):
    """What a unit gave; energies are total energies in eV."""

    structures: Sequence[Structure]
    failures: Sequence[Failure] = ()
    extras: Mapping[str, np.ndarray] = {}
    seconds: float = 0.0
    calls: int = 0  # evaluations of the teacher


def result_path(folder: Path, key: str) -> Path:
    """Where a unit's result lies once it is finished."""
    return folder / UNITS / key[:2] / f"{key}.npz"


def is_finished(folder: Path, key: str) -> bool:
    """Whether a unit has a result."""
    return result_path(folder, key).exists()


@contextlib.contextmanager
def claim(folder: Path, key: str) -> Iterator[bool]:
    """Whether this process may work on a unit: it is not finished, and no living process works on it."""
    path = folder / CLAIMS / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        file.truncate(0)
        file.write(_owner(os.getpid()))
        file.flush()
        # Another process may have finished it between our look and our lock.
        yield not is_finished(folder, key)


def claimed_by(folder: Path, pid: int) -> list[str]:
    """Keys whose last claim was by a process of this machine, alive or not, and that are not finished."""
    claims = folder / CLAIMS
    owner = _owner(pid)
    return [
        path.name
        for path in (claims.iterdir() if claims.is_dir() else ())
        if path.read_text(encoding="utf-8") == owner and not is_finished(folder, path.name)
    ]


def _owner(pid: int) -> str:
    return f"{socket.gethostname()} {pid}"


def is_claimed(folder: Path, key: str) -> bool:
    """Whether another process works on a unit at this moment."""
    path = folder / CLAIMS / key
    if not path.exists():
        return False
    with path.open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def save(folder: Path, key: str, result: Result) -> None:
    """Writes a result; it appears under its name only when all of it is on the disk.

    Raises:
        InputError: the disk is full; nothing is left behind.
    """
    path = result_path(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "failures": [list(failure) for failure in result.failures],
        "seconds": result.seconds,
        "calls": result.calls,
    }
    arrays: dict[str, np.ndarray] = {f"extra_{name}": value for name, value in result.extras.items()}
    if result.structures:
        columns = dataset_lib.from_structures(result.structures, {})
        arrays |= {name: getattr(columns, name) for name in _STRUCTURES}
    content = io.BytesIO()
    np.savez(content, header=np.array(json.dumps(header)), **arrays)
    try:
        files.write_bytes(path, content.getvalue(), sync=True)
    except OSError as error:
        raise InputError(f"{path} could not be written: {error.strerror}; finished units are kept.") from error


def load(folder: Path, key: str) -> Result:
    """A finished unit's result.

    Raises:
        InputError: the file is damaged; it names the file, which may be deleted to have the unit done again.
    """
    path = result_path(folder, key)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it to have its unit done again.") from error
    header = json.loads(str(arrays.pop("header")))
    structures: Sequence[Structure] = ()
    if "energy" in arrays:
        structures = dataset_lib.Dataset(**{name: arrays[name] for name in _STRUCTURES}, manifest={})
    return Result(
        structures=structures,
        failures=[Failure(*failure) for failure in header["failures"]],
        extras={name.removeprefix("extra_"): value for name, value in arrays.items() if name.startswith("extra_")},
        seconds=header["seconds"],
        calls=header["calls"],
    )
