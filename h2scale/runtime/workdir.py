"""Folder of a run: its settings, its finished replicas and its tables."""

import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from h2scale import config
from h2scale.errors import InputError
from h2scale.runtime import files, migration, tables

CONFIG_FILE = "config.json"
ENVIRONMENT_FILE = "environment.json"
DATA_FILE = "data.json"
REPLICAS_FILE = "replicas.csv"
ERRORS_FILE = "errors.csv"
CURVES_FILE = "curves.csv"
HISTORY_FILE = "history.csv"
CHECKPOINTS_FOLDER = "checkpoints"
FIGURES_FOLDER = "figures"
JOBS_FOLDER = "jobs"
PARTS_FOLDER = "parts"
LOCK_FILE = "lock"
CHECKOUT = Path(__file__).resolve().parents[2]
"""Folder that holds the package: the repository, where it was not installed elsewhere."""

_SAME_DATA = ("level", "num_structures", "checksum_sha256")
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "e3nn-jax", "pyscf", "numpy", "scipy", "orbax-checkpoint", "h2scale")
# Settings that may change between a run and its continuation: they decide where, how fast and how many numbers come,
# and of the numbers themselves only the rounding.
_FREE_SETTINGS = (
    *("devices.", "checkpoint.", "launcher", "cluster.", "labels.workers", "labels.minutes"),
    *("exam.sections", "exam.workers", "exam.load_seconds", "exam.prediction_seconds", "exam.model_seconds"),
)


def open_workdir(folder: str, settings: Mapping[str, Any], data: Mapping[str, Mapping[str, Any]] | None = None) -> Path:
    """Create the folder or continue an earlier run of the same settings; write config.json and environment.json.

    Args:
        folder: path of the workdir.
        settings: dotted key to JSON value, as `config.flatten` gives it.
        data: facts about the data of each arm, JSON values, which data.json keeps: a dataset of one name may be another
            one in a later version. None for a run without data.

    Raises:
        InputError: the folder holds a run of other settings (the first differing key is named) or other data, is not a
            run at all, or cannot be written to. Nothing in it has been changed then.
    """
    path = Path(folder)
    config_path = path / CONFIG_FILE
    try:
        if config_path.exists():
            _check_same(path, migration.settings(json.loads(config_path.read_text(encoding="utf-8"))), settings)
            _check_same_data(path, data or {})
        elif path.exists() and any(path.iterdir()):
            raise InputError(f"--workdir={path} is not empty and holds no {CONFIG_FILE}; name a new or empty folder.")
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise InputError(f"--workdir={path} cannot be written to; name a folder that you may write.")
        if not config_path.exists():
            files.write_text(config_path, json.dumps(settings, indent=2) + "\n")
        if data is not None:
            files.write_text(path / DATA_FILE, json.dumps(data, indent=2) + "\n")
        files.write_text(path / ENVIRONMENT_FILE, json.dumps(describe_environment(), indent=2) + "\n")
    except OSError as error:
        raise InputError(f"--workdir={path} cannot be used: {error.strerror or error}; name another folder.") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{config_path} is not readable as JSON ({error}); name another --workdir.") from error
    return path


def finished_replicas(path: Path) -> set[str]:
    """Return the ids of the replicas whose results are complete: a row in replicas.csv is written last."""
    replicas = path / REPLICAS_FILE
    return set(tables.read_table(replicas)["replica_id"].tolist()) if replicas.exists() else set()


def write_history(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Replace the history rows of the replicas in `rows`."""
    tables.append_rows(path / HISTORY_FILE, tables.HISTORY_COLUMNS, rows, replace_by="replica_id")


def write_results(
    path: Path,
    replicas: Iterable[Mapping[str, object]],
    errors: Iterable[Mapping[str, object]],
    curves: Iterable[Mapping[str, object]],
    history: Iterable[Mapping[str, object]],
) -> None:
    """Add the results of finished replicas; replicas.csv last, because a row there says that all is written."""
    write_history(path, history)
    tables.append_rows(path / ERRORS_FILE, tables.ERROR_COLUMNS, errors, replace_by="replica_id")
    tables.append_rows(path / CURVES_FILE, tables.CURVE_COLUMNS, curves, replace_by="replica_id")
    tables.append_rows(path / REPLICAS_FILE, tables.REPLICA_COLUMNS, replicas, replace_by="replica_id")


def part_folder(path: Path, name: str) -> Path:
    """Return the folder of one population's job and its tables, so that no two processes write one file."""
    return path / PARTS_FOLDER / name


def collect_parts(path: Path, names: Iterable[str]) -> None:
    """Copy the rows of every finished part into the workdir's own tables, in the order of `names`."""
    files = (
        (HISTORY_FILE, tables.HISTORY_COLUMNS),
        (ERRORS_FILE, tables.ERROR_COLUMNS),
        (CURVES_FILE, tables.CURVE_COLUMNS),
        (REPLICAS_FILE, tables.REPLICA_COLUMNS),
    )
    parts = [part_folder(path, name) for name in names]
    parts = [part for part in parts if finished_replicas(part)]
    for name, columns in files:
        rows = [row for part in parts if (part / name).exists() for row in tables.read_rows(part / name)]
        if rows:
            tables.append_rows(path / name, columns, rows, replace_by="replica_id")


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Lock the folder against other processes, after waiting for the one that holds it; a killed one releases it.

    While it is held, the lock file names the machine and the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        print(platform.node(), os.getpid(), file=file, flush=True)
        yield


def describe_environment() -> dict[str, Any]:
    """Return commit, package versions and devices, for environment.json."""
    versions = {package: installed_version(package) for package in _PACKAGES}
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
        "backend": jax.default_backend(),
        "devices": [device.device_kind for device in jax.devices()],
        "cpu_count": os.cpu_count(),
    }


def installed_version(package: str) -> str | None:
    """Return the version of an installed package without importing it; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _check_same(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    # A setting that is newer than the run had then the value that is its default today.
    old = {**{key: value for key, value in config.flatten(config.default()).items() if key in new}, **old}
    for key in sorted(set(old) | set(new)):
        if key.startswith(_FREE_SETTINGS):
            continue
        if key not in new and not key.startswith("arms."):
            raise InputError(
                f"--workdir={path} holds a run with config.{key}, which this version of h2scale lacks; name another "
                f"--workdir, or continue that run with the version in its {ENVIRONMENT_FILE}."
            )
        if old.get(key) != new.get(key):
            raise InputError(
                f"--workdir={path} holds a run with config.{key}={old.get(key)!r}, this one has {new.get(key)!r}; "
                "name another --workdir, or give the old value to continue that run."
            )


def _check_same_data(path: Path, new: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to add replicas of other data to those of a run; runs of before data.json was written pass."""
    stored = path / DATA_FILE
    old = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    for arm in old.keys() & new.keys():
        for fact in _SAME_DATA:
            known, found = old[arm].get(fact), new[arm].get(fact)
            if known is not None and known != found:
                raise InputError(
                    f"--workdir={path} holds a run on other data: arm {arm} had {fact}={known!r}, this one has "
                    f"{found!r}; name another --workdir, or continue with the version that began it."
                )


def _commit() -> str | None:
    """Return the commit of the checkout that holds the package, `-dirty` if it has changes; None outside of one."""
    if not (CHECKOUT / ".git").exists():
        return None

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if commit and changes else commit
