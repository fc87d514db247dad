"""Electronic structure of single points of the curves that judge; hartree inside, positions in angstrom."""

import dataclasses
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from h2scale import electronic_structure, units
from h2scale.electronic_structure import coupled_cluster, mean_fields, minimal_densities
from h2scale.judge.systems import System
from h2scale.physics import few_electrons

GRID_LEVEL, NONLOCAL_GRID_LEVEL = 3, 0
"""Of functionals; the second of wB97M-V's nonlocal correlation."""
_LOWER_HARTREE = 1e-7
_NEIGHBOUR = "pbe0"
"""Functional whose density another one may start from."""


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
    """One geometry, with what is known of its ground state's symmetry."""

    symbols: tuple[str, ...]
    positions: np.ndarray  # (n_atoms, 3), angstrom
    charge: int
    spin_multiplicity: int
    symmetry: str
    irreps: tuple[str, ...]  # of the ground state; empty to look at all

    def molecule(self, basis: str, symmetry: str | bool = False) -> electronic_structure.Molecule:
        """PySCF's molecule."""
        return electronic_structure.make_molecule(
            self.symbols,
            self.positions / units.BOHR_ANGSTROM,
            basis,
            charge=self.charge,
            spin_multiplicity=self.spin_multiplicity,
            symmetry=symmetry,
        )

    @property
    def num_electrons(self) -> int:
        """None is left in two protons."""
        return sum(electronic_structure.nuclear_charges(self.symbols)) - self.charge


def of_system(system: System) -> list[Point]:
    """The points of a curve, by increasing distance."""
    return [
        Point(
            system.symbols,
            system.positions(distance),
            system.charge,
            system.spin_multiplicity,
            *system.symmetry_at(distance),
        )
        for distance in system.distances_angstrom
    ]


_TERMS = MappingProxyType({"H": "Ag", "Li": "Ag", "B": "B1u", "C": "B1g", "N": "Au", "O": "B1g", "F": "B1u"})
"""Irrep of the ground term of neutral atoms in D2h; of the three of a P term, which have one energy, the first."""


def of_atom(symbol: str, charge: int, spin_multiplicity: int) -> Point:
    """An isolated atom, or an ion, of which every irrep is looked at."""
    irreps = () if charge else (_TERMS[symbol],)
    return Point((symbol,), np.zeros((1, 3)), charge, spin_multiplicity, "D2h", irreps)


def fields(points: Sequence[Point], basis: str) -> dict[str, np.ndarray]:
    """Lowest Hartree-Fock solution of every point: by the search at each, then by the neighbours' from both ends.

    Returns:
        `density` (points, 2, n_ao, n_ao), `energy` in hartree, `spin_squared`, and `improved`, (1,), the number of
        times that a neighbour's solution led lower.
    """
    molecules = [point.molecule(basis) for point in points]
    found = [electronic_structure.lowest_field(molecule, "hf") for molecule in molecules]
    improved = 0
    number = len(points)
    for place, neighbour in [*((k, k - 1) for k in range(1, number)), *((k, k + 1) for k in range(number - 2, -1, -1))]:
        try:
            moved = electronic_structure.mean_field(
                molecules[place],
                "hf",
                restricted=False,
                density=found[neighbour].spin_densities,
                grid_level=0,
                follow=True,
            )
        except ValueError:
            continue  # the neighbour's solution leads nowhere here; what the search found stays
        if moved.energy_hartree < found[place].energy_hartree - _LOWER_HARTREE:
            found[place], improved = moved, improved + 1
    return {
        "density": np.stack([solution.spin_densities for solution in found]),
        "energy": np.array([solution.energy_hartree for solution in found]),
        "spin_squared": np.array([solution.spin_squared for solution in found]),
        "improved": np.array([improved]),
    }


