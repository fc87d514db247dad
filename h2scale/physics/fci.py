"""Full configuration interaction curves of diatomic molecules in a named basis, cached on disk."""

import contextlib
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from h2scale import electronic_structure, elements
from h2scale.physics import few_electrons, potential_curve

ASYMPTOTIC_BOHR = 12.0
NEUTRAL_TOLERANCE_HARTREE = 1e-4
CHARGED_TOLERANCE_HARTREE = 1e-3
"""Largest difference from the separated atoms from 12 bohr on; a charge polarises: alpha / (2 R^4)."""


def diatomic_curve(
    symbols: Sequence[str],
    basis: str,
    distances_bohr: Sequence[float] | np.ndarray,
    *,
    charge: int = 0,
    spin_multiplicity: int = 1,
    frozen_core: bool = False,
    cache_dir: pathlib.Path | None = None,
) -> potential_curve.Curve:
    """Lowest full-CI energy of this spin at every distance, whatever its spatial symmetry.

    Two electrons and fewer are diagonalised densely, irrep by irrep; more go through PySCF, irrep by irrep.

    Args:
        symbols: two elements, hydrogen to argon.
        basis: any that PySCF knows.
        distances_bohr: increasing.
        charge: of the molecule; 2 leaves two bare protons of H2.
        spin_multiplicity: 2S + 1.
        frozen_core: leaves the electrons of the inner shells uncorrelated.
        cache_dir: None for `potential_curve.default_cache_directory()`.

    Returns:
        The curve; `provenance["states"]` names the state at every distance, which can change along the curve.

    Raises:
        ValueError: bad distances, element, basis, charge or spin; too many determinants; no convergence; a curve
            whose last point, from 12 bohr on, is not the sum of its own atoms; a corrupted cache file.
    """
    distances = potential_curve.checked_distances(distances_bohr)
    charges = nuclear_charges(symbols)
    request = {
        "method": "fci",
        "symbols": list(symbols),
        "basis": basis,
        "distances_bohr": distances.tolist(),
        "charge": charge,
        "spin_multiplicity": spin_multiplicity,
        "frozen_core": frozen_core,
        "pyscf": electronic_structure.version(),
    }

    def compute() -> potential_curve.Curve:
        few = sum(charges) - charge <= 4
        with electronic_structure.one_thread() if few else contextlib.nullcontext():
            return _compute(tuple(symbols), basis, distances, charge, spin_multiplicity, frozen_core)

    return potential_curve.cached(request, compute, cache_dir)


def nuclear_charges(symbols: Sequence[str]) -> tuple[int, int]:
    """Nuclear charges of a diatomic molecule; raise ValueError for another number of atoms or an unknown element."""
    if len(symbols) != 2:
        raise ValueError(f"symbols must name two atoms; got {list(symbols)}.")
    first, second = electronic_structure.nuclear_charges(symbols)
    return first, second


def separated_atoms(
    symbols: Sequence[str], basis: str, *, charge: int = 0, spin_multiplicity: int = 1, frozen_core: bool = False
) -> float:
    """Lowest sum of two full-CI ground-state atoms in this basis that can couple to this spin, in hartree.

    Raises:
        ValueError: no two ground-state atoms can.
    """
    return min(
        sum(
            _atom(symbol, basis, part_charge, multiplicity, frozen_core)
            for symbol, (part_charge, multiplicity) in zip(symbols, parts, strict=True)
        )
        for parts in fragments(symbols, charge, spin_multiplicity)
    )


