"""Reading of every foreign format: structures with energies relative to isolated atoms, and a manifest."""

import itertools
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from h2scale import errors, units
from h2scale.data.readers import (
    ani1x,
    ase_database,
    atomization_arrays,
    entries,
    extxyz,
    finishing,
    guess,
    label_units,
    placing,
    plausibility,
    qm9,
    spice,
    vqm24,
    zero,
)
from h2scale.runtime import files as files_lib
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
    energy_unit: str = "hartree"  # of the stored energies; in formats that name their labels the caller's
    names_labels: bool = False  # whether names and units of labels differ from file to file, so that a caller may say


class Source(NamedTuple):
    """Files of one format, and what the caller declares of them."""

    name: str  # of the format
    files: list[Path]
    options: entries.Options
    kept: frozenset[int] | None  # atomic numbers; None: all

    def read(self, facts: dict[str, Any]) -> Generator[entries.Entry, None, None]:
        """Entries from the first on, as the files have them."""
        return FORMATS[self.name].read(self.files, self.options, facts)

    def kept_entries(self) -> Iterator[entries.Entry]:
        """The same for a pass before the reading proper, without those of other elements."""
        return (e for e in self.read({}) if finishing.is_kept(e.structure.atomic_numbers, self.kept))


Zero = Mapping[str, float] | str | zero.Known | None
"""What a caller says of the zero of energy."""


class Reading(NamedTuple):
    """Structures of foreign files, read as they are consumed, and the manifest of the dataset that they make."""

    structures: Iterator[Structure]  # can be consumed once
    manifest: dict[str, Any]  # complete when `structures` is exhausted: omissions are counted while reading


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "paper": Format(
            atomization_arrays.read,
            None,
            False,
            None,
            "subtracted by the authors",
            "angstrom, kcal/mol, no forces",
            "kcal/mol",
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
        "ase": Format(ase_database.read, None, True, None, "", "angstrom, eV, eV/angstrom", "eV", True),
        "extxyz": Format(extxyz.read, None, True, None, "", "angstrom, eV, eV/angstrom", "eV", True),
    }
)


def read(
    paths: str | Path | Sequence[str | Path],
    format: str | None = None,
    *,
    atomic_energies_ev: Zero = None,
    elements: Sequence[str] | None = None,
    rung: str | None = None,
    keep_first: bool = False,
    check_units: bool = True,
    **declared: Any,
) -> Reading:
    """Structures of foreign files, with energies in eV relative to isolated atoms at the same level.

    Args:
        paths: one or several files, or folders where the format is one.
        format: a name of `FORMATS`; told from the files if not given.
        atomic_energies_ev: isolated-atom energies by symbol at that level; "file": of the one-atom structures in the
            files; "fit": least squares over the files, which are no isolated atoms. By default those published for the
            format; extxyz and ase, which have none, take "file", but for .aselmdb, which is too large to search.
        elements: symbols to keep; structures with any other element are left out and counted.
        rung: one of `rungs.RUNGS` or "auto", by forces, instead of the format's own (equilibrium for paper, qm9 and
            vqm24; thermal for ani1x and spice; as written or else auto for extxyz and ase). Ions and isolated atoms
            stand beside the ladder.
        keep_first: whether of one geometry with several energies the first is kept, and the others counted; else such
            files are refused.
        check_units: whether medians that no molecule has are refused.
        declared: fields of `entries.Options`; `level` is needed by paper, ase and extxyz.

    Raises:
        InputError: now or while reading, in one line that names file and entry: no such format or file, a file of
            another format or unit, one cut short, an unknown element, an energy zero or level that is not known, a
            charge and spin that the electrons cannot have, forces in some structures only, one geometry with two
            energies, a rung that structures contradict.
    """
    source = asked_for([paths] if isinstance(paths, str | Path) else paths, format, elements, rung, declared)
    name, files = source.name, source.files
    energies, zero_facts = _zero(source, atomic_energies_ev, check_units)
    if rung not in (None, placing.AUTO):
        placing.check_contradictions(source.kept_entries(), rung or "")

    facts: dict[str, Any] = {"dropped": Counter()}
    wanted = finishing.Wanted(source.options.level or "", energies, source.kept, rung, keep_first)
    found = finishing.finished(source.read(facts), wanted, facts["dropped"])
    sample = list(itertools.islice(found, SAMPLE))
    if not sample:
        raise errors.InputError(f"{files[0]}: no structure is left; {_reasons(facts['dropped'])}.")
    if check_units:
        unit = source.options.energy_unit if FORMATS[name].names_labels else FORMATS[name].energy_unit
        try:
            plausibility.check(sample, unit, atomic_energies_ev=energies, fitted=zero_facts["zero_is_fit"])
        except errors.InputError:
            found.close()
            raise
    manifest = {**_manifest(source, facts, finishing.has_forces(sample)), **zero_facts}
    manifest["rung_chosen"] = _RUNG_WORDS.get(rung, rung)
    return Reading(
        finishing.with_equal_forces(sample, found, manifest["has_forces"], manifest, facts),
        manifest,
    )


