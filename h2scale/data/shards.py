"""Datasets larger than memory: a folder of shards whose arrays are mapped, not read.

Layout (version 2; version 1 had no index)::

    manifest.json               format, version, complete or not, the manifest of the dataset, checksums of the shards
    shard-00000/atoms.npy       a record an atom: atomic_numbers, positions, forces (absent if the set has none)
    shard-00000/structures.npy  a record a structure: atom_offset, n_atoms, energy, charge, ..., molecule, teacher
    shard-00000/index.npz       facts about its structures that are asked for without their atoms (`data.catalog`)

Records rather than a file per column: a structure drawn at random then touches two places of the disk and not fourteen,
and a reader keeps two files of a shard open. Every shard is written beside its name and renamed when it is whole, and
the manifest is replaced after each, so that a writer that is killed, or a disk that is full, leaves whole shards and
nothing else; the same call continues behind them.
"""

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale import errors
from h2scale.data import catalog, indexing, validation
from h2scale.data import dataset as dataset_lib
from h2scale.runtime import files
from h2scale.types import Structure

FORMAT = "h2scale-shards"
VERSION = 2
MANIFEST = "manifest.json"
ATOMS, STRUCTURES, INDEX = "atoms.npy", "structures.npy", "index.npz"
STRUCTURES_PER_SHARD = 32768
ATOMS_PER_SHARD = 1 << 21
"""A shard ends at whichever comes first; both bound the writer's memory, to some 200 MB."""

PAIRS_PER_CHECK = 1 << 22
"""Validation looks at all pairs of atoms; large molecules are checked in pieces of this many."""


