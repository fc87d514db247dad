"""The ladder's data from files: labelled equilibrium molecules with their features, and the curves that judge.

Labels are a dataset, `NAME.h5`, and its features `NAME_features.hdf5` beside it, row by row for the same structures;
`experiments/labels.py:ccsdt` makes both. Curves are a folder that `python -m h2scale.judge.build` writes. Both ship.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from h2scale import elements, units
from h2scale.data import storage
from h2scale.electronic_structure.minimal_densities import MinimalDensity
from h2scale.errors import InputError
from h2scale.judge import curves as judge_curves
from h2scale.judge import feature_files, pieces
from h2scale.judge.systems import SYSTEMS, System
from h2scale.remedies import descriptors, library
from h2scale.remedies.library import Curve, Geometry, Library

LABELS = "ccsdt_ccpvdz"
"""The labels that ship."""
LABEL_METHOD = "ccsd(t)"
Rows = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Inputs and amounts (eV) by base."""
_FEATURES = "_features.hdf5"
_SAME_EV = 1e-4
_FIELDS = {"uhf": "hf", "pbe0": "pbe0"}
"""Bases that are mean fields, and the names of their minimal densities."""


def load(labels: str | Path = LABELS, curves: str | Path = "") -> Library:
    """Read labels, features and curves, the molecules on no side: `potentials.divide` divides them as a study does.

    Args:
        labels: name of a shipped dataset or path of one, with its features beside it.
        curves: folder of a table of curves and their features; empty for the shipped one.

    Raises:
        InputError: a file is missing, unreadable, does not match its checksum, or belongs to other structures.
    """
    try:
        path = storage.dataset_path(labels)
        dataset = storage.load_dataset(path, allow_missing_forces=True)
        beside = path.with_name(path.stem + _FEATURES)
        features = feature_files.load(beside)
        own_atoms = dataset.manifest["isolated_atom_energies_ev"]
        _check_rows(dataset.molecule, dataset.energy, features, own_atoms, beside)
        judged = _load_curves(Path(curves) if curves else judge_curves.SHIPPED, str(features.manifest["basis"]))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"remedies: {error}") from error
    known = [_geometry(own, own.energies[LABEL_METHOD]) for own in feature_files.split(features)]
    molecules = tuple(one for one in known if len(one.atomic_numbers) > 1)
    present = {number for one in molecules for number in one.atomic_numbers}
    return Library(
        molecules=molecules,
        sides=("",) * len(molecules),
        atoms=tuple(one for one in known if len(one.atomic_numbers) == 1 and one.atomic_numbers[0] in present),
        curves=judged,
        basis=str(features.manifest["basis"]),
        sha256=str(dataset.manifest["checksum_sha256"]),
    )


class _Judge(NamedTuple):
    """Contents of a folder of curves."""

    references_ev: Mapping[tuple[str, float], float]  # by system and distance
    points: Mapping[tuple[str, float], feature_files.Geometry]
    atoms: Mapping[str, feature_files.Geometry]  # by name
    words: Mapping[str, str]  # the reference's method and basis, by system
    nothing: Rows  # of bare nuclei
    basis: str


def _load_curves(folder: Path, basis: str) -> tuple[Curve, ...]:
    """Curves of a folder: of each system the points that have a reference and features.

    Raises:
        ValueError: a file is unreadable, does not match its checksum, or is of another basis.
        OSError: there is none.
    """
    rows = judge_curves.load_curves(folder / judge_curves.CURVES)
    features = feature_files.load(folder / judge_curves.FEATURES)
    if features.manifest["basis"] != basis:
        raise ValueError(f"curves of {folder} are in {features.manifest['basis']}, the labels in {basis}.")
    every = feature_files.split(features)
    atoms = {own.name: own for own in every if not np.isfinite(own.coordinate)}
    judge = _Judge(
        references_ev={
            (row.system, row.distance_angstrom): row.energy_ev
            for row in rows
            if row.method == judge_curves.REFERENCE and np.isfinite(row.energy_ev)
        },
        points={(own.name, own.coordinate): own for own in every if np.isfinite(own.coordinate)},
        atoms=atoms,
        words=features.manifest["references"],
        nothing={base: (one[:0], two[:0]) for base, (one, two) in _geometry(every[0]).rows.items()},
        basis=basis,
    )
    made = (_curve(system, judge) for system in SYSTEMS.values())
    return tuple(curve for curve in made if curve is not None)


