"""The beginning of every remedy: a base method's energy of one geometry, and the rows of the correction upon it.

Every field is the lowest that the shared search finds, from its own starts, for an ion's closed shell from its bare
nuclei too, and along a curve from the densities of the geometries beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure, elements, units
from h2scale.electronic_structure import (
    cluster_features,
    local_hybrid,
    minimal_densities,
    search,
    starts,
    tight_binding,
)
from h2scale.remedies import descriptors


class Solved(NamedTuple):
    """A base method's answer for one geometry."""

    energy_hartree: float  # total
    inputs: np.ndarray  # (n_rows, n_inputs)
    amounts: np.ndarray  # (n_rows, n_channels), eV
    density: np.ndarray | None  # (2, n_ao, n_ao), to start a neighbouring geometry from; None where there is none
    spin_squared: float


_GRID_LEVEL = 1
"""Of a functional that is learned; level 3 differs by 2e-5 hartree in acetaldehyde."""

Base = Callable[[electronic_structure.Molecule, Sequence[np.ndarray]], Solved]


def pair_energies(molecule: electronic_structure.Molecule, densities: Sequence[np.ndarray]) -> Solved:
    """Unrestricted CCSD with a frozen core, and its gated pair energies between atoms.

    Args:
        molecule: without symmetry.
        densities: further starts of the search, (2, n_ao, n_ao) each.

    Raises:
        ValueError: the field or coupled cluster does not converge.
    """
    field = _lowest_field(molecule, "hf", densities)
    described = cluster_features.describe(molecule, field)
    inputs, amounts = descriptors.pair_rows(described.tables, described.atoms)
    return Solved(described.uccsd_hartree, inputs, amounts, field.spin_densities, described.spin_squared)


def distinguishable_pair_energies(molecule: electronic_structure.Molecule, densities: Sequence[np.ndarray]) -> Solved:
    """The distinguishable cluster with a frozen core, of the better field, and its gated pair energies between atoms.

    Args and raises as for `pair_energies`.
    """
    field = _lowest_field(molecule, "hf", densities)
    described = cluster_features.describe_distinguishable(molecule, field)
    inputs, amounts = descriptors.pair_rows(described.tables, described.atoms)
    return Solved(described.energy_hartree, inputs, amounts, field.spin_densities, field.spin_squared)


def make_projected(*, distinguishable: bool) -> Base:
    """Return the base of spin-projected coupled cluster with a frozen core, or of the distinguishable one."""

    def base(molecule: electronic_structure.Molecule, densities: Sequence[np.ndarray]) -> Solved:
        field = _lowest_field(molecule, "hf", densities)
        described = cluster_features.describe_projected(molecule, field, distinguishable=distinguishable)
        inputs, amounts = descriptors.pair_rows(described.tables, described.atoms)
        return Solved(described.energy_hartree, inputs, amounts, field.spin_densities, field.spin_squared)

    return base


def make_mean_field(functional: str) -> Base:
    """Return the base of an unrestricted field of this functional, with the paired electrons of atoms and bonds."""

    def base(molecule: electronic_structure.Molecule, densities: Sequence[np.ndarray]) -> Solved:
        field = _lowest_field(molecule, functional, densities)
        inputs, amounts = descriptors.bond_rows(
            minimal_densities.minimal_density(molecule, field), molecule.atom_charges()
        )
        return Solved(field.energy_hartree, inputs, amounts, field.spin_densities, field.spin_squared)

    return base


def functional(molecule: electronic_structure.Molecule, densities: Sequence[np.ndarray]) -> Solved:
    """A local hybrid on PBE0's unrestricted density, and its exchange and correlation in the points of a grid.

    Args and raises as for `pair_energies`.
    """
    field = _lowest_field(molecule, "pbe0", densities)
    points = local_hybrid.local_hybrid(molecule, field, _GRID_LEVEL)
    inputs, amounts = descriptors.point_rows(points)
    return Solved(points.energy_hartree, inputs, amounts, field.spin_densities, field.spin_squared)


def valence_orbitals(molecule: electronic_structure.Molecule, densities: Sequence[np.ndarray]) -> Solved:
    """Spin-polarised GFN2-xTB, and the paired electrons of its orbitals; it has a basis and starts of its own.

    Raises:
        ValueError: the charges do not converge.
    """
    del densities
    numbers = molecule.atom_charges()
    energy, field = tight_binding.polarised_density(
        numbers, molecule.atom_coords(), molecule.charge, molecule.multiplicity
    )
    inputs, amounts = descriptors.bond_rows(field, numbers)
    up, down = field.density
    spin = molecule.spin / 2
    contamination = float(np.trace(down) - np.einsum("ij,ji", up, down))
    return Solved(energy, inputs, amounts, None, spin * (spin + 1) + contamination)


BASES: Mapping[str, Base] = MappingProxyType(
    {
        "gfn2": valence_orbitals,
        "uhf": make_mean_field("hf"),
        "pbe0": make_mean_field("pbe0"),
        "local-hybrid": functional,
        "uccsd": pair_energies,
        "ap-uccsd": make_projected(distinguishable=False),
        "dcsd": distinguishable_pair_energies,
        "ap-dcsd": make_projected(distinguishable=True),
    }
)
"""By the name that a remedy's parameters give."""


def solve(
    base: str,
    atomic_numbers: Sequence[int],
    positions: np.ndarray,
    charge: int,
    spin_multiplicity: int,
    basis: str,
    densities: Sequence[np.ndarray] = (),
) -> Solved:
    """A base method's answer for one geometry; bare nuclei are exact.

    Args:
        base: one of `BASES`.
        atomic_numbers: (n_atoms,).
        positions: (n_atoms, 3), angstrom.
        charge, spin_multiplicity: of the whole.
        basis: any that PySCF knows.
        densities: further starts of the search for the lowest field, (2, n_ao, n_ao) each.

    Raises:
        ValueError: a spin that this number of electrons cannot have, or a field or coupled cluster that does not
            converge.
    """
    electrons = sum(atomic_numbers) - charge
    molecule = electronic_structure.make_molecule(
        [elements.SYMBOLS[number] for number in atomic_numbers],
        positions / units.BOHR_ANGSTROM,
        basis,
        charge=charge,
        spin_multiplicity=spin_multiplicity,
        # Without symmetry the two orbitals of stretched H2+, which are degenerate, mix at random.
        symmetry=electrons == 1,
    )
    if electrons == 0:
        return Solved(float(molecule.energy_nuc()), np.zeros((0, 0)), np.zeros((0, 0)), None, 0.0)
    with electronic_structure.one_thread():
        return BASES[base](molecule, densities)


def _lowest_field(
    molecule: electronic_structure.Molecule, functional: str, densities: Sequence[np.ndarray]
) -> electronic_structure.Solution:
    nuclei = starts.bare_nuclei(molecule) if molecule.charge else None
    return search.lowest_field(molecule, functional, densities=[*densities, *([] if nuclei is None else [nuclei])])