def cluster(point: Point, basis: str, density: np.ndarray) -> dict[str, np.ndarray]:
    """Everything of `Description`, and the minimal density of Hartree-Fock as `hf_<part>`, from the field's density.

    Raises:
        ValueError: coupled cluster does not converge.
    """
    molecule = point.molecule(basis)
    field = electronic_structure.mean_field(
        molecule, "hf", restricted=False, density=density, grid_level=0, follow=False
    )
    described = electronic_structure.describe(molecule, field)
    minimal = minimal_densities.minimal_density(molecule, field)
    numbers = {name: np.asarray(value) for name, value in vars(described).items()}
    return numbers | {f"hf_{name}": np.asarray(value) for name, value in minimal._asdict().items()}


def functional(point: Point, basis: str, name: str, density: np.ndarray) -> dict[str, np.ndarray]:
    """Lowest of the solutions reached from Hartree-Fock's density and from superposed atoms.

    Where the first fails or leads higher, PBE0's solution is a start too, whose state is kept: iterations with nonlocal
    correlation may leave a broken field, as they do in H2 beyond 5 angstrom.

    Raises:
        ValueError: none converges.
    """
    # One electron over two far atoms: without symmetry its two orbitals, which are degenerate, mix at random.
    molecule = point.molecule(basis, symmetry=point.num_electrons == 1)
    first = _solution(molecule, name, density)
    found = [first, _solution(molecule, name, None)]
    lowest = _lowest(found)
    if name != _NEIGHBOUR and lowest is not first:
        semilocal = _lowest([_solution(molecule, _NEIGHBOUR, density), _solution(molecule, _NEIGHBOUR, None)])
        lowest = _lowest([*found, _kept(molecule, name, semilocal)])
    minimal = minimal_densities.minimal_density(molecule, lowest)
    return {
        "energy": np.array(lowest.energy_hartree),
        "spin_squared": np.array(lowest.spin_squared),
        **{f"{name}_{part}": np.asarray(value) for part, value in minimal._asdict().items()},
    }


def _solution(
    molecule: electronic_structure.Molecule, name: str, density: np.ndarray | None
) -> electronic_structure.Solution | ValueError:
    """A functional's solution from a density, or why there is none."""
    try:
        return electronic_structure.mean_field(
            molecule,
            name,
            restricted=False,
            density=density,
            grid_level=GRID_LEVEL,
            follow=False,
            nonlocal_grid_level=NONLOCAL_GRID_LEVEL,
        )
    except ValueError as error:
        return error


def _kept(
    molecule: electronic_structure.Molecule, name: str, found: electronic_structure.Solution
) -> electronic_structure.Solution | ValueError:
    """A functional's solution in the state that another one found, or why there is none."""
    try:
        return mean_fields.kept_state(
            molecule, name, found, grid_level=GRID_LEVEL, nonlocal_grid_level=NONLOCAL_GRID_LEVEL
        )
    except ValueError as error:
        return error


def _lowest(found: Sequence[electronic_structure.Solution | ValueError]) -> electronic_structure.Solution:
    """The first of those that no other is below."""
    solutions = [one for one in found if not isinstance(one, ValueError)]
    if not solutions:
        raise next(one for one in found if isinstance(one, ValueError))
    lowest = min(one.energy_hartree for one in solutions)
    return next(one for one in solutions if one.energy_hartree < lowest + _LOWER_HARTREE)


def reference(point: Point, basis: str, method: str, density: np.ndarray) -> float:
    """Total energy with a frozen core, hartree, of full CI or of UCCSDT on the field of a density.

    Raises:
        ValueError: no convergence, or full CI has too many determinants.
    """
    plain = point.molecule(basis)
    core = coupled_cluster.num_core_orbitals(plain)
    correlated = plain.nelectron - 2 * core
    if correlated < 2 or method == "uccsdt":
        field = electronic_structure.mean_field(
            plain, "hf", restricted=False, density=density, grid_level=0, follow=False
        )
        return field.energy_hartree if correlated < 2 else coupled_cluster.uccsdt_energy(plain, field)
    molecule = point.molecule(basis, point.symmetry)
    if not core and molecule.nelectron == 2:
        integrals = electronic_structure.integrals(molecule)
        return few_electrons.states(integrals, 2, point.spin_multiplicity)[0].energy_hartree
    space = electronic_structure.active_space(molecule, core)
    return min(electronic_structure.lowest_by_irrep(space, point.spin_multiplicity, point.irreps).values())