def asked_for(
    paths: Sequence[str | Path],
    format: str | None,
    elements: Sequence[str] | None,
    rung: str | None,
    declared: Mapping[str, Any],
) -> Source:
    """Files and what is declared of them, checked before any of them is read; arguments as those of `read`.

    Raises:
        InputError: there is no such file, format, element, rung or unit, or a level that is needed is missing.
    """
    files = _existing(paths)
    name = _known(format) if format is not None else guess.format_of(files)
    placing.check_asked(rung)
    return Source(name, files, _options(name, declared), _symbols(elements))


def zero_sums(file: Path, name: str, elements: Sequence[str] | None, declared: Mapping[str, Any]) -> zero.Sums:
    """Sums over one of several files from which the zero of energy follows."""
    source = Source(name, [file], _options(name, declared), _symbols(elements))
    return zero.sums(source.kept_entries())


def zero_of_files(
    files: Sequence[Path], name: str, asked: Zero, declared: Mapping[str, Any]
) -> Callable[[Sequence[zero.Sums]], zero.Known] | None:
    """Function that finds the zero from the sums of all files; None if it does not follow from them.

    Raises:
        InputError: what is declared does not suit the format.
    """
    which = _from_files(Source(name, list(files), _options(name, declared), None), asked)
    return None if which is None else lambda parts: _zero_from_sums(zero.combined(parts), which)


_RUNG_WORDS = {
    None: "as the file or format says, else by the largest force",
    placing.AUTO: "equilibrium or thermal by the largest force",
}


def _manifest(source: Source, facts: Mapping[str, Any], has_forces: bool) -> dict[str, Any]:
    options = source.options
    stored = FORMATS[source.name].stored_units
    if FORMATS[source.name].names_labels:
        stored = f"{options.length_unit}, {options.energy_unit}, {options.force_unit()}"
    return {
        "format_read": source.name,
        "level": options.level,
        "units": {"positions": "angstrom", "energy": "eV", "forces": "eV/angstrom", "constants": "CODATA 2018"},
        "units_in_the_source": stored,
        "has_forces": has_forces,
        "sources": [{"name": file.name, "sha256": files_lib.checksum(file)} for file in source.files],
        **({"read_as": dict(facts["read_as"])} if "read_as" in facts else {}),
    }


def _known(name: str) -> str:
    if name not in FORMATS:
        raise errors.InputError(f"format must be one of {', '.join(FORMATS)}; got {name!r}.")
    return name


def _existing(paths: Sequence[str | Path]) -> list[Path]:
    files = [Path(path) for path in paths]
    if not files:
        raise errors.InputError("no file to read was given.")
    for file in files:
        if not file.exists():
            raise errors.InputError(f"{file}: no such file or folder.")
    return files


