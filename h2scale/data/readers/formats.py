"""Reading of every foreign format: structures with energies relative to isolated atoms, and a manifest."""

import contextlib
import hashlib
import itertools
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from h2scale import elements, errors, units
from h2scale.data import rungs, validation
from h2scale.data.readers import (
    ani1x,
    ase_database,
    atomization_arrays,
    entries,
    extxyz,
    plausibility,
    qm9,
    spice,
    vqm24,
    zero,
)
from h2scale.types import Structure

SAMPLE = 1000
"""Number of structures read before the first is returned: units and the presence of forces are judged from them."""


class Format(NamedTuple):
    """Facts about a format that hold for every file of it."""

    read: entries.Reader
    level: str | None  # None: the caller declares it
    total_energies: bool  # else the authors have subtracted their atoms
    atomic_energies_hartree: Mapping[str, float] | None  # published isolated atoms at the level
    atomic_energies_source: str
    stored_units: str


class Reading(NamedTuple):
    """Structures of foreign files, read as they are consumed, and the manifest of the dataset that they make."""

    structures: Iterator[Structure]  # can be consumed once
    manifest: dict[str, Any]  # complete when `structures` is exhausted: omissions are counted while reading


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "paper": Format(
            atomization_arrays.read, None, False, None, "subtracted by the authors", "angstrom, kcal/mol, no forces"
        ),
        "qm9": Format(
            qm9.read,
            qm9.LEVEL,
            True,
            qm9.ATOMIC_ENERGIES_HARTREE,
            qm9.ATOMIC_ENERGIES_SOURCE,
            "angstrom, hartree (U0 - zpve), no forces",
        ),
        "vqm24": Format(
            vqm24.read, vqm24.LEVEL, False, None, "subtracted by the authors", "angstrom, hartree, no forces"
        ),
        "ani1x": Format(
            ani1x.read,
            ani1x.LEVEL,
            True,
            ani1x.ATOMIC_ENERGIES_HARTREE,
            ani1x.ATOMIC_ENERGIES_SOURCE,
            "angstrom, hartree, hartree/angstrom",
        ),
        "spice": Format(
            spice.read,
            spice.LEVEL,
            True,
            spice.ATOMIC_ENERGIES_HARTREE,
            spice.ATOMIC_ENERGIES_SOURCE,
            "bohr, hartree, gradient in hartree/bohr",
        ),
        "ase": Format(ase_database.read, None, True, None, "", "angstrom, eV, eV/angstrom"),
        "extxyz": Format(extxyz.read, None, True, None, "", "angstrom, eV, eV/angstrom"),
    }
)


