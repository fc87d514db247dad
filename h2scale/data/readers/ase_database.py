"""ASE databases: sqlite (`.db`), ASE's JSON (`.json`) and the LMDB of fairchem (`.aselmdb`), in which OMol25 comes.

Energies are total, in eV, forces in eV/angstrom, positions in angstrom: ASE's units, of which the files keep no word.
Charge and spin multiplicity are no columns of ASE: OMol25 keeps them as `charge` and `spin` (2S + 1) in a row's `data`,
others under several names in `data` or the key-value pairs; the caller may declare them for rows without. `s_squared`
is <S^2> where a row has it, else the value S(S + 1) of a pure spin state is put in its place and the manifest says so.
The level is not in the file and must be declared (OMol25: wb97m-v/def2-tzvpd), isolated-atom energies likewise.

An `.aselmdb` file maps row numbers to zlib-compressed JSON; it is read here without fairchem, with the `lmdb` package
(extra `readers`).

References: ase.db of ASE 3.29 (https://ase-lib.org/ase/db/db.html); LMDBDatabase of fairchem-core and ase-db-backends;
OMol25: arXiv:2505.08762 and https://huggingface.co/facebook/OMol25 (keys of a row).
"""

import contextlib
import itertools
import json
import sqlite3
import zlib
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale import elements, errors
from h2scale.data.readers import entries
from h2scale.types import Structure

CHARGE_KEYS = ("charge", "total_charge")
MULTIPLICITY_KEYS = ("spin", "multiplicity", "spin_multiplicity")
SPIN_SQUARED_KEYS = ("s_squared", "s2", "spin_squared")
MOLECULE_KEYS = ("smiles", "SMILES")
ASSUMED = "S(S + 1) of a pure spin state where the file has none"

Row = Mapping[str, Any]
"""numbers, positions, energy, forces, pbc as the file has them; data and key-value pairs merged under `facts`."""


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of databases, or of folders of them, row by row, with total energies (eV); forces NaN if a row has none.

    Raises:
        InputError: a file is no such database or is cut short; a row is periodic, lacks its energy, charge or
            multiplicity, or has arrays of a wrong shape.
    """
    for path in itertools.chain.from_iterable(map(_databases, paths)):
        # LMDB opens a file once a process, so that one which a refused row leaves open could not be read again.
        with contextlib.closing(_lmdb_rows(path) if path.suffix == ".aselmdb" else _ase_rows(path)) as rows:
            for row_id, row in rows:
                where = f"{path}, row {row_id}"
                yield entries.Entry(_structure(row, options, facts, where), where)


def _databases(path: Path) -> list[Path]:
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
                next_id = _decoded(transaction.get(b"nextid"), 1)
                deleted = set(_decoded(transaction.get(b"deleted_ids"), []))
                for row_id in range(1, next_id):
                    if row_id not in deleted:
                        yield row_id, _lmdb_row(_decoded(transaction.get(str(row_id).encode()), None), path, row_id)
    except (lmdb.Error, zlib.error, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise errors.InputError(f"{path} is no .aselmdb database or is cut short: {error}.") from error


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


def _structure(row: Row, options: entries.Options, facts: dict[str, Any], where: str) -> Structure:
    numbers = entries.atomic_numbers(row["numbers"], where)
    if np.any(row["pbc"]):
        raise errors.InputError(f"{where}: periodic in {np.asarray(row['pbc']).tolist()}; only molecules are read.")
    if row["energy"] is None:
        raise errors.InputError(f"{where}: no energy.")
    charge = _integer(row, CHARGE_KEYS, options.charge, "charge", where)
    multiplicity = _integer(row, MULTIPLICITY_KEYS, options.spin_multiplicity, "spin_multiplicity", where)
    spin_squared = _first(row, SPIN_SQUARED_KEYS)
    if spin_squared is None:
        facts["spin_squared"] = ASSUMED
        spin_squared = (multiplicity**2 - 1) / 4
    forces = row["forces"]
    return Structure(
        atomic_numbers=numbers,
        positions=entries.vectors(row["positions"], len(numbers), "positions", where),
        energy=float(row["energy"]),
        forces=entries.missing_forces(len(numbers))
        if forces is None
        else entries.vectors(forces, len(numbers), "forces", where),
        charge=charge,
        spin_multiplicity=multiplicity,
        rung="thermal",
        regime="thermal",
        molecule=str(_first(row, MOLECULE_KEYS) or elements.hill_formula(numbers)),
        teacher=options.level or "",
        spin_squared=float(spin_squared),
    )


def _first(row: Row, keys: tuple[str, ...]) -> Any:
    return next((row["facts"][key] for key in keys if key in row["facts"]), None)


def _integer(row: Row, keys: tuple[str, ...], declared: int | None, name: str, where: str) -> int:
    value = _first(row, keys)
    if value is None:
        value = declared
    if value is None:
        raise errors.InputError(
            f"{where}: neither its data nor its key-value pairs have {' or '.join(keys)}; "
            f"declare {name} for rows without."
        )
    if isinstance(value, str) or value != int(value):
        raise errors.InputError(f"{where}: {name} must be an integer; got {value!r}.")
    return int(value)