def fragments(
    symbols: Sequence[str], charge: int, spin_multiplicity: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Ways to share a charge over two ground-state atoms that can couple to this spin.

    Returns:
        For each way, (charge, spin multiplicity) of either atom.

    Raises:
        ValueError: there is none, or the charge leaves a negative number of electrons.
    """
    numbers = electronic_structure.nuclear_charges(symbols)
    electronic_structure.check_electrons(numbers, charge, spin_multiplicity)
    ways = []
    for first in range(min(0, charge), max(0, charge) + 1):
        charges = (first, charge - first)
        electrons = [number - part for number, part in zip(numbers, charges, strict=True)]
        if min(electrons) < 0:
            continue
        spins = [elements.GROUND_MULTIPLICITIES[number] for number in electrons]
        if abs(spins[0] - spins[1]) < spin_multiplicity < sum(spins):
            ways.append(((charges[0], spins[0]), (charges[1], spins[1])))
    if not ways:
        raise ValueError(
            f"spin_multiplicity {spin_multiplicity} of {''.join(symbols)} with charge {charge} has no limit of two "
            "ground-state atoms; take one that has."
        )
    return ways


def _compute(
    symbols: tuple[str, ...], basis: str, distances: np.ndarray, charge: int, spin_multiplicity: int, frozen_core: bool
) -> potential_curve.Curve:
    energies, names, dropped = [], [], []
    for distance in distances:
        positions = np.array([[0.0, 0.0, -distance / 2], [0.0, 0.0, distance / 2]])
        found, num_dropped = _states(symbols, positions, basis, charge, spin_multiplicity, frozen_core)
        energies.append(found[0].energy_hartree)
        names.append(few_electrons.term_symbol(found, spin_multiplicity))
        dropped.append(num_dropped)
    atoms = separated_atoms(symbols, basis, charge=charge, spin_multiplicity=spin_multiplicity, frozen_core=frozen_core)
    spin = (spin_multiplicity - 1) / 2
    numbers = nuclear_charges(symbols)
    limit_error = check_size_consistency(
        f"fci/{basis} of {''.join(symbols)}", distances[-1], energies[-1], atoms, charge, numbers
    )
    return potential_curve.Curve(
        distances_bohr=distances,
        energies_hartree=np.array(energies),
        spin_squared=np.full(distances.shape, spin * (spin + 1)),
        nuclear_charges=numbers,
        separated_atoms_hartree=atoms,
        provenance={
            "method": "fci",
            "symbols": list(symbols),
            "basis": basis,
            "charge": charge,
            "spin_multiplicity": spin_multiplicity,
            "frozen_core": frozen_core,
            "pyscf": electronic_structure.version(),
            "states": names,
            "linear_dependencies_dropped": dropped,
            "last_point_minus_atoms_hartree": limit_error,
        },
    )


def check_size_consistency(
    what: str, last_bohr: float, last_hartree: float, atoms_hartree: float, charge: int, numbers: tuple[int, int]
) -> float:
    """Last energy minus that of the separated atoms, hartree, which two bare ions repel even at long range.

    Raises:
        ValueError: the last distance is asymptotic and the difference beyond the tolerance.
    """
    repulsion = numbers[0] * numbers[1] / last_bohr if charge == sum(numbers) else 0.0
    error = float(last_hartree - atoms_hartree - repulsion)
    tolerance = CHARGED_TOLERANCE_HARTREE if charge else NEUTRAL_TOLERANCE_HARTREE
    if last_bohr >= ASYMPTOTIC_BOHR and abs(error) > tolerance:
        raise ValueError(
            f"{what} at {last_bohr:.6g} bohr is {error:.2e} hartree from its own separated atoms; "
            f"at most {tolerance:.0e} is size consistent."
        )
    return error


def _states(
    symbols: Sequence[str], positions: np.ndarray, basis: str, charge: int, spin_multiplicity: int, frozen_core: bool
) -> tuple[tuple[few_electrons.State, ...], int]:
    """States of every irrep by increasing energy, and the number of linear dependencies dropped."""
    symmetry = "D2h" if len(set(symbols)) == 1 else "C2v"
    molecule = electronic_structure.make_molecule(
        symbols, positions, basis, charge=charge, spin_multiplicity=spin_multiplicity, symmetry=symmetry
    )
    numbers = electronic_structure.nuclear_charges(symbols)
    num_frozen = sum((number > 2) + 4 * (number > 10) for number in numbers) if frozen_core else 0  # 1s; 2s, 2p
    if molecule.nelectron <= 2 and not num_frozen:
        integrals = electronic_structure.integrals(molecule)
        return few_electrons.states(integrals, molecule.nelectron, spin_multiplicity), integrals.num_dropped
    space = electronic_structure.active_space(molecule, num_frozen)
    by_irrep = electronic_structure.lowest_by_irrep(space, spin_multiplicity)
    return tuple(sorted(itertools.starmap(few_electrons.State, ((e, name) for name, e in by_irrep.items())))), 0


def lowest_energy(
    symbols: Sequence[str], positions_bohr: np.ndarray, basis: str, charge: int, spin_multiplicity: int
) -> float:
    """All-electron full-CI energy of an atom or a diatomic along z, in hartree; errors as in `diatomic_curve`."""
    found, _ = _states(symbols, positions_bohr, basis, charge, spin_multiplicity, frozen_core=False)
    return found[0].energy_hartree


def _atom(symbol: str, basis: str, charge: int, spin_multiplicity: int, frozen_core: bool) -> float:
    found, _ = _states((symbol,), np.zeros((1, 3)), basis, charge, spin_multiplicity, frozen_core)
    return found[0].energy_hartree
