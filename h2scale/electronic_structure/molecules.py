"""Molecules for PySCF: elements, charges and spins checked, coordinates in bohr."""

import contextlib
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any, TypeAlias

import numpy as np

from h2scale import elements

# PySCF has no annotations, and what imports this module need not wait for it.
Molecule: TypeAlias = Any
"""`pyscf.gto.Mole`."""
Field: TypeAlias = Any
"""`pyscf.scf.hf.SCF` and what derives from it."""

LAST_ATOMIC_NUMBER = 18
"""Argon, the heaviest element of a molecule."""


def version() -> str:
    """Version of PySCF, without importing it."""
    return metadata.version("pyscf")


def one_thread() -> contextlib.AbstractContextManager:
    """Context in which PySCF keeps to one thread: on matrices this small, threads only wait for each other."""
    from pyscf import lib

    return lib.with_omp_threads(1)


def make_molecule(
    symbols: Sequence[str],
    positions_bohr: np.ndarray,
    basis: str,
    *,
    charge: int = 0,
    spin_multiplicity: int = 1,
    symmetry: str | bool = False,
) -> Molecule:
    """PySCF's molecule from elements and positions.

    Raises:
        ValueError: coincident nuclei, an unknown element or basis, a negative number of electrons, a spin
            multiplicity that this number of electrons cannot have.
    """
    from pyscf import gto
    from pyscf.lib import exceptions

    check_distinct(symbols, positions_bohr)
    check_electrons(nuclear_charges(symbols), charge, spin_multiplicity)
    molecule = gto.Mole()
    molecule.verbose = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PySCF advertises another package before it raises
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
    except exceptions.BasisNotFoundError as error:
        raise ValueError(f"basis must be one that PySCF knows for {sorted(set(symbols))}; got {basis!r}.") from error


def nuclear_charges(symbols: Sequence[str]) -> tuple[int, ...]:
    """Nuclear charge of every element, hydrogen to argon; raise ValueError naming any other symbol."""
    numbers = tuple(elements.ATOMIC_NUMBERS.get(symbol, LAST_ATOMIC_NUMBER + 1) for symbol in symbols)
    unknown = [s for s, number in zip(symbols, numbers, strict=True) if number > LAST_ATOMIC_NUMBER]
    if unknown:
        raise ValueError(f"symbols must be elements from H to Ar; got {unknown[0]!r}.")
    return numbers


def check_distinct(symbols: Sequence[str], positions_bohr: np.ndarray) -> None:
    """Raise ValueError naming the first two nuclei that coincide."""
    positions = np.asarray(positions_bohr, float)
    for i in range(len(symbols)):
        for j in range(i):
            if np.array_equal(positions[i], positions[j]):
                raise ValueError(
                    f"nuclei {j} ({symbols[j]}) and {i} ({symbols[i]}) coincide at {positions[i].tolist()} bohr; "
                    "distinct positions are needed."
                )


def check_electrons(charges: Sequence[int], charge: int, spin_multiplicity: int) -> int:
    """Number of electrons; raise ValueError if it is negative or cannot have this spin multiplicity."""
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


def describe(molecule: Molecule) -> str:
    """Elements, charge, basis and extent, to name a molecule in an error."""
    symbols = "".join(molecule.elements)
    spread = np.ptp(molecule.atom_coords(), axis=0)
    return f"{symbols} (charge {molecule.charge}, {molecule.basis}) at {np.linalg.norm(spread):.6g} bohr"
