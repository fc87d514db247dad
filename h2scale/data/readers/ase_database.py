"""ASE databases: sqlite (`.db`), ASE's JSON (`.json`) and the LMDB of fairchem (`.aselmdb`), in which OMol25 comes.

Energies are total, in eV, forces in eV/angstrom, positions in angstrom: ASE's units, which files do not state.
Charge and spin multiplicity are no columns of ASE: OMol25 keeps them as `charge` and `spin` (2S + 1) in a row's `data`,
others in `data` or the key-value pairs; `frames` looks for them in both. The level is not in the file and must be
declared (OMol25: wb97m-v/def2-tzvpd), isolated-atom energies likewise.

An `.aselmdb` file maps row numbers to zlib-compressed JSON; it is read here without fairchem, with the `lmdb` package
(extra `readers`). Other files are left to `ase_files`.

References: ase.db of ASE 3.29 (https://ase-lib.org/ase/db/db.html); LMDBDatabase of fairchem-core and ase-db-backends;
OMol25: arXiv:2505.08762 and https://huggingface.co/facebook/OMol25 (keys of a row).
"""

import contextlib
import itertools
import json
import sqlite3
import zlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale import errors
from h2scale.data.readers import ase_files, entries, frames

DATABASES = (".aselmdb", ".db", ".json")
_RESERVED = (b"nextid", b"deleted_ids", b"metadata")

Row = Mapping[str, Any]
"""numbers, positions, energy, forces, pbc as the file has them; data and key-value pairs merged under `facts`."""


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of databases, of folders of them, and of other files of ASE's, with total energies (eV).

    Raises:
        InputError: a file is no such database or is cut short, or what `frames.interpreted` refuses.
    """
    yield from frames.interpreted(_frames(paths), options, facts)


def _frames(paths: Sequence[Path]) -> Generator[frames.Frame, None, None]:
    for path in itertools.chain.from_iterable(map(databases, paths)):
        if path.suffix not in DATABASES:
            yield from ase_files.read_frames(path)
            continue
        # LMDB opens a file once a process, so that one which a refused row leaves open could not be read again.
        with contextlib.closing(_lmdb_rows(path) if path.suffix == ".aselmdb" else _ase_rows(path)) as rows:
            for row_id, row in rows:
                yield _frame(row, f"{path}, row {row_id}")


def databases(path: Path) -> list[Path]:
    """Files of a folder of databases, in order of name; of a file itself.

    Raises:
        InputError: the folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in (".aselmdb", ".db"))
    if not found:
        raise errors.InputError(f"{path}: the folder has no .aselmdb or .db files.")
    return found


def _ase_rows(path: Path) -> Generator[tuple[int, Row], None, None]:
    import ase.db

    try:
        if path.suffix == ".db":
            _check_systems(path)
        with ase.db.connect(path) as database:
            for row in database.select():
                yield (
                    row.id,
                    {
                        "numbers": row.numbers,
                        "positions": row.positions,
                        "pbc": row.pbc,
                        "energy": row.get("energy"),
                        "forces": row.get("forces"),
                        "facts": {**row.key_value_pairs, **row.data},
                    },
                )
    except (sqlite3.DatabaseError, json.JSONDecodeError, ValueError, KeyError, OSError) as error:
        raise errors.InputError(f"{path} is no ASE database or is cut short: {error}.") from error


def _check_systems(path: Path) -> None:
    # ASE would write its tables into any other sqlite file.
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute("select count(*) from sqlite_master where name = 'systems'").fetchone()[0]
    if not found:
        raise sqlite3.DatabaseError("it has no table 'systems'")


def _lmdb_rows(path: Path) -> Generator[tuple[int, Row], None, None]:
    try:
        import lmdb
    except ImportError as error:
        raise errors.InputError(
            f"{path}: reading .aselmdb needs the package lmdb: pip install 'h2scale[readers]'."
        ) from error

    try:
        with lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False) as environment:
            # LMDB maps the file without looking at its length; a page beyond the end would kill the process.
            needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
            if path.stat().st_size < needed:
                raise errors.InputError(f"{path} is cut short: {path.stat().st_size} bytes of at least {needed}.")
            with environment.begin() as transaction:
                deleted = set(_decoded(transaction.get(b"deleted_ids"), []))
                for row_id in _row_ids(transaction):
                    if row_id not in deleted:
                        yield row_id, _lmdb_row(_decoded(transaction.get(str(row_id).encode()), None), path, row_id)
    except (lmdb.Error, zlib.error, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise errors.InputError(f"{path} is no .aselmdb database or is cut short: {error}.") from error


def _row_ids(transaction: Any) -> Iterable[int]:
    next_id = _decoded(transaction.get(b"nextid"), None)
    if next_id is not None:
        return range(1, next_id)
    return sorted(int(key) for key in transaction.cursor().iternext(values=False) if key not in _RESERVED)


def _decoded(stored: bytes | None, default: Any) -> Any:
    if stored is None:
        return default
    # Written by fairchem, arrays are lists; by ASE's own JSON, {"__ndarray__": [shape, dtype, values]}.
    return json.loads(zlib.decompress(stored), object_hook=_array_hook)


def _array_hook(value: dict[str, Any]) -> Any:
    if "__ndarray__" in value:
        shape, dtype, flat = value["__ndarray__"]
        return np.array(flat, dtype=dtype).reshape(shape)
    return value


def _lmdb_row(row: Mapping[str, Any] | None, path: Path, row_id: int) -> Row:
    if row is None or "numbers" not in row or "positions" not in row:
        raise errors.InputError(f"{path}, row {row_id}: no atoms; the database lost the row.")
    return {
        "numbers": row["numbers"],
        "positions": row["positions"],
        "pbc": row.get("pbc", False),
        "energy": row.get("energy"),
        "forces": row.get("forces"),
        "facts": {**row.get("key_value_pairs", {}), **(row.get("data") or {})},
    }


def _frame(row: Row, where: str) -> frames.Frame:
    facts = {**row["facts"], **({} if row["energy"] is None else {"energy": row["energy"]})}
    columns = {} if row["forces"] is None else {"forces": row["forces"]}
    for name, value in row["facts"].items():
        if np.ndim(value) == 2:  # a row keeps what ASE has no column for, per atom as well, in its data
            columns.setdefault(name, value)
    numbers = entries.atomic_numbers(row["numbers"], where)
    return frames.Frame(numbers, row["positions"], np.broadcast_to(row["pbc"], 3).tolist(), facts, columns, where)
