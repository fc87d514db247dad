"""Curves of the approximate methods that label training data, each at its own limit of separated atoms."""

import pathlib
from collections.abc import Sequence

import numpy as np

from h2scale import electronic_structure
from h2scale.physics import fci, potential_curve

GRID_LEVEL = 3
"""PySCF's default quadrature for density functionals."""

_AGREEMENT_HARTREE = 1e-8
_TWO_ELECTRON_TOLERANCE = 1e-6  # hartree, against CCSD's own convergence of 1e-9


def teacher_curve(
    symbols: Sequence[str],
    method: str,
    basis: str,
    distances_bohr: Sequence[float] | np.ndarray,
    *,
    charge: int = 0,
    spin_multiplicity: int = 1,
    restricted: bool = False,
    cache_dir: pathlib.Path | None = None,
) -> potential_curve.Curve:
    """Energy of a diatomic molecule at a teacher's level of theory.

    Every distance is reached twice, from the shorter and from the longer side, each starting from the density of
    the distance before, and the lower solution is kept. Its instabilities are followed, unless it is restricted and
    both ways agree on it. Unrestricted curves start from orbitals mixed between the spins, so that spin symmetry breaks
    where that lowers the energy.

    Args:
        symbols: two elements, hydrogen to argon.
        method: "hf", "ccsd(t)" (on top of "hf"), or a density functional that PySCF knows, such as "pbe0".
        basis: any that PySCF knows.
        distances_bohr: increasing.
        charge: of the molecule.
        spin_multiplicity: 2S + 1.
        restricted: one set of spatial orbitals for both spins, in the molecule and in the atoms.
        cache_dir: None for `potential_curve.default_cache_directory()`.

    Returns:
        The curve, with <S^2> of the self-consistent field at every distance.

    Raises:
        ValueError: bad distances, element, method, basis, charge or spin; a point that does not converge; a corrupted
            cache file.
    """
    distances = potential_curve.checked_distances(distances_bohr)
    charges = fci.nuclear_charges(symbols)
    request = {
        "method": method,
        "restricted": restricted,
        "symbols": list(symbols),
        "basis": basis,
        "distances_bohr": distances.tolist(),
        "charge": charge,
        "spin_multiplicity": spin_multiplicity,
        "grid_level": GRID_LEVEL,
        "pyscf": electronic_structure.version(),
    }

    def compute() -> potential_curve.Curve:
        with electronic_structure.one_thread():
            points = _both_ways(symbols, method, basis, distances, charge, spin_multiplicity, restricted)
            atoms = separated_atoms(
                symbols, method, basis, charge=charge, spin_multiplicity=spin_multiplicity, restricted=restricted
            )
        energies = np.array([point.energy_hartree for point in points])
        provenance = {key: value for key, value in request.items() if key != "distances_bohr"}
        return potential_curve.Curve(
            distances_bohr=distances,
            energies_hartree=energies,
            spin_squared=np.array([point.spin_squared for point in points]),
            nuclear_charges=charges,
            separated_atoms_hartree=atoms,
            provenance={**provenance, "last_point_minus_atoms_hartree": float(energies[-1] - atoms)},
        )

    return potential_curve.cached(request, compute, cache_dir)


def separated_atoms(
    symbols: Sequence[str],
    method: str,
    basis: str,
    *,
    charge: int = 0,
    spin_multiplicity: int = 1,
    restricted: bool = False,
) -> float:
    """Lowest sum of two ground-state atoms at this level that can couple to this spin, in hartree.

    Raises:
        ValueError: no two ground-state atoms can, or one does not converge.
    """
    sums = []
    for parts in fci.fragments(symbols, charge, spin_multiplicity):
        energies = []
        for symbol, (part_charge, multiplicity) in zip(symbols, parts, strict=True):
            atom = electronic_structure.make_molecule(
                (symbol,), np.zeros((1, 3)), basis, charge=part_charge, spin_multiplicity=multiplicity
            )
            energies.append(_solve(atom, method, restricted, _guess(atom, restricted)).energy_hartree)
        sums.append(sum(energies))
    return min(sums)


def _both_ways(
    symbols: Sequence[str],
    method: str,
    basis: str,
    distances: np.ndarray,
    charge: int,
    spin_multiplicity: int,
    restricted: bool,
) -> list[electronic_structure.Solution]:
    molecules = [
        electronic_structure.make_molecule(
            symbols,
            np.array([[0.0, 0.0, -distance / 2], [0.0, 0.0, distance / 2]]),
            basis,
            charge=charge,
            spin_multiplicity=spin_multiplicity,
        )
        for distance in distances
    ]
    functional = "hf" if method == "ccsd(t)" else method
    outward = _scan(molecules, functional, restricted)
    inward = _scan(molecules[::-1], functional, restricted)[::-1]
    points = []
    for molecule, outward_point, inward_point in zip(molecules, outward, inward, strict=True):
        lower = min(outward_point, inward_point, key=lambda found: found.energy_hartree)
        agreed = abs(outward_point.energy_hartree - inward_point.energy_hartree) < _AGREEMENT_HARTREE
        if restricted and agreed and method == functional:
            points.append(lower)
        else:
            points.append(_solve(molecule, method, restricted, lower.density))
    return points


def _scan(
    molecules: list[electronic_structure.Molecule], functional: str, restricted: bool
) -> list[electronic_structure.Solution]:
    found: list[electronic_structure.Solution] = []
    for molecule in molecules:
        density = found[-1].density if found else _guess(molecule, restricted)
        found.append(
            electronic_structure.mean_field(
                molecule, functional, restricted=restricted, density=density, grid_level=GRID_LEVEL, follow=False
            )
        )
    return found


def _guess(molecule: electronic_structure.Molecule, restricted: bool) -> np.ndarray | None:
    """Start of a field that has no neighbour; None for PySCF's."""
    return None if restricted else electronic_structure.mixed(molecule)


def _solve(
    molecule: electronic_structure.Molecule, method: str, restricted: bool, density: np.ndarray | None
) -> electronic_structure.Solution:
    """Stable solution nearest to a density, its energy that of coupled cluster if the method asks for it."""
    functional = "hf" if method == "ccsd(t)" else method
    field = electronic_structure.mean_field(
        molecule, functional, restricted=restricted, density=density, grid_level=GRID_LEVEL, follow=True
    )
    energy = field.energy_hartree
    if method == "ccsd(t)":
        energy = electronic_structure.ccsd_t_energy(molecule, field.density, restricted=restricted)
        if molecule.nelectron == 2:
            _refuse_wrong_root(molecule, energy)
    return field._replace(energy_hartree=energy)


def _refuse_wrong_root(molecule: electronic_structure.Molecule, energy: float) -> None:
    """Raise ValueError unless CCSD of two electrons, which is exact, agrees with full CI.

    On a restricted reference its equations have other solutions, which PySCF reports as converged: H2 in cc-pVTZ at 15
    bohr ends 0.44 hartree too high.
    """
    positions = molecule.atom_coords()
    exact = fci.lowest_energy(molecule.elements, positions, molecule.basis, molecule.charge, molecule.spin + 1)
    if abs(energy - exact) > _TWO_ELECTRON_TOLERANCE:
        distance = np.linalg.norm(np.ptp(positions, axis=0))
        raise ValueError(
            f"CCSD at {distance:.6g} bohr converged {energy - exact:.1e} hartree from full CI, which it equals for two "
            "electrons: a wrong solution. Take restricted=False."
        )
