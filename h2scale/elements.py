"""The elements: symbols, atomic numbers, covalent radii, spins of the ground states of atoms, and formulas."""

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

COVALENT_RADII_ANGSTROM = (
    *(0.2, 0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58, 1.66, 1.41, 1.21, 1.11, 1.07, 1.05, 1.02, 1.06),
    *(2.03, 1.76, 1.7, 1.6, 1.53, 1.39, 1.39, 1.32, 1.26, 1.24, 1.32, 1.22, 1.22, 1.2, 1.19, 1.2, 1.2, 1.16),
    *(2.2, 1.95, 1.9, 1.75, 1.64, 1.54, 1.47, 1.46, 1.42, 1.39, 1.45, 1.44, 1.42, 1.39, 1.39, 1.38, 1.39, 1.4),
    *(2.44, 2.15, 2.07, 2.04, 2.03, 2.01, 1.99, 1.98, 1.98, 1.96, 1.94, 1.92, 1.92, 1.89, 1.9, 1.87, 1.87, 1.75, 1.7),
    *(1.62, 1.51, 1.44, 1.41, 1.36, 1.36, 1.32, 1.45, 1.46, 1.48, 1.4, 1.5, 1.5),
    *(2.6, 2.21, 2.15, 2.06, 2.0, 1.96, 1.9, 1.87, 1.8, 1.69),
)  # fmt: skip
"""Of each atomic number up to curium; 0 is no element. Cordero et al., Dalton Trans. 2008, 2832."""


def hill_formula(atomic_numbers: Iterable[int]) -> str:
    """Formula in Hill's order: carbon, hydrogen, then the alphabet; without carbon, the alphabet alone."""
    counts = Counter(SYMBOLS[number] for number in atomic_numbers)
    first = [symbol for symbol in ("C", "H") if "C" in counts and symbol in counts]
    order = [*first, *sorted(symbol for symbol in counts if symbol not in first)]
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in order)
