"""Measured references of the sections that ask molecules and ions, each read from its shipped table.

`CREDITS.md` beside the tables has the sources. All energies are differences between minima of potential curves, in eV:
zero-point energies are taken out of what was measured.
"""

import csv
import functools
from importlib import resources
from typing import NamedTuple

from h2scale import elements
from h2scale.exam import models


class Species(NamedTuple):
    """A neutral atom or molecule at its own geometry."""

    name: str
    numbers: tuple[int, ...]  # atomic numbers
    positions: tuple[tuple[float, float, float], ...]  # angstrom
    spin: int  # multiplicity

    def query(self, charge: int = 0, spin: int | None = None, shift: float = 0.0) -> models.Query:
        """Return the question for its energy, moved by `shift` angstrom along z."""
        moved = tuple((x, y, z + shift) for x, y, z in self.positions)
        return models.Query(self.numbers, moved, charge, self.spin if spin is None else spin)


class Bond(NamedTuple):
    """A molecule, what it breaks into, and the energy that this takes."""

    name: str
    molecule: str
    first: str
    second: str
    energy_ev: float  # D_e


class Ion(NamedTuple):
    """Ionization energy or electron affinity, ion and neutral each at its own bond length."""

    change: str  # ionization or attachment
    system: str
    neutral: models.Query
    ion: models.Query
    energy_ev: float  # energy to remove the electron, from the neutral or from the anion


@functools.cache
def molecules() -> dict[str, Species]:
    """Return the molecules of molecules.csv by name."""
    atoms: dict[str, list[dict[str, str]]] = {}
    for row in table("molecules.csv"):
        atoms.setdefault(row["molecule"], []).append(row)
    return {
        name: Species(
            name,
            tuple(elements.ATOMIC_NUMBERS[row["element"]] for row in found),
            tuple((float(row["x_angstrom"]), float(row["y_angstrom"]), float(row["z_angstrom"])) for row in found),
            int(found[0]["spin"]),
        )
        for name, found in atoms.items()
    }


def species(name: str) -> Species:
    """Return a molecule of molecules.csv, or a neutral atom in its ground state by its symbol."""
    if name in molecules():
        return molecules()[name]
    number = elements.ATOMIC_NUMBERS[name]
    return Species(name, (number,), ((0.0, 0.0, 0.0),), elements.GROUND_MULTIPLICITIES[number])


@functools.cache
def bonds() -> tuple[Bond, ...]:
    """Return the bonds of bonds.csv."""
    return tuple(
        Bond(row["bond"], row["molecule"], row["first"], row["second"], float(row["de_ev"]))
        for row in table("bonds.csv")
    )


@functools.cache
def ions() -> tuple[Ion, ...]:
    """Return the ionization energies and electron affinities of ions.csv."""
    return tuple(_ion(row) for row in table("ions.csv"))


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a shipped table."""
    path = resources.files("h2scale.exam.references") / "shipped" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def _ion(row: dict[str, str]) -> Ion:
    numbers = _numbers(row["system"])
    charge = 1 if row["change"] == "ionization" else -1
    states = []
    for length, q, spin in (("bond_angstrom", 0, "spin"), ("ion_bond_angstrom", charge, "ion_spin")):
        if len(numbers) == 1:
            states.append(models.atom(numbers[0], q, int(row[spin])))
        else:
            states.append(models.dimer(numbers[0], numbers[1], float(row[length]), q, int(row[spin])))
    return Ion(row["change"], row["system"], states[0], states[1], float(row["reference_ev"]))


def _numbers(formula: str) -> tuple[int, ...]:
    """Atomic numbers of an atom or a diatomic molecule by its formula, such as Cl, Cl2 or HCl."""
    if formula in elements.ATOMIC_NUMBERS:
        return (elements.ATOMIC_NUMBERS[formula],)
    if formula.endswith("2"):
        return (elements.ATOMIC_NUMBERS[formula[:-1]],) * 2
    split = next(n for n in (1, 2) if {formula[:n], formula[n:]} <= elements.ATOMIC_NUMBERS.keys())
    return elements.ATOMIC_NUMBERS[formula[:split]], elements.ATOMIC_NUMBERS[formula[split:]]
