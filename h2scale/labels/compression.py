"""Geometries with two atoms much closer than in the molecule: short bonds, and hydrogens pushed together.

Positions in angstrom, shape (n_atoms, 3).
"""

import itertools

import numpy as np

from h2scale.data import hashing
from h2scale.labels import geometries, molecules

MAX_HYDROGEN_DISTANCE_ANGSTROM = 2.8
"""Two hydrogens that begin farther apart are not pushed together: halfway they might be an H2 apart from all else."""


def bonds_to_compress(mol: molecules.Molecule) -> tuple[tuple[int, int], ...]:
    """One bond of every kind of a molecule, bonds between heavy atoms and bonds to hydrogen in turn.

    The order within both groups is drawn by the molecule's name, so that a few bonds of each of many molecules cover
    all pairs of elements.
    """
    bonds = molecules.distinct_bonds(mol.smiles)
    order = np.random.default_rng(hashing.text_hash(mol.smiles)).permutation(len(bonds))
    shuffled = [bonds[index] for index in order]
    groups = [[bond for bond in shuffled if _holds_hydrogen(mol, bond) == kind] for kind in (False, True)]
    pairs = itertools.zip_longest(*groups)
    return tuple(bond for pair in pairs for bond in pair if bond is not None)


def compress(positions: np.ndarray, mol: molecules.Molecule, bond: tuple[int, int], factor: float) -> np.ndarray:
    """Positions with a bond set to `factor` times its length, by moving one side or, in a ring, its two atoms alone."""
    side = geometries.fragment(len(positions), mol.bonds, bond)
    if side is not None:
        return geometries.stretch(positions, bond, side, factor)
    return bring_together(positions, bond, factor * float(np.linalg.norm(positions[bond[1]] - positions[bond[0]])))


def bring_together(positions: np.ndarray, pair: tuple[int, int], distance: float) -> np.ndarray:
    """Positions with two atoms moved along their line, by the same length each, until they are `distance` apart."""
    axis = positions[pair[1]] - positions[pair[0]]
    shift = 0.5 * (1.0 - distance / np.linalg.norm(axis)) * axis
    moved = positions.copy()
    moved[pair[0]] += shift
    moved[pair[1]] -= shift
    return moved


def hydrogen_pairs(positions: np.ndarray, mol: molecules.Molecule) -> tuple[tuple[int, int], ...]:
    """Pairs of hydrogens within 2.8 angstrom of each other, those on one heavy atom and those on two in turn.

    Pairs of equal distance (to 0.01 angstrom) count once; the order within both groups is drawn by the molecule's name.
    """
    hydrogens = [atom for atom, number in enumerate(mol.atomic_numbers) if number == 1]
    found: dict[tuple[bool, float], tuple[int, int]] = {}
    for pair in itertools.combinations(hydrogens, 2):
        distance = float(np.linalg.norm(positions[pair[1]] - positions[pair[0]]))
        if distance < MAX_HYDROGEN_DISTANCE_ANGSTROM and pair not in mol.bonds:
            found.setdefault((neighbor(mol, pair[0]) != neighbor(mol, pair[1]), round(distance, 2)), pair)
    rng = np.random.default_rng(hashing.text_hash(mol.smiles))
    groups = [[pair for (apart, _), pair in sorted(found.items()) if apart == kind] for kind in (False, True)]
    shuffled = [[group[index] for index in rng.permutation(len(group))] for group in groups]
    return tuple(pair for turn in itertools.zip_longest(*shuffled) for pair in turn if pair is not None)


def neighbor(mol: molecules.Molecule, hydrogen: int) -> int:
    """The atom that a hydrogen is bonded to."""
    return next(sum(bond) - hydrogen for bond in mol.bonds if hydrogen in bond)


def shortest_of_pair(positions: np.ndarray, pair: tuple[int, int]) -> float:
    """Smallest distance between an atom of a pair and one outside it; infinite for two atoms."""
    outside = np.delete(np.arange(len(positions)), pair)
    vectors = positions[list(pair)][:, None] - positions[outside][None]
    return float(np.linalg.norm(vectors, axis=-1).min(initial=np.inf))


def shortest_hydrogen_distance(positions: np.ndarray, mol: molecules.Molecule) -> float:
    """Smallest distance between two hydrogens; infinite if there are none."""
    return geometries.shortest_distance(positions[np.array(mol.atomic_numbers) == 1])


def _holds_hydrogen(mol: molecules.Molecule, bond: tuple[int, int]) -> bool:
    return 1 in (mol.atomic_numbers[bond[0]], mol.atomic_numbers[bond[1]])
