"""The systems whose whole curves judge models that saw equilibrium molecules only: geometries, distances, regions.

Nothing here is ever trained on or chosen by. Distances in angstrom.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from h2scale import elements

BASIS = "cc-pvdz"
SMALL_BASIS = "6-31g"
"""Where full CI in the larger basis is out of reach, its difference from UCCSD(T) is taken in this one."""

REGIONS = ("wall", "well", "middle", "tail")
_REGION_EDGES = (0.85, 1.3, 2.2)
"""Of the bond length, between the regions."""
_HELIUM = 2
_WATER_DEGREES = 104.4776
_WATER_ANGSTROM, _METHANE_ANGSTROM = 0.9578, 1.0870


@dataclasses.dataclass(frozen=True)
class System:
    """A molecule with one coordinate."""

    name: str
    symbols: tuple[str, ...]
    bond_length_angstrom: float  # of the curve's minimum, or of the bond that is cut; about
    shape: str  # line, square, water or methane
    charge: int = 0
    spin_multiplicity: int = 1
    parts: tuple[tuple[str, int, int], ...] = ()  # element, charge, spin multiplicity that energies are relative to
    symmetry: str = "C1"  # for full CI; a subgroup of the geometry's
    irreps: tuple[str, ...] = ()  # of the ground state wherever it is known; empty to look at all
    reference: str = "fci"  # or uccsdt; in `SMALL_BASIS` for systems of `COMPOSITE`
    shortest: float = 0.7  # in bond lengths
    longest: float = 3.0
    points: int = 18

    @property
    def distances_angstrom(self) -> np.ndarray:
        """Increasing, (points,): a geometric row, of which one is the bond length itself."""
        low, high = np.log(self.shortest), np.log(self.longest)
        inner = round((self.points - 1) * -low / (high - low))
        factors = np.concatenate([np.linspace(low, 0, inner + 1), np.linspace(0, high, self.points - inner)[1:]])
        return self.bond_length_angstrom * np.exp(factors)

    @property
    def is_bare(self) -> bool:
        """No electrons are left: every method gives the repulsion of the nuclei."""
        return self.charge == sum(elements.ATOMIC_NUMBERS[symbol] for symbol in self.symbols)

    @property
    def correlated_electrons(self) -> int:
        """Electrons outside 1s cores; for up to two of them coupled cluster of pairs is exact."""
        numbers = [elements.ATOMIC_NUMBERS[symbol] for symbol in self.symbols]
        return sum(numbers) - self.charge - 2 * sum(number > _HELIUM for number in numbers)

    def positions(self, distance_angstrom: float) -> np.ndarray:
        """(n_atoms, 3), angstrom."""
        return _SHAPES[self.shape](len(self.symbols), distance_angstrom)

    def symmetry_at(self, distance_angstrom: float) -> tuple[str, tuple[str, ...]]:
        """Group for full CI, and irreps of the ground state in it; PySCF knows no `Cs` of methane with equal bonds."""
        if self.shape == "methane" and np.isclose(distance_angstrom, _METHANE_ANGSTROM):
            return "C2v", ("A1",)
        return self.symmetry, self.irreps

    def region(self, distances_angstrom: np.ndarray) -> np.ndarray:
        """Name of the region of every distance: of H2 and its ions by the H2 exam's edges, else by bond lengths."""
        edges = np.array(_REGION_EDGES) * self.bond_length_angstrom
        if set(self.symbols) == {"H"} and len(self.symbols) == 2:
            edges = np.array([0.6, 1.2, 3.0])
        return np.array(REGIONS)[np.searchsorted(edges, np.asarray(distances_angstrom))]


def _line(number: int, distance: float) -> np.ndarray:
    return np.stack([np.zeros(number), np.zeros(number), distance * (np.arange(number) - (number - 1) / 2)], axis=1)


def _square(number: int, distance: float) -> np.ndarray:
    assert number == 4
    corners = np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [1.0, -1.0, 0.0]])
    return corners * distance / 2


def _water(number: int, distance: float) -> np.ndarray:
    assert number == 3
    angle = np.deg2rad(_WATER_DEGREES)
    kept = _WATER_ANGSTROM * np.array([np.sin(angle), 0.0, np.cos(angle)])
    return np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance], kept])


def _methane(number: int, distance: float) -> np.ndarray:
    assert number == 5
    directions = np.array([[0.0, 0.0, 1.0]] + [[np.sqrt(8) / 3 * np.cos(a), np.sqrt(8) / 3 * np.sin(a), -1 / 3]
                                               for a in (0.0, 2 * np.pi / 3, 4 * np.pi / 3)])  # fmt: skip
    lengths = np.array([distance, *[_METHANE_ANGSTROM] * 3])
    return np.concatenate([np.zeros((1, 3)), directions * lengths[:, None]])


_SHAPES = {"line": _line, "square": _square, "water": _water, "methane": _methane}
_H, _PROTON = ("H", 0, 2), ("H", 1, 1)
_HYDROGEN = dict(bond_length_angstrom=0.7414, shape="line", shortest=0.2 / 0.7414, longest=8.0 / 0.7414, points=24)

SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        system.name: system
        for system in (
            System("H2", ("H", "H"), **_HYDROGEN, parts=(_H, _H), symmetry="D2h"),  # type: ignore[arg-type]
            System("H2+", ("H", "H"), **_HYDROGEN, charge=1, spin_multiplicity=2, parts=(_H, _PROTON), symmetry="D2h"),  # type: ignore[arg-type]
            System("two protons", ("H", "H"), **_HYDROGEN, charge=2, parts=(_PROTON, _PROTON), symmetry="D2h"),  # type: ignore[arg-type]
            System("H3", ("H",) * 3, 0.93, "line", 0, 2, (_H,) * 3, "D2h"),
            System("H4 line", ("H",) * 4, 0.90, "line", 0, 1, (_H,) * 4, "D2h", ("Ag",)),
            System("H4 square", ("H",) * 4, 1.20, "square", 0, 1, (_H,) * 4, "D2h"),
            System("HF", ("F", "H"), 0.9168, "line", 0, 1, (("F", 0, 2), _H), "C2v", ("A1",)),
            System("N2", ("N", "N"), 1.0977, "line", 0, 1, (("N", 0, 4),) * 2, "D2h", ("Ag",), "fci"),
            System("F2", ("F", "F"), 1.4119, "line", 0, 1, (("F", 0, 2),) * 2, "D2h", ("Ag",), "uccsdt"),
            System("LiH", ("Li", "H"), 1.5957, "line", 0, 1, (("Li", 0, 2), _H), "C2v"),
            System("BH", ("B", "H"), 1.2324, "line", 0, 1, (("B", 0, 2), _H), "C2v"),
            System("H2O cut", ("O", "H", "H"), _WATER_ANGSTROM, "water", 0, 1, (("O", 0, 3), _H, _H), "Cs", ("A'",)),
            System(
                "CH4 cut",
                ("C", "H", "H", "H", "H"),
                _METHANE_ANGSTROM,
                "methane",
                0,
                1,
                (("C", 0, 3), *(_H,) * 4),
                "Cs",
                ("A'",),
            ),
        )
    }
)
COMPOSITE = frozenset({"N2", "F2", "H2O cut", "CH4 cut"})
"""Systems whose reference in `BASIS` is UCCSD(T) there plus the difference of the system's reference from it in
`SMALL_BASIS`."""
