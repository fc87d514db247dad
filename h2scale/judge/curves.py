"""The curves that judge as one long table and one file of features, assembled from finished pieces and read again."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure, units
from h2scale.errors import InputError
from h2scale.judge import feature_files, pieces, single_points
from h2scale.judge.systems import BASIS, COMPOSITE, SMALL_BASIS, SYSTEMS, System
from h2scale.runtime import tables

CURVES, FEATURES = "curves.csv", "curves_features.hdf5"
SHIPPED = Path(__file__).parent / "shipped"
REFERENCE = "reference"
"""Method of the best energies: full CI, or for `COMPOSITE` systems UCCSD(T) in `BASIS` plus the difference of full CI
(of UCCSDT for F2) from UCCSD(T) in `SMALL_BASIS`."""
_CLUSTER = {"uhf": "uhf_hartree", "ump2": "ump2_hartree", "uccsd": "uccsd_hartree", "uccsd(t)": "uccsd_t_hartree"}


class Row(NamedTuple):
    """One energy; a method that did not converge has no energy."""

    system: str
    charge: int
    spin_multiplicity: int
    distance_angstrom: float
    method: str
    basis: str
    energy_ev: float  # relative to the system's own separated atoms by the same method; NaN if not converged
    converged: bool
    spin_square: float  # of the determinant; NaN for methods without one


def write(folder: Path, output: Path) -> None:
    """Write the table and the features of what is finished.

    Raises:
        InputError: nothing is.
    """
    rows = [row for system in SYSTEMS.values() for row in _rows(folder, system)]
    geometries = [geometry for system in SYSTEMS.values() for geometry in _geometries(folder, system)]
    if not rows or not geometries:
        raise InputError(f"{folder} holds no finished curve; compute it first, without --assemble.")
    unique = {(g.name, g.coordinate if np.isfinite(g.coordinate) else None): g for g in geometries}
    output.mkdir(parents=True, exist_ok=True)
    (output / CURVES).unlink(missing_ok=True)
    tables.append_rows(output / CURVES, Row._fields, [row._asdict() for row in rows])
    references = {system.name: reference_words(system) for system in SYSTEMS.values()}
    manifest = feature_files.makers(BASIS) | {"references": references}
    feature_files.save(output / FEATURES, feature_files.join(list(unique.values()), manifest))


def reference_words(system: System) -> str:
    """Method and basis of a system's best energies."""
    best = {"fci": "full CI", "uccsdt": "UCCSDT"}[system.reference]
    if system.name in COMPOSITE:
        return f"UCCSD(T)/{BASIS} + ({best} - UCCSD(T))/{SMALL_BASIS}, frozen core"
    return f"{best}/{BASIS}, frozen core"


def load_curves(path: Path) -> list[Row]:
    """Rows of a table of `write`."""
    return [
        Row(
            system=entry["system"],
            charge=int(entry["charge"]),
            spin_multiplicity=int(entry["spin_multiplicity"]),
            distance_angstrom=float(entry["distance_angstrom"]),
            method=entry["method"],
            basis=entry["basis"],
            energy_ev=float(entry["energy_ev"] or "nan"),
            converged=entry["converged"] == "true",
            spin_square=float(entry["spin_square"] or "nan"),
        )
        for entry in tables.read_rows(path)
    ]


def _rows(folder: Path, system: System) -> list[Row]:
    made = []
    for basis in pieces.bases(system.name):
        for method in (*_CLUSTER, *pieces.FUNCTIONALS, system.reference):
            relative, spins = _curve(folder, system, basis, method)
            made += _as_rows(system, method, basis, relative, spins)
    return made + _as_rows(system, REFERENCE, BASIS, *_reference(folder, system))


