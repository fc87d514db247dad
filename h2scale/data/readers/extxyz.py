"""Extended XYZ, read by ASE frame by frame: a number of atoms, a comment of `key=value`, then one line per atom.

Each frame carries energy, charge, multiplicity, regime, smiles and s2 in its comment, and columns species, pos and
forces. Comments are split here and not by ASE, which would take the SMILES `F` for the logical value False and `[H]`
for a list.

Reference: https://github.com/libAtoms/extxyz
"""

import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from h2scale import errors
from h2scale.data import rungs
from h2scale.data.readers import entries
from h2scale.types import Structure

_KEY_VALUE = re.compile(r'([\w-]+)=("[^"]*"|\S+)')
_COLUMNS = ("species", "pos", "forces")

_Value = TypeVar("_Value", str, int, float)


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of extxyz files in file order; energies are total, in eV.

    Raises:
        InputError: a frame is cut short, a key or column is missing, a value does not parse, an element or regime is
            unknown; the message names file, frame and line.
    """
    for path in paths:
        for index, (line, frame) in enumerate(_frames(path)):
            where = f"{path}, frame {index}"
            yield entries.Entry(_structure(frame, options.level or "", f"{where} (line {line})"), where)


def _frames(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number of its first line, and lines, of each frame."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise errors.InputError(f"{path} is no text file: {error}.") from error
    start = 0
    while start < len(lines):
        if not lines[start].strip().isdigit():
            raise errors.InputError(f"{path}, line {start + 1}: expected a number of atoms; got {lines[start]!r}.")
        count = int(lines[start])
        if start + 2 + count > len(lines):
            raise errors.InputError(f"{path}, line {start + 1}: the file ends before the {count} atoms of this frame.")
        yield start + 1, lines[start : start + 2 + count]
        start += 2 + count


def _structure(frame: Sequence[str], teacher: str, where: str) -> Structure:
    from ase.io import extxyz

    info = {key: value.strip('"') for key, value in _KEY_VALUE.findall(frame[1])}
    properties = _value(info, "Properties", str, where)
    found = properties.split(":")[::3]
    for name in _COLUMNS:
        if name not in found:
            raise errors.InputError(f"{where}: missing column {name!r}; the frame has {', '.join(found)}.")
    regime = _value(info, "regime", str, where)
    if regime not in rungs.RUNG_OF_REGIME:
        raise errors.InputError(f"{where}: unknown regime {regime!r}; known: {', '.join(rungs.RUNG_OF_REGIME)}.")
    try:
        text = io.StringIO("\n".join(frame) + "\n")
        (atoms,) = extxyz.read_xyz(text, index=slice(None), properties_parser=lambda _: {"Properties": properties})
    except KeyError as error:
        raise errors.InputError(f"{where}: unknown element {error}.") from error
    except (ValueError, TypeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise errors.InputError(f"{where}: its atoms are not what Properties lists: {reason}.") from error
    numbers = entries.atomic_numbers(atoms.numbers, where)
    return Structure(
        atomic_numbers=numbers,
        positions=entries.vectors(atoms.positions, len(numbers), "positions", where),
        energy=_value(info, "energy", float, where),
        forces=entries.vectors(atoms.calc.results["forces"], len(numbers), "forces", where),
        charge=_value(info, "charge", int, where),
        spin_multiplicity=_value(info, "multiplicity", int, where),
        rung=rungs.RUNG_OF_REGIME[regime],
        regime=regime,
        molecule=_value(info, "smiles", str, where),
        teacher=teacher,
        spin_squared=_value(info, "s2", float, where),
    )


def _value(info: Mapping[str, str], key: str, kind: Callable[[str], _Value], where: str) -> _Value:
    if key not in info:
        raise errors.InputError(f"{where}: missing {key}; every label needs one.")
    try:
        return kind(info[key])
    except ValueError as error:
        name = getattr(kind, "__name__", kind)
        raise errors.InputError(f"{where}: {key} must be {name}; got {info[key]!r}.") from error
