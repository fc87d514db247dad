"""Full configuration interaction of zero, one and two electrons by dense diagonalisation, which misses no root.

PySCF's `direct_spin0` can report a wrong root as converged (H2, cc-pVDZ, from 16 bohr on, off by 0.47 hartree).
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from h2scale import electronic_structure

_DEGENERATE_HARTREE = 1e-8
_AXIAL_FAMILY = {
    **{"Ag": "Sigma+", "B1g": "Sigma-", "B2g": "Pi", "B3g": "Pi"},
    **{"Au": "Sigma-", "B1u": "Sigma+", "B2u": "Pi", "B3u": "Pi"},
    **{"A1": "Sigma+", "A2": "Sigma-", "B1": "Pi", "B2": "Pi"},
}


class State(NamedTuple):
    """The lowest state of one spatial symmetry."""

    energy_hartree: float  # total, nuclear repulsion included
    irrep: str


def states(integrals: electronic_structure.Integrals, num_electrons: int, spin_multiplicity: int) -> tuple[State, ...]:
    """The lowest state of every irrep with this spin, by increasing energy.

    Args:
        integrals: Hamiltonian over n symmetry-adapted orbitals.
        num_electrons: 0, 1 or 2.
        spin_multiplicity: 1 or 3 for two electrons; already checked against their number.
    """
    names = electronic_structure.IRREPS[integrals.group]
    if num_electrons == 0:
        return (State(integrals.nuclear_repulsion, names[0]),)
    blocks = _one_electron_blocks(integrals) if num_electrons == 1 else _pair_blocks(integrals, spin_multiplicity)
    found = [State(_lowest(block) + integrals.nuclear_repulsion, names[irrep]) for irrep, block in blocks.items()]
    return tuple(sorted(found))


def term_symbol(found: tuple[State, ...], spin_multiplicity: int) -> str:
    """Name of the first of these states of a molecule along z, such as '3Sigma_u+', from its irreps in D2h or C2v.

    A Delta state has one component that looks like Sigma+ and one like Sigma-, at the same energy.
    """
    lowest = found[0]
    parity = f"_{lowest.irrep[-1]}" if lowest.irrep[-1] in "gu" else ""
    family = _AXIAL_FAMILY[lowest.irrep]
    if family == "Pi":
        return f"{spin_multiplicity}Pi{parity}"
    sigmas = {"Ag": "B1g", "B1g": "Ag", "B1u": "Au", "Au": "B1u", "A1": "A2", "A2": "A1"}
    partners = [state for state in found[1:] if state.irrep == sigmas[lowest.irrep]]
    if partners and abs(partners[0].energy_hartree - lowest.energy_hartree) < _DEGENERATE_HARTREE:
        return f"{spin_multiplicity}Delta{parity}"
    return f"{spin_multiplicity}Sigma{parity}{family[-1]}"


def _lowest(matrix: np.ndarray) -> float:
    return float(linalg.eigh(matrix, eigvals_only=True, subset_by_index=[0, 0])[0])


def _one_electron_blocks(integrals: electronic_structure.Integrals) -> dict[int, np.ndarray]:
    core, irreps = integrals.one_electron, integrals.irreps
    return {int(irrep): core[np.ix_(irreps == irrep, irreps == irrep)] for irrep in np.unique(irreps)}


def _pair_blocks(integrals: electronic_structure.Integrals, spin_multiplicity: int) -> dict[int, np.ndarray]:
    """Hamiltonian over symmetrised (singlet) or antisymmetrised (triplet) products of orbitals, irrep by irrep."""
    sign = 1.0 if spin_multiplicity == 1 else -1.0
    first, second = np.tril_indices(len(integrals.irreps), 0 if spin_multiplicity == 1 else -1)
    product = integrals.irreps[first] ^ integrals.irreps[second]
    return {
        int(irrep): _pair_matrix(integrals, first[product == irrep], second[product == irrep], sign)
        for irrep in np.unique(product)
    }


def _pair_matrix(
    integrals: electronic_structure.Integrals, first: np.ndarray, second: np.ndarray, sign: float
) -> np.ndarray:
    """<ij|H|kl> over normalised pairs (ij + sign ji); chemists' integrals, hence (ik|jl) and (il|jk)."""
    core, repulsion = integrals.one_electron, integrals.two_electron
    i, j, k, m = first[:, None], second[:, None], first[None, :], second[None, :]
    matrix = repulsion[_packed(i, k), _packed(j, m)] + sign * repulsion[_packed(i, m), _packed(j, k)]
    matrix += core[i, k] * (j == m) + core[j, m] * (i == k)
    matrix += sign * (core[i, m] * (j == k) + core[j, k] * (i == m))
    norm = 1 / np.sqrt(1.0 + (first == second))
    return matrix * np.outer(norm, norm)


def _packed(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Index of a pair into a packed lower triangle."""
    larger, smaller = np.maximum(row, column), np.minimum(row, column)
    return larger * (larger + 1) // 2 + smaller
