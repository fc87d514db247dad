"""A mean field over the orbitals of free atoms: small matrices from which invariants of atoms and bonds are made.

Hartree. The basis of a spin is that of intrinsic atomic orbitals (Knizia, J. Chem. Theory Comput. 9, 4834, 2013), which
holds every occupied orbital and is made orthonormal symmetrically, so that the density is a projector.
"""

from typing import NamedTuple

import numpy as np

from h2scale.electronic_structure import molecules
from h2scale.electronic_structure.fields import Solution
from h2scale.electronic_structure.molecules import Molecule


class MinimalDensity(NamedTuple):
    """Density and Fock matrices of both spins over orthonormal orbitals of free atoms."""

    density: np.ndarray  # (2, n, n), projectors
    fock: np.ndarray  # (2, n, n), hartree
    overlap: np.ndarray  # (n, n), of the two spins' orbitals, up with down; the unit matrix where they are the same
    atom: np.ndarray  # (n,), of each orbital
    degree: np.ndarray  # (n,), 0 for s, 1 for p


def minimal_density(molecule: Molecule, solution: Solution) -> MinimalDensity:
    """Project a field onto orbitals of free atoms.

    Raises:
        ValueError: more electrons of one spin than these orbitals can hold.
    """
    from pyscf import lo

    overlap = molecule.intor_symmetric("int1e_ovlp")
    reference = lo.iao.reference_mol(molecule, "minao")
    labels = reference.ao_labels(fmt=None)
    fock = np.asarray(solution.field.get_fock())
    fock = np.stack([fock] * 2) if fock.ndim == 2 else fock
    bases, densities, focks = [], [], []
    for spin, occupied in enumerate(solution.orbitals):
        basis = _orthonormal(_basis(molecule, occupied, len(labels)), overlap)
        inside = basis.T @ overlap @ occupied
        bases.append(basis)
        densities.append(inside @ inside.T)
        focks.append(basis.T @ fock[spin] @ basis)
    return MinimalDensity(
        density=np.stack(densities),
        fock=np.stack(focks),
        overlap=bases[0].T @ overlap @ bases[1],
        atom=np.array([label[0] for label in labels]),
        degree=np.array(["spdf".index(label[2][-1]) for label in labels]),
    )


def _basis(molecule: Molecule, occupied: np.ndarray, size: int) -> np.ndarray:
    """Orbitals of free atoms polarised to hold the occupied ones; as they are where there are none."""
    from pyscf import gto, lo
    from pyscf.lo import iao

    if occupied.shape[1] > size:
        raise ValueError(
            f"{molecules.describe(molecule)} has {occupied.shape[1]} electrons of one spin, more than the {size} "
            "orbitals of its free atoms."
        )
    if occupied.shape[1]:
        return lo.iao.iao(molecule, occupied, minao="minao")
    reference = iao.reference_mol(molecule, "minao")
    cross = gto.intor_cross("int1e_ovlp", molecule, reference)
    return np.linalg.solve(molecule.intor_symmetric("int1e_ovlp"), cross)


def _orthonormal(orbitals: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(orbitals.T @ overlap @ orbitals)
    return orbitals @ (vectors / np.sqrt(values)) @ vectors.T
