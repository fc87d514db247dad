"""The zero of energy: isolated-atom energies to subtract from total energies, by their source."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from h2scale import elements, errors
from h2scale.data.readers import entries

EXAMPLE = "H=-13.6,C=-1029.1"
FIT, FILE = "fit", "file"
"""Names by which a caller asks for a least-squares fit, or for the one-atom structures of the files themselves."""


def parse(text: str) -> Mapping[str, float] | str:
    """Isolated-atom energies (eV) from `H=-13.6,C=-1029.1`; `fit` and `file` are passed on.

    Raises:
        InputError: anything else.
    """
    if text in (FIT, FILE):
        return text
    energies = {}
    for part in text.split(","):
        symbol, _, value = part.partition("=")
        try:
            energies[symbol.strip()] = float(value)
        except ValueError as error:
            raise errors.InputError(
                f"the zero of energy must read H=-13.6,C=-1029.1 in eV, or be {FIT} or {FILE}; got {part!r}."
            ) from error
    return checked(energies)


def checked(energies_ev: Mapping[str, float]) -> dict[str, float]:
    """The same energies by symbol.

    Raises:
        InputError: a key is no element, or a value is no finite number or in another unit.
    """
    for symbol, energy in energies_ev.items():
        if symbol not in elements.ATOMIC_NUMBERS:
            raise errors.InputError(f"atomic_energies_ev: unknown element {symbol!r}.")
        if not math.isfinite(energy):
            raise errors.InputError(f"atomic_energies_ev: the energy of {symbol} must be finite; got {energy}.")
    return dict(energies_ev)


def separated_atoms(atomic_numbers: np.ndarray, energies_ev: Mapping[str, float], where: str) -> float:
    """Energy of the atoms taken apart, eV.

    Raises:
        InputError: an element has no isolated-atom energy.
    """
    symbols = [elements.SYMBOLS[number] for number in atomic_numbers.tolist()]
    missing = sorted(set(symbols) - set(energies_ev))
    if missing:
        raise errors.InputError(
            f"{where}: no isolated-atom energy at this level for {', '.join(missing)}; give --zero={EXAMPLE}, ask for "
            f"--zero={FIT}, or leave such structures out by --elements."
        )
    return math.fsum(energies_ev[symbol] for symbol in symbols)


class Sums(NamedTuple):
    """Sums over files from which a zero follows; those of several files are combined by `combined`."""

    normal: np.ndarray  # (n_elements, n_elements), of the numbers of atoms of each structure
    right: np.ndarray  # (n_elements,), of those times the total energy, eV
    lowest: np.ndarray  # (n_elements,), total energy of the lowest neutral one-atom structure, eV; infinite if none


class Known(NamedTuple):
    """A zero that has been found already, for a reader of some of the files that it was found from."""

    energies_ev: Mapping[str, float]
    facts: Mapping[str, Any]  # the manifest's words on it


def sums(found: Iterable[entries.Entry]) -> Sums:
    """Sum over structures in one pass."""
    size = len(elements.SYMBOLS)
    normal, right, lowest = np.zeros((size, size)), np.zeros(size), np.full(size, np.inf)
    for entry in found:
        numbers = entry.structure.atomic_numbers
        counts = np.bincount(numbers, minlength=size).astype(np.float64)
        normal += np.outer(counts, counts)
        right += counts * entry.structure.energy
        if len(numbers) == 1 and entry.structure.charge == 0:
            lowest[numbers[0]] = min(lowest[numbers[0]], entry.structure.energy)
    return Sums(normal, right, lowest)


def combined(parts: Sequence[Sums]) -> Sums:
    """Sums over all files from those of each."""
    normal, right, lowest = (np.stack(columns) for columns in zip(*parts, strict=True))
    return Sums(normal.sum(axis=0), right.sum(axis=0), lowest.min(axis=0))


def from_single_atoms(found: Sums) -> dict[str, float]:
    """The lowest total energy (eV) of each element's neutral one-atom structures, by symbol.

    Raises:
        InputError: there are none.
    """
    _refuse_nothing(found)
    present = np.flatnonzero(np.isfinite(found.lowest)).tolist()
    energies = {elements.SYMBOLS[number]: float(found.lowest[number]) for number in present}
    if not energies:
        raise errors.InputError(
            f"the zero of energy is unknown: the files hold no neutral isolated atoms; give their energies at this "
            f"level, --zero={EXAMPLE} in eV, or ask for --zero={FIT}, by which the asymptote of H2 means nothing."
        )
    return energies


def fitted(found: Sums) -> tuple[dict[str, float], bool]:
    """Energy per element (eV) that best sums to the total energies, by least squares.

    No isolated atom is behind these numbers: relative to them a bound molecule lies near zero. Where the compositions
    leave a combination of elements open, as those of one molecule do, that of least norm is taken.

    Returns:
        Energies by symbol, and whether the compositions determine each of them.

    Raises:
        InputError: there is no structure.
    """
    _refuse_nothing(found)
    present = np.flatnonzero(np.diag(found.normal))
    block = found.normal[np.ix_(present, present)]
    solution, _, rank, _ = np.linalg.lstsq(block, found.right[present], rcond=None)
    energies = {elements.SYMBOLS[number]: float(value) for number, value in zip(present, solution, strict=True)}
    return energies, int(rank) == present.size


def _refuse_nothing(found: Sums) -> None:
    if not found.normal.any():
        raise errors.InputError("the files hold no structure, or none of the elements that are asked for.")