def _options(name: str, declared: Mapping[str, Any]) -> entries.Options:
    """The caller's declarations, checked against what the format fixes."""
    chosen = FORMATS[name]
    level = declared.get("level")
    if chosen.level is None and not level:
        raise errors.InputError(f"files of format {name} do not say their level of theory; declare --level.")
    if chosen.level is not None and level not in (None, chosen.level):
        raise errors.InputError(f"files of format {name} are of level {chosen.level}; got level {level!r}.")
    options = entries.Options(**{**declared, "level": level or chosen.level})
    for field in ("energy_key", "forces_key", "molecule_key", "energy_unit", "length_unit", "forces_unit"):
        value = getattr(options, field)
        if not chosen.names_labels and value != getattr(entries.Options(), field):
            raise errors.InputError(f"format {name} has its own keys and units; got {field} {value!r}.")
    label_units.energy(options.energy_unit)
    label_units.length(options.length_unit)
    label_units.force(options.force_unit())
    return options


def _symbols(symbols: Sequence[str] | None) -> frozenset[int] | None:
    if symbols is None:
        return None
    return frozenset(entries.symbols_to_numbers(symbols, "elements").tolist())


def _zero(source: Source, asked: Zero, check_units: bool) -> tuple[dict[str, float] | None, dict[str, Any]]:
    """Isolated-atom energies to subtract (eV; None if there is nothing to subtract), and the manifest's words on it."""
    chosen = FORMATS[source.name]
    same = "isolated atoms at the same level"
    if not chosen.total_energies:
        if asked is not None:
            raise errors.InputError(f"energies of format {source.name} are relative to atoms already; got a zero.")
        return None, {"energy_zero": f"{same}, {chosen.atomic_energies_source}", "zero_is_fit": False}
    if isinstance(asked, zero.Known):
        return dict(asked.energies_ev), dict(asked.facts)
    which = _from_files(source, asked)
    if which is not None:
        known = _zero_from_sums(zero.sums(source.kept_entries()), which)
        return dict(known.energies_ev), dict(known.facts)
    if asked is None and chosen.atomic_energies_hartree is not None:
        energies = {symbol: value * units.HARTREE_EV for symbol, value in chosen.atomic_energies_hartree.items()}
        words = f"{same}: {chosen.atomic_energies_source}"
    elif asked is None or isinstance(asked, str):
        got = "" if asked is None else f"; got {asked!r}"
        raise errors.InputError(
            f"the zero of energy is unknown: format {source.name} has total energies and no published isolated atoms; "
            f"give --zero={zero.EXAMPLE} in eV, {zero.FILE!r} or {zero.FIT!r}{got}."
        )
    else:
        energies = zero.checked(asked)
        if check_units:
            plausibility.check_atoms(energies)
        words = f"{same}, given by the caller"
    return energies, _zero_facts(energies, words, is_fit=False)


def _from_files(source: Source, asked: Zero) -> str | None:
    """Way in which the zero follows from the files, `zero.FIT` or `zero.FILE`; None if it does not."""
    chosen = FORMATS[source.name]
    if not chosen.total_energies:
        return None
    if asked in (zero.FIT, zero.FILE):
        return str(asked)
    unknown = asked is None and chosen.atomic_energies_hartree is None
    return zero.FILE if unknown and not _is_huge(source.files) else None


def _zero_from_sums(found: zero.Sums, which: str) -> zero.Known:
    if which == zero.FILE:
        energies = zero.from_single_atoms(found)
        return zero.Known(energies, _zero_facts(energies, "isolated atoms found in the files", is_fit=False))
    energies, determined = zero.fitted(found)
    words = "least-squares fit of one energy per element; no isolated atoms"
    if not determined:
        words += ", and only their sums over the compositions of these files are determined"
    return zero.Known(energies, _zero_facts(energies, words, is_fit=True))


def _zero_facts(energies: Mapping[str, float], words: str, is_fit: bool) -> dict[str, Any]:
    return {
        "energy_zero": words,
        "zero_is_fit": is_fit,
        "isolated_atom_energies_ev": dict(sorted(energies.items())),
    }


def _is_huge(files: Sequence[Path]) -> bool:
    return any(file.suffix == ".aselmdb" or (file.is_dir() and any(file.glob("*.aselmdb"))) for file in files)


def _reasons(left_out: Counter[str]) -> str:
    counts = ", ".join(f"{count} for {reason}" for reason, count in left_out.items())
    return f"left out: {counts}" if counts else "the files are empty"