def read(
    paths: str | Path | Sequence[str | Path],
    format: str,
    *,
    level: str | None = None,
    atomic_energies_ev: Mapping[str, float] | str | None = None,
    elements: Sequence[str] | None = None,
    rung: str | None = None,
    charge: int | None = None,
    spin_multiplicity: int | None = None,
    bound_sign: int | None = None,
    check_units: bool = True,
) -> Reading:
    """Structures of foreign files, with energies in eV relative to isolated atoms at the same level.

    Args:
        paths: one or several files, or folders where the format is one.
        format: a name of `FORMATS`.
        level: level of theory; needed by paper, ase and extxyz, fixed by the other formats.
        atomic_energies_ev: isolated-atom energies by symbol at that level; "file": of the one-atom structures in the
            files; "fit": least squares over the files, which are no isolated atoms. By default those published for the
            format; ase has none, and extxyz takes "file".
        elements: symbols to keep; structures with any other element are left out and counted.
        rung: one of `rungs.RUNGS` instead of the format's own (equilibrium for paper, qm9 and vqm24; thermal for
            ani1x, spice and ase; as written for extxyz). Ions and isolated atoms stand beside the ladder.
        charge: for rows of an ase database that have none, units of e.
        spin_multiplicity: likewise, 2S + 1.
        bound_sign: for paper and vqm24, the sign of a bound molecule's stored energy, 1 or -1; by default looked at.
        check_units: whether medians that no molecule has are refused.

    Raises:
        InputError: now or while reading, in one line that names file and entry: no such format or file, a file of
            another format or unit, one cut short, an unknown element, an energy zero or level that is not known, a
            charge and spin that the electrons cannot have, forces in some structures only.
    """
    chosen = _format(format)
    files = _existing([paths] if isinstance(paths, str | Path) else paths)
    if rung is not None and rung not in rungs.RUNGS:
        raise errors.InputError(f"rung must be one of {', '.join(rungs.RUNGS)}; got {rung!r}.")
    options = entries.Options(_level(format, chosen, level), charge, spin_multiplicity, bound_sign)
    kept = _symbols(elements)
    energies, source = _atomic_energies(format, chosen, atomic_energies_ev, files, options, kept)

    facts: dict[str, Any] = {"dropped": Counter()}
    found = _finished(chosen.read(files, options, facts), energies, kept, rung, options, facts["dropped"])
    sample = list(itertools.islice(found, SAMPLE))
    if not sample:
        raise errors.InputError(f"{files[0]}: no structure is left; {_reasons(facts['dropped'])}.")
    if check_units:
        try:
            plausibility.check(sample, energies=atomic_energies_ev != zero.FIT)
        except errors.InputError:
            found.close()
            raise
    has_forces = not np.isnan(sample[0].structure.forces).any()
    manifest: dict[str, Any] = {
        "format_read": format,
        "level": options.level,
        "units": {"positions": "angstrom", "energy": "eV", "forces": "eV/angstrom", "constants": "CODATA 2018"},
        "units_in_the_source": chosen.stored_units,
        "energy_zero": source,
        "has_forces": has_forces,
        "sources": [{"name": file.name, "sha256": checksum(file)} for file in files],
    }
    if energies is not None:
        manifest["isolated_atom_energies_ev"] = dict(sorted(energies.items()))
    return Reading(_structures(sample, found, has_forces, manifest, facts), manifest)


