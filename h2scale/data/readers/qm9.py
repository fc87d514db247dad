"""QM9: 133,885 molecules of H, C, N, O, F at their B3LYP/6-31G(2df,p) minima, one xyz file each.

Each file holds the number of atoms; `gdb`, an index and fifteen properties; an atom a line with its Mulliken charge;
the frequencies; two SMILES (of GDB-17, of the relaxed geometry); two InChI. Of the properties this reader needs the
tenth, the zero-point energy, and the eleventh, U0, both in hartree: U0 contains the zero-point energy, and the
electronic energy, which is what a potential is trained on, is U0 - zpve. Some numbers are written by Mathematica, as
`1.2*^-5`.

Isolated atoms: the authors' `atomref.txt` (U0 of H, C, N, O, F at the same level; atoms have no zero-point energy).

Molecules are closed-shell and neutral. 3,054 of them, listed in the authors' `uncharacterized.txt`, relaxed to another
molecule than they were made as; they are read like the others under the SMILES of their geometry.

Reference: Ramakrishnan, Dral, Rupp, von Lilienfeld, Sci. Data 1, 140022 (2014), tables 2 and 3.
"""

import lzma
import tarfile
import zlib
from collections.abc import Generator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from h2scale import errors, units
from h2scale.data.readers import entries

LEVEL = "b3lyp/6-31g(2df,p)"
ATOMIC_ENERGIES_HARTREE = MappingProxyType(
    {"H": -0.500273, "C": -37.846772, "N": -54.583861, "O": -75.064579, "F": -99.718730}
)
ATOMIC_ENERGIES_SOURCE = "atomref.txt of the QM9 authors, U0 of isolated atoms at B3LYP/6-31G(2df,p)"

ZPVE, U0 = 11, 12
"""Positions in the property line, counted from the tag at 0."""
NUM_PROPERTIES = 17
ARCHIVES = (".tar", ".bz2", ".gz", ".tgz", ".xz")


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of xyz files, of folders of them, or of the tar archive (also compressed), without unpacking it.

    Energies are total and electronic, in eV; there are no forces.

    Raises:
        InputError: an archive is cut short; a file is no QM9 xyz; an element is unknown.
    """
    for path in paths:
        if path.is_dir():
            files = sorted(path.glob("*.xyz"))
            if not files:
                raise errors.InputError(f"{path}: the folder has no .xyz files.")
            for file in files:
                yield _entry(file.read_text(encoding="utf-8", errors="replace"), str(file))
        elif path.suffix in ARCHIVES:
            yield from _archive(path)
        else:
            yield _entry(path.read_text(encoding="utf-8", errors="replace"), str(path))


def _archive(path: Path) -> Generator[entries.Entry, None, None]:
    last = None
    try:
        # A stream: the archive is read once, forwards, and never held in memory.
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if not member.isfile() or not member.name.endswith(".xyz"):
                    continue
                stream = archive.extractfile(member)
                assert stream is not None, "a regular file has contents"
                text = stream.read().decode("utf-8", errors="replace")
                yield _entry(text, f"{path}, {member.name}")
                last = member.name
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        whole = f"the last whole entry is {last}" if last else "it has no whole entry"
        raise errors.InputError(f"{path} is cut short or no tar archive: {whole} ({error}).") from error
    if last is None:
        raise errors.InputError(f"{path}: the archive has no .xyz files.")


def _entry(text: str, where: str) -> entries.Entry:
    lines = text.splitlines()
    if not lines or not lines[0].strip().isdigit():
        raise errors.InputError(f"{where}: not QM9 xyz: line 1 must be the number of atoms.")
    n_atoms = int(lines[0])
    if len(lines) < n_atoms + 4:
        raise errors.InputError(f"{where}: cut short: {len(lines)} lines, {n_atoms} atoms need {n_atoms + 5}.")
    properties = lines[1].split()
    if len(properties) != NUM_PROPERTIES or properties[0] != "gdb":
        raise errors.InputError(
            f"{where}: not QM9 xyz: line 2 must be 'gdb', an index and {NUM_PROPERTIES - 2} properties."
        )
    rows = [line.split() for line in lines[2 : 2 + n_atoms]]
    if any(len(row) != 5 for row in rows):
        raise errors.InputError(f"{where}: not QM9 xyz: an atom needs its symbol, three coordinates and a charge.")
    electronic = _number(properties[U0], "U0", where) - _number(properties[ZPVE], "zpve", where)
    smiles = lines[n_atoms + 3].split()
    if not smiles:
        raise errors.InputError(f"{where}: not QM9 xyz: line {n_atoms + 4} must hold the SMILES.")
    structure = entries.closed_shell(
        entries.symbols_to_numbers([row[0] for row in rows], where),
        np.array([[_number(value, "a coordinate", where) for value in row[1:4]] for row in rows]),
        electronic * units.HARTREE_EV,
        None,
        rung="equilibrium",
        molecule=smiles[-1],
        teacher=LEVEL,
    )
    return entries.Entry(structure, where)


def _number(text: str, what: str, where: str) -> float:
    try:
        return float(text.replace("*^", "e"))
    except ValueError as error:
        raise errors.InputError(f"{where}: {what} must be a number; got {text!r}.") from error
