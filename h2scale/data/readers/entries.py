"""Entries that readers yield, options that they take, and checks that they share."""

import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from h2scale import elements, errors
from h2scale.types import Structure


class Entry(NamedTuple):
    """One labelled structure as its file has it, in h2scale's units."""

    structure: Structure  # energy in eV, total or relative to atoms as the format says; forces NaN if none
    where: str  # name of file and entry in messages


@dataclasses.dataclass(frozen=True)
class Options:
    """Facts that a file does not carry and the caller declares; each format's reader says which it needs."""

    level: str | None = None  # level of theory, e.g. "pbe0/def2-svp"
    charge: int | None = None  # for entries that carry none
    spin_multiplicity: int | None = None  # for entries that carry none
    bound_sign: int | None = None  # sign that a bound molecule's stored atomization energy has: 1, -1; None: look
    energy_key: str | None = None  # names of labels in formats that fix none; None: the usual ones are looked for
    forces_key: str | None = None
    molecule_key: str | None = None
    energy_unit: str = "eV"  # units of labels in formats that fix none, as `label_units` has them
    length_unit: str = "angstrom"
    forces_unit: str | None = None  # None: energy_unit/angstrom

    def force_unit(self) -> str:
        """Unit of the forces, the declared one or that of the energy over angstrom."""
        return self.forces_unit or f"{self.energy_unit}/angstrom"


class Reader(Protocol):
    """Function that yields the entries of files in order and may note facts for the manifest, such as a sign."""

    def __call__(
        self, paths: Sequence[Path], options: Options, facts: dict[str, Any]
    ) -> Generator[Entry, None, None]: ...


SIGN_MAJORITY = 0.9
"""Stable molecules are bound. A file in which fewer than this fraction of energies agree in sign says nothing."""


def atomic_numbers(values: np.ndarray, where: str) -> np.ndarray:
    """Atomic numbers as int32, shape (n_atoms,).

    Raises:
        InputError: none, not integers in one row, or not elements; `where` is named.
    """
    values = np.asarray(values)
    if values.ndim != 1 or not values.size:
        raise errors.InputError(f"{where}: atomic numbers must have shape (n_atoms,); got {values.shape}.")
    numbers = np.asarray(values, np.float64)
    bad = (numbers != np.round(numbers)) | (numbers < 1) | (numbers >= len(elements.SYMBOLS))
    if bad.any():
        raise errors.InputError(f"{where}: unknown element, atomic number {values[bad][0]}.")
    return numbers.astype(np.int32)


def symbols_to_numbers(symbols: Sequence[str], where: str) -> np.ndarray:
    """Atomic numbers of element symbols, shape (n_atoms,), int32.

    Raises:
        InputError: a symbol is no element; `where` is named.
    """
    for symbol in symbols:
        if symbol not in elements.ATOMIC_NUMBERS:
            raise errors.InputError(f"{where}: unknown element {symbol!r}.")
    return np.array([elements.ATOMIC_NUMBERS[symbol] for symbol in symbols], np.int32)


def vectors(values: np.ndarray, n_atoms: int, what: str, where: str) -> np.ndarray:
    """Per-atom vectors as float64, shape (n_atoms, 3).

    Raises:
        InputError: another shape; `what` and `where` are named.
    """
    array = np.asarray(values)
    if array.shape != (n_atoms, 3):
        raise errors.InputError(f"{where}: {what} must have shape {(n_atoms, 3)}; got {array.shape}.")
    return array.astype(np.float64)


def closed_shell(
    numbers: np.ndarray,
    positions: np.ndarray,
    energy: float,
    forces: np.ndarray | None,
    *,
    rung: str,
    molecule: str = "",
    teacher: str = "",
    charge: int = 0,
) -> Structure:
    """Return a structure of a set that holds singlets alone, with one rung, which is its regime too.

    Args:
        numbers: (n_atoms,), int32.
        positions: (n_atoms, 3), angstrom.
        energy: eV.
        forces: (n_atoms, 3), eV/angstrom; None where the set has none.
        rung: one of `rungs.RUNGS`.
        molecule: SMILES or another name; empty where it has to be told by its bonds.
        teacher: level of theory; empty where the caller declares it.
        charge: total charge.
    """
    return Structure(
        atomic_numbers=numbers,
        positions=positions,
        energy=energy,
        forces=missing_forces(len(numbers)) if forces is None else forces,
        charge=charge,
        spin_multiplicity=1,
        rung=rung,
        regime=rung,
        molecule=molecule,
        teacher=teacher,
        spin_squared=0.0,
    )


def missing_forces(n_atoms: int) -> np.ndarray:
    """NaN, shape (n_atoms, 3): a label that is missing is never zero."""
    return np.full((n_atoms, 3), np.nan)


def sign_of_bound(atomization: np.ndarray, options: Options, path: Path, facts: dict[str, Any]) -> int:
    """The sign that stored atomization energies give to a bound molecule, and a note of how it is known.

    Both conventions are in use: atoms minus molecule, positive for what is bound, and molecule minus atoms.

    Args:
        atomization: energies in any unit, shape (n_structures,).

    Raises:
        InputError: nothing was declared and the signs are mixed, as with many stretched molecules.
    """
    if options.bound_sign is not None:
        if options.bound_sign not in (1, -1):
            raise errors.InputError(f"bound_sign must be 1 or -1; got {options.bound_sign!r}.")
        facts["atomization_energy_sign"] = f"bound molecules {_SIGN_NAMES[options.bound_sign]}, declared by the caller"
        return options.bound_sign
    positive = float(np.mean(np.asarray(atomization, np.float64) > 0))
    if 1 - SIGN_MAJORITY < positive < SIGN_MAJORITY:
        raise errors.InputError(
            f"{path}: {positive:.0%} of the atomization energies are positive, so the sign that means bound cannot be "
            f"told; declare it: bound_sign=1 (atoms minus molecule) or -1 (molecule minus atoms)."
        )
    sign = 1 if positive > 0.5 else -1
    share = max(positive, 1 - positive)
    facts["atomization_energy_sign"] = f"bound molecules {_SIGN_NAMES[sign]}, as {share:.1%} of the energies are"
    return sign


_SIGN_NAMES = {1: "positive", -1: "negative"}
