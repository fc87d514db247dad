"""Results of finished tasks on disk, and locks on tasks in progress.

    tasks/ab/<key>.npz    result of a task: structures, failures, extra arrays; appears whole or not at all
    locks/<key>           locked by the process that works on the task

A lock is one of the operating system and not a file's existence, so it vanishes with its process however that ends, on
this machine and over NFS version 4.
"""

import contextlib
import fcntl
import json
import os
import socket
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.errors import InputError
from h2scale.labels.recipe import Recipe
from h2scale.runtime import files
from h2scale.types import Structure

TASKS, LOCKS = "tasks", "locks"
_STRUCTURES = (*dataset_lib.ATOM_COLUMNS, *dataset_lib.NUMBER_COLUMNS, *dataset_lib.TEXT_COLUMNS)


class Failure(NamedTuple):
    """A label that could not be made."""

    cause: str  # one of a few words, to count by
    molecule: str
    detail: str


class Result(NamedTuple):
    """Result of a task; energies are total energies in eV."""

    structures: Sequence[Structure] | dataset_lib.Dataset = ()
    failures: Sequence[Failure] = ()
    extras: Mapping[str, np.ndarray] = {}
    seconds: float = 0.0
    calls: int = 0  # evaluations of the teacher


TaskFunction = Callable[[Recipe, Mapping[str, Any], Result, np.random.Generator], Result]
"""Does one kind of task: takes the recipe, the task's arguments, its parent's result (empty if it has no parent) and
its random numbers."""


def result_path(folder: Path, key: str) -> Path:
    """Path of a task's result, which exists once the task is finished."""
    return folder / TASKS / key[:2] / f"{key}.npz"


def is_finished(folder: Path, key: str) -> bool:
    """Return True if a task has a result."""
    return result_path(folder, key).exists()


@contextlib.contextmanager
def lock(folder: Path, key: str) -> Iterator[bool]:
    """Lock a task; the value is False if it is finished already or locked by another living process."""
    path = folder / LOCKS / key
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
        # Another process may have finished the task before this one locked it.
        yield not is_finished(folder, key)


def locked_by(folder: Path, pid: int) -> list[str]:
    """Keys of unfinished tasks that a process of this machine, alive or not, was the last to lock."""
    locks = folder / LOCKS
    owner = _owner(pid)
    return [
        path.name
        for path in (locks.iterdir() if locks.is_dir() else ())
        if path.read_text(encoding="utf-8") == owner and not is_finished(folder, path.name)
    ]


def _owner(pid: int) -> str:
    return f"{socket.gethostname()} {pid}"


def is_locked(folder: Path, key: str) -> bool:
    """Return True if another process works on a task at this moment."""
    path = folder / LOCKS / key
    if not path.exists():
        return False
    with path.open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def save(folder: Path, key: str, result: Result) -> None:
    """Write a result; it appears under its name only when all of it is on the disk.

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
    arrays: dict[str, Any] = {"header": np.array(json.dumps(header))}
    arrays |= {f"extra_{name}": value for name, value in result.extras.items()}
    if len(result.structures):
        columns = dataset_lib.from_structures(result.structures, {})
        arrays |= {name: getattr(columns, name) for name in _STRUCTURES}
    try:
        files.write_bytes(path, files.npz_bytes(arrays), sync=True)
    except OSError as error:
        raise InputError(f"{path} could not be written: {error.strerror}; finished tasks are kept.") from error


def load(folder: Path, key: str) -> Result:
    """Read the result of a finished task.

    Raises:
        InputError: the file is damaged; it names the file, which may be deleted to have the task done again.
    """
    path = result_path(folder, key)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it to have its task done again.") from error
    header = json.loads(str(arrays.pop("header")))
    has_structures = "energy" in arrays
    return Result(
        structures=dataset_lib.Dataset(**{name: arrays[name] for name in _STRUCTURES}, manifest={})
        if has_structures
        else (),
        failures=[Failure(*failure) for failure in header["failures"]],
        extras={name.removeprefix("extra_"): value for name, value in arrays.items() if name.startswith("extra_")},
        seconds=header["seconds"],
        calls=header["calls"],
    )