def _check_rows(
    names: np.ndarray,
    energies_ev: np.ndarray,
    features: feature_files.FeatureSet,
    atoms_ev: Mapping[str, float],
    path: Path,
) -> None:
    """Raise ValueError unless features and labels are of the same structures."""
    if features.name.tolist() != names.tolist():
        raise ValueError(f"{path} is not of the labels' structures; copy or make both files again.")
    zero = np.zeros(len(elements.SYMBOLS))
    for symbol, energy in atoms_ev.items():
        zero[elements.ATOMIC_NUMBERS[symbol]] = energy
    totals = energies_ev + zero[features.atomic_numbers].sum(axis=1)
    if not np.allclose(totals, features.energies[LABEL_METHOD] * units.HARTREE_EV, rtol=0, atol=_SAME_EV):
        raise ValueError(f"{path} holds other energies than its labels; copy or make both files again.")


def _curve(system: System, judge: _Judge) -> Curve | None:
    """One curve, None without a point or without one of the atoms that it is relative to."""
    keys = [
        key for key in sorted(judge.references_ev) if key[0] == system.name and (system.is_bare or key in judge.points)
    ]
    parts = tuple(_parts(system, judge))
    if not keys or len(parts) < len(system.parts):
        return None
    distances = np.array([distance for _, distance in keys])
    points = (_bare(system, key[1], judge.nothing) if system.is_bare else _geometry(judge.points[key]) for key in keys)
    return Curve(
        system=system.name,
        reference=judge.words[system.name],
        atoms=parts,
        points=tuple(points),
        reference_ev=np.array([judge.references_ev[key] for key in keys]),
        distances_angstrom=distances,
        regions=tuple(system.region(distances).tolist()),
        basis=judge.basis,
    )


def _parts(system: System, judge: _Judge) -> Iterator[Geometry]:
    """The atoms, and bare nuclei, that a curve's energies are relative to; one without features is left out."""
    for symbol, charge, _ in system.parts:
        number = elements.ATOMIC_NUMBERS[symbol]
        if number == charge:
            yield _without_electrons(f"nucleus {symbol}", (number,), np.zeros((1, 3)), 0.0, judge.nothing)
        elif pieces.atom_name(symbol) in judge.atoms:
            yield _geometry(judge.atoms[pieces.atom_name(symbol)])


def _bare(system: System, distance_angstrom: float, nothing: Rows) -> Geometry:
    numbers = tuple(elements.ATOMIC_NUMBERS[symbol] for symbol in system.symbols)
    positions = system.positions(distance_angstrom)
    first, second = np.triu_indices(len(numbers), 1)
    inverse = np.outer(numbers, numbers)[first, second] / np.linalg.norm(positions[first] - positions[second], axis=1)
    return _without_electrons(system.name, numbers, positions, float(inverse.sum()) * units.BOHR_ANGSTROM, nothing)


def _without_electrons(
    name: str, numbers: tuple[int, ...], positions: np.ndarray, energy_hartree: float, nothing: Rows
) -> Geometry:
    """Bare nuclei: every method gives their repulsion, and there is nothing to correct."""
    energies = dict.fromkeys(library.METHODS, energy_hartree)
    return Geometry(name, numbers, positions, sum(numbers), 1, energies, float("nan"), nothing)


def _geometry(own: feature_files.Geometry, label: float = float("nan")) -> Geometry:
    rows = {"uccsd": descriptors.pair_rows(own.tables, own.atoms)}
    for base, field in _FIELDS.items():
        parts = {
            part: own.minimal[f"{field}_{part}"] for part in MinimalDensity._fields if f"{field}_{part}" in own.minimal
        }
        if len(parts) == len(MinimalDensity._fields):
            rows[base] = descriptors.bond_rows(MinimalDensity(**parts), own.atomic_numbers)
    return Geometry(
        name=own.name,
        atomic_numbers=tuple(own.atomic_numbers.tolist()),
        positions=own.positions,
        charge=own.charge,
        spin_multiplicity=own.spin_multiplicity,
        energies=own.energies,
        label=label,
        rows=rows,
    )
