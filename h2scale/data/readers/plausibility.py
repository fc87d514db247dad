"""Check that a file is in the unit that its format promises: only then are its molecules bonded and bound.

A length in bohr read as angstrom is 1.9 times too long, an energy in kcal/mol read as eV 23 times too deep. Both leave
every single number possible and the median impossible. Total energies say more: those of all electrons are nearly a sum
over atoms that Thomas-Fermi theory gives to some per cent, so that their unit can be named.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from h2scale import elements, errors
from h2scale.data.readers import entries, label_units
from h2scale.types import Structure

HYDROGEN_BOND_ANGSTROM = (0.65, 1.7)
"""Median over structures with hydrogen of their shortest distance: 0.74 in H2, 0.92 in HF, 1.09 in CH4, 1.6 in LiH."""

ENERGY_PER_ATOM_EV = (0.5, 10.0)
"""Median binding per atom, three atoms and more: 1.3 eV in F2O, 3.6 in CH4, 7 in large carbons."""

ALL_ELECTRON_TOLERANCE = 0.12
"""Largest relative distance from the estimate at which a total energy is recognised; the estimate is 8 % high for
hydrogen and within 6 % from helium to neon."""

LAST_ALL_ELECTRON = 10
"""Beyond neon a valence-only energy in eV can look like an all-electron one in hartree, as chlorine's does."""


def check(
    sample: Sequence[entries.Entry],
    unit: str,
    *,
    atomic_energies_ev: Mapping[str, float] | None = None,
    fitted: bool = False,
) -> None:
    """Check that lengths and energies of a sample, relative to atoms, are those of molecules.

    Args:
        sample: entries with energies in eV relative to isolated atoms.
        unit: of energy in which the file was read.
        atomic_energies_ev: the isolated-atom energies that were subtracted; None if the file's are relative.
        fitted: whether those are a fit, relative to which energies are small whatever the unit.

    Raises:
        InputError: a median lies outside what any unit but the declared one explains; the message says which unit it
            looks like.
    """
    if not sample:
        return
    where = sample[0].where
    found = [entry.structure for entry in sample]
    shortest = [
        _shortest(structure.positions)
        for structure in found
        if len(structure.atomic_numbers) > 1 and np.any(structure.atomic_numbers == 1)
    ]
    if shortest:
        _check_lengths(float(np.median(shortest)), where)
    if atomic_energies_ev is not None:
        _check_totals(found, atomic_energies_ev, unit, where)
    bound = [abs(s.energy) / len(s.atomic_numbers) for s in found if len(s.atomic_numbers) > 2]
    if bound and not fitted:
        _check_bound(float(np.median(bound)), unit, where)


def check_atoms(energies_ev: Mapping[str, float]) -> None:
    """Check that isolated-atom energies which the caller gave are in eV.

    Raises:
        InputError: those of hydrogen to neon are all-electron energies in another unit.
    """
    light = {symbol: value for symbol, value in energies_ev.items() if elements.ATOMIC_NUMBERS[symbol] <= 10}
    if not light:
        return
    ratios = [value / _all_electron_hartree(elements.ATOMIC_NUMBERS[symbol]) for symbol, value in light.items()]
    unit = _recognised(float(np.median(ratios)))
    if unit not in (None, "eV"):
        listed = ",".join(f"{symbol}={value:g}" for symbol, value in light.items())
        raise errors.InputError(f"the isolated-atom energies must be in eV; {listed} look like {unit}.")


def _check_lengths(median: float, where: str) -> None:
    low, high = HYDROGEN_BOND_ANGSTROM
    if low <= median <= high:
        return
    fitting = [name for name, value in label_units.LENGTH_ANGSTROM.items() if low <= median * value <= high]
    looks = f"; in {fitting[0]} it would be {median * label_units.LENGTH_ANGSTROM[fitting[0]]:.3g}" if fitting else ""
    raise errors.InputError(
        f"{where} and those after it: the median shortest distance is {median:.3g} angstrom, outside {low} to {high}"
        f"{looks}; the file is of another unit (--length-unit), or these are no molecules at rest (--no-unit-check)."
    )


def _check_totals(found: Sequence[Structure], atomic_energies_ev: Mapping[str, float], unit: str, where: str) -> None:
    ratios = []
    for structure in found:
        if structure.atomic_numbers.max() <= LAST_ALL_ELECTRON:
            atoms = sum(atomic_energies_ev[elements.SYMBOLS[z]] for z in structure.atomic_numbers.tolist())
            stored = (structure.energy + atoms) / label_units.ENERGY_EV[unit]
            ratios.append(stored / _all_electron_hartree(structure.atomic_numbers).sum())
    looks_like = _recognised(float(np.median(ratios))) if ratios else None
    if looks_like not in (None, unit):
        raise errors.InputError(
            f"{where} and those after it: the total energies look like {looks_like}, not {unit}: the file is of "
            f"another unit (--energy-unit={looks_like}; --no-unit-check takes them as they are)."
        )


def _check_bound(median: float, unit: str, where: str) -> None:
    low, high = ENERGY_PER_ATOM_EV
    if low <= median <= high:
        return
    in_unit = {name: median * value / label_units.ENERGY_EV[unit] for name, value in label_units.ENERGY_EV.items()}
    fitting = [f"{name} ({value:.3g} eV)" for name, value in in_unit.items() if low <= value <= high]
    looks = f"; it looks like {' or '.join(fitting)}" if fitting else ""
    raise errors.InputError(
        f"{where} and those after it: the median energy per atom relative to isolated atoms is {median:.3g} eV, "
        f"outside {low} to {high}{looks}; the file is of another unit or level, or the isolated atoms are, or these "
        f"are no molecules at rest (--no-unit-check)."
    )


def _all_electron_hartree(atomic_numbers: np.ndarray | int) -> np.ndarray:
    """Estimated total energy of neutral atoms, hartree: Thomas-Fermi, Scott and Schwinger's terms.

    Reference: B.-G. Englert, Semiclassical Theory of Atoms (Springer, 1988), chapter 4.
    """
    charge = np.asarray(atomic_numbers, np.float64)
    return -0.768745 * charge ** (7 / 3) + 0.5 * charge**2 - 0.269900 * charge ** (5 / 3)


def _recognised(per_hartree: float) -> str | None:
    """Name of the energy unit of which so many are a hartree."""
    for name, value in label_units.ENERGY_EV.items():
        if abs(per_hartree * value / label_units.ENERGY_EV["hartree"] - 1) <= ALL_ELECTRON_TOLERANCE:
            return name
    return None


def _shortest(positions: np.ndarray) -> float:
    distances = np.linalg.norm(positions[:, None] - positions[None, :], axis=-1)
    return float(distances[np.triu_indices(len(positions), k=1)].min())
