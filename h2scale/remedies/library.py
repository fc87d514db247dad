"""Data of the ladder: labelled equilibrium molecules, and whole curves with references.

Hartree for total energies. The rungs see molecules; curves are seen by the judge alone.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

METHODS = (
    *("gfn2", "uhf", "ump2", "pbe0", "b3lyp", "wb97m-v", "local-hybrid"),
    *("uccsd", "ap-uccsd", "dcsd", "ap-dcsd", "uccsd(t)"),
)
"""Methods without learning, beside which the ladder stands."""


class Geometry(NamedTuple):
    """One geometry with what every base method knows of it."""

    name: str
    atomic_numbers: tuple[int, ...]
    positions: np.ndarray  # (n_atoms, 3), angstrom
    charge: int
    spin_multiplicity: int
    energies: Mapping[str, float]  # total, hartree, by method; NaN or absent where it was not computed
    label: float  # total, hartree, that it is trained on; NaN on curves, which have a reference
    rows: Mapping[str, tuple[np.ndarray, np.ndarray]]  # by base: inputs, amounts (eV)


class Curve(NamedTuple):
    """One system of the judge."""

    system: str
    reference: str  # its method and basis
    atoms: tuple[Geometry, ...]  # one of each atom, repeated where it is
    points: tuple[Geometry, ...]
    reference_ev: np.ndarray  # (n_points,), relative to the system's own atoms
    distances_angstrom: np.ndarray  # (n_points,), increasing
    regions: tuple[str, ...]  # (n_points,), wall, well, middle or tail
    basis: str = ""  # of its energies; empty where that is not known


class Library(NamedTuple):
    """Everything; made by `library_files.load`."""

    molecules: tuple[Geometry, ...]  # equilibrium molecules
    sides: tuple[str, ...]  # of each molecule: train, validation, test or unseen; empty before it is divided
    atoms: tuple[Geometry, ...]  # isolated atoms of the molecules' elements
    curves: tuple[Curve, ...]
    basis: str
    sha256: str  # of the labels

    def indices(self, side: str) -> np.ndarray:
        """Places of the molecules on a side, increasing."""
        return np.flatnonzero(np.array(self.sides) == side)

    def regions(self) -> dict[str, tuple[str, ...]]:
        """Regions of every curve's points, by system."""
        return {curve.system: curve.regions for curve in self.curves}

    def composition(self) -> np.ndarray:
        """Atoms of each element of `atoms` in each molecule, (n_molecules, n_elements)."""
        return composition(self.molecules, self.atoms)


def composition(geometries: Sequence[Geometry], atoms: Sequence[Geometry]) -> np.ndarray:
    """Atoms of each element in each geometry, (n_geometries, n_elements)."""
    elements = [atom.atomic_numbers[0] for atom in atoms]
    return np.array([[own.atomic_numbers.count(element) for element in elements] for own in geometries], float)


def relative(geometries: Sequence[Geometry], atoms: Sequence[Geometry], method: str) -> np.ndarray:
    """Energies by a method minus those of the isolated atoms, hartree, (n_geometries,); `label` is one too."""
    own = np.array([energy(one, method) for one in geometries])
    return own - composition(geometries, atoms) @ np.array([energy(atom, method) for atom in atoms])


def energy(geometry: Geometry, method: str) -> float:
    """Total energy in hartree by a method, or the label; NaN where it was not computed."""
    return geometry.label if method == "label" else geometry.energies.get(method, float("nan"))