def checksum(path: Path) -> str:
    """SHA-256 of a file, or of a folder's file names and contents in order of name; hexadecimal."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inside in sorted(inside for inside in path.rglob("*") if inside.is_file()):
        digest.update(f"{inside.relative_to(path)} {checksum(inside)}\n".encode())
    return digest.hexdigest()


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise errors.InputError(f"format must be one of {', '.join(FORMATS)}; got {name!r}.")
    return FORMATS[name]


def _existing(paths: Sequence[str | Path]) -> list[Path]:
    files = [Path(path) for path in paths]
    if not files:
        raise errors.InputError("no file to read was given.")
    for file in files:
        if not file.exists():
            raise errors.InputError(f"{file}: no such file or folder.")
    return files


def _level(name: str, chosen: Format, declared: str | None) -> str:
    if chosen.level is None and not declared:
        raise errors.InputError(f"files of format {name} do not say their level of theory; declare level.")
    if chosen.level is not None and declared not in (None, chosen.level):
        raise errors.InputError(f"files of format {name} are of level {chosen.level}; got level {declared!r}.")
    return declared or chosen.level or ""


def _symbols(symbols: Sequence[str] | None) -> frozenset[int] | None:
    if symbols is None:
        return None
    return frozenset(entries.symbols_to_numbers(symbols, "elements").tolist())


def _atomic_energies(
    name: str,
    chosen: Format,
    asked: Mapping[str, float] | str | None,
    files: list[Path],
    options: entries.Options,
    kept: frozenset[int] | None,
) -> tuple[dict[str, float] | None, str]:
    """Isolated-atom energies to subtract (eV; None if there is nothing to subtract), and their source in words."""
    if not chosen.total_energies:
        if asked is not None:
            raise errors.InputError(f"energies of format {name} are relative to atoms already; got atomic_energies_ev.")
        return None, f"isolated atoms at the same level, {chosen.atomic_energies_source}"
    if asked is None and name == "extxyz":
        asked = zero.FILE
    if asked is None:
        if chosen.atomic_energies_hartree is None:
            raise errors.InputError(
                f"energies of format {name} are total and no isolated atoms are published for it; give "
                f"atomic_energies_ev by symbol, or ask for {zero.FILE!r} or {zero.FIT!r}."
            )
        published = {symbol: value * units.HARTREE_EV for symbol, value in chosen.atomic_energies_hartree.items()}
        return published, f"isolated atoms at the same level: {chosen.atomic_energies_source}"
    if isinstance(asked, str):
        first_pass = (
            entry for entry in chosen.read(files, options, {}) if _is_kept(entry.structure.atomic_numbers, kept)
        )
        if asked == zero.FIT:
            return zero.fitted(first_pass), "least-squares fit of one energy per element; no isolated atoms"
        if asked == zero.FILE:
            return zero.from_single_atoms(first_pass), "isolated atoms found in the files"
        raise errors.InputError(
            f"atomic_energies_ev must be energies by symbol, {zero.FIT!r} or {zero.FILE!r}; got {asked!r}."
        )
    return zero.checked(asked), "isolated atoms at the same level, given by the caller"


def _is_kept(numbers: np.ndarray, kept: frozenset[int] | None) -> bool:
    return kept is None or kept.issuperset(numbers.tolist())


def _finished(
    found: Generator[entries.Entry, None, None],
    energies: Mapping[str, float] | None,
    kept: frozenset[int] | None,
    rung: str | None,
    options: entries.Options,
    left_out: Counter[str],
) -> Generator[entries.Entry, None, None]:
    with contextlib.closing(found):
        for structure, where in found:
            if not _is_kept(structure.atomic_numbers, kept):
                left_out["an element that is not asked for"] += 1
                continue
            _check(structure, where)
            energy = structure.energy
            if energies is not None:
                energy -= zero.separated_atoms(structure.atomic_numbers, energies, where)
            placed = _rung(structure, rung)
            yield entries.Entry(structure._replace(energy=energy, rung=placed, teacher=options.level or ""), where)


def _rung(structure: Structure, asked: str | None) -> str:
    """Rung of a structure: as asked for or as its format says, but never one of the ladder for atoms and ions."""
    if structure.rung not in rungs.RUNGS:
        return structure.rung
    if structure.charge != 0:
        return rungs.ION
    if len(structure.atomic_numbers) == 1:
        return rungs.ATOM
    return asked or structure.rung


def _check(structure: Structure, where: str) -> None:
    unknown = sorted(set(structure.atomic_numbers.tolist()) - set(validation.KNOWN_ELEMENTS))
    if unknown:
        names = ", ".join(elements.SYMBOLS[number] for number in unknown)
        raise errors.InputError(
            f"{where}: element {names} is beyond what a dataset may hold; leave such structures out with elements."
        )
    if not (np.isfinite(structure.energy) and np.isfinite(structure.positions).all()):
        raise errors.InputError(f"{where}: its energy or a position is not a finite number.")
    electrons = int(structure.atomic_numbers.sum()) - structure.charge
    unpaired = structure.spin_multiplicity - 1
    if unpaired < 0 or electrons < unpaired or (electrons - unpaired) % 2:
        raise errors.InputError(
            f"{where}: charge {structure.charge} and spin multiplicity {structure.spin_multiplicity} are impossible "
            f"for {electrons} electrons."
        )


def _structures(
    sample: list[entries.Entry],
    rest: Generator[entries.Entry, None, None],
    has_forces: bool,
    manifest: dict[str, Any],
    facts: dict[str, Any],
) -> Iterator[Structure]:
    with contextlib.closing(rest):
        for structure, where in itertools.chain(sample, rest):
            missing = np.isnan(structure.forces)
            if missing.any() if has_forces else not missing.all():
                raise errors.InputError(
                    f"{where}: it has {'no whole ' if has_forces else ''}forces, unlike the first structure; a dataset "
                    f"has them for all of its structures or for none."
                )
            yield structure
    manifest.update({**facts, "dropped": dict(facts["dropped"])})


def _reasons(left_out: Counter[str]) -> str:
    counts = ", ".join(f"{count} for {reason}" for reason, count in left_out.items())
    return f"left out: {counts}" if counts else "the files are empty"
