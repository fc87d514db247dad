"""Extended XYZ: frames of `count`, `key=value` comment with a Properties column list, then one line per atom.

Reference: https://github.com/libAtoms/extxyz (the subset that ASE writes for molecules: no lattice, no arrays in keys).
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale import errors
from h2scale.data import rungs
from h2scale.data.readers import entries
from h2scale.elements import ATOMIC_NUMBERS
from h2scale.types import Structure

_KEY_VALUE = re.compile(r'([\w-]+)=("[^"]*"|\S+)')


def read_extxyz(path: str | Path, teacher: str, rung_of_regime: Mapping[str, str]) -> list[Structure]:
    """Structures with their energies as stored (eV, total), in file order.

    Each frame carries energy, charge, multiplicity, regime, smiles and s2 in its comment, and columns species, pos and
    forces. `door` turns the total energies into those that a `Dataset` holds.

    Args:
        path: the file.
        teacher: level of theory recorded with every structure.
        rung_of_regime: the rung of each regime found in the file.

    Raises:
        ValueError: a frame is cut short, a key or column is missing, a value does not parse, an element or regime is
            unknown; the message names file, frame and line.
    """
    structures = []
    for index, (line, comment, rows) in enumerate(_frames(Path(path))):
        where = f"{path}, frame {index} (line {line})"
        info = {key: value.strip('"') for key, value in _KEY_VALUE.findall(comment)}
        structures.append(_structure(info, rows, teacher, rung_of_regime, where))
    return structures


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of extxyz files with the keys that `read_extxyz` asks for; energies are total, in eV.

    Raises:
        InputError: what `read_extxyz` refuses.
    """
    for path in paths:
        try:
            structures = read_extxyz(path, options.level or "", rungs.RUNG_OF_REGIME)
        except UnicodeDecodeError as error:
            raise errors.InputError(f"{path} is no text file: {error}.") from error
        except ValueError as error:
            raise errors.InputError(str(error)) from error
        for index, structure in enumerate(structures):
            yield entries.Entry(structure, f"{path}, frame {index}")


def _frames(path: Path) -> Iterator[tuple[int, str, list[list[str]]]]:
    """Line number of the count, comment, and split atom lines of each frame."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = 0
    while start < len(lines):
        if not lines[start].strip().isdigit():
            raise ValueError(f"{path}, line {start + 1}: expected a number of atoms; got {lines[start]!r}.")
        count = int(lines[start])
        if start + 2 + count > len(lines):
            raise ValueError(f"{path}, line {start + 1}: the file ends before the {count} atoms of this frame.")
        yield start + 1, lines[start + 1], [line.split() for line in lines[start + 2 : start + 2 + count]]
        start += 2 + count


def _structure(
    info: Mapping[str, str], rows: list[list[str]], teacher: str, rung_of_regime: Mapping[str, str], where: str
) -> Structure:
    columns = _columns(info, where)
    numbers = []
    for atom, row in enumerate(rows):
        if len(row) <= max(columns.values()):
            raise ValueError(f"{where}: atom {atom} has {len(row)} columns, fewer than Properties lists.")
        symbol = row[columns["species"]]
        if symbol not in ATOMIC_NUMBERS:
            raise ValueError(f"{where}: unknown element {symbol!r}.")
        numbers.append(ATOMIC_NUMBERS[symbol])
    regime = _value(info, "regime", str, where)
    if regime not in rung_of_regime:
        raise ValueError(f"{where}: unknown regime {regime!r}; known: {', '.join(rung_of_regime)}.")
    return Structure(
        atomic_numbers=np.array(numbers, np.int32),
        positions=_vectors(rows, columns["pos"], where),
        energy=_value(info, "energy", float, where),
        forces=_vectors(rows, columns["forces"], where),
        charge=_value(info, "charge", int, where),
        spin_multiplicity=_value(info, "multiplicity", int, where),
        rung=rung_of_regime[regime],
        regime=regime,
        molecule=_value(info, "smiles", str, where),
        teacher=teacher,
        spin_squared=_value(info, "s2", float, where),
    )


def _columns(info: Mapping[str, str], where: str) -> dict[str, int]:
    """First column of each property; the Properties key reads name:kind:width, repeated."""
    fields = _value(info, "Properties", str, where).split(":")
    columns, start = {}, 0
    for name, width in zip(fields[0::3], fields[2::3], strict=True):
        columns[name] = start
        start += int(width)
    for name in ("species", "pos", "forces"):
        if name not in columns:
            raise ValueError(f"{where}: missing column {name!r}; the frame has {', '.join(columns)}.")
    return columns


def _vectors(rows: list[list[str]], first: int, where: str) -> np.ndarray:
    try:
        vectors = np.array([row[first : first + 3] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{where}: positions and forces must be three numbers per atom.") from error
    if vectors.shape != (len(rows), 3):
        raise ValueError(f"{where}: positions and forces must be three numbers per atom.")
    return vectors


def _value(info: Mapping[str, str], key: str, kind: type, where: str):
    if key not in info:
        raise ValueError(f"{where}: missing {key}; every label needs one.")
    try:
        return kind(info[key])
    except ValueError as error:
        raise ValueError(f"{where}: {key} must be {kind.__name__}; got {info[key]!r}.") from error
