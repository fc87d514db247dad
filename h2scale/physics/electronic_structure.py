"""The one door to PySCF: integrals, mean fields and coupled cluster of small molecules, in hartree and bohr.

PySCF is imported inside the functions, so that importing the package never waits for it. Coordinates are always
handed over in bohr: PySCF carries the CODATA 2010 value, `units.py` that of 2018.
"""

from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pyscf import gto

LINEAR_DEPENDENCY_THRESHOLD = 1e-8
"""Eigenvalues of the overlap below this are dropped and counted."""


class Integrals(NamedTuple):
    """Hamiltonian of a molecule in orthonormal symmetry-adapted orbitals; chemists' order (pq|rs)."""

    one_electron: np.ndarray  # (n, n), hartree
    two_electron: np.ndarray  # (n (n + 1) / 2, n (n + 1) / 2), hartree, packed lower triangles
    nuclear_repulsion: float  # hartree
    irreps: np.ndarray  # (n,), number of each orbital's D2h irrep; their product is bitwise exclusive or
    irrep_names: dict[int, str]
    num_dropped: int  # linear dependencies removed


def version() -> str:
    """Version of PySCF, without importing it."""
    return metadata.version("pyscf")


def make_molecule(
    symbols: Sequence[str],
    positions_bohr: np.ndarray,
    basis: str,
    *,
    charge: int = 0,
    spin_multiplicity: int = 1,
    symmetry: str | bool = False,
) -> "gto.Mole":
    """A PySCF molecule.

    Raises:
        ValueError: coincident nuclei, an unknown element or basis, a negative number of electrons, a spin
            multiplicity that this number of electrons cannot have.
    """
    from pyscf import gto
    from pyscf.data import elements
    from pyscf.lib import exceptions

    unknown = [symbol for symbol in symbols if symbol not in elements.ELEMENTS[1:]]
    if unknown:
        raise ValueError(f"symbols must be chemical elements such as 'H'; got {unknown[0]!r}.")
    check_distinct(symbols, positions_bohr)
    check_electrons([elements.charge(symbol) for symbol in symbols], charge, spin_multiplicity)
    molecule = gto.Mole()
    molecule.verbose = 0
    try:
        return molecule.build(
            atom=list(zip(symbols, np.asarray(positions_bohr, float).tolist(), strict=True)),
            unit="Bohr",
            basis=basis,
            charge=charge,
            spin=spin_multiplicity - 1,
            symmetry=symmetry,
            dump_input=False,
            parse_arg=False,
        )
    except (exceptions.BasisNotFoundError, KeyError) as error:
        raise ValueError(f"basis must be one that PySCF knows for {sorted(set(symbols))}; got {basis!r}.") from error


def check_distinct(symbols: Sequence[str], positions_bohr: np.ndarray) -> None:
    """Raises ValueError naming the first two nuclei that coincide."""
    positions = np.asarray(positions_bohr, float)
    for i in range(len(symbols)):
        for j in range(i):
            if np.array_equal(positions[i], positions[j]):
                raise ValueError(
                    f"nuclei {j} ({symbols[j]}) and {i} ({symbols[i]}) coincide at {positions[i].tolist()} bohr; "
                    "distinct positions are needed."
                )


def check_electrons(charges: Sequence[int], charge: int, spin_multiplicity: int) -> int:
    """Number of electrons; raises ValueError if it is negative or cannot have this spin multiplicity."""
    num_electrons = sum(charges) - charge
    if num_electrons < 0:
        raise ValueError(f"charge must be at most {sum(charges)}, that of the bare nuclei; got {charge}.")
    unpaired = spin_multiplicity - 1
    if unpaired < 0 or unpaired > num_electrons or (num_electrons - unpaired) % 2:
        allowed = list(range(num_electrons % 2 + 1, num_electrons + 2, 2))
        raise ValueError(
            f"spin_multiplicity must be one of {allowed} for {num_electrons} electrons; got {spin_multiplicity}."
        )
    return num_electrons


def integrals(molecule: "gto.Mole") -> Integrals:
    """Integrals over orthonormal orbitals that transform as irreps of the molecule's D2h subgroup."""
    from pyscf import ao2mo

    overlap = molecule.intor_symmetric("int1e_ovlp")
    blocks, labels, dropped = [], [], 0
    for label, orbitals in zip(molecule.irrep_id, molecule.symm_orb, strict=True):
        values, vectors = np.linalg.eigh(orbitals.T @ overlap @ orbitals)
        kept = values > LINEAR_DEPENDENCY_THRESHOLD
        blocks.append(orbitals @ (vectors[:, kept] / np.sqrt(values[kept])))
        labels += [label] * int(kept.sum())
        dropped += int((~kept).sum())
    orbitals = np.concatenate(blocks, axis=1)
    core = molecule.intor_symmetric("int1e_kin") + molecule.intor_symmetric("int1e_nuc")
    return Integrals(
        one_electron=orbitals.T @ core @ orbitals,
        two_electron=ao2mo.kernel(molecule, orbitals),
        nuclear_repulsion=float(molecule.energy_nuc()),
        irreps=np.array(labels),
        irrep_names=dict(zip(molecule.irrep_id, molecule.irrep_name, strict=True)),
        num_dropped=dropped,
    )
