"""Structures and predictions as the files that this project and its peers exchange; needs ASE and NumPy alone.

A split is a folder with train.extxyz, validation.extxyz and test.extxyz: energies relative to isolated atoms in eV as
`REF_energy`, forces in eV/angstrom as `REF_forces`. A peer reads them in its own interpreter and leaves one .npz file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ase
import ase.io
import numpy as np

ENERGY, FORCES = "REF_energy", "REF_forces"
SYMBOLS = ("H", "C", "N", "O", "F")
CUTOFF_ANGSTROM = 5.0
BATCH = 64
"""Structures that are predicted together."""


class Predictions(NamedTuple):
    """Results of one trained model on the test structures, in their order."""

    energies: np.ndarray  # (n_structures,), eV
    forces: np.ndarray  # (n_atoms of all structures, 3), eV/angstrom
    num_params: int
    steps: int
    seconds: float  # of training with its validation; compiling ahead of it not counted


def atoms(numbers: np.ndarray, positions: np.ndarray, energy: float, forces: np.ndarray) -> ase.Atoms:
    """Return one labelled structure."""
    made = ase.Atoms(numbers=numbers, positions=positions)
    made.info[ENERGY] = float(energy)
    made.arrays[FORCES] = np.asarray(forces, float)
    return made


def write(path: Path, structures: Sequence[ase.Atoms]) -> None:
    """Write labelled structures as extended XYZ."""
    ase.io.write(path, structures, format="extxyz")


def read(path: Path) -> list[ase.Atoms]:
    """Return the labelled structures of a file of `write`."""
    return ase.io.read(path, index=":", format="extxyz")


def unlabelled(structures: Sequence[ase.Atoms]) -> list[ase.Atoms]:
    """Return copies that no model can read a label from."""
    return [ase.Atoms(numbers=one.numbers, positions=one.positions) for one in structures]


def save(path: Path, predictions: Predictions) -> None:
    """Write predictions."""
    np.savez(path, **predictions._asdict())


def load(path: Path, structures: Sequence[ase.Atoms]) -> Predictions:
    """Return the predictions of a file.

    Raises:
        ValueError: they are not one number a structure and three an atom, or one is not finite.
    """
    with np.load(path) as content:
        found = Predictions(
            content["energies"].astype(float),
            content["forces"].astype(float),
            int(content["num_params"]),
            int(content["steps"]),
            float(content["seconds"]),
        )
    expected = ((len(structures),), (sum(len(one) for one in structures), 3))
    shapes = (found.energies.shape, found.forces.shape)
    if shapes != expected:
        raise ValueError(f"{path} must hold energies and forces of shapes {expected}; got {shapes}.")
    if not (np.isfinite(found.energies).all() and np.isfinite(found.forces).all()):
        raise ValueError(f"{path} holds predictions that are not finite.")
    return found


def batches(structures: Sequence[Any]) -> list[Sequence[Any]]:
    """Return runs of at most `BATCH` structures."""
    return [structures[place : place + BATCH] for place in range(0, len(structures), BATCH)]
