"""The diatomic molecules of the exam, each in its ground spin state."""

import itertools
from typing import NamedTuple

from h2scale import elements

ORGANIC = ("H", "C", "N", "O", "F")


class Diatomic(NamedTuple):
    """A molecule, and a distance near its minimum."""

    name: str
    first: str
    second: str
    charge: int
    spin: int  # multiplicity
    typical_angstrom: float  # about the bond length; the distances of the exam lie around it


SYSTEMS = (
    Diatomic("H2", "H", "H", 0, 1, 0.74),
    Diatomic("CH", "C", "H", 0, 2, 1.12),
    Diatomic("NH", "N", "H", 0, 3, 1.04),
    Diatomic("OH", "O", "H", 0, 2, 0.97),
    Diatomic("HF", "H", "F", 0, 1, 0.92),
    Diatomic("C2", "C", "C", 0, 1, 1.24),
    Diatomic("CN", "C", "N", 0, 2, 1.17),
    Diatomic("CO", "C", "O", 0, 1, 1.13),
    Diatomic("CF", "C", "F", 0, 2, 1.27),
    Diatomic("N2", "N", "N", 0, 1, 1.10),
    Diatomic("NO", "N", "O", 0, 2, 1.15),
    Diatomic("NF", "N", "F", 0, 3, 1.32),
    Diatomic("O2", "O", "O", 0, 3, 1.21),
    Diatomic("OF", "O", "F", 0, 2, 1.35),
    Diatomic("F2", "F", "F", 0, 1, 1.41),
    Diatomic("LiH", "Li", "H", 0, 1, 1.60),
    Diatomic("BH", "B", "H", 0, 1, 1.23),
    Diatomic("HeH+", "He", "H", 1, 1, 0.77),
    Diatomic("Li2", "Li", "Li", 0, 1, 2.67),
    Diatomic("HCl", "H", "Cl", 0, 1, 1.27),
)


def fragments(system: Diatomic) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
    """(element, charge, spin multiplicity) of the two separated ground-state atoms; HeH+ leaves a helium atom."""
    if system.charge:
        return (system.first, 0, _ground(system.first)), (system.second, system.charge, 1)
    return (system.first, 0, _ground(system.first)), (system.second, 0, _ground(system.second))


def organic_pairs() -> list[tuple[str, str]]:
    """Return all pairs of H, C, N, O and F."""
    return list(itertools.combinations_with_replacement(ORGANIC, 2))


def _ground(symbol: str) -> int:
    """Spin multiplicity of an atom's ground state."""
    return elements.GROUND_MULTIPLICITIES[elements.ATOMIC_NUMBERS[symbol]]
