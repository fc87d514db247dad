"""The elements: symbols, atomic numbers, spins of the ground states of atoms, and formulas."""

from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType

_TABLE = """
    X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr
    Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt
    Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc
    Lv Ts Og
"""

SYMBOLS = tuple(_TABLE.split())
"""Symbol of each atomic number; 0 is no element."""

ATOMIC_NUMBERS = MappingProxyType({symbol: number for number, symbol in enumerate(SYMBOLS) if number > 0})

GROUND_MULTIPLICITIES = (1, 2, 1, 2, 1, 2, 3, 4, 3, 2, 1, 2, 1, 2, 3, 4, 3, 2, 1, 2)
"""Spin multiplicity of the ground state of an atom, by its number of electrons, up to potassium."""


def hill_formula(atomic_numbers: Iterable[int]) -> str:
    """Formula in Hill's order: carbon, hydrogen, then the alphabet; without carbon, the alphabet alone."""
    counts = Counter(SYMBOLS[number] for number in atomic_numbers)
    first = [symbol for symbol in ("C", "H") if "C" in counts and symbol in counts]
    order = [*first, *sorted(symbol for symbol in counts if symbol not in first)]
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in order)