def write_shards(
    folder: str | Path,
    structures: Iterable[Structure],
    manifest: Mapping[str, Any],
    *,
    structures_per_shard: int = STRUCTURES_PER_SHARD,
) -> None:
    """Write structures as they come, one shard after the other; continue what an earlier call left unfinished.

    Args:
        folder: made if it does not exist.
        structures: consumed once. To continue, the same structures from the first on, which are then skipped.
        manifest: level, units, energy zero, ...; read again at the end, so that a reader may complete it meanwhile.
        structures_per_shard: at most.

    Raises:
        InputError: the folder holds a whole dataset, one begun with another manifest, or something else; a structure is
            refused by `validation.validate`; the disk is full. Whole shards stay, nothing half-written does.
        ValueError: there are no structures, or one is incomplete.
    """
    folder = Path(folder)
    identity = hashlib.sha256(json.dumps(_identity(manifest), sort_keys=True).encode()).hexdigest()
    index = _begun(folder, identity)
    has_forces = bool(manifest.get("has_forces", True))
    done = sum(shard["num_structures"] for shard in index["shards"])
    remaining = iter(structures)
    skipped = sum(1 for _ in itertools.islice(remaining, done))
    if skipped < done:
        raise errors.InputError(f"{folder} holds {done} structures of this dataset, which now has only {skipped}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chunk in _chunks(remaining, structures_per_shard):
            dataset = dataset_lib.from_structures(chunk, {"has_forces": has_forces})
            _check(dataset, folder, done)
            index["shards"].append(_write_shard(folder, f"shard-{len(index['shards']):05d}", dataset, has_forces))
            done += len(dataset)
            _write_index(folder, index)
        if not done:
            raise ValueError("a dataset needs at least one structure; got none.")
        index["manifest"] = {**manifest, "num_structures": done, "has_forces": has_forces}
        index["complete"] = True
        _write_index(folder, index)
    except OSError as error:
        raise errors.InputError(
            f"{folder} cannot be written: {error.strerror or error}; {len(index['shards'])} whole shards stay, and the "
            f"same call continues behind them."
        ) from error


def write_one(folder: Path, name: str, dataset: dataset_lib.Dataset) -> dict[str, Any]:
    """Write one shard of a folder and return its entry in a manifest; one of that name is replaced."""
    for leftover in (folder / name, folder / f"{name}.partial"):
        if leftover.exists():
            shutil.rmtree(leftover)
    return _write_shard(folder, name, dataset, dataset.has_forces)


def write_manifest(folder: Path, entries: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> None:
    """Write the manifest of shards that are there, which makes the folder a dataset.

    Args:
        folder: of the dataset.
        entries: of the shards, in order; their names are paths in the folder.
        manifest: of the dataset.
    """
    identity = hashlib.sha256(json.dumps(_identity(manifest), sort_keys=True).encode()).hexdigest()
    index = {"format": FORMAT, "version": VERSION, "complete": True, "identity": identity}
    _write_index(folder, {**index, "shards": list(entries), "manifest": dict(manifest)})


def is_complete(folder: Path) -> bool:
    """Return whether a folder holds a whole dataset, as its manifest says."""
    return (folder / MANIFEST).is_file() and bool(_load_index(folder)["complete"])


def read_index(folder: str | Path, *, verify: bool) -> dict[str, Any]:
    """Contents of a folder's manifest.json, with the sizes of all files checked.

    Args:
        verify: also compare every file with its checksum, at the speed of the disk.

    Raises:
        InputError: no such folder; another format or version; writing was not finished; a file is missing, cut short
            or does not match its checksum.
    """
    folder = Path(folder)
    index = _load_index(folder)
    if not index["complete"]:
        raise errors.InputError(f"{folder} is not complete: writing it was interrupted; the same call continues it.")
    for shard in index["shards"]:
        for name, expected in shard["files"].items():
            path = folder / shard["name"] / name
            if not path.is_file():
                raise errors.InputError(f"{path} is missing.")
            if path.stat().st_size != expected["bytes"]:
                raise errors.InputError(
                    f"{path} has {path.stat().st_size} bytes; the manifest says {expected['bytes']}."
                )
            if verify and files.checksum(path) != expected["sha256"]:
                raise errors.InputError(f"{path} does not match its checksum in the manifest; copy or make it again.")
    return index


def blocks(folder: str | Path, index: Mapping[str, Any]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Records of atoms and structures of every shard, in order, mapped a shard at a time."""
    for shard in index["shards"]:
        place = Path(folder) / shard["name"]
        yield np.load(place / ATOMS, mmap_mode="r"), np.load(place / STRUCTURES, mmap_mode="r")


def fingerprint(index: Mapping[str, Any]) -> str:
    """SHA-256 over the checksums of all files of an index, hexadecimal: what two equal datasets share."""
    sums = [shard["files"][file]["sha256"] for shard in index["shards"] for file in (ATOMS, STRUCTURES)]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def atom_dtype(has_forces: bool) -> np.dtype:
    """One atom: atomic number, position (angstrom), force (eV/angstrom) where the set has them."""
    fields = [("atomic_numbers", "<i4"), ("positions", "<f8", (3,))]
    return np.dtype([*fields, ("forces", "<f8", (3,))] if has_forces else fields)


def _structure_dtype(dataset: dataset_lib.Dataset) -> np.dtype:
    numbers = [(name, np.dtype(dtype).newbyteorder("<")) for name, dtype in dataset_lib.NUMBER_COLUMNS.items()]
    widths = {name: max(len(text.encode()) for text in getattr(dataset, name)) for name in dataset_lib.TEXT_COLUMNS}
    return np.dtype([("atom_offset", "<i8"), *numbers, *((name, f"S{max(1, w)}") for name, w in widths.items())])


def _chunks(structures: Iterator[Structure], size: int) -> Iterator[list[Structure]]:
    chunk: list[Structure] = []
    n_atoms = 0
    for structure in structures:
        chunk.append(structure)
        n_atoms += len(structure.atomic_numbers)
        if len(chunk) == size or n_atoms >= ATOMS_PER_SHARD:
            yield chunk
            chunk, n_atoms = [], 0
    if chunk:
        yield chunk


def _check(dataset: dataset_lib.Dataset, folder: Path, first: int) -> None:
    for rows in _pieces(dataset):
        try:
            validation.validate(dataset.select(rows))
        except ValueError as error:
            raise errors.InputError(f"{folder}: among the structures from {first + rows[0]} on, {error}") from error


def _pieces(dataset: dataset_lib.Dataset) -> Iterator[np.ndarray]:
    """Rows of consecutive structures with few enough pairs of atoms to be looked at together."""
    piece = np.cumsum(dataset.n_atoms.astype(np.int64) ** 2) // PAIRS_PER_CHECK
    yield from np.split(np.arange(len(dataset)), np.flatnonzero(np.diff(piece)) + 1)


def _index_of(dataset: dataset_lib.Dataset) -> bytes:
    parts = [indexing.entries(dataset.select(rows)) for rows in _pieces(dataset)]
    return files.npz_bytes(catalog.joined(parts))


def _write_shard(folder: Path, name: str, dataset: dataset_lib.Dataset, has_forces: bool) -> dict[str, Any]:
    atoms = np.empty(len(dataset.atomic_numbers), atom_dtype(has_forces))
    for column in atoms.dtype.names or ():
        atoms[column] = getattr(dataset, column)
    records = np.empty(len(dataset), _structure_dtype(dataset))
    records["atom_offset"] = dataset.atom_offset
    for column in dataset_lib.NUMBER_COLUMNS:
        records[column] = getattr(dataset, column)
    for column in dataset_lib.TEXT_COLUMNS:
        records[column] = np.char.encode(getattr(dataset, column), "utf-8")
    partial = folder / f"{name}.partial"
    partial.mkdir()
    try:
        for file, array in ((ATOMS, atoms), (STRUCTURES, records)):
            _save(partial / file, array)
        (partial / INDEX).write_bytes(_index_of(dataset))
        partial.rename(folder / name)
    except OSError:
        shutil.rmtree(partial)
        raise
    written = {
        file: {"bytes": (folder / name / file).stat().st_size, "sha256": files.checksum(folder / name / file)}
        for file in (ATOMS, STRUCTURES, INDEX)
    }
    return {"name": name, "num_structures": len(records), "num_atoms": len(atoms), "files": written}


def _save(path: Path, array: np.ndarray) -> None:
    # As numpy.save does, but for the reason of a failure: NumPy says "n requested and m written" on a full disk.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.view(np.uint8).data)


def _begun(folder: Path, identity: str) -> dict[str, Any]:
    """Index to continue from; half-written files of an interrupted writer are removed."""
    fresh: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "complete": False,
        "identity": identity,
        "shards": [],
    }
    if not folder.exists():
        return fresh
    if not folder.is_dir():
        raise errors.InputError(f"{folder} is a file; shards are written to a folder.")
    leftovers = [path for path in folder.iterdir() if path.name != MANIFEST]
    if not (folder / MANIFEST).is_file():
        index = fresh
    else:
        index = _load_index(folder)
        if index["complete"]:
            raise errors.InputError(f"{folder} holds a whole dataset already; remove it or write to another folder.")
        if index["identity"] != identity:
            raise errors.InputError(f"{folder} was begun as another dataset; remove it or write to another folder.")
    whole = {shard["name"] for shard in index["shards"]}
    for path in leftovers:
        if path.name in whole:
            continue
        if not path.name.startswith(("shard-", MANIFEST, f".{MANIFEST}")):
            raise errors.InputError(f"{folder} holds {path.name}, which is no part of a dataset; nothing was written.")
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return index


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of a manifest that identify a dataset before its first structure is read."""
    names = (
        *("format_read", "level", "energy_zero", "isolated_atom_energies_ev", "has_forces", "sources"),
        *("units_in_the_source", "read_as", "rung_chosen"),
    )
    return {name: manifest[name] for name in names if name in manifest}


def _write_index(folder: Path, index: Mapping[str, Any]) -> None:
    files.write_text(folder / MANIFEST, json.dumps(index, indent=1, sort_keys=True))


def _load_index(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise errors.InputError(f"{folder} is no folder of shards: there is no {MANIFEST} in it.")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise errors.InputError(f"{path} is damaged: {error}.") from error
    if index.get("format") != FORMAT or index.get("version") != VERSION:
        found = (index.get("format"), index.get("version"))
        raise errors.InputError(f"{path}: format and version must be {(FORMAT, VERSION)}; got {found}.")
    return index