def _as_rows(system: System, method: str, basis: str, energies: np.ndarray, spins: np.ndarray) -> list[Row]:
    """Nothing where no point is finished."""
    if np.isnan(energies).all():
        return []
    points = zip(system.distances_angstrom.tolist(), energies.tolist(), spins.tolist(), strict=True)
    return [
        Row(
            system.name,
            system.charge,
            system.spin_multiplicity,
            round(distance, 6),
            method,
            basis,
            energy * units.HARTREE_EV,
            bool(np.isfinite(energy)),
            spin,
        )
        for distance, energy, spin in points
    ]


def _reference(folder: Path, system: System) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.full(system.points, np.nan)
    if system.name not in COMPOSITE:
        return _curve(folder, system, BASIS, system.reference)[0], nothing
    parts = [
        _curve(folder, system, basis, method)[0]
        for basis, method in ((BASIS, "uccsd(t)"), (SMALL_BASIS, system.reference), (SMALL_BASIS, "uccsd(t)"))
    ]
    return parts[0] + parts[1] - parts[2], nothing


def _curve(folder: Path, system: System, basis: str, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Energies relative to separated atoms (hartree) and <S^2>, (points,) each; NaN where not finished."""
    if system.is_bare:
        energies = np.array([p.molecule(BASIS).energy_nuc() for p in single_points.of_system(system)])
        return energies, np.zeros(system.points)
    found = [_energy(folder / system.name / basis, place, method) for place in range(system.points)]
    atoms = sum(
        _energy(folder / pieces.atom_name(symbol) / basis, 0, method)[0]
        for symbol, charge, _ in system.parts
        if single_points.of_atom(symbol, charge, 1).num_electrons
    )
    return np.array([energy for energy, _ in found]) - atoms, np.array([spin for _, spin in found])


def _energy(folder: Path, place: int, method: str) -> tuple[float, float]:
    piece = pieces.read_piece(folder / f"{'cluster' if method in _CLUSTER else method}-{place:02d}.npz")
    if piece is None:
        return np.nan, np.nan
    if method in _CLUSTER:
        return float(piece[_CLUSTER[method]]), float(piece["spin_squared"])
    return float(piece["energy"]), float(piece.get("spin_squared", np.nan))


def _geometries(folder: Path, system: System) -> list[feature_files.Geometry]:
    """Points with finished features, and the system's atoms."""
    if system.is_bare:
        return []
    made = []
    for place, point in enumerate(single_points.of_system(system)):
        made += _geometry(folder / system.name / BASIS, system.name, place, point, system.distances_angstrom[place])
    for symbol, _, multiplicity in system.parts:
        if multiplicity > 1:
            name = pieces.atom_name(symbol)
            made += _geometry(
                folder / name / BASIS, name, 0, single_points.of_atom(symbol, 0, multiplicity), float("nan")
            )
    return made


def _geometry(
    folder: Path, name: str, place: int, point: single_points.Point, coordinate: float
) -> list[feature_files.Geometry]:
    piece = pieces.read_piece(folder / f"cluster-{place:02d}.npz")
    if piece is None:
        return []
    energies = {method: float(piece[column]) for method, column in _CLUSTER.items()}
    minimal: dict[str, np.ndarray] = _minimal(piece, "hf")
    for functional in pieces.FUNCTIONALS:
        other = pieces.read_piece(folder / f"{functional}-{place:02d}.npz")
        if other is not None:
            energies[functional] = float(other["energy"])
            minimal |= _minimal(other, functional) if functional == "pbe0" else {}
    return [
        feature_files.Geometry(
            name=name,
            coordinate=round(float(coordinate), 6),
            atomic_numbers=np.array(electronic_structure.nuclear_charges(point.symbols)),
            positions=point.positions,
            charge=point.charge,
            spin_multiplicity=point.spin_multiplicity,
            energies=energies,
            numbers={name: float(piece[name]) for name in feature_files.NUMBERS},
            tables=piece["tables"],
            atoms=piece["atoms"],
            minimal=minimal,
        )
    ]


def _minimal(piece: Mapping[str, np.ndarray], field: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in piece.items() if name.startswith(f"{field}_")}
