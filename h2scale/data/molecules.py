"""Names of molecules from their geometry: composition and a hash of the graph of perceived bonds.

Frames of one molecule must stay on one side of a split, so that they need one name. Where a file has none, it is made
here. Two heavy atoms are bonded if they are nearer than 1.3 times the sum of their covalent radii; a hydrogen has one
bond, to the atom nearest to it in this measure, however far: in hot frames it is a bond to hydrogen that passes any
threshold. The name is the formula with a hash of the graph of elements and bonds, which knows neither the order of
atoms nor conformers nor mirror images.

Limits: a frame in which a bond between heavy atoms is broken or made, or a hydrogen has changed its place, has another
graph and so another name; frames of a reaction need a key that names their molecule. Charge and spin state are no part
of the name.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from h2scale import elements
from h2scale.data import bonding, hashing, rungs

_APART = 1 << 20
"""Number of bonds between atoms that no bonds join; more than any molecule has."""


def bonds(atomic_numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Perceived bonds of a structure, shape (n_atoms, n_atoms), bool, symmetric.

    Args:
        atomic_numbers: shape (n_atoms,); up to curium, the last with a tabulated radius.
        positions: angstrom, shape (n_atoms, 3).
    """
    radii = bonding.covalent_radii(atomic_numbers)
    difference = positions[:, None] - positions[None, :]
    distance = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
    ratio = distance / (radii[:, None] + radii[None, :])
    np.fill_diagonal(ratio, np.inf)
    hydrogen = np.flatnonzero(atomic_numbers == 1)
    heavy = atomic_numbers > 1
    bonded = (ratio < bonding.BOND_FACTOR) & heavy[:, None] & heavy[None, :]
    if len(atomic_numbers) > 1:
        nearest = np.argmin(ratio[hydrogen], axis=1)
        bonded[hydrogen, nearest] = bonded[nearest, hydrogen] = True
    return bonded


def graph_hash(atomic_numbers: np.ndarray, bonded: np.ndarray) -> str:
    """Hexadecimal hash of a graph of elements and bonds, the same for every order of its atoms.

    Labels are refined as by Weisfeiler and Lehman, but from all atoms at once, each with its number of bonds on the
    way: neighbours alone cannot tell decalin from bicyclopentyl. Shervashidze et al., J. Mach. Learn. Res. 12, 2539
    (2011).

    Args:
        atomic_numbers: shape (n_atoms,).
        bonded: shape (n_atoms, n_atoms), bool, symmetric.
    """
    steps = csgraph.shortest_path(sparse.csr_matrix(bonded), method="D", unweighted=True)
    away = hashing.mixed(np.where(np.isfinite(steps), steps, _APART).astype(np.uint64))
    labels = hashing.mixed(atomic_numbers.astype(np.uint64))
    classes = 0
    while (found := len(np.unique(labels))) > classes:
        classes = found
        seen = hashing.mixed(away ^ labels[None, :]).sum(axis=1, dtype=np.uint64)  # a sum does not know the order
        labels = hashing.mixed(hashing.mixed(labels) + seen)
    return f"{int(hashing.mixed(labels).sum(dtype=np.uint64)):016x}"[:10]


def name(atomic_numbers: np.ndarray, positions: np.ndarray) -> str:
    """Name of the molecule of a structure: formula and graph hash, such as `C2H6O-3f0c52b1a9`.

    One atom is `[C]`; two hydrogens are H2 at any distance, by the name under which splits and the leak guard know it.

    Args:
        atomic_numbers: shape (n_atoms,).
        positions: angstrom, shape (n_atoms, 3).
    """
    formula = elements.hill_formula(atomic_numbers.tolist())
    if len(atomic_numbers) == 1:
        return f"[{formula}]"
    if formula == "H2":
        return rungs.H2_MOLECULE
    return f"{formula}-{graph_hash(atomic_numbers, bonds(atomic_numbers, positions))}"
