"""Extended XYZ, read by ASE frame by frame: a number of atoms, a comment of `key=value`, then one line per atom.

Keys and columns may have any names; `frames` chooses among them. Comments are split here and not by ASE, which would
take the SMILES `F` for the logical value False and `[H]` for a list. A cell without `pbc` is periodic, as for ASE.

Reference: https://github.com/libAtoms/extxyz
"""

import io
import itertools
import re
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from h2scale import errors
from h2scale.data.readers import entries, frames

_KEY_VALUE = re.compile(r"""([\w-]+)\s*=\s*("(?:\\.|[^"\\])*"|'[^']*'|\{[^}]*\}|\S+)""")
_PLAIN = "species:S:1:pos:R:3"
"""Columns of a frame that does not list them, as ASE reads it."""


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of extxyz files in file order; energies are total, in eV; forces NaN if a frame has none.

    Raises:
        InputError: a frame is cut short or its columns are not what it lists, an element is unknown, or what
            `frames.interpreted` refuses; the message names file, frame and line.
    """
    yield from frames.interpreted(_frames(paths), options, facts)


def _frames(paths: Sequence[Path]) -> Generator[frames.Frame, None, None]:
    for path in paths:
        for index, (line, lines) in enumerate(_blocks(path)):
            yield _frame(lines, f"{path}, frame {index} (line {line})")


def _blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number of its first line, and lines, of each frame."""
    try:
        with path.open(encoding="utf-8") as file:
            number = 0
            for header in file:
                number += 1
                if not header.strip():
                    continue
                if not header.strip().isdigit():
                    raise errors.InputError(
                        f"{path}, line {number}: expected a number of atoms; got {header.strip()[:40]!r}."
                    )
                count = int(header)
                block = [header.rstrip("\n"), *(line.rstrip("\n") for line in itertools.islice(file, count + 1))]
                if len(block) < count + 2:
                    raise errors.InputError(
                        f"{path}, line {number}: the file ends before the {count} atoms of this frame."
                    )
                yield number, block
                number += count + 1
    except UnicodeDecodeError as error:
        raise errors.InputError(f"{path} is no text file: {error}.") from error


def _frame(lines: Sequence[str], where: str) -> frames.Frame:
    from ase.io import extxyz

    facts = {key: _unquoted(value) for key, value in _KEY_VALUE.findall(lines[1])}
    properties = facts.pop("Properties", _PLAIN)
    listed = properties.split(":")[::3]
    if "pos" not in listed or not {"species", "Z"} & set(listed):
        raise errors.InputError(f"{where}: columns must include species and pos; the frame has {', '.join(listed)}.")
    try:
        text = io.StringIO("\n".join(lines) + "\n")
        (atoms,) = extxyz.read_xyz(text, index=slice(None), properties_parser=lambda _: {"Properties": properties})
    except KeyError as error:
        raise errors.InputError(f"{where}: unknown element {error}.") from error
    except (ValueError, TypeError, OSError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise errors.InputError(f"{where}: its atoms are not what Properties lists: {reason}.") from error
    columns = {name: column for name, column in atoms.arrays.items() if name not in ("numbers", "positions")}
    columns |= {} if atoms.calc is None else atoms.calc.results
    return frames.Frame(
        entries.atomic_numbers(atoms.numbers, where), atoms.positions, _periodic(facts, where), facts, columns, where
    )


def _unquoted(value: str) -> str:
    if value[0] in "\"'" and value[-1] == value[0] and len(value) > 1:
        return value[1:-1].replace('\\"', '"')
    return value


def _periodic(facts: dict[str, str], where: str) -> list[bool]:
    if "pbc" not in facts:
        return ["Lattice" in facts] * 3
    words = facts["pbc"].strip("[]").replace(",", " ").split()
    if not all(word.lower() in _LOGICAL for word in words):
        raise errors.InputError(f"{where}: pbc must be three of T and F; got {facts['pbc']!r}.")
    return [_LOGICAL[word.lower()] for word in words]


_LOGICAL = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
